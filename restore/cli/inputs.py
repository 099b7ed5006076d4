"""Input: a file to restore, named itself or found in a folder that was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from restore.errors import RequestError, ResourceError

STDIN = "-"


@dataclass(frozen=True)
class Input:
    """A path, or - for standard input; `folder` is what was named where that was a folder."""

    path: str
    folder: str = ""

    @property
    def stem(self) -> str:
        return "stdin" if self.path == STDIN else os.path.splitext(os.path.basename(self.path))[0]

    @property
    def place(self) -> str:
        """The folder it lies in, relative to the folder that was named."""
        place = os.path.relpath(os.path.dirname(self.path), self.folder) if self.folder else "."
        return "" if place == os.curdir else place


def find(names: Sequence[str], recursive: bool, aside: Sequence[str]) -> tuple[list[Input], int]:
    """The inputs that names stand for, and how many FIFOs and devices were passed over.

    Folders give their images, by ending and in order of name, hidden ones left out, and so what is
    in or at the paths `aside` (masks, references). RequestError where a folder has no image.
    """
    if names.count(STDIN) > 1:
        raise RequestError("- was given more than once, and there is one standard input")
    found: list[Input] = []
    passed = 0
    for name in names:
        if not name or "\0" in name:
            raise RequestError(f"{name!r} is no file name")
        here = [Input(name)]
        if name != STDIN and os.path.isdir(name):
            paths = [path for path in _images(name, recursive) if not within(path, aside)]
            here = [Input(path, name) for path in paths]
            if not here:
                hint = "" if recursive else "; -r looks into the folders below it"
                raise RequestError(f"the folder {name!r} holds no image{hint}")
        files = [input for input in here if input.path == STDIN or not _is_special(input.path)]
        passed += len(here) - len(files)
        found += files
    return found, passed


def identity(path: str) -> str:
    """What two paths of one file have in common, whether it exists or not."""
    return os.path.normcase(os.path.realpath(path))


def within(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is one of `folders` (or files) or lies somewhere below one."""
    own = identity(path)
    return any(
        own == top or own.startswith(os.path.join(top, "")) for top in map(identity, folders)
    )


def _images(folder: str, recursive: bool) -> Iterator[str]:
    from restore.images import ENDINGS

    def refuse(error: OSError) -> None:
        raise ResourceError(f"{error.filename!r} cannot be listed: {error.strerror}") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in ENDINGS:
                yield os.path.join(parent, name)


def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # reading it will say what is wrong
        return False
