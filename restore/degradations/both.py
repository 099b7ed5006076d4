"""Both: two degradations of one image that look at different pixels, y = (A x, B x).

    project(x, y) = P_B(P_A(x))

is exact, since neither touches what the other sees. So is a JPEG with a hole: the coefficients of
its whole blocks, and beside the hole, in the blocks that it touches, the known pixels themselves;
and a file's colour beside the luma of a JPEG that its picture was before, on another grid.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from restore.degradations.degradation import AnyDegradation, Degradation

Parts = tuple[Tensor | tuple[Tensor, ...], ...]


@final
class Both(Degradation[Parts]):
    """first, then second, which sees what the first leaves free; y is the first's tensors, then
    what the second gives.
    """

    linear = False  # the first is a JPEG, or whatever else gives several tensors

    def __init__(self, first: AnyDegradation, second: AnyDegradation) -> None:
        self.first, self.second = first, second
        self.closing = max(first.closing, second.closing)

    def __call__(self, x: Tensor) -> Parts:
        return (*self.first(x), self.second(x))

    def pinv(self, y: Parts) -> Tensor:
        return self.second.project(self.first.pinv(y[:-1]), y[-1])

    def project(self, x: Tensor, y: Parts, out: Tensor | None = None) -> Tensor:
        x = self.first.project(x, y[:-1], out)
        return self.second.project(x, y[-1], out=x)

    def posterior_mean(self, x: Tensor, y: Parts, t: float, out: Tensor | None = None) -> Tensor:
        x = self.first.posterior_mean(x, y[:-1], t, out)
        return self.second.posterior_mean(x, y[-1], t, out=x)
