"""A run: from a problem, a picture and how it was degraded, to a `Result`.

Every task states its problem; this is the one way to solve it: find the preset, run the solver on
tiles, round to the picture's depth, degrade the result again and report what that gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.bcm import BCM
from restore.checkpoints import Preset, load
from restore.degradations import Degradation
from restore.degradations.grey import Grey
from restore.devices import dtype_name
from restore.errors import ImageError
from restore.images import Picture, as_picture
from restore.images.comparison import compare_to_clean
from restore.images.transfer import fetch, send
from restore.record import name_of
from restore.settings import Settings, count_calls
from restore.solvers import SOLVERS, Guided
from restore.tasks.draws import batch_of, mean_and_spread
from restore.tasks.result import Result
from restore.tasks.schedule import mode_of, schedule, tile_of
from restore.tasks.uncertainty import as_levels
from restore.tiling import NoiseField, TiledBCM, pixels_at_once, window_count, window_shape


@dataclass(frozen=True, eq=False)
class Problem:
    """A picture to restore and what is known of how it was degraded.

    image: what the caller gave. source: its picture, as stored. size: (width, height) of the
    result, as stored. severity: how badly, in the presets' unit for the task. degradation: A, for
    a preset. observe: y, on a device. start: a first guess from y, (1, 3, H, W) or a picture.
    finish: a restored picture, with what must be exact put back. proof: metrics of the finished
    picture against the source. hole: (H, W) bool, upright. canvas: (width, height) of what is
    worked on, where that is larger than the result, its top left part.
    """

    task: str
    image: Any
    source: Picture
    size: tuple[int, int]
    severity: float
    degradation: Callable[[Preset], Degradation]
    observe: Callable[[torch.device], Any]
    start: Callable[[Any], Tensor | Picture]
    finish: Callable[[Picture], Picture]
    proof: Callable[[Picture], dict[str, Any]]
    warnings: tuple[str, ...] = ()
    hole: np.ndarray | None = None
    canvas: tuple[int, int] | None = None


def solve(problem: Problem, model: BCM | None, settings: Settings) -> Result:
    """Run the solver and report. A model of None is the embedded default."""
    began = time.perf_counter()
    model = model or load("default")
    source = problem.source
    shares = schedule(model.checkpoint, problem.task, settings, problem.severity)
    reference = reference_of(problem, settings)
    x, spread = solved(problem, model, settings, shares)
    stored = problem.finish(fetch(source, x))
    del x
    found = problem.proof(stored)
    picture = stored.upright()
    uncertainty = None
    if spread is not None:
        uncertainty = as_levels(spread, source.orientation)
        where = True if problem.hole is None else problem.hole
        found["uncertainty_mean"] = round(float(uncertainty.mean(where=where)), 4)
    if reference is not None:
        found |= compare_to_clean(picture, reference, problem.hole)
    checkpoint = model.checkpoint
    report = {
        "schema": 1,
        "status": "ok",
        "task": problem.task,
        "input": name_of(problem.image),
        "output": None,
        "model": checkpoint.name if checkpoint else None,
        "model_sha256": model.sha256,
        "method": settings.method,
        "mode": mode_of(settings),
        "nfe": settings.samples * sum(preset.evaluations for _, preset in shares),
        "seed": settings.seed,
        "device": str(model.device),
        "dtype": dtype_name(model.dtype),
        "tile": max(window_shape(model, *worked_on(problem)[::-1], tile_of(settings))),
        "size_in": list(upright(source.size, source)),
        "size_out": list(picture.size),
        "seconds": round(time.perf_counter() - began, 3),
        "metrics": found,
        "warnings": [*source.warnings, *problem.warnings],
        "error": None,
    }
    if settings.samples > 1:
        report["samples"] = settings.samples
    if gradients := sum(preset.gradients for _, preset in shares if isinstance(preset, Guided)):
        report["gradients"] = settings.samples * gradients
    if settings.blend is not None:
        report["blend"] = settings.blend
    return Result(picture, report, uncertainty)


def solved(
    problem: Problem, model: BCM, settings: Settings, shares: Sequence[tuple[float, Preset]]
) -> tuple[Tensor, Tensor | None]:
    """The image (1, 3, H, W), the mean of all draws, and their spread (H, W) if they are several.

    Each draw is the sum of its presets' results, each by its share.
    """
    (width, height), tile = worked_on(problem), tile_of(settings)
    label = model.encode_label(settings.label)
    y = problem.observe(model.device)
    room = pixels_at_once(model)
    batch = batch_of(settings.samples, (width, height), settings.method, room)
    windows = window_count(model, height, width, tile)
    calls = sum(preset.evaluations // preset.flips for _, preset in shares)
    progress = count_calls(settings.progress, windows * calls * -(-settings.samples // batch))

    def run(preset: Preset, seeds: Sequence[int]) -> Tensor:
        degradation = problem.degradation(preset)
        start = send(problem.start(y), model.device)
        assert start.shape[-2:] == (height, width), (start.shape, width, height)
        return SOLVERS[settings.method](
            TiledBCM(model, tile, label, progress),
            Grey(degradation) if problem.source.grey else degradation,
            y,
            start.repeat(len(seeds), 1, 1, 1) if len(seeds) > 1 else start,
            preset,
            NoiseField(*seeds, chroma=preset.chroma),
        )

    def draw(seeds: Sequence[int]) -> Tensor:
        total: Tensor | None = None
        for share, preset in shares:
            x = run(preset, seeds)
            total = x.mul_(share) if total is None else total.add_(x, alpha=share)
        assert total is not None, "no preset"
        return total

    seeds = range(settings.seed, settings.seed + settings.samples)
    x, spread = mean_and_spread(draw, seeds, batch)
    columns, rows = map(slice, problem.size)
    return x[..., rows, columns], None if spread is None else spread[rows, columns]


def worked_on(problem: Problem) -> tuple[int, int]:
    """(width, height) of what goes through the network."""
    return problem.canvas or problem.size


def reference_of(problem: Problem, settings: Settings) -> Picture | None:
    """The clean picture, if there is one; ImageError where it has not the size of the result."""
    if settings.reference is None:
        return None
    reference, size = as_picture(settings.reference), upright(problem.size, problem.source)
    if reference.size != size:
        raise ImageError(
            f"the reference has {reference.size[0]}×{reference.size[1]} pixels, "
            f"the result {size[0]}×{size[1]}"
        )
    return reference


def upright(size: tuple[int, int], picture: Picture) -> tuple[int, int]:
    """The (width, height) to be seen of a size that is stored as the picture is."""
    return size if picture.orientation < 5 else (size[1], size[0])
