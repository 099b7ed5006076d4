"""Solve: from a problem, a picture and how it was degraded, to a `Result`.

The one way to solve any problem: find the presets, run the solver in windows, round to the
picture's depth, degrade the result again and record what that gives.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from restore.bcm import BCM
from restore.checkpoints import load, load_beside
from restore.degradations import Grey
from restore.devices import name_dtype
from restore.errors import ImageError
from restore.images import Picture, as_picture
from restore.images.comparison import compare_to_clean, compare_with_given
from restore.images.transfer import fetch_pixels, send_pixels
from restore.record import JSON, Metrics, Record, name_of
from restore.result import Result
from restore.settings import DEFAULTS, Settings, count_calls
from restore.solvers import PEERS, SOLVERS, Guided, Solver
from restore.tasks.drawing import choose_drawing
from restore.tasks.runs import Run, Weighted, make_start, weaken
from restore.tasks.schedule import choose_mode, choose_tile, schedule, shorten
from restore.tasks.task import Problem
from restore.tiling import window_shape
from restore.uncertainty import as_levels


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
    problem = _take_up_start(problem, settings)
    task, source = problem.task, problem.source
    reference = _read_reference(problem, settings)
    if settings.nfe == 0:
        made = _hold(problem, settings)
        found = task.prove(problem, made.stored)
        doubt = task.doubt(problem, found)
    else:
        model = model or load("default")
        own = solver is None and not presets and settings.method not in PEERS
        made = _run(problem, model, settings, solver, presets)
        found = task.prove(problem, made.stored)
        doubt = None if problem.sound else task.doubt(problem, found)
        again = task.restate(problem, found) if own and not problem.sound else None
        if again is not None:
            problem = again
            first, made = made, _run(problem, model, settings, solver, presets)
            nfe = (first.record.nfe or 0) + (made.record.nfe or 0)
            made = replace(made, record=replace(made.record, nfe=nfe))
            found = task.prove(problem, made.stored)
    picture = made.stored.upright()
    uncertainty = None
    if settings.samples > 1:
        spread = torch.zeros(made.stored.pixels.shape[:2]) if made.spread is None else made.spread
        uncertainty = as_levels(spread, source.orientation)
        where: bool | np.ndarray = problem.hole if problem.hole is not None else True
        if problem.hole is not None and not problem.hole.any():
            where = True
        found["uncertainty_mean"] = round(float(uncertainty.mean(where=where)), 4)
    if reference is not None:
        found.update(_compare(problem, picture, reference))
    notes = [note for note in (problem.sound, doubt) if note is not None]
    record = replace(
        made.record,
        status="ok" if doubt is None else "doubtful",
        task=task.name,
        input=problem.name,
        seed=settings.seed,
        size_in=_turn_size(source.size, source),
        size_out=picture.size,
        seconds=round(time.perf_counter() - began, 3),
        metrics=found,
        warnings=(*source.warnings, *problem.warnings, *notes),
    )
    if problem.notes:
        record = record.updated(notes=list(problem.notes))
    return Result(
        picture,
        record,
        uncertainty,
        prove=partial(_prove_shown, problem, made.stored, reference),
        unchanged=problem.data if problem.sound else None,
    )


def _prove_shown(
    problem: Problem, stored: Picture, reference: Picture | None, shown: Picture
) -> Metrics:
    """The figures of another picture in place of the result: what a lossy file of it shows.

    stored: the result, as stored. shown: upright, of its size, of any depth and channels.
    """
    x = shown.turned_back(problem.source.orientation).tensor()
    found = problem.task.prove(problem, stored.with_tensor(x))
    if reference is not None:
        found.update(_compare(problem, shown, reference))
    return found


def _compare(problem: Problem, picture: Picture, reference: Picture) -> Metrics:
    """What an upright picture gains over what was given, towards the clean one."""
    found = compare_to_clean(picture, reference, problem.hole)
    given = problem.task.show_given(problem).upright()
    return {**found, **compare_with_given(found, given, reference)}


@dataclass(frozen=True, eq=False)
class _Made:
    """stored: the finished picture, as stored. record: how it was made, and no more. spread: of
    several draws, (H, W), as stored; None of one, and where all are the same.
    """

    stored: Picture
    record: Record
    spread: Tensor | None = None


def _take_up_start(problem: Problem, settings: Settings) -> Problem:
    """The problem with the other result to begin from, if there is one.

    ImageError where that has not the size of the result.
    """
    if settings.start is None:
        return problem
    start = as_picture(settings.start)
    check_size(start, problem, "the start")
    return problem.task.begin_from(problem, start.turned_back(problem.source.orientation))


def _hold(problem: Problem, settings: Settings) -> _Made:
    """The start, another's result or the task's own, held to what is given; no network is asked."""
    schedule(None, problem.task, settings)  # refuses tasks that hold nothing
    device = torch.device("cpu")
    y = problem.task.observe(problem, device)
    degradation = problem.degradation
    columns, rows = map(slice, problem.size)
    if problem.start is None:
        first = problem.task.guess(problem, y, seed=settings.seed)
    else:
        first = make_start(problem, y, settings.seed)
    start = send_pixels(first, device)
    given = start[..., rows, columns].clamp(-1, 1) if settings.strength < 1 else None
    x = (Grey(degradation) if problem.grey else degradation).hold(start, y, out=start)
    x = weaken(x[..., rows, columns], given, settings)
    stored = problem.task.finish(problem, problem.source.with_tensor(x))
    more = _record_more(settings, ())
    return _Made(stored, Record(method="hold", nfe=0, device="cpu", dtype="fp32", more=more))


def _run(
    problem: Problem,
    model: BCM,
    settings: Settings,
    solver: Solver | None,
    presets: Weighted | None,
) -> _Made:
    """What the solver makes of a problem; the source itself where there is nothing to restore."""
    task = problem.task
    parts: Sequence[Problem] = (problem,)
    drawing = None if solver or presets else choose_drawing(problem, model, settings)
    if drawing:
        solver, presets = drawing, ((1.0, drawing.preset),)
    if not presets and solver is None and settings.method not in PEERS:
        parts = task.split(problem, model.network)  # others may see more of the picture
    scheduled: Sequence[Weighted]
    scheduled = [presets or _schedule(model, settings, part) for part in parts]
    presets = scheduled[0]
    starts = any(preset.start for weighted in scheduled for _, preset in weighted)
    if problem.wanted is not None and settings.method == "bcm" and not starts:
        parts, scheduled = _narrow(problem.wanted, parts, scheduled)
    spread = None
    if problem.sound is None:
        restored, spread = _restore_parts(problem, parts, scheduled, model, settings, solver)
        stored = task.finish(problem, restored)
    else:  # draws of what is left alone are all the same
        stored = problem.source
    if problem.sound is not None or settings.strength == 0:
        presets = ()
    width, height = problem.working_size
    checkpoint = model.checkpoint
    record = Record(
        model=checkpoint.name if checkpoint else None,
        model_sha256=model.sha256,
        method=getattr(solver, "__name__", "own") if solver and not drawing else settings.method,
        mode=choose_mode(settings),
        nfe=settings.samples * sum(preset.evaluations for _, preset in presets),
        device=str(model.device),
        dtype=name_dtype(model.dtype),
        tile=max(window_shape(model, height, width, choose_tile(settings))),
        more={
            **_record_more(settings, presets),
            **(drawing.report if drawing else {}),
            **_record_beside(model, presets),
        },
    )
    return _Made(stored, record, spread)


def _narrow(
    wanted: np.ndarray, parts: Sequence[Problem], scheduled: Sequence[Weighted]
) -> tuple[Sequence[Problem], Sequence[Weighted]]:
    """The parts, solved for what is wanted of the result alone, and their presets."""
    kept: list[tuple[Problem, Weighted]] = []
    for part, weighted in zip(parts, scheduled, strict=True):
        width, height = part.working_size
        top, left = part.origin
        inside = wanted[top : top + height, left : left + width]
        region = np.zeros((height, width), bool)
        region[: inside.shape[0], : inside.shape[1]] = inside
        if part.region is not None:
            region &= part.region
        narrowed = replace(part, region=region, wanted=region)
        if region.any() or not kept:
            kept = [one for one in kept if one[0].region.any()]  # type: ignore[union-attr]
            kept.append((narrowed, weighted))
    return [part for part, _ in kept], [weighted for _, weighted in kept]


def _schedule(model: BCM, settings: Settings, part: Problem) -> Weighted:
    """The presets of a part; begun nearer where another's result is the start.

    Those of the kind "patch" are for a start that is near already.
    """
    found = schedule(model.checkpoint, part.task, settings, part.severity, part.kind)
    if part.start is None or part.kind == "patch" or settings.method in PEERS:
        return found
    return [(share, shorten(preset)) for share, preset in found]


def _record_beside(model: BCM, presets: Weighted) -> dict[str, JSON]:
    """The network of another noise that worked beside the model, if one did, by its kind."""
    more: dict[str, JSON] = {}
    for _, preset in presets:
        beside = load_beside(model, preset.beside)
        if preset.beside and beside is not model:
            more[preset.beside] = beside.checkpoint.name if beside.checkpoint else None
            more[f"{preset.beside}_sha256"] = beside.sha256
    return more


def _record_more(settings: Settings, presets: Weighted) -> dict[str, JSON]:
    """What only some runs record: draws, gradients, a blend, a start, a strength."""
    more: dict[str, JSON] = {}
    if settings.samples > 1:
        more["samples"] = settings.samples
    if gradients := sum(preset.gradients for _, preset in presets if isinstance(preset, Guided)):
        more["gradients"] = settings.samples * gradients
    if settings.blend is not None:
        more["blend"] = settings.blend
    if settings.strength < 1:
        more["strength"] = settings.strength
    if settings.start is not None:
        more["start"] = name_of(settings.start)
    return more


def _restore_parts(
    problem: Problem,
    parts: Sequence[Problem],
    scheduled: Sequence[Weighted],
    model: BCM,
    settings: Settings,
    solver: Solver | None,
) -> tuple[Picture, Tensor | None]:
    """The picture with all its parts restored, and the spread (H, W) of several draws.

    Where a part has a region, what lies outside all regions is the source's own.
    """
    chosen, grey = solver or SOLVERS[settings.method], problem.grey
    runs = [Run(*one, model, settings, chosen, grey) for one in zip(parts, scheduled, strict=True)]
    progress = count_calls(settings.progress, sum(run.calls for run in runs))
    if parts[0].region is None:
        x, spread = runs[0].make(progress)
        return fetch_pixels(problem.source, x), spread
    pixels = problem.task.show_given(problem).pixels.copy()
    whole = torch.zeros(pixels.shape[:2]) if settings.samples > 1 else None
    for part, run in zip(parts, runs, strict=True):
        assert part.region is not None
        x, spread = run.make(progress)
        (top, left), (height, width) = part.origin, x.shape[-2:]
        at = slice(top, top + height), slice(left, left + width)
        inside = part.region[:height, :width]
        np.copyto(pixels[at], fetch_pixels(part.source, x).pixels, where=inside[..., None])
        if whole is not None and spread is not None:
            region = torch.from_numpy(inside)
            whole[at] = torch.where(region, spread.cpu().float(), whole[at])
    return problem.source.with_pixels(pixels), whole


def _read_reference(problem: Problem, settings: Settings) -> Picture | None:
    """The clean picture, if there is one; ImageError where it has not the size of the result."""
    if settings.reference is None:
        return None
    reference = as_picture(settings.reference)
    check_size(reference, problem, "the reference")
    return reference


def check_size(picture: Picture, problem: Problem, title: str) -> None:
    """ImageError where a picture has not the size of the problem's result."""
    size = _turn_size(problem.size, problem.source)
    if picture.size != size:
        raise ImageError(
            f"{title} has {picture.size[0]}×{picture.size[1]} pixels, "
            f"the result {size[0]}×{size[1]}"
        )


def _turn_size(size: tuple[int, int], picture: Picture) -> tuple[int, int]:
    """The (width, height) to be seen of a size that is stored as the picture is."""
    return size if picture.orientation < 5 else (size[1], size[0])
