"""Recording: the record of a way to the noise, from it, or there and back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import cast

from restore.bcm import BCM
from restore.devices import name_dtype
from restore.journeys.legs import Leg
from restore.record import Metrics, Record
from restore.settings import Settings
from restore.tiling import window_shape


def record_journey(
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
    metrics: Mapping[str, float | None],
    warnings: Sequence[str] = (),
) -> Record:
    """The record of a journey that began at `began`, by the performance counter.

    Beside what every record holds, `levels` are the legs, from the first level to the last.
    """
    checkpoint = model.checkpoint
    width, height = size_out if size_in is None else size_in
    return Record(
        task=task,
        input=input,
        model=checkpoint.name if checkpoint else None,
        model_sha256=model.sha256,
        method="bcm",
        nfe=nfe,
        seed=settings.seed,
        device=str(model.device),
        dtype=name_dtype(model.dtype),
        tile=max(window_shape(model, height, width, settings.tile)),
        size_in=size_in,
        size_out=size_out,
        seconds=round(time.perf_counter() - began, 3),
        metrics=cast(Metrics, dict(metrics)),
        warnings=tuple(warnings),
        more={"levels": [[float(level) for level in leg] for leg in legs]},
    )
