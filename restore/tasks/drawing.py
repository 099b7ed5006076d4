"""Drawing: enlarging by one evaluation of a network that makes functions, drawn at the size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from restore.bcm import BCM, SIGMA_MIN
from restore.degradations import AnyDegradation
from restore.functions import window_places
from restore.images.transfer import send_pixels
from restore.networks import FunctionNetwork
from restore.presets import Preset
from restore.record import JSON
from restore.settings import Settings
from restore.tasks.superres import ReducedProblem
from restore.tasks.task import LEVELS, Problem
from restore.tiling import NoiseField, TiledBCM


@dataclass(frozen=True, eq=False)
class Drawing:
    """The solver of one problem: the given picture's function, held to the picture."""

    problem: ReducedProblem
    model: BCM
    network: FunctionNetwork

    @property
    def preset(self) -> Preset:
        """The one level, of the noise that the given picture is taken to have."""
        return Preset(levels=(max(self.problem.sigma / LEVELS, SIGMA_MIN),))

    @property
    def calls(self) -> int:
        """Network calls: windows over the small picture."""
        width, height = self.problem.source.size
        return len(window_places(height, width, self.network.window))

    @property
    def report(self) -> dict[str, JSON]:
        """What the record says of the function, as of `ImageFunction.report`."""
        cells = self.calls * (self.network.window // self.network.stride) ** 2
        numbers = cells * self.network.head.out_features
        return {"function": {"cells": cells, "numbers": numbers, "window": self.network.window}}

    def __call__(
        self,
        denoiser: TiledBCM,
        degradation: AnyDegradation,
        y: object,
        start: Tensor,
        preset: Preset,
        noise: NoiseField,
    ) -> Tensor:
        x = send_pixels(self.problem.source, self.model.device)
        height, width = start.shape[-2:]
        start.copy_(self.model.draw(x, preset.levels[0], None, height, width, denoiser.progress))
        return degradation.hold(start, y, out=start)


def choose_drawing(problem: Problem, model: BCM, settings: Settings) -> Drawing | None:
    """How a problem is solved by drawing, None where it is solved as any other.

    That is enlarging by a network of functions, unless settings ask for more than one evaluation.
    """
    plain = (settings.method, settings.mode, settings.samples) == ("bcm", "fidelity", 1)
    if not isinstance(model.network, FunctionNetwork) or not isinstance(problem, ReducedProblem):
        return None
    if not plain or settings.nfe not in (None, 1) or settings.blend or problem.start is not None:
        return None
    return Drawing(problem, model, model.network)
