"""Degradation: a known way to lose information, y = A(x).

    project(x, y) = x - A⁺(A(x) - y)

is the nearest image to x that degrades to y, for a linear A with pseudo-inverse A⁺ (DDNM, Wang et
al. 2023, arXiv 2212.00490, eq. 13). Three laws hold for every degradation, to rounding:
A(project(x, y)) = y; project(project(x, y), y) = project(x, y); project(x, A(x)) = x.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Any, Generic, Self, TypeAlias, TypeVar, final

import torch
from torch import Tensor

from restore.errors import ImageError, RequestError

Y = TypeVar("Y")

RELAXATION = 1.5
STRIP = 256  # rows worked on at once


class Degradation(ABC, Generic[Y]):
    """y = A(x) + σ z. Images x are (B, C, H, W) float in [-1, 1]; what y is, each degradation says.

    sigma: σ, the level of the observation's own noise on [-1, 1], 0 for most. linear: whether A is.
    onto: whether A A⁺ y = y for every y, so that A may be what another degradation begins with.
    closing: the level by which the last estimate is taken to be off, where y leaves a range of
    images or has noise; at 0 it is left as it is. hole: (1, 1, H, W) bool, the pixels that y says
    nothing of where it says all of the others, None where there are none such.
    """

    sigma: float = 0.0
    closing: float = 0.0
    linear: bool = True
    onto: bool = False
    hole: Tensor | None = None

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

    def with_noise(self, sigma: float, closing: float = 0.0) -> Self:
        """The same A, its observation taken to be off by noise of `sigma`, 0 or more, on [-1, 1].

        `project` stays exact; `posterior_mean` trusts y less; `closing` as for the class.
        RequestError for no such level.
        """
        if not 0 <= sigma < math.inf:
            raise RequestError(f"noise of level {sigma:g}: expected 0 or more")
        other = copy(self)
        other.sigma, other.closing = sigma, closing
        return other

    def posterior_mean(self, x: Tensor, y: Y, t: float, out: Tensor | None = None) -> Tensor:
        """The mean of what y leaves of images normal about x, of standard deviation t:

            x + t² Aᵀ (t² A Aᵀ + σ²)⁻¹ (y - A x),

        which is `project` where y has no noise. `out` as for `project`.
        """
        assert self.sigma == 0, "a noisy degradation weighs its own noise"
        return self.project(x, y, out)

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        """x with each component along a singular vector of A multiplied by gain(σ / s).

        s is its singular value, so that σ / s is the noise that y has left in A⁺ y: infinite where
        A erases the component, 0 elsewhere if y has no noise. `gain` works element by element.
        """
        assert self.linear, "what is not linear has no singular vectors"
        assert self.sigma == 0, "a noisy degradation knows its own singular values"
        kept, erased = gain(torch.tensor([0.0, math.inf])).tolist()
        return torch.add(erased * x, self.pinv(self(x)), alpha=kept - erased)

    def project_into_range(
        self, x: Tensor, y: Y, rounds: int = 5, out: Tensor | None = None
    ) -> Tensor:
        """An image within [-1, 1], near x, that degrades to y: projections on both sets in turn.

        It comes nearer to y with each round; five are enough for 8 bits. Each clip goes half as
        far again as it must, which halves the rounds where colours are saturated. An observation
        with noise is not to be met: x is brought nearer to it, for a level of `closing`, and
        clipped. `out` as for `project`.
        """
        if self.closing:
            x = out = self.posterior_mean(x, y, self.closing, out)
        for _ in range(rounds) if self.sigma == 0 else ():
            x = out = self.project(x, y, out)
            within = True
            for strip in out.split(STRIP, dim=-2):
                beyond = strip - strip.clamp(-1, 1)
                within = within and not bool(beyond.any())
                strip.sub_(beyond, alpha=RELAXATION)
            if within:  # a projection of it again is itself
                break
        return torch.clamp(x, -1, 1, out=out)

    def hold(self, x: Tensor, y: Y, out: Tensor | None = None) -> Tensor:
        """An image near x, within [-1, 1], that y can have come from. `out` as for `project`.

        RequestError where y has noise of which any image explains some.
        """
        if self.sigma:
            raise RequestError(
                "the noise of what is given leaves every image possible: there is nothing to hold "
                "a result to"
            )
        return self.project_into_range(x, y, out=out)


AnyDegradation: TypeAlias = Degradation[Any]
"""One whose y is known to itself alone, as where a problem holds whichever its picture has."""


@final
class Free(Degradation[None]):
    """Nothing is known of the image: y is None, and every image is its own projection."""

    linear = False  # there is no y to be linear in

    def __call__(self, x: Tensor) -> None:
        return None

    def pinv(self, y: None) -> Tensor:
        raise TypeError("nothing observed: there is no image to make of it")

    def project(self, x: Tensor, y: None, out: Tensor | None = None) -> Tensor:
        return destination(x, out)

    def hold(self, x: Tensor, y: None, out: Tensor | None = None) -> Tensor:
        raise ImageError(
            "nothing is known of what this picture was before: there is nothing to hold a result to"
        )


def destination(x: Tensor, out: Tensor | None) -> Tensor:
    """Where a projection of x is worked out: `out`, or a new tensor, holding x."""
    if out is None:
        return x.clone()
    return out if out is x else out.copy_(x)
