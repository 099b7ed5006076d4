"""Blocks: a picture as 8×8 blocks, in frequencies, on whatever grid they begin."""

from __future__ import annotations

import math

import numpy as np

from restore.images import Picture

N = np.arange(8)
DCT = np.cos((2 * N + 1) * N[:, None] * math.pi / 16).astype(np.float32) / 2
DCT[0] = 8**-0.5
FREQUENCY = N[:, None] + N  # of each coefficient, horizontal and vertical together
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def to_levels(picture: Picture) -> np.ndarray:
    """The pixels (H, W, C), float32, in levels of 8 bits whatever their depth."""
    return picture.pixels.astype(np.float32) * np.float32(255 / (2**picture.depth - 1))


def luma(pixels: np.ndarray) -> np.ndarray:
    """Y - 128 (H, W) of (H, W, 1 or 3) in levels of 8 bits (ITU-T T.871)."""
    return (pixels @ LUMA if pixels.shape[2] == 3 else pixels[..., 0]) - 128


def cut(plane: np.ndarray, corner: tuple[int, int] = (0, 0)) -> np.ndarray:
    """The whole 8×8 blocks (n, 8, 8) of (H, W) from a corner (row, column) on, row by row."""
    rows, columns = ((side - at) // 8 for side, at in zip(plane.shape, corner, strict=True))
    inside = plane[corner[0] : corner[0] + 8 * rows, corner[1] : corner[1] + 8 * columns]
    return inside.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)


def transform(blocks: np.ndarray) -> np.ndarray:
    """The orthonormal DCT of (n, 8, 8), vertical frequency first."""
    frequencies: np.ndarray = DCT @ blocks @ DCT.T
    return frequencies


def busiest(plane: np.ndarray, side: int) -> np.ndarray:
    """The window of `side` pixels, of nine over the plane, with most detail; all if it is small."""
    corners = [
        sorted({0, max(0, (length - side) // 16 * 8), max(0, (length - side) // 8 * 8)})
        for length in plane.shape
    ]
    windows = [
        plane[top : top + side, left : left + side] for top in corners[0] for left in corners[1]
    ]

    def detail(window: np.ndarray) -> float:
        steps = [np.abs(np.diff(window, axis=axis)).clip(max=20) for axis in (0, 1)]
        return sum(float(step.mean()) if step.size else 0.0 for step in steps)

    return max(windows, key=detail)
