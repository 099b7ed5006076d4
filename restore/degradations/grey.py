"""Grey: a degradation of pictures that are known to be grey.

    project(x, y) = project(mean over the channels of x, y)

is the nearest grey image that degrades to y, for a degradation that treats the three channels
alike, as all do that keep pixels, shrink, or know luma alone. Without it a result is consistent
before its channels are averaged, and no longer after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from torch import Tensor

from restore.degradations.degradation import Degradation, Y, destination


@final
class Grey(Degradation[Y]):
    """Another degradation, `inner`, on the images whose channels are equal; y is the inner's."""

    def __init__(self, inner: Degradation[Y]) -> None:
        self.inner = inner
        self.sigma, self.linear, self.closing = inner.sigma, inner.linear, inner.closing
        self.hole = inner.hole

    def __call__(self, x: Tensor) -> Y:
        return self.inner(x)

    def pinv(self, y: Y) -> Tensor:
        return self.inner.pinv(y)

    def project(self, x: Tensor, y: Y, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        out.copy_(out.mean(dim=1, keepdim=True).expand_as(out))
        return self.inner.project(out, y, out)

    def posterior_mean(self, x: Tensor, y: Y, t: float, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        out.copy_(out.mean(dim=1, keepdim=True).expand_as(out))
        return self.inner.posterior_mean(out, y, t, out)

    def hold(self, x: Tensor, y: Y, out: Tensor | None = None) -> Tensor:
        if self.sigma == 0:
            return super().hold(x, y, out)
        out = destination(x, out)
        out.copy_(out.mean(dim=1, keepdim=True).expand_as(out))
        return self.inner.hold(out, y, out)

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        return self.inner.spectral_filter(x, gain)
