"""Journal: what was measured, a line of JSON for each picture, so that nothing is measured twice.

A line is written as soon as it is known. It tells all that its figures depend on: the picture, the
cell, the model, the machine, the versions of the libraries and the code of the methods. A line of
which any of that is another now is passed over, and what it told is measured anew.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from restore.errors import RequestError, ResourceError

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
        self._file: int | None = None
        if path is None or not (write or os.path.lexists(path)):
            return
        if os.path.lexists(path) and not os.path.isfile(path):
            raise RequestError(f"--rows {path!r} is no regular file")
        try:
            whole = self._read(path) if os.path.exists(path) else True
            if write:
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
                if not whole:
                    os.write(self._file, b"\n")
        except (OSError, ValueError) as error:
            raise _unusable(path, error) from error

    def _read(self, path: str) -> bool:
        """Take the rows of the file; whether its last line is whole, not that of a killed run."""
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
        rows = [row for line in lines if (row := _parsed(line)) is not None]
        if not rows and any(lines):
            raise RequestError(f"--rows {path!r} holds something else: name another file")
        self._rows = {row.identity: row for row in rows}
        return not lines[-1]

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
        if self._file is None or self.path is None:
            return
        data = json.dumps({"bench": VERSION, **asdict(row)}, allow_nan=False).encode() + b"\n"
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _unusable(self.path, error) from error

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _parsed(line: bytes) -> Row | None:
    """The row of a line, None where it is none: cut short, or somebody else's."""
    try:
        value: dict[str, Any] = json.loads(line)
        if value.pop("bench") != VERSION:
            return None
        row = Row(**{**value, "size": tuple(value["size"])})
        if not isinstance(row.seconds, int | float) or not isinstance(row.metrics, dict):
            return None
        numbers = row.metrics.values()
        return row if all(isinstance(n, int | float | None) for n in numbers) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _unusable(path: str, error: OSError | ValueError) -> ResourceError | RequestError:
    if isinstance(error, ValueError) or error.errno in (errno.ENOENT, errno.ENOTDIR):
        reason = getattr(error, "strerror", None) or error
        return RequestError(f"--rows {path!r} is no file to write: {reason}")
    return ResourceError(f"--rows {path!r} cannot be read or written: {error.strerror}")
