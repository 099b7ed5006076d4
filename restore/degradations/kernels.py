"""Kernel: what a point becomes in a blurred picture, samples that sum to 1.

By a name, in pixels: `gaussian:S` of deviation S, `box:N` of side N, `disk:R` of radius R (out of
focus), `motion:LENGTH,ANGLE` along a line, ANGLE degrees from the right counter-clockwise. Or from
a file, an image (grey, or the mean of its colours) or a NumPy array; its middle is at half its
height and width, rounded down.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from restore.errors import ImageError, RequestError
from restore.files import read_bytes
from restore.images import as_picture, sniff

LARGEST = 511  # pixels a side
NUMPY = b"\x93NUMPY"
LONGEST_FILE = 1 << 28  # bytes, of an image or array that a kernel is cut from
LONGEST_HEADER = 1024  # bytes of a .npy file that are looked at for what it is
OVERSAMPLED = 16  # points along a pixel, where a shape's edge crosses pixels
FORMS = "gaussian:S, box:N, disk:R, motion:LENGTH,ANGLE, or an image or .npy file"


def make_kernel(kernel: ArrayLike | os.PathLike[str]) -> np.ndarray:
    """The kernel (h, w), float64, of a name, a file or an array (h, w).

    RequestError for a name or a file that is none, or one too large.
    """
    if isinstance(kernel, str | os.PathLike):
        text = os.fspath(kernel)
        name, colon, numbers = text.partition(":")
        if colon and name in SHAPES:
            return _shape(name, numbers)
        if not os.path.exists(text):
            raise RequestError(f"the kernel {text!r} is neither a file nor one of {FORMS}")
        return _file(text)
    return _normalised(np.asarray(kernel), "the kernel")


def gaussian(deviation: float) -> np.ndarray:
    """exp(-r² / 2 S²), out to four deviations."""
    r = np.arange(-math.ceil(4 * deviation), math.ceil(4 * deviation) + 1)
    line = np.exp(-(r**2) / (2 * deviation**2))
    return np.outer(line, line)


def box(side: float) -> np.ndarray:
    """The mean over a square."""
    if side != round(side):
        raise RequestError(f"box:{side:g}: expected a whole number of pixels")
    return np.ones((round(side), round(side)))


def disk(radius: float) -> np.ndarray:
    """The mean over a disk: each pixel by the share of it that is covered."""
    reach = math.ceil(radius + 0.5)
    fine = (np.arange((2 * reach + 1) * OVERSAMPLED) + 0.5) / OVERSAMPLED - reach - 0.5
    covered = np.hypot(fine[:, None], fine) <= radius
    side = 2 * reach + 1
    return np.asarray(covered.reshape(side, OVERSAMPLED, side, OVERSAMPLED).mean(axis=(1, 3)))


def motion(length: float, angle: float) -> np.ndarray:
    """The mean along a line, between whose points and pixels it interpolates linearly."""
    reach = math.ceil(length / 2) + 1
    steps = max(1, math.ceil(length)) * OVERSAMPLED
    along = ((np.arange(steps) + 0.5) / steps - 0.5) * length
    columns = along * math.cos(math.radians(angle)) + reach
    rows = -along * math.sin(math.radians(angle)) + reach
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - np.abs(rows - top - down)) * (1 - np.abs(columns - left - right))
            np.add.at(kernel, (top + down, left + right), weight)
    return kernel


SHAPES: dict[str, tuple[Callable[..., np.ndarray], int]] = {
    "gaussian": (gaussian, 1),
    "box": (box, 1),
    "disk": (disk, 1),
    "motion": (motion, 2),
}


def _shape(name: str, text: str) -> np.ndarray:
    make, count = SHAPES[name]
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise RequestError(f"{name}:{text}: expected {FORMS}")
    if not 0 < numbers[0] <= LARGEST / 2:
        raise RequestError(f"{name}:{text}: expected a size above 0, at most {LARGEST // 2} pixels")
    return _normalised(make(*numbers), f"{name}:{text}")


def _file(path: str) -> np.ndarray:
    try:
        data = read_bytes(path, admit=_admit, limit=LONGEST_FILE)
    except ImageError as error:
        raise RequestError(f"the kernel {path!r}: {error}") from error
    if data.startswith(NUMPY):
        try:
            found = _parse_npy(data)
        except (ValueError, TypeError) as error:
            raise RequestError(f"the kernel {path!r} is no whole .npy file: {error}") from error
    else:
        try:
            found = as_picture(data).pixels.mean(axis=2)
        except ImageError as error:
            raise RequestError(f"the kernel {path!r}: {error}") from error
    return _normalised(found, f"the kernel {path!r}")


def _admit(head: bytes) -> None:
    """ImageError for the beginning of what is neither an array nor an image."""
    if not head.startswith(NUMPY):
        sniff(head)


def _parse_npy(data: bytes) -> np.ndarray:
    """The array (height, width) in a .npy file. ValueError, TypeError for what holds none.

    Its header is a dictionary in Python's syntax. Three of its values are looked for, and nothing
    in it is evaluated: what else stands there may take for ever, or run code.
    """
    size = 2 if data[6:7] == b"\1" else 4
    start = 8 + size + int.from_bytes(data[8 : 8 + size], "little")
    header = data[8 + size : min(start, LONGEST_HEADER)].decode("latin-1")
    kind = re.search(r"'descr':\s*'([<>=|]?[buif]\d{1,2})'", header)
    order = re.search(r"'fortran_order':\s*(True|False)\b", header)
    shape = re.search(r"'shape':\s*\(\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,?\s*\)", header)
    if not (kind and order and shape):
        raise ValueError("its header names no array (height, width) of numbers")
    height, width = int(shape[1]), int(shape[2])
    dtype = np.dtype(kind[1])
    if height * width * dtype.itemsize != len(data) - start:
        raise ValueError(f"{width}×{height} samples do not fit {len(data) - start:,} bytes")
    found = np.frombuffer(data, dtype, offset=start)
    return found.reshape((height, width), order="F" if order[1] == "True" else "C")


def _normalised(kernel: np.ndarray, what: str) -> np.ndarray:
    """The kernel with its empty borders cut, alike on opposite sides, and of sum 1."""
    if kernel.dtype.kind not in "buif" or kernel.ndim != 2 or not kernel.size:
        raise RequestError(
            f"{what} is {kernel.shape} {kernel.dtype}: expected (height, width) of numbers"
        )
    kernel = kernel.astype(np.float64)
    if not np.isfinite(kernel).all() or not 0 < kernel.sum() < math.inf:
        raise RequestError(f"{what} has samples that are not finite, or that sum to nothing")
    for axis in (0, 1):
        while kernel.shape[axis] > 2:
            lines = kernel.swapaxes(0, axis)
            if lines[0].any() or lines[-1].any():
                break
            kernel = lines[1:-1].swapaxes(0, axis)
    if max(kernel.shape) > LARGEST:
        raise RequestError(
            f"{what} is {kernel.shape[1]}×{kernel.shape[0]}: expected {LARGEST} at most"
        )
    return np.asarray(kernel / kernel.sum())
