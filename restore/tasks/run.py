"""A run: from a problem, a picture and how it was degraded, to a `Result`.

Every task states its problem; this is the one way to solve it: find the preset, run the solver on
tiles, round to the picture's depth, degrade the result again and report what that gives.
"""

from __future__ import annotations

import math
import operator
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from restore import metrics
from restore.bcm import BCM
from restore.checkpoints import Preset, load, read_catalogue
from restore.defaults import DEFAULT_NFE
from restore.degradations import Degradation
from restore.errors import ImageError, RequestError
from restore.images import Picture, as_picture
from restore.solvers import SOLVERS, spread
from restore.tasks.grey import Grey
from restore.tasks.result import Result
from restore.tiling import NoiseField, Tile, window_count, window_shape

Mode = Literal["fidelity", "perceptual"]
Progress = Callable[[int, int], object]
"""Called as progress(done, total) in network calls, a call being one window at one level."""

DTYPES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@dataclass(frozen=True)
class Settings:
    """How a task is run; one field an option of the command line.

    nfe: network evaluations that every pixel goes through; None is the task's best measured.
    method: the solver, a key of SOLVERS. seed: of the noise, any integer. tile: side of a window in
    pixels, "auto" or 0 (one window). label: class of a class-conditional network. reference: the
    clean picture, for metrics alone.
    Raises RequestError for values that cannot be.
    """

    nfe: int | None = None
    mode: Mode = "fidelity"
    method: str = "bcm"
    seed: int = 0
    tile: Tile = "auto"
    label: int | None = None
    reference: Any = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        for name in ("nfe", "seed", "tile", "label"):
            value = getattr(self, name)
            if (value is None and name in ("nfe", "label")) or (name == "tile" and value == "auto"):
                continue
            try:  # a number of NumPy's has no place in a record
                object.__setattr__(self, name, operator.index(value))
            except TypeError as error:
                raise RequestError(f"{name} is {value!r}, expected a whole number") from error
        if self.nfe is not None and self.nfe < 1:
            raise RequestError(f"nfe is {self.nfe}, expected 1 or more network evaluations")
        if self.mode not in ("fidelity", "perceptual"):
            raise RequestError(f"mode is {self.mode!r}, expected 'fidelity' or 'perceptual'")
        if self.method not in SOLVERS:
            raise RequestError(f"method is {self.method!r}, expected one of {', '.join(SOLVERS)}")
        if self.tile != "auto" and self.tile < 0:
            raise RequestError(f"tile is {self.tile}, expected 'auto', 0 or a side in pixels")


DEFAULTS = Settings()


@dataclass(frozen=True, eq=False)
class Problem:
    """A picture to restore and what is known of how it was degraded.

    image: what the caller gave. source: its picture, as stored. size: (width, height) of the
    result, as stored. severity: how badly, in the presets' unit for the task. degradation: A, for
    a preset. observe: y, on a device. start: a first guess (1, 3, H, W), from y. finish: a restored
    picture, with what must be exact put back. proof: metrics of the finished picture against the
    source. hole: (H, W) bool, upright.
    """

    task: str
    image: Any
    source: Picture
    size: tuple[int, int]
    severity: float
    degradation: Callable[[Preset], Degradation]
    observe: Callable[[torch.device], Any]
    start: Callable[[Any], Tensor]
    finish: Callable[[Picture], Picture]
    proof: Callable[[Picture], dict[str, Any]]
    warnings: tuple[str, ...] = ()
    hole: np.ndarray | None = None


