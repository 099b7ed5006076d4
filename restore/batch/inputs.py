"""Inputs: the files to restore, and what goes with each: its mask, its reference.

An input is named itself, by a pattern or a list, or found in a folder.
"""

from __future__ import annotations

import codecs
import difflib
import fnmatch
import glob
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from restore.errors import ImageError, RequestError, ResourceError
from restore.files import is_open_pipe
from restore.formats import BY_NAME, ENDINGS, UNREAD_ENDINGS

STDIN = "-"
LONGEST_PATH = 1 << 15  # bytes, more than any system takes

# Folders that programs keep in folders of pictures: previews, bins, what a disk's own check found.
SYSTEM_FOLDERS = {
    "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "$recycle.bin",
    "system volume information", "__macosx", "lost+found", "recycler",
}  # fmt: skip
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip


@dataclass(frozen=True)
class Input:
    """A path, or - for standard input.

    folder: the folder that was named, where the path was found in one. base: the folder below
    which the output keeps the path's place; "" where it keeps none.
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
        folder = os.path.dirname(self.path) or os.curdir
        place = os.path.relpath(folder, self.base) if self.base else os.curdir
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


@dataclass(frozen=True)
class Choice:
    """Which files of a folder are taken, by patterns such as '*.jpg' or 'thumbs/*'.

    A pattern is for a file's name, or for its path below the folder; a folder's name stands for all
    in it. include: one of these has to fit, where there are any. exclude: none of these may.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def takes(self, path: str) -> bool:
        """Whether the file at a path below the folder is taken."""
        steps = path.split(os.sep)
        ways = [*steps, *(os.sep.join(steps[: n + 1]) for n in range(len(steps)))]
        fits = [
            any(fnmatch.fnmatch(way, pattern.rstrip("/")) for pattern in patterns for way in ways)
            for patterns in (self.include, self.exclude)
        ]
        return (fits[0] or not self.include) and not fits[1]


EVERYTHING = Choice()


@dataclass(frozen=True)
class Found:
    """inputs: in order, each once. passed: FIFOs and devices that were passed over. unread: how
    many files of pictures, by ending, lie in the folders that are none we read.
    """

    inputs: list[Input]
    passed: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)


def find(
    names: Sequence[str],
    listed: Sequence[str],
    recursive: bool,
    aside: Sequence[str],
    choice: Choice = EVERYTHING,
) -> Found:
    """The inputs that names stand for; a file that is named twice is one.

    Folders give their images, by ending and in order of name; hidden ones are left out, and so are
    folders that systems keep for themselves, and what is in or at the paths `aside` (masks,
    references). A name of `names` that is no file's is a pattern where it looks like one. `listed`
    are literal, and keep their place below the current folder. RequestError where a folder has no
    image, or a pattern no file, or nothing is left to do.
    """
    if names.count(STDIN) > 1:
        raise RequestError("- was given more than once, and there is one standard input")
    check_inputs([] if listed else names)
    named = [(name, "") for given in names for name in _match(given)]
    named += [(name, _base_of(name)) for name in listed]
    found: dict[object, Input] = {}
    passed, unread = 0, Counter[str]()
    for name, base in named:
        if not name or "\0" in name:
            raise RequestError(f"{name!r} is no file name")
        here = [Input(name, base=base)]
        if name != STDIN and os.path.isdir(name):
            paths = list(_walk(name, recursive, choice))
            left = Counter(_ending(path) for path in paths if not _is_readable(path))
            unread += left
            kept = [path for path in paths if _is_readable(path) and not is_within(path, aside)]
            here = [Input(path, name, base or name) for path in kept]
            if not here:
                hint = "" if recursive else "; -r looks into the folders below it"
                others = f", only {count_endings(left)}" if left else ""
                raise RequestError(f"the folder {name!r} holds no image{others}{hint}")
        files = [input for input in here if input.path == STDIN or not _is_special(input.path)]
        passed += len(here) - len(files)
        for input in files:
            found.setdefault(_place_of(input.path), input)
    if not found:
        what = "no input was given"
        if passed:
            what = f"of the inputs, {passed} are FIFOs or devices; to read a pipe, name - and use <"
        raise RequestError(f"nothing to do: {what}")
    return Found(list(found.values()), passed, dict(unread))


