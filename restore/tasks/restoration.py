"""Solve: from a problem, a picture and how it was degraded, to a `Result`.

The one way to solve any problem: find the presets, run the solver in windows, round to the
picture's depth, degrade the result again and record what that gives.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from restore.bcm import BCM
from restore.checkpoints import load
from restore.degradations import Grey
from restore.devices import dtype_name
from restore.errors import ImageError
from restore.images import Picture, as_picture
from restore.images.comparison import compare_to_clean
from restore.images.transfer import fetch, send
from restore.presets import Preset
from restore.record import Record
from restore.result import Result
from restore.settings import DEFAULTS, Settings, count_calls
from restore.solvers import PEERS, SOLVERS, Guided, Solver
from restore.tasks.draws import batch_of, mean_and_spread
from restore.tasks.schedule import choose_mode, choose_tile, schedule
from restore.tasks.task import Problem
from restore.tiling import NoiseField, TiledBCM, pixels_at_once, window_count, window_shape
from restore.uncertainty import as_levels

Weighted = Sequence[tuple[float, Preset]]  # presets, each with the share of its result


def solve_problem(
    problem: Problem,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    solver: Solver | None = None,
    *,
    presets: Weighted | None = None,
) -> Result:
    """Run the solver, prove the result and record both.

    Args:
        problem: what a task's `open` gave.
        model: a loaded model; None is the embedded default. Several threads may share one.
        settings: how it runs.
        solver: in place of the method of the settings, with the presets of our own.
        presets: each with the share of its result, in place of those that the model's checkpoint
            has for the settings, as when presets are tuned.

    Raises:
        RequestError: settings that the task, the method or the model cannot honour.
        ImageError: a reference of another size, or a result that is not finite.
        ResourceError: memory runs out even in the smallest windows.
    """
    began = time.perf_counter()
    model = model or load("default")
    task, source = problem.task, problem.source
    presets = presets or schedule(model.checkpoint, task, settings, problem.severity)
    reference = _read_reference(problem, settings)
    x, spread = _draw_all(problem, model, settings, presets, solver or SOLVERS[settings.method])
    stored = task.finish(problem, fetch(source, x))
    del x
    found = task.prove(problem, stored)
    picture = stored.upright()
    uncertainty = None
    if spread is not None:
        uncertainty = as_levels(spread, source.orientation)
        where: bool | np.ndarray = True if problem.hole is None else problem.hole
        found["uncertainty_mean"] = round(float(uncertainty.mean(where=where)), 4)
    if reference is not None:
        found.update(compare_to_clean(picture, reference, problem.hole))
    width, height = problem.working_size
    checkpoint = model.checkpoint
    record = Record(
        task=task.name,
        input=problem.name,
        model=checkpoint.name if checkpoint else None,
        model_sha256=model.sha256,
        method=getattr(solver, "__name__", "own") if solver else settings.method,
        mode=choose_mode(settings),
        nfe=settings.samples * sum(preset.evaluations for _, preset in presets),
        seed=settings.seed,
        device=str(model.device),
        dtype=dtype_name(model.dtype),
        tile=max(window_shape(model, height, width, choose_tile(settings))),
        size_in=_turn_size(source.size, source),
        size_out=picture.size,
        seconds=round(time.perf_counter() - began, 3),
        metrics=found,
        warnings=(*source.warnings, *problem.warnings),
        more=_record_more(settings, presets),
    )
    return Result(picture, record, uncertainty)


def _record_more(settings: Settings, presets: Weighted) -> dict[str, float]:
    """What only some runs record: draws, gradients, a blend."""
    more: dict[str, float] = {}
    if settings.samples > 1:
        more["samples"] = settings.samples
    if gradients := sum(preset.gradients for _, preset in presets if isinstance(preset, Guided)):
        more["gradients"] = settings.samples * gradients
    if settings.blend is not None:
        more["blend"] = settings.blend
    return more


def _draw_all(
    problem: Problem, model: BCM, settings: Settings, presets: Weighted, solver: Solver
) -> tuple[Tensor, Tensor | None]:
    """The image (1, 3, H, W), the mean of all draws, and their spread (H, W) if they are several.

    Each draw is the sum of its presets' results, each by its share.
    """
    (width, height), tile = problem.working_size, choose_tile(settings)
    label = model.encode_label(settings.label)
    y = problem.task.observe(problem, model.device)
    budget = pixels_at_once(model)
    batch = batch_of(settings.samples, (width, height), settings.method, budget)
    windows = window_count(model, height, width, tile)
    calls = sum(preset.evaluations // preset.flips for _, preset in presets)
    progress = count_calls(settings.progress, windows * calls * -(-settings.samples // batch))
    published = settings.method in PEERS

    def run(preset: Preset, seeds: Sequence[int]) -> Tensor:
        degradation = problem.task.operator(problem, preset, published=published)
        start = send(problem.task.start(problem, y, published=published), model.device)
        assert start.shape[-2:] == (height, width), (start.shape, width, height)
        return solver(
            TiledBCM(model, tile, label, progress),
            Grey(degradation) if problem.source.grey else degradation,
            y,
            start.repeat(len(seeds), 1, 1, 1) if len(seeds) > 1 else start,
            preset,
            NoiseField(*seeds, chroma=preset.chroma),
        )

    def draw(seeds: Sequence[int]) -> Tensor:
        total: Tensor | None = None
        for share, preset in presets:
            x = run(preset, seeds)
            total = x.mul_(share) if total is None else total.add_(x, alpha=share)
        assert total is not None, "no preset"
        return total

    seeds = range(settings.seed, settings.seed + settings.samples)
    x, spread = mean_and_spread(draw, seeds, batch)
    columns, rows = map(slice, problem.size)
    return x[..., rows, columns], None if spread is None else spread[rows, columns]


def _read_reference(problem: Problem, settings: Settings) -> Picture | None:
    """The clean picture, if there is one; ImageError where it has not the size of the result."""
    if settings.reference is None:
        return None
    reference = as_picture(settings.reference)
    check_reference(reference, problem)
    return reference


def check_reference(reference: Picture, problem: Problem, title: str = "the reference") -> None:
    """ImageError where the clean picture has not the size of the problem's result."""
    size = _turn_size(problem.size, problem.source)
    if reference.size != size:
        raise ImageError(
            f"{title} has {reference.size[0]}×{reference.size[1]} pixels, "
            f"the result {size[0]}×{size[1]}"
        )


def _turn_size(size: tuple[int, int], picture: Picture) -> tuple[int, int]:
    """The (width, height) to be seen of a size that is stored as the picture is."""
    return size if picture.orientation < 5 else (size[1], size[0])
