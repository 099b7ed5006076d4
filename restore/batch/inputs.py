"""Inputs: the files to restore, and what goes with each: its mask, its reference.

An input is named itself, by a pattern or a list, or found in a folder.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from restore.errors import ImageError, RequestError, ResourceError

STDIN = "-"


@dataclass(frozen=True)
class Input:
    """A path, or - for standard input.

    `folder` is what was named where that was a folder, and `base` the folder below which a path
    keeps its place, where it does.
    """

    path: str
    folder: str = ""
    base: str = ""

    @property
    def stem(self) -> str:
        return "stdin" if self.path == STDIN else os.path.splitext(os.path.basename(self.path))[0]

    @property
    def place(self) -> str:
        """The folder it lies in, relative to its base."""
        place = os.path.relpath(os.path.dirname(self.path), self.base) if self.base else "."
        return "" if place == os.curdir else place

    @property
    def key(self) -> str:
        """What names it on every machine that runs the same command: its place and its name."""
        path = os.path.join(self.place, os.path.basename(self.path)) if self.base else self.path
        return os.path.normpath(path).replace(os.sep, "/")


@dataclass(frozen=True)
class Sidecar:
    """A file that goes with an input: its mask or its reference, as `kind` says.

    A `path` that is a file goes with every input. In a folder it is the image of the input's name,
    whatever its ending, at the same place below the folder or at its top. RequestError where
    there is nothing at `path`.
    """

    kind: str
    path: str

    def __post_init__(self) -> None:
        if "\0" in self.path or not os.path.exists(self.path):
            raise RequestError(f"--{self.kind} {self.path!r} does not exist")

    def find(self, input: Input) -> str:
        """The path for an input; ImageError where none matches its name, or several do."""
        from restore.images import ENDINGS

        if not os.path.isdir(self.path):
            return self.path
        for folder in dict.fromkeys((os.path.join(self.path, input.place), self.path)):
            found = []
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                stem, ending = os.path.splitext(name)
                if stem == input.stem and ending.lower() in ENDINGS:
                    found.append(os.path.join(folder, name))
            if len(found) > 1:
                raise ImageError(f"several {self.kind}s match: {', '.join(map(repr, found[:3]))}")
            if found:
                return found[0]
        raise ImageError(f"no {self.kind} in {self.path!r} is named {input.stem!r}")


def find(
    names: Sequence[str], listed: Sequence[str], recursive: bool, aside: Sequence[str]
) -> tuple[list[Input], int]:
    """The inputs that names stand for, and how many FIFOs and devices were passed over.

    Folders give their images, by ending and in order of name, hidden ones left out, and so what is
    in or at the paths `aside` (masks, references). A name of `names` that is no file's is a pattern
    where it looks like one. `listed` are literal, and keep their place below the current folder.
    RequestError where a folder has no image, or a pattern no file.
    """
    if names.count(STDIN) > 1:
        raise RequestError("- was given more than once, and there is one standard input")
    named = [(name, "") for given in names for name in _match(given)]
    named += [(name, _base_of(name)) for name in listed]
    found: list[Input] = []
    passed = 0
    for name, base in named:
        if not name or "\0" in name:
            raise RequestError(f"{name!r} is no file name")
        here = [Input(name, base=base)]
        if name != STDIN and os.path.isdir(name):
            paths = [path for path in _walk(name, recursive) if not within(path, aside)]
            here = [Input(path, name, base or name) for path in paths]
            if not here:
                hint = "" if recursive else "; -r looks into the folders below it"
                raise RequestError(f"the folder {name!r} holds no image{hint}")
        files = [input for input in here if input.path == STDIN or not _is_special(input.path)]
        passed += len(here) - len(files)
        found += files
    return found, passed


def split_names(data: bytes, null: bool) -> list[str]:
    """The names of a list, one a line, or ended by NULs; what is empty is left out."""
    parts = data.split(b"\0") if null else [line.rstrip(b"\r") for line in data.split(b"\n")]
    return [os.fsdecode(part) for part in parts if part]


def identity(path: str) -> str:
    """What two paths of one file have in common, whether it exists or not."""
    return os.path.normcase(os.path.realpath(path))


def within(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is one of `folders` (or files) or lies somewhere below one."""
    if not folders:
        return False
    own = identity(path)
    return any(
        own == top or own.startswith(os.path.join(top, "")) for top in map(identity, folders)
    )


def _match(name: str) -> list[str]:
    """The name itself where that exists or is no pattern, else the files that match it."""
    if name == STDIN or "\0" in name or not glob.has_magic(name) or os.path.lexists(name):
        return [name]
    found = sorted(glob.glob(name, recursive=True))
    if not found:
        raise RequestError(f"no file is named {name!r}, and none matches it as a pattern")
    return found


def _base_of(name: str) -> str:
    """The current folder, where a listed name lies below it."""
    above = os.path.normpath(name).split(os.sep)[0] == os.pardir
    return "" if os.path.isabs(name) or above else os.curdir


def _walk(folder: str, recursive: bool) -> Iterator[str]:
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
