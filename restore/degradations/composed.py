"""Composed: a degradation after another, y = B(A x), such as a JPEG of a reduced picture.

    project(x, y) = x + A⁺ (P(A x, y) - A x),    P the projection of B

is exact where A is onto, A A⁺ = 1: what it returns degrades to y, and what degrades to y stays. It
is the nearest image in the norm |A · |, which differs from the plain one by no more than A's
condition number. Where either has noise, P(A x, y) counts as what A observed with that noise, and
the posterior mean is A's own; this is exact where B is noise alone, and else a step towards it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

from torch import Tensor

from restore.degradations.both import Both
from restore.degradations.degradation import AnyDegradation, Degradation, Y
from restore.degradations.jpeg import JpegBox
from restore.degradations.mask import Mask
from restore.degradations.noise import Noise
from restore.errors import RequestError


@final
class Composed(Degradation[Y]):
    """outer after inner; y is the outer's. RequestError for an inner that is not onto.

    A reduction, a crop, and a blur that erases no frequency are onto; a mask and a JPEG are not.
    Use `compose` for the form that two degradations have together, whichever they are.
    """

    def __init__(self, outer: Degradation[Y], inner: Degradation[Tensor]) -> None:
        if not inner.onto:
            raise RequestError(_formless(outer, inner))
        self.outer, self.inner = outer, inner
        self.sigma = math.hypot(outer.sigma, inner.sigma)
        self.linear, self.closing = outer.linear and inner.linear, outer.closing
        self.onto = outer.onto

    def __call__(self, x: Tensor) -> Y:
        return self.outer(self.inner(x))

    def pinv(self, y: Y) -> Tensor:
        return self.inner.pinv(self.outer.pinv(y))

    def project(self, x: Tensor, y: Y, out: Tensor | None = None) -> Tensor:
        return self.inner.project(x, self.outer.project(self.inner(x), y), out)

    def posterior_mean(self, x: Tensor, y: Y, t: float, out: Tensor | None = None) -> Tensor:
        if self.sigma == 0:
            return self.inner.project(x, self.outer.posterior_mean(self.inner(x), y, t), out)
        observed = self.outer.project(self.inner(x), y)
        return self.inner.with_noise(self.sigma).posterior_mean(x, observed, t, out)

    def hold(self, x: Tensor, y: Y, out: Tensor | None = None) -> Tensor:
        if self.sigma == 0:
            return super().hold(x, y, out)
        observed = self.outer.project(self.inner(x), y)
        return self.inner.with_noise(self.sigma).hold(x, observed, out)

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        if self.sigma:
            raise RequestError(
                f"{_name(self.outer)} after {_name(self.inner)} with noise has no singular values "
                "at hand: use a method that projects"
            )
        return super().spectral_filter(x, gain)


def compose(outer: AnyDegradation, inner: AnyDegradation) -> AnyDegradation:
    """The degradation y = outer(inner(x)), in the form that serves the two best.

    outer: of any kind, of the size that inner's observation has. inner: one that is onto, or white
    noise, which is the outer's own then; or a JPEG, where outer is a mask: of its blocks that the
    hole touches the known pixels are held, and y is the file's coefficients followed by the picture
    with its hole. Raises RequestError for a pair that has no form.
    """
    if isinstance(inner, Noise):
        return outer.with_noise(math.hypot(outer.sigma, inner.sigma))
    if isinstance(outer, Noise) and inner.linear:
        return inner.with_noise(math.hypot(outer.sigma, inner.sigma))
    if isinstance(outer, Mask) and isinstance(inner, JpegBox):
        hole = ~outer.known[0, 0]
        beside = Mask(inner.beside(hole)[None, None], outer.sigma)
        return Both(inner.without(hole), beside)
    return Composed(outer, inner)


def _formless(outer: AnyDegradation, inner: AnyDegradation) -> str:
    return (
        f"{_name(outer)} after {_name(inner)} has no exact projection, since {_name(inner)} does "
        "not reach every image: restore the one, then the other"
    )


def _name(degradation: AnyDegradation) -> str:
    return type(degradation).__name__