def solve(problem: Problem, model: BCM | None, settings: Settings) -> Result:
    """Run the solver and report. A model of None is the embedded default."""
    began = time.perf_counter()
    model = model or load("default")
    source, (width, height) = problem.source, problem.size
    nfe = settings.nfe or DEFAULT_NFE[problem.task]
    preset = spread(preset_of(model, problem.task, settings.mode, nfe, problem.severity), nfe)
    label = label_of(model, settings.label)
    reference = reference_of(problem, settings)
    degradation = problem.degradation(preset)
    if source.grey:
        degradation = Grey(degradation)
    y = problem.observe(model.device)
    start = problem.start(y).to(model.device)
    assert start.shape[-2:] == (height, width), (start.shape, problem.size)
    windows = window_count(model, height, width, settings.tile)
    x = SOLVERS[settings.method](
        model,
        degradation,
        y,
        start,
        preset,
        NoiseField(settings.seed),
        tile=settings.tile,
        label=label,
        progress=counted(settings.progress, windows * len(preset.levels)),
    )
    del y, start
    stored = problem.finish(source.with_tensor(x))
    del x
    found = problem.proof(stored)
    picture = stored.upright()
    if reference is not None:
        found |= against(picture, reference, problem.hole)
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
        "mode": settings.mode,
        "nfe": len(preset.levels) * preset.flips,
        "seed": settings.seed,
        "device": str(model.device),
        "dtype": DTYPES[model.dtype],
        "tile": max(window_shape(model, height, width, settings.tile)),
        "size_in": list(upright(source.size, source)),
        "size_out": list(picture.size),
        "seconds": round(time.perf_counter() - began, 3),
        "metrics": found,
        "warnings": [*source.warnings, *problem.warnings],
        "error": None,
    }
    return Result(picture, report)


def preset_of(model: BCM, task: str, mode: Mode, nfe: int, severity: float | None = None) -> Preset:
    """The model's own preset, or the embedded default's where nobody tuned the model.

    RequestError where nothing is tuned for the mode.
    """
    checkpoint = model.checkpoint
    if checkpoint is None or task not in checkpoint.presets:
        checkpoint = read_catalogue()["default"]
    return checkpoint.preset(task, mode, nfe, severity)


def label_of(model: BCM, label: int | None) -> Tensor | None:
    """The class as a tensor (1,); RequestError where the network's classes say otherwise."""
    classes = model.network.num_classes
    if classes is None:
        if label is not None:
            raise RequestError(f"label is {label}, but this model has no classes: leave it out")
        return None
    if label is None:
        raise RequestError(f"this model is class-conditional: give a label from 0 to {classes - 1}")
    if not 0 <= label < classes:
        raise RequestError(f"label is {label}, expected 0 to {classes - 1}")
    return torch.tensor([label], device=model.device)


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


def against(picture: Picture, reference: Picture, hole: np.ndarray | None = None) -> dict[str, Any]:
    """PSNR and SSIM to the clean picture; inside the hole too, where there is one."""
    a, b = same_kind(picture, reference)
    found = {"psnr_db": decibels(metrics.psnr(a, b)), "ssim": rounded(metrics.ssim(a, b))}
    if hole is not None:
        found["masked_psnr_db"] = decibels(metrics.psnr(a, b, hole))
    return found


def upright(size: tuple[int, int], picture: Picture) -> tuple[int, int]:
    """The (width, height) to be seen of a size that is stored as the picture is."""
    return size if picture.orientation < 5 else (size[1], size[0])


def same_kind(picture: Picture, other: Picture) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of both, the other's brought to this one's depth, greys repeated where one is."""
    other = other.at_depth(picture.depth)
    a, b = picture.pixels, other.pixels
    if a.shape[2] != b.shape[2]:
        a, b = a.repeat(3 // a.shape[2], axis=2), b.repeat(3 // b.shape[2], axis=2)
    return a, b


def decibels(value: float) -> float | None:
    """For a record: rounded to 0.001 dB, None where infinite (equal images)."""
    return round(value, 3) if math.isfinite(value) else None


def rounded(value: float) -> float | None:
    """For a record: rounded to 1e-5, None where not a number."""
    return None if math.isnan(value) else round(value, 5)


def counted(progress: Progress | None, total: int) -> Callable[[], None] | None:
    """What to call after each window, of `total`; None where nobody listens."""
    if progress is None:
        return None
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        progress(min(done, total), total)

    return count


def name_of(image: Any) -> str | None:
    """The name of an image's file; None for an image in memory."""
    return os.fsdecode(image) if isinstance(image, str | os.PathLike) else None
