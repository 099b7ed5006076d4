"""Method: what a published method can do, and the levels that it visits in so many evaluations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from restore.checkpoints.catalogue import Preset
from restore.errors import RequestError
from restore.tiling import Tile

LINEAR = ("inpaint", "superres", "denoise", "deblur")
EXACT = ("inpaint", "jpeg", "superres")  # observations without noise
ALL = (*LINEAR, "jpeg")


@dataclass(frozen=True)
class Method:
    """solve: the function. tasks: those it has a form for.

    levels: of (task, n), the n levels that it visits. cost: network evaluations of a level, more
    than 1 where a gradient goes through the network. auto: the tile that "auto" stands for.
    """

    solve: Callable[..., Tensor]
    levels: Callable[[str, int], tuple[float, ...]]
    tasks: tuple[str, ...] = ALL
    cost: int = 1
    auto: Tile = "auto"

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
        levels = self.levels(task, guided + plain)
        if self.cost == 1:
            return Preset(levels)
        return Guided(levels, gradients=guided)


@dataclass(frozen=True)
class Guided(Preset):
    """A preset whose first levels, `gradients` of them, take a gradient through the network."""

    gradients: int = 0

    @property
    def evaluations(self) -> int:
        """Three of a level with a gradient: see `solvers/gradient.py`."""
        return len(self.levels) + 2 * self.gradients
