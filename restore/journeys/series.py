"""Series: pictures of one size that belong together, in order: samples, or frames.

Its file is by the name: an animation (.gif, .webp), a folder of PNG files (a name without an
ending), or one wide picture, the pictures side by side in rows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from restore.errors import RequestError, ResourceError
from restore.files import write_atomically
from restore.functions import ImageFunction
from restore.images import (
    Picture,
    animate,
    check_animation,
    check_encodable,
    encode,
    format_of,
)
from restore.record import JSON, Record

ANIMATIONS = {".gif": "GIF", ".webp": "WEBP"}
FRAME_SECONDS = 0.1
MOST_SEEN = 16  # pictures of an overview


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """pictures: one or more, alike in all but their pixels. columns: of the one picture of all.

    record: how they were made. functions: what drew them, of a network that makes functions.
    """

    pictures: tuple[Picture, ...]
    columns: int
    record: Record
    functions: tuple[ImageFunction, ...] = ()

    @property
    def report(self) -> dict[str, JSON]:
        """The record as a dictionary of JSON types, as `--json` prints it."""
        return self.record.as_dict()

    @property
    def images(self) -> list[np.ndarray]:
        """(H, W, C) uint8 or uint16 each; alpha comes last, where there is one."""
        return [picture.array() for picture in self.pictures]

    def _repr_png_(self) -> bytes:
        """All pictures as a notebook shows them, side by side."""
        return make_overview(self).preview()

    def __repr__(self) -> str:
        width, height = self.pictures[0].size
        return f"Series({self.record.task}, {len(self)} of {width}×{height})"

    def __len__(self) -> int:
        return len(self.pictures)

    def encode(self, path: str | os.PathLike[str]) -> bytes | dict[str, bytes]:
        """What `path` names: the bytes of a file, or of each file of a folder by its name."""
        if is_folder(path):
            return dict(zip(name_files(len(self)), map(encode, self.pictures), strict=True))
        if kind := ANIMATIONS.get(_ending(path)):
            return animate(self.pictures, kind, FRAME_SECONDS)
        return encode(make_mosaic(self.pictures, self.columns), format_of(path))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what `path` names, each file whole or not at all.

        RequestError for what the format cannot hold, ResourceError where it cannot be written.
        """
        made = self.encode(path)
        if isinstance(made, bytes):
            write_atomically(path, made)
        else:
            write_folder(path, made)


def write_folder(folder: str | os.PathLike[str], files: dict[str, bytes]) -> None:
    """Write files, by their names, into a folder that is made where it is not there."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{os.fspath(folder)!r} cannot be made: {error.strerror}") from error
    for name, data in files.items():
        write_atomically(os.path.join(os.fspath(folder), name), data)


def name_files(count: int, ending: str = ".png") -> list[str]:
    """The files of a series of so many pictures in a folder, which sort in their order."""
    digits = len(str(count - 1))
    return [f"{number:0{digits}}{ending}" for number in range(count)]


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a series saved at `path` becomes a folder."""
    path = os.fspath(path)
    return os.path.isdir(path) or path.endswith(("/", os.sep)) or not _ending(path)


def check_series(
    path: str | os.PathLike[str], size: tuple[int, int], shape: tuple[int, int], alpha: bool = False
) -> None:
    """RequestError where no series of (columns, rows) pictures of a size can be saved at `path`."""
    if is_folder(path):
        return
    if kind := ANIMATIONS.get(_ending(path)):
        check_animation(size, kind, alpha)
        return
    try:
        kind = format_of(path)
    except RequestError as error:
        raise RequestError(f"{error}, nor in .gif; a folder ends in /") from error
    check_encodable((size[0] * shape[0], size[1] * shape[1]), kind, alpha)


def make_mosaic(pictures: Sequence[Picture], columns: int) -> Picture:
    """One picture of several, in rows of `columns`; what is left of the last row is black."""
    first = pictures[0]
    width, height = first.size
    rows = -(-len(pictures) // columns)
    pixels = np.zeros((rows * height, columns * width, first.pixels.shape[2]), first.pixels.dtype)
    alpha = None if first.alpha is None else np.zeros(pixels.shape[:2], pixels.dtype)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        pixels[top : top + height, left : left + width] = picture.pixels
        if alpha is not None and picture.alpha is not None:
            alpha[top : top + height, left : left + width] = picture.alpha
    return replace(first, pixels=pixels, alpha=alpha)


def make_overview(series: Series) -> Picture:
    """The pictures in rows, for the eye: all, or of many the first, the last and some between."""
    count = len(series)
    shown = min(count, MOST_SEEN)
    chosen = [series.pictures[round(k * (count - 1) / max(1, shown - 1))] for k in range(shown)]
    columns = min(series.columns, math.ceil(math.sqrt(shown)))
    return make_mosaic(chosen, columns)


def _ending(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(os.fspath(path))[1].lower()
