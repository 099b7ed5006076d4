"""Both: two degradations of one image that look at different pixels, y = (A x, B x).

    project(x, y) = P_B(P_A(x))

is exact, since neither touches what the other sees. So is a JPEG with a hole: the coefficients of
its whole blocks, and beside the hole, in the blocks that it touches, the known pixels themselves.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from restore.degradations.degradation import Degradation


@final
class Both(Degradation[tuple[Tensor, ...]]):
    """first, then second, whose pixels are free in the first; y is the first's tensors, then the
    second's one.
    """

    linear = False  # the first is a JPEG, or whatever else gives several tensors

    def __init__(self, first: Degradation[tuple[Tensor, ...]], second: Degradation[Tensor]) -> None:
        self.first, self.second = first, second

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        return (*self.first(x), self.second(x))

    def pinv(self, y: tuple[Tensor, ...]) -> Tensor:
        return self.second.project(self.first.pinv(y[:-1]), y[-1])

    def project(self, x: Tensor, y: tuple[Tensor, ...], out: Tensor | None = None) -> Tensor:
        x = self.first.project(x, y[:-1], out)
        return self.second.project(x, y[-1], out=x)

    def posterior_mean(
        self, x: Tensor, y: tuple[Tensor, ...], t: float, out: Tensor | None = None
    ) -> Tensor:
        x = self.first.posterior_mean(x, y[:-1], t, out)
        return self.second.posterior_mean(x, y[-1], t, out=x)
