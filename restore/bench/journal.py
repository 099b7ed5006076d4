"""Journal: what was measured, a line of JSON for each picture, so that nothing is measured twice.

A line is written as soon as it is known. It tells all that its figures depend on: the picture, the
cell, the model, the machine, the versions of the libraries and the code of the methods. A line of
which any of that is another now is passed over, and what it told is measured anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from restore.errors import RequestError
from restore.jsonlines import JsonLines, read_json_lines

VERSION = 1
MEASURED = ("seconds", "metrics")


@dataclass(frozen=True)
class Row:
    """One picture restored in one way. model_sha256 is None of classical methods."""

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
    metrics: Mapping[str, float | None] | None = None

    @property
    def identity(self) -> str:
        """All that the figures depend on."""
        known = asdict(self)
        for name in MEASURED:
            del known[name]
        return json.dumps(known, sort_keys=True)


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
            self._lines.add({"bench": VERSION, **asdict(row)})

    def close(self) -> None:
        if self._lines:
            self._lines.close()


def _parse(value: dict[str, Any]) -> Row | None:
    """The row that an object is, None where it is somebody else's."""
    try:
        if value.pop("bench") != VERSION:
            return None
        row = Row(**{**value, "size": tuple(value["size"])})
        if not isinstance(row.seconds, int | float) or not isinstance(row.metrics, dict):
            return None
        numbers = row.metrics.values()
        return row if all(isinstance(n, int | float | None) for n in numbers) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
