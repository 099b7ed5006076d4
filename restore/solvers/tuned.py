"""Tuned: the published methods in few evaluations, by the rows of `tuned.toml`.

Levels between the highest and the lowest are even in their logarithm, and rows are chosen by NFE
and interpolated by severity, as our presets are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from restore.presets import Preset

Rows = Mapping[str, Mapping[int, tuple[Preset, ...]]]  # by task and NFE


def _read_rows() -> dict[str, Rows]:
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        methods = tomllib.load(file)
    return {
        method: {
            task: {int(nfe): tuple(_preset(*row) for row in rows) for nfe, rows in table.items()}
            for task, table in tasks.items()
        }
        for method, tasks in methods.items()
    }


def _preset(severity: float, high: float, low: float, noise: float, delta: float = 0.0) -> Preset:
    return Preset((high, low), noise=noise, delta=delta, severity=severity)


TUNED: Mapping[str, Rows] = _read_rows()
