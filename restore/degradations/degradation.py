"""Degradation: a known way to lose information, y = A(x).

    project(x, y) = x - A⁺(A(x) - y)

is the nearest image to x that degrades to y, for a linear A with pseudo-inverse A⁺ (DDNM, Wang et
al. 2023, arXiv 2212.00490, eq. 13). Three laws hold for every degradation, to rounding:
A(project(x, y)) = y; project(project(x, y), y) = project(x, y); project(x, A(x)) = x.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar, final

from torch import Tensor

Y = TypeVar("Y")


class Degradation(ABC, Generic[Y]):
    """y = A(x). Images x are (B, C, H, W) float in [-1, 1]; what y is, each degradation says."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Y:
        """A(x), the observation of an image."""

    @abstractmethod
    def pinv(self, y: Y) -> Tensor:
        """A⁺ y, the plainest image that degrades to y."""

    @abstractmethod
    def project(self, x: Tensor, y: Y, out: Tensor | None = None) -> Tensor:
        """The nearest image to x that degrades to y, not clipped to [-1, 1].

        It is written to `out` when given, which may be x itself: then memory stays near that of x
        at any size.
        """


@final
class Free(Degradation[None]):
    """Nothing is known of the image: y is None, and every image is its own projection."""

    def __call__(self, x: Tensor) -> None:
        return None

    def pinv(self, y: None) -> Tensor:
        raise TypeError("nothing observed: there is no image to make of it")

    def project(self, x: Tensor, y: None, out: Tensor | None = None) -> Tensor:
        return x.clone() if out is None else out if out is x else out.copy_(x)
