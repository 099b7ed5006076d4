"""Record: what a journey did and what it proves, as a dictionary of JSON types."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from restore.bcm import BCM
from restore.journeys import Leg
from restore.tasks.run import DTYPES
from restore.tasks.settings import Settings
from restore.tiling import window_shape


def record(
    task: str,
    model: BCM,
    settings: Settings,
    began: float,
    *,
    nfe: int,
    legs: Sequence[Leg],
    size_in: tuple[int, int] | None,
    size_out: tuple[int, int],
    input: str | None = None,
    metrics: dict[str, Any],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """The record of a journey that began at `began`, by the performance counter.

    Beside what every record holds, `levels` are the legs, from the first level to the last.
    """
    checkpoint = model.checkpoint
    width, height = size_out if size_in is None else size_in
    return {
        "schema": 1,
        "status": "ok",
        "task": task,
        "input": input,
        "output": None,
        "model": checkpoint.name if checkpoint else None,
        "model_sha256": model.sha256,
        "method": "bcm",
        "mode": None,
        "nfe": nfe,
        "seed": settings.seed,
        "device": str(model.device),
        "dtype": DTYPES[model.dtype],
        "tile": max(window_shape(model, height, width, settings.tile)),
        "size_in": None if size_in is None else list(size_in),
        "size_out": list(size_out),
        "seconds": round(time.perf_counter() - began, 3),
        "metrics": metrics,
        "warnings": list(warnings),
        "error": None,
        "levels": [[float(level) for level in leg] for leg in legs],
    }