def count_endings(counts: Mapping[str, int]) -> str:
    """How many files have which ending: "2 .heic, 1 .bmp"."""
    return ", ".join(f"{number} {ending}" for ending, number in sorted(counts.items()))


def split_names(data: bytes, null: bool) -> list[str]:
    """The names of a list, one a line, or ended by NULs; what is empty is left out.

    A byte order mark is no part of a name, and says where the list is in UTF-16, as PowerShell
    writes it. RequestError for what is no list.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            try:
                data = os.fsencode(data[len(mark) :].decode(encoding, "surrogateescape"))
            except UnicodeDecodeError as error:
                raise RequestError(
                    f"no list of names in {encoding}, as it begins: {error}"
                ) from error
            break
    parts = data.split(b"\0") if null else [line.rstrip(b"\r") for line in data.split(b"\n")]
    if (longest := max(map(len, parts), default=0)) > LONGEST_PATH:
        raise RequestError(f"no list of file names: one of them has {longest:,} bytes")
    return [os.fsdecode(part) for part in parts if part]


def normalise_path(path: str) -> str:
    """What two paths of one file have in common, whether it exists or not."""
    return os.path.normcase(os.path.realpath(path))


def is_within(path: str, folders: Sequence[str]) -> bool:
    """Whether a path is one of `folders` (or files) or lies somewhere below one."""
    if not folders:
        return False
    own = normalise_path(path)
    return any(
        own == top or own.startswith(os.path.join(top, "")) for top in map(normalise_path, folders)
    )


def check_inputs(names: Sequence[str]) -> None:
    """RequestError where nothing is at any of the paths that were typed, nor matches them.

    Of several a file may be gone by now: it fails alone.
    """
    if names and all(map(_is_missing, names)):
        check_named(*names)


def check_named(*names: str) -> None:
    """RequestError for a path at which there is nothing; it tells a name that is near."""
    for name in filter(_is_missing, names):
        if glob.has_magic(name):
            raise RequestError(f"no file is named {name!r}, and none matches it as a pattern")
        folder, base = os.path.split(name)
        near: list[str] = []
        with suppress(OSError):
            near = difflib.get_close_matches(base, os.listdir(folder or os.curdir), 1)
        hint = f": did you mean {os.path.join(folder, near[0])!r}?" if near else ""
        raise RequestError(f"no file is named {name!r}{hint}")


def _is_missing(name: str) -> bool:
    if not name or name == STDIN or "\0" in name or os.path.lexists(name):
        return False
    return not (glob.has_magic(name) and glob.glob(name, recursive=True))


def _match(name: str) -> list[str]:
    """The files that match a pattern; a name that exists or is no pattern matches itself."""
    if name == STDIN or "\0" in name or not glob.has_magic(name) or os.path.lexists(name):
        return [name]
    check_named(name)
    return sorted(glob.glob(name, recursive=True))


def _base_of(name: str) -> str:
    """The current folder, where a listed name lies below it."""
    above = os.path.normpath(name).split(os.sep)[0] == os.pardir
    return "" if os.path.isabs(name) or above else os.curdir


def _walk(folder: str, recursive: bool, choice: Choice) -> Iterator[str]:
    """The files of pictures in a folder, those too that are not read."""

    def refuse(error: OSError) -> None:
        raise ResourceError(f"{error.filename!r} cannot be listed: {error.strerror}") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if recursive and not _is_own(name))
        for name in sorted(names):
            path = os.path.join(parent, name)
            known = _ending(name) in ENDINGS or _ending(name) in UNREAD_ENDINGS
            if known and not name.startswith(".") and choice.takes(os.path.relpath(path, folder)):
                yield path


def _is_own(folder: str) -> bool:
    """Whether a folder's name says that it is no place for anybody's pictures."""
    return folder.startswith(".") or folder.lower() in SYSTEM_FOLDERS


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _is_readable(path: str) -> bool:
    format = ENDINGS.get(_ending(path))
    return format is not None and BY_NAME[format].plugin()


def _place_of(path: str) -> object:
    """What two names of one file have in common; links to it are files of their own."""
    if path == STDIN or is_open_pipe(path):
        return path
    folder, name = os.path.split(path)
    return os.path.normcase(os.path.realpath(folder or os.curdir)), os.path.normcase(name)


def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode) and not is_open_pipe(path)
    except (OSError, ValueError):  # reading it will say what is wrong
        return False
