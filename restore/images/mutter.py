"""Mutter: what C libraries write to standard error, taken in instead of shown.

libtiff, libpng and libjpeg report damage nowhere else: the picture comes, and a line on the
terminal says that half of it is made up. Here the line comes back as text.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOCK = threading.RLock()  # there is one standard error
LONGEST = 1 << 16  # bytes that are looked at

# "Fax4Decode: Bad code word", "tempfile.tif: ...", "libpng error: ...", "Corrupt JPEG data: ..."
LIBRARY = re.compile(
    r"\w*(?:TIFF|tiff|Fax|LZW|ZIP|ZSTD|LZMA|JPEG|PackBits|Decode|Log)\w*(?:\.\w+)?: |lib\w+ |"
    r"tempfile\.tif|Corrupt JPEG|Premature end|Invalid |Unsupported |Warning|\[ *\w+:\d+@"
)

# Pillow logs what it raises too; without any handler Python prints it.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def take_in() -> Iterator[list[str]]:
    """Within, what is written to descriptor 2 goes nowhere; then its lines are in the list.

    Where Python's own standard error is that descriptor, other threads may write to it: their lines
    are passed on.
    """
    lines: list[str] = []
    with LOCK:
        try:
            kept = os.dup(2)
        except OSError:  # it is closed
            yield lines
            return
        try:
            with tempfile.TemporaryFile() as file:
                _flush()
                os.dup2(file.fileno(), 2)
                try:
                    yield lines
                finally:
                    _flush()
                    os.dup2(kept, 2)
                    file.seek(0)
                    lines += file.read(LONGEST).decode(errors="replace").splitlines()
        finally:
            os.close(kept)
        if _is_shared():
            for line in lines:
                if not LIBRARY.match(line):
                    with suppress(OSError):
                        os.write(2, f"{line}\n".encode())


def _flush() -> None:
    if _is_shared():
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def _is_shared() -> bool:
    """Whether Python's standard error is descriptor 2."""
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file
        return False
