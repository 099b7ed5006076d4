"""Pictures: the clean images that a bench is run on, and what is left of one after degrading it.

The clean ones are Public 13 or a folder of the user's own. Public 13 are the test images that come
with scikit-image and scikit-learn, so that nothing has to be downloaded: greys repeated, large ones
halved, and of each the centre.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import numpy as np
from PIL import Image

from restore.errors import ImageError, RequestError, ResourceError
from restore.images import ENDINGS, MAX_PIXELS, Picture, as_picture, decode, read_image
from restore.tasks import Problem, Task

PUBLIC13 = (
    "astronaut", "brick", "camera", "chelsea", "coffee", "grass", "gravel", "hubble_deep_field",
    "immunohistochemistry", "retina", "rocket", "china", "flower",
)  # fmt: skip
OF_SKLEARN = ("china", "flower")
ALIGNED = 16  # sides are multiples of it, the blocks of a JPEG's chroma
SMALLEST = 16
HALVED = 512  # pixels of the shorter side, from which on a sample of Public 13 is halved


@dataclass(frozen=True, eq=False)
class Clean:
    """A clean picture: pixels (H, W, 3) uint8. `number` seeds what is drawn to degrade it."""

    name: str
    pixels: np.ndarray
    number: int

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def sha256(self) -> str:
        """Of the pixels; their shape is told apart by `size`."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Degraded:
    """What a restoration starts from: a clean picture degraded, as a user would have it.

    data: the bytes of a file. size: (width, height) of the result. task: what restores it.
    """

    data: bytes
    size: tuple[int, int]
    task: Task

    @cached_property
    def picture(self) -> Picture:
        """What the file shows."""
        return decode(self.data)

    @cached_property
    def problem(self) -> Problem:
        """What the task makes of the file."""
        return self.task.open(self.data)


@dataclass(frozen=True, eq=False)
class Pictures:
    """A set of clean pictures, and a sentence for each that could not be had."""

    title: str
    clean: tuple[Clean, ...]
    missing: tuple[str, ...] = ()


def load_public13(size: int = 0, first: int | None = None) -> Pictures:
    """Public 13, or the first of them, each the central `size` pixels a side (0: 256).

    What its package is not installed for is missing, with the reason.
    """
    found, missing = [], []
    for number, name in enumerate(PUBLIC13[:first]):
        try:
            pixels = _load_from_sklearn(name) if name in OF_SKLEARN else _load_from_skimage(name)
        except (ImportError, OSError, ImageError) as error:
            missing.append(f"{name} is missing: {error}")
            continue
        image = Image.fromarray(_make_rgb(pixels))
        if min(image.size) >= HALVED:
            image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        found.append(Clean(name, crop_centre(np.asarray(image), min(size or 256, 256)), number))
    return _check(Pictures(f"Public 13, {_describe_sizes(found)}", tuple(found), tuple(missing)))


def load_folder(path: str, size: int = 0, first: int | None = None) -> Pictures:
    """The images in a folder in order of name, each the central `size` pixels a side (0: all).

    Eight bits, greys repeated, transparency dropped. What cannot be read is missing.
    """
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        wrong = RequestError if isinstance(error, FileNotFoundError | NotADirectoryError) else None
        message = f"--images {path!r} cannot be listed: {error.strerror}"
        raise (wrong or ResourceError)(message) from error
    images = [
        name
        for name in names
        if not name.startswith(".") and os.path.splitext(name)[1].lower() in ENDINGS
    ]
    if not images:
        raise RequestError(f"the folder {path!r} holds no image")
    found, missing = [], []
    for name in images[:first]:
        try:
            picture = as_picture(os.path.join(path, name), max_pixels=MAX_PIXELS).at_depth(8)
        except ImageError as error:
            missing.append(f"{name} is missing: {error}")
            continue
        pixels = crop_centre(_make_rgb(picture.pixels), size)
        if min(pixels.shape[:2]) < SMALLEST:
            missing.append(f"{name} is missing: it is under {SMALLEST} pixels a side")
            continue
        found.append(Clean(name, pixels, zlib.crc32(os.fsencode(name))))
    title = f"{os.path.basename(os.path.abspath(path))}, {_describe_sizes(found)}"
    return _check(Pictures(title, tuple(found), tuple(missing)))


def crop_centre(pixels: np.ndarray, size: int) -> np.ndarray:
    """The central square of `size` pixels a side (0: all), its sides cut to multiples of 16."""
    height, width = (min(size or side, side) for side in pixels.shape[:2])
    height, width = (side // ALIGNED * ALIGNED for side in (height, width))
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _load_from_skimage(name: str) -> np.ndarray:
    from skimage import data

    draw: Callable[[], np.ndarray] = getattr(data, name)
    return draw()


def _load_from_sklearn(name: str) -> np.ndarray:
    spec = find_spec("sklearn")  # its files alone: importing it takes seconds
    if spec is None or spec.origin is None:
        raise ImportError("scikit-learn, which brings it, is not installed")
    place = os.path.join(os.path.dirname(spec.origin), "datasets", "images", f"{name}.jpg")
    return decode(read_image(place)).pixels


def _make_rgb(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3].copy()


def _describe_sizes(found: list[Clean]) -> str:
    """The sizes of some pictures in words: "13 of 256×256 pixels"."""
    sizes = {one.size for one in found}
    if len(sizes) != 1:
        return f"{len(found)} of several sizes"
    width, height = sizes.pop()
    return f"{len(found)} of {width}×{height} pixels"


def _check(pictures: Pictures) -> Pictures:
    if not pictures.clean:
        raise RequestError(f"no picture to measure on: {'; '.join(pictures.missing)}")
    return pictures
