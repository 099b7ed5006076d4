"""Journal: what was measured, a line of JSON for each picture, so that nothing is measured twice.

A line is written as soon as it is known. It tells all that its figures depend on: the picture, the
cell, the model, the machine, the versions of the libraries and the code of the methods. Where any
of these has changed, the line is passed over, and its figures are measured anew.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from restore.errors import RequestError
from restore.jsonlines import JsonLines, read_json_lines
from restore.record import JSON

VERSION = 1
MEASURED = ("seconds", "metrics")


@dataclass(frozen=True)
class Measures:
    """What is said of a restored picture; None is what has no meaning for its task.

    psnr_db, ssim, masked_psnr_db: to the clean picture, the last inside the hole; a PSNR of equal
    pictures is infinite. lpips: to it too. sharpness, blur: the result's over, and less, that of
    the clean picture. texture_error: how far the texture is from its, block by block.
    coefficients_kept, consistency_psnr_db, known_max_error, residual_sigma: of the result degraded
    again, to what was given; the last two in levels of 8 bits.
    """

    psnr_db: float | None = None
    ssim: float | None = None
    masked_psnr_db: float | None = None
    lpips: float | None = None
    sharpness: float | None = None
    blur: float | None = None
    texture_error: float | None = None
    coefficients_kept: float | None = None
    consistency_psnr_db: float | None = None
    known_max_error: float | None = None
    residual_sigma: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Those that have a meaning, by name; null is infinite, as JSON has no such number."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value if math.isfinite(value) else None for name, value in known.items()}

    @classmethod
    def from_dict(cls, known: Mapping[str, float | None]) -> Measures:
        """The measures of `as_dict`. TypeError for names or values that are none."""
        if not all(isinstance(value, int | float | None) for value in known.values()):
            raise TypeError("a measure is a number or null")
        return cls(**{name: math.inf if v is None else v for name, v in known.items()})


METRICS = tuple(one.name for one in fields(Measures))


@dataclass(frozen=True)
class Row:
    """One picture restored in one way, all that its figures depend on, and the figures.

    task, severity, method, mode, nfe, seed: of the cell. picture, number, picture_sha256, size: of
    the clean picture. model_sha256, label: of the network, None for a classical method. machine,
    versions, code: what it ran on. seconds, metrics: what was measured, metrics None before.
    """

    task: str
    severity: str
    method: str
    mode: str | None
    nfe: int
    seed: int
    picture: str
    number: int
    picture_sha256: str
    size: tuple[int, int]
    model_sha256: str | None
    label: int | None
    machine: str
    versions: Mapping[str, str]
    code: str
    seconds: float = 0.0
    metrics: Measures | None = None

    @property
    def identity(self) -> str:
        """All that the figures depend on."""
        known = {name: value for name, value in vars(self).items() if name not in MEASURED}
        return json.dumps(known, sort_keys=True)

    def as_dict(self) -> dict[str, object]:
        """The row as JSON types."""
        assert self.metrics is not None, "measured first"
        return {**vars(self), "metrics": self.metrics.as_dict()}


class Journal:
    """The rows in a file, and in memory; without a path in memory alone.

    `write`: whether the file takes more, being made where there is none. RequestError for a file
    that is none or holds something else, ResourceError for one that cannot be read or written.
    """

    def __init__(self, path: str | None, write: bool = True) -> None:
        self.path = path
        self._rows: dict[str, Row] = {}
        self._lines: JsonLines | None = None
        if path is None or not (write or os.path.lexists(path)):
            return
        if "\0" in path or not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            raise RequestError(f"--rows {path!r} is no file to write: it lies in no folder")
        if os.path.lexists(path) and (not os.path.isfile(path) or os.path.islink(path)):
            raise RequestError(f"--rows {path!r} is no regular file")
        if os.path.exists(path):
            self._read(path)
        if write:
            self._lines = JsonLines(path, "--rows")
            self._lines.open()

    def _read(self, path: str) -> None:
        """Take the rows of the file."""
        rows = [row for line in read_json_lines(path, "--rows") if (row := _parse(line))]
        if not rows and os.path.getsize(path):
            raise RequestError(f"--rows {path!r} holds something else: name another file")
        self._rows = {row.identity: row for row in rows}

    @property
    def count(self) -> int:
        """Rows in all."""
        return len(self._rows)

    def find(self, row: Row) -> Row | None:
        """The row of the same identity, measured."""
        return self._rows.get(row.identity)

    def add(self, row: Row) -> None:
        """Keep a row. ResourceError where the file does not take it."""
        assert row.metrics is not None, "measured first"
        self._rows[row.identity] = row
        if self._lines:
            self._lines.add({"bench": VERSION, **row.as_dict()})

    def close(self) -> None:
        if self._lines:
            self._lines.close()


def _parse(value: dict[str, JSON]) -> Row | None:
    """The row that an object is, None where it is somebody else's."""
    try:
        if value.pop("bench") != VERSION or not isinstance(value["seconds"], int | float):
            return None
        metrics = Measures.from_dict(value["metrics"])
        return Row(**{**value, "size": tuple(value["size"]), "metrics": metrics})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
