"""Method: what a published method can do, and the levels that it visits in so many evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from restore.degradations import Degradation
from restore.errors import RequestError
from restore.presets import Preset
from restore.solvers.levels import trailing
from restore.tiling import Tile

LINEAR = ("inpaint", "superres", "denoise", "deblur")
EXACT = ("inpaint", "jpeg", "superres")  # observations without noise
ALL = (*LINEAR, "jpeg")
# The step that few evaluations begin at, one for all methods: chosen of 25, 50, 100, 200 and 400 by
# PSNR at NFE 4, on four of Public 13.
FIRST = {"jpeg": 25, "superres": 100, "inpaint": 25, "denoise": 50, "deblur": 50}


@dataclass(frozen=True)
class Method:
    """solve: the function. tasks: those it has a form for.

    levels: of (task, n), the n levels that it visits. cost: network evaluations of a level, more
    than 1 where a gradient goes through the network. auto: the tile that "auto" stands for. times:
    of n, how often each level comes.
    """

    solve: Callable[..., Tensor]
    levels: Callable[[str, int], tuple[float, ...]]
    tasks: tuple[str, ...] = ALL
    cost: int = 1
    auto: Tile = "auto"
    times: Callable[[int], int] = lambda n: 1

    def schedule(self, nfe: int, task: str) -> Preset:
        """The settings for exactly `nfe` network evaluations.

        Levels that take a gradient come first; evaluations left over are levels without one.
        RequestError where they do not suffice for one level.
        """
        if nfe < self.cost:
            raise RequestError(
                f"nfe is {nfe}, and a level with its gradient takes {self.cost} network "
                f"evaluations: give {self.cost} or more"
            )
        guided, plain = divmod(nfe, self.cost)
        n = guided + plain
        distinct = self.levels(task, -(-n // self.times(n)))
        levels = tuple(distinct[i * len(distinct) // n] for i in range(n))
        if self.cost == 1:
            return Preset(levels)
        return Guided(levels, gradients=guided)

    def closer(self) -> Method:
        """The same for few evaluations: begun at a low level, since the start is near already.

        As in CCDF (Chung et al. 2022, arXiv 2112.05146).
        """
        return replace(self, levels=lambda task, n: trailing(n, FIRST[task]))


@dataclass(frozen=True)
class Guided(Preset):
    """A preset whose first levels, `gradients` of them, take a gradient through the network."""

    gradients: int = 0

    @property
    def evaluations(self) -> int:
        """Three of a level with a gradient: see `solvers/gradient.py`."""
        return len(self.levels) + 2 * self.gradients


def lift(t: float, degradation: Degradation) -> float:
    """The noise that takes a start to the level t: the observation's own is there already.

    As DDRM has it (Kawar et al. 2022, arXiv 2201.11793, eq. 4).
    """
    return math.sqrt(max(t**2 - degradation.sigma**2, 0.0))
