"""Method: a solver, with the tasks it has a form for and the levels that it visits.

Every solver has one signature, `Solver`. Ours take their levels from the presets tuned for a model;
a published method brings its own, `levels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from torch import Tensor

from restore.degradations import AnyDegradation, Degradation
from restore.degradations.degradation import Y
from restore.errors import RequestError
from restore.presets import Preset, choose, resample
from restore.tiling import NoiseField, Tile, TiledBCM

LINEAR = ("inpaint", "superres", "denoise", "deblur")
EXACT = ("inpaint", "jpeg", "superres")  # observations without noise
ALL = (*LINEAR, "jpeg", "solve")  # the last for a degradation that no command stands for
SOLVE_AS = "deblur"  # whose rows a degradation takes that no command stands for


class Solver(Protocol):
    """The image (B, 3, H, W) in [-1, 1] that degrades to y, restored from `start`."""

    def __call__(
        self,
        denoiser: TiledBCM,
        degradation: Degradation[Y],
        y: Y,
        start: Tensor,
        preset: Any,
        noise: NoiseField,
    ) -> Tensor:
        """Restore an image; every pixel goes through `preset.evaluations` network evaluations.

        denoiser: the model over images of any size, on the device of `start`.
        degradation: A, and the level of the observation's own noise.
        y: the observation, of the degradation's own type.
        start: a first guess (B, 3, H, W) in [-1, 1], which is overwritten.
        preset: a `Preset`, or a `Guided` one for the methods that take gradients.
        noise: of B seeds; step i of it belongs to the method's i-th draw.
        """


Levels = Callable[[str, int, float], tuple[float, ...]]


@dataclass(frozen=True)
class Method:
    """A solver and what it can do.

    solve: the function.
    levels: of (task, n, sigma) the n levels that it visits, sigma being the observation's noise on
        [-1, 1]; None where they come from the presets tuned for a model.
    tasks: those that it has a form for; None is every one.
    cost: network evaluations of a level, more than 1 where a gradient goes through the network.
    every: network evaluations come in multiples of it.
    most: the largest number of them, for tasks that have one.
    auto: the tile that "auto" stands for.
    times: of n, how often each level comes.
    noise: of a task, the share of fresh noise that was published, where there is such a share.
    rows: by task and NFE, the tuned ends of the levels and shares of noise, which then take the
        place of the published ones.
    """

    solve: Solver
    levels: Levels | None = None
    tasks: tuple[str, ...] | None = ALL
    cost: int = 1
    every: int = 1
    most: Mapping[str, int] = field(default_factory=dict)
    auto: Tile = "auto"
    times: Callable[[int], int] = lambda n: 1
    noise: Callable[[str], float] = lambda task: 0.0
    rows: Mapping[str, Mapping[int, tuple[Preset, ...]]] = field(default_factory=dict)

    def supports(self, task: str, nfe: int | None = None) -> str | None:
        """None where the method can do a task in so many evaluations, else why not, in words.

        task: a task's name. nfe: network evaluations, 1 or more; None asks of the task alone.
        """
        if self.tasks is not None and task not in self.tasks:
            return f"there is no form for {task}"
        if nfe is None:
            return None
        if nfe < self.cost:
            return f"a level with its gradient takes {self.cost} network evaluations"
        if nfe % self.every:
            return f"each level takes {self.every} network evaluations, up and down"
        if nfe > self.most.get(task, nfe):
            return f"{task} takes one evaluation for each orientation of the picture"
        return None

    def admitted(self, task: str) -> str:
        """What numbers of network evaluations the method takes for a task, in words."""
        if self.every > 1:
            return f"a multiple of {self.every}"
        if task in self.most:
            return f"{self.most[task]} at most"
        return f"{self.cost} or more"

    def schedule(
        self, nfe: int, task: str, sigma: float = 0.0, severity: float | None = None
    ) -> Preset:
        """The settings of a published method for exactly `nfe` network evaluations.

        Levels that take a gradient come first; evaluations left over are levels without one.
        nfe: `cost` or more. task: a task's name. sigma: the observation's noise on [-1, 1].
        severity: in the task's unit, for the tuned; None is that of their first row.
        RequestError where the evaluations do not suffice for one level.
        """
        assert self.levels is not None, "its levels come from a model's presets"
        if reason := self.supports(task, nfe):
            raise RequestError(f"nfe is {nfe}, and {reason}: give {self.admitted(task)}")
        guided, plain = divmod(nfe, self.cost)
        n = guided + plain
        visits = -(-n // self.times(n))
        if task in self.rows:
            row = choose(self.rows[task], nfe, severity, task)
            high = max(row.levels[0], sigma)  # begun below the noise, it would not be taken away
            distinct = resample((high, min(row.levels[-1], high)), visits)
        else:
            row = Preset((), noise=self.noise(task))
            distinct = self.levels(task, visits, sigma)
        levels = tuple(distinct[i * len(distinct) // n] for i in range(n))
        if self.cost == 1:
            return Preset(levels, noise=row.noise, delta=row.delta)
        return Guided(levels, noise=row.noise, gradients=guided)

    def tuned(self, rows: Mapping[str, Mapping[int, tuple[Preset, ...]]]) -> Method:
        """The same for few evaluations, by tuned rows: begun low, since the start is near already.

        As in CCDF (Chung et al. 2022, arXiv 2112.05146), but never below the observation's own
        noise.
        """
        if SOLVE_AS in rows and self.supports("solve") is None:
            rows = {**rows, "solve": rows[SOLVE_AS]}
        return replace(self, rows=rows)


@dataclass(frozen=True)
class Guided(Preset):
    """A preset whose first levels, `gradients` of them, take a gradient through the network.

    The other fields are those of `Preset`.
    """

    gradients: int = 0

    @property
    def evaluations(self) -> int:
        """Three of a level with a gradient: see `solvers/gradient.py`."""
        return len(self.levels) + 2 * self.gradients


def lift(t: float, degradation: AnyDegradation) -> float:
    """The noise that takes a start to the level t: the observation's own is there already.

    As DDRM has it (Kawar et al. 2022, arXiv 2201.11793, eq. 4).
    """
    return math.sqrt(max(t**2 - degradation.sigma**2, 0.0))
