"""Lines of JSON: objects that are added to a file, each in one piece, and read back.

What is read need not be ours: a line that was cut short, or that nobody could use, is passed over.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator, Mapping

from restore.errors import ResourceError
from restore.files import Path, explain_unwritable, is_open_pipe, sync

LONGEST_LINE = 1 << 20  # bytes; a record has some hundreds
LARGEST_NUMBER = 1 << 64  # seeds and times in nanoseconds are below


class JsonLines:
    """A file to which lines of JSON are added, each in one piece.

    Several processes may add to one file. What a killed run left of a line counts as not written.
    """

    def __init__(self, path: Path, name: str = "the journal") -> None:
        """path: the file. name: what messages call it."""
        self.path = os.fspath(path)
        self.name = name
        self._file: int | None = None

    def open(self) -> None:
        """Be ready to add lines; the file and its folder are made where they are not there.

        ResourceError where the file cannot be written, and where it is a symbolic link.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            self._file = os.open(self.path, flags, 0o666)
            size = os.lseek(self._file, 0, os.SEEK_END)
            if size and not _ends_in_newline(self._file, size):
                self._append(b"\n")  # the tail of a run that was killed
        except OSError as error:
            raise self._unwritable(error) from error

    def add(self, value: Mapping[str, object]) -> None:
        """Write one object as a line. ResourceError where that fails."""
        self.add_line(to_json(value).encode() + b"\n")

    def add_line(self, line: bytes) -> None:
        """Write a line as it is, its newline included. ResourceError where that fails."""
        try:
            self._append(line)
        except OSError as error:
            raise self._unwritable(error) from error

    def sync(self) -> None:
        """Have the disk confirm the lines, where it can. ResourceError where that fails."""
        if self._file is None:
            return
        try:
            sync(self._file)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Close the file; nothing where it is not open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, data: bytes) -> None:
        assert self._file is not None, "opened before anything is added"
        if os.write(self._file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _unwritable(self, error: OSError) -> ResourceError:
        return explain_unwritable(f"{self.name} {self.path!r}", error)


def read_json_lines(path: Path, name: str = "the journal") -> Iterator[dict[str, object]]:
    """The objects in a file of JSON lines, in order.

    Lines that are none are passed over: cut short, too long, no object, or with a number that is
    not finite or beyond 64 bits. ResourceError where the file, `name` in messages, cannot be read.
    """
    try:
        if not (os.path.isfile(path) or is_open_pipe(path)):  # a FIFO would be waited for
            os.stat(path)
            raise OSError("it is no file")
        with open(path, "rb") as file:
            while line := file.readline(LONGEST_LINE):
                if (value := parse_json(line)) is not None:
                    yield value
    except OSError as error:
        reason = error.strerror or error
        message = f"{name} {os.fspath(path)!r} cannot be read: {reason}"
        raise ResourceError(message) from error


def parse_json(line: bytes | str) -> dict[str, object] | None:
    """The object that a line of JSON holds; None where it is none that we could have written."""
    try:
        value = json.loads(
            line, parse_constant=_parse_number, parse_float=_parse_number, parse_int=_parse_number
        )
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def to_json(value: object) -> str:
    """A value as one line of JSON in ASCII, numbers that are not finite as null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parse_number(digits: str) -> float:
    number = float(digits) if set(digits) & set(".eEN") else int(digits)
    if not abs(number) <= LARGEST_NUMBER:
        raise ValueError(f"{digits} is beyond 64 bits, or no number")
    return number


def _ends_in_newline(file: int, size: int) -> bool:
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) == b"\n"
