"""Operator: the public door, `solve`, for any degradation of one's own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from restore.bcm import BCM, SIGMA_MIN
from restore.degradations import AnyDegradation
from restore.errors import ImageError, RequestError
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.presets import Preset
from restore.record import Metrics, name_of, round_decibels
from restore.result import ImageLike, Result
from restore.settings import DEFAULTS, Mode, Settings
from restore.solvers import Solver
from restore.tasks.solving import solve_problem
from restore.tasks.task import LEVELS, Problem, Task, choose_estimator

HIGHEST, LOWEST = 0.5, 0.04  # levels of the schedule, where nothing is known of the noise
SHARE = 0.3  # of fresh noise, in perceptual mode and for draws


@dataclass(frozen=True, eq=False)
class ObservedProblem(Problem):
    """y: the observation. first: the first guess, (1, 3, H, W)."""

    y: object = None
    first: Tensor | None = None

    @property
    def grey(self) -> bool:
        """Whether y is a grey image; what else y is says nothing of the colours."""
        return bool(self.source.pixels.shape[2] == 1)


@final
@dataclass(frozen=True)
class _Operator(Task):
    """The task of a degradation that no command stands for."""

    name: ClassVar[str] = "solve"
    default_nfe: ClassVar[int] = 8

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Problem:
        raise RequestError("solve takes an observation and a degradation, not a file")

    def observe(self, problem: Problem, device: torch.device) -> object:
        assert isinstance(problem, ObservedProblem)
        return problem.y.to(device) if isinstance(problem.y, Tensor) else problem.y

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Tensor:
        assert isinstance(problem, ObservedProblem)
        assert problem.first is not None
        return problem.first.clone()

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        assert isinstance(problem, ObservedProblem)
        found: Metrics = {"consistency_psnr_db": None, "consistency_exact": False}
        again, y = problem.degradation(result.tensor()), problem.y
        if isinstance(again, Tensor) and isinstance(y, Tensor) and again.shape == y.shape:
            error = float((again - y.to(again)).square().mean())
            psnr = 10 * math.log10(4 / error) if error else math.inf
            found["consistency_psnr_db"] = round_decibels(psnr)
            found["consistency_exact"] = error == 0
        return found

    def degrade(self, clean: Picture, seed: int = 0) -> Picture:
        raise RequestError("solve degrades nothing: call the degradation itself")

    @classmethod
    def derive_preset(cls, mode: Mode, nfe: int, severity: float, draws: bool) -> Preset:
        last = min(max(2 * severity / LEVELS, LOWEST, SIGMA_MIN), HIGHEST)
        levels = np.geomspace(HIGHEST, last, 2 * nfe + 1)[1::2]
        noise = SHARE if draws or mode == "perceptual" else 0.0
        return Preset(tuple(map(float, levels)), choose_estimator(mode), noise)


def solve(
    y: object,
    degradation: AnyDegradation,
    *,
    start: ImageLike | Tensor | None = None,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    solver: Solver | None = None,
) -> Result:
    """Restore an image from an observation y = A(x) of any degradation.

    The levels fall from 0.5 to 0.04, or to twice the observation's noise where the degradation has
    some, evenly in their logarithm. The record's `consistency_psnr_db` compares A of the written
    picture with y, where both are tensors of one shape, for a peak of 2.

    Args:
        y: what `degradation` gives of an image: a tensor, or an image (path, bytes, PIL image,
            array, Picture), which becomes (1, 3, h, w) in [-1, 1]; or whatever else it gives.
        degradation: A, one of `restore.degradations` or a subclass of `Degradation`.
        start: a first guess, (1, 3, H, W) in [-1, 1] or an image; None is A⁺ y.
        model: a loaded model; None is the embedded default.
        settings: evaluations, mode, seed and the like. `nfe` is 8 where it is None.
        solver: a function of one's own, as the protocol `restore.solvers.Solver` says, in place of
            the method of the settings.

    Returns:
        The picture with the depth and profile of y where that is an image of the same size, 8 bits
        otherwise, and its record, whose task is "solve".

    Raises:
        RequestError: settings that cannot be honoured, or a method that needs a task of its own.
        ImageError: an image that cannot be read, or a first guess that is no image.
        ResourceError: memory runs out even in the smallest windows.
    """
    source: Picture | None = None
    name = name_of(y)
    if not isinstance(y, Tensor) and _is_image(y):
        source = as_picture(y)
        y = source.tensor()
    if start is None:
        first = degradation.pinv(y)
    elif isinstance(start, Tensor):
        first = start
    else:
        first = as_picture(start).tensor()
    if first.ndim != 4 or first.shape[:2] != (1, 3):
        raise ImageError(f"a first guess (1, 3, H, W) was expected, found {tuple(first.shape)}")
    first = first.float().clamp(-1, 1)
    height, width = first.shape[2:]
    if source is None or source.size != (width, height):
        depth = np.uint8 if source is None else source.pixels.dtype
        source = Picture(np.zeros((height, width, 3), depth))
    problem = ObservedProblem(
        task=_Operator(),
        source=replace(source, alpha=None),
        size=(width, height),
        severity=LEVELS * float(getattr(degradation, "sigma", 0.0)),
        degradation=degradation,
        name=name,
        y=y,
        first=first,
    )
    return solve_problem(problem, model, settings, solver)


def _is_image(y: object) -> bool:
    return (
        isinstance(y, str | bytes | np.ndarray | Picture)
        or hasattr(y, "__fspath__")
        or (type(y).__module__.startswith("PIL."))
    )
