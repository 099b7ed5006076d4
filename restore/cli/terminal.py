"""Terminal: standard output for data alone, standard error for everything else.

What is printed of a file's name or an error is escaped, so that no name can move the cursor or be
read as markup. A reader that went away, as in `| head`, changes nothing but the output.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, AnyStr, BinaryIO, TextIO

from restore.errors import RequestError, ResourceError
from restore.jsonlines import to_json
from restore.record import JSON, spell_out
from restore.settings import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

VERBOSE = "restore.verbose"  # where the context of a command keeps -v
COLOURS = {"error": 31, "failed": 31, "warning": 33}  # ANSI's, of the words that lines begin with
LINE_SECONDS = 10.0  # between two lines of progress where there is no terminal


@dataclass(frozen=True)
class Terminal:
    """How much a command says. `quiet` leaves errors and warnings, `verbose` adds details."""

    quiet: bool = False
    verbose: bool = False
    json: bool = False

    def say(self, text: str) -> None:
        """A line on standard error, unless quiet."""
        if not self.quiet:
            complain(text)

    def detail(self, text: str) -> None:
        """A line on standard error where verbose."""
        if self.verbose:
            complain(text)

    def fail(self, text: str, error: Exception) -> None:
        """A line on what failed, with the traceback where verbose."""
        complain(f"failed: {text}")
        if self.verbose:
            print_traceback(error)

    def record(self, record: Mapping[str, JSON]) -> None:
        """A record as a line of JSON on standard output, where that was asked for."""
        if self.json:
            emit(to_json(record))

    @contextmanager
    def progress(self, label: str) -> Iterator[Progress | None]:
        """A bar on a terminal, a line now and then elsewhere, None where quiet."""
        if self.quiet:
            yield None
        elif not sys.stderr.isatty():
            yield say_now_and_then(label)
        else:
            with self.bars() as bars:
                row = bars.add_task(spell_out(label), total=None, note="")

                def update(done: int, total: int) -> None:
                    note = f"{done / total:.0%}" if total else ""
                    bars.update(row, completed=done, total=total or None, note=note)

                yield update

    def bars(self) -> Bars:
        """Bars on standard error, each with a note; what else is printed goes above them."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars
        from rich.table import Column

        console = Console(stderr=True)
        narrow = Column(max_width=console.width // 4, no_wrap=True, overflow="ellipsis")
        wide = Column(min_width=10, ratio=1)
        rest = Column(no_wrap=True, overflow="ellipsis")
        return Bars(
            TextColumn("{task.description}", markup=False, table_column=narrow),
            BarColumn(bar_width=None, table_column=wide),
            TextColumn("{task.fields[note]}", markup=False, table_column=rest),
            console=console,
            expand=True,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )


def complain(text: str) -> None:
    """A line on standard error, if that takes it; its first word in colour on a terminal."""
    line = spell_out(text)
    word = line.partition(":")[0]
    if word in COLOURS and _has_colour():
        line = f"\x1b[1;{COLOURS[word]}m{word}:\x1b[0m{line[len(word) + 1 :]}"
    with suppress(OSError):
        _write(sys.stderr, f"{line}\n")


def _has_colour() -> bool:
    """Whether standard error shows colours, and nobody asked for none (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not plain


def print_traceback(error: BaseException) -> None:
    """The traceback of an error on standard error."""
    for block in traceback.format_exception(error):
        for line in block.splitlines():
            complain(line)


def emit(data: str | bytes) -> None:
    """A line, or the bytes of a file, on standard output. ResourceError where it is full."""
    try:
        if isinstance(data, bytes):
            _write(sys.stdout.buffer, data)
        else:
            _write(sys.stdout, f"{data}\n")
    except OSError as error:
        raise ResourceError(f"standard output cannot be written: {error.strerror}") from error


def open_stdin(what: str) -> BinaryIO:
    """Standard input; RequestError where that is a terminal, nobody being asked."""
    if sys.stdin is None or sys.stdin.isatty():
        raise RequestError(f"- reads {what} from standard input, which is a terminal: pipe it in")
    return sys.stdin.buffer


def read_stdin(max_pixels: int) -> bytes:
    """The image file in standard input; errors as of `open_stdin` and `read_image`."""
    from restore.images import read_image_stream

    return read_image_stream(open_stdin("an image"), "standard input", max_pixels=max_pixels)


def prepare_streams() -> None:
    """Make the standard streams take any text, whatever the terminal's encoding; once a process.

    Descriptors 0 to 2 are open from here on, so that no file gets one of them: what a C library
    says would go into that file. What is said here has a descriptor of its own, beside standard
    error's, which libraries share.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed by the caller (>&-)
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None or _descriptor(sys.stderr) == 2:
        encoding = getattr(sys.stderr, "encoding", None)
        sys.stderr = open(os.dup(2), "w", encoding=encoding, buffering=1)  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        encoding, lines = sys.stdout.encoding, sys.stdout.line_buffering
        sys.stdout = _Output(sys.stdout.detach(), encoding=encoding, line_buffering=lines)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


class _Output(TextIOWrapper):
    """Standard output, which goes nowhere once its reader went away."""

    def write(self, text: str) -> int:
        with _without_reader(self):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with _without_reader(self):
            super().flush()


@contextmanager
def _without_reader(stream: IO[str] | IO[bytes]) -> Iterator[None]:
    """Within, a reader that went away is no error: all that follows goes nowhere, at exit too."""
    try:
        yield
    except BrokenPipeError:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # it is no file
        return None


def format_seconds(seconds: float) -> str:
    """A duration in words: "0.8 s", "12 s", "3 min", "2.5 h"."""
    if seconds < 90:
        return f"{max(seconds, 0.1):.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _write(stream: IO[AnyStr], data: AnyStr) -> None:
    with _without_reader(stream):
        stream.write(data)
        stream.flush()


def say_now_and_then(label: str) -> Progress:
    """What says in a line, at most every `LINE_SECONDS`, how far something has come."""
    began = last = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if 0 < done < total and now - last >= LINE_SECONDS:
            last = now
            left = format_seconds((now - began) / done * (total - done))
            complain(f"{label}: {done / total:.0%}, about {left} left")

    return line
