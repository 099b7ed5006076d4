"""Trust: how much of what a solver changed is taken, so that a good start is not made worse.

    x = start + w (x - start),    w = (1 - τ²/d²)₊ · clip(2 - d²/(k m h²), 0, 1)

d² is the mean square of the change about a pixel, h² that of the detail there which is known: of
what a Gaussian blur takes from the picture. A network that has learned photographs brings texture
to gradients and flat colours, where the smooth guess is right: a change that is larger than all
detail around is such texture, and one below τ, about the rounding to 8 bits, tells nothing. A
photograph's changes are smaller than its detail, so that w is 1 nearly everywhere. k is below 1
where few pixels are known, since what is fitted to so few is less to be believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

SIDE, BLUR = 15, 2.0  # pixels: of the windows that means are taken in, and of the Gaussian
FAR = 127  # pixels: of those where a hole leaves nothing known in these, and that k is taken in
REACH = 6  # of the Gaussian, to each side
STRIP = 256  # rows worked on at once
SPARSE, LEAST = 0.6, 0.08  # the share of known pixels below which k falls with it, and its least
ALIKE = 0.14  # the correlation of neighbours below which a picture is noise
OPPOSED = -0.1  # and that in one direction
LEVELS = 127.5  # of 8 bits in a unit of [-1, 1]
MIDDLE = 1024  # pixels to a side of what is looked at for a mosaic
HALVES = 2.5  # the step amid a JPEG's blocks over those beside it; of photographs 1.8 at most
COARSE = 15  # the quality of a JPEG up to which unrelated squares of 4 pixels are best left
EDGES, JUMP = 500, 25  # that between blocks, and in levels; of photographs 13 at most with it
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Trust:
    """What is taken of a change.

    floor: τ, in levels of 8 bits. most: m, the change that is believed wholly, as a share of the
    detail around it. flat: the detail that is none, as that of rounding, in square levels. luma,
    colour: the share of its luma that is taken, and that of the rest, 0 to 1.
    """

    floor: float
    most: float = math.inf
    flat: float = 0.35
    luma: float = 1.0
    colour: float = 1.0


def weigh_(
    x: Tensor,
    start: Tensor,
    trust: Trust,
    hole: np.ndarray | None = None,
    region: np.ndarray | None = None,
) -> float:
    """Bring x to its start where its change is not to be believed, and return the share of that.

    Args:
        x: the result (1, 3, H, W) in [-1, 1], changed in place.
        start: what the solver began from, of the same shape and device.
        trust: what is taken of the change.
        hole: (H, W) bool, where nothing is known; the rest is no part of the change. None: all of
            the picture is changed, and all of the start is known.
        region: (H, W) bool, the part of the hole that x holds; None for all of it.
    """
    changed = region if region is not None else hole
    kept, count = 0.0, 0
    height = x.shape[2]
    halo = REACH + (SIDE if hole is None else FAR) // 2
    above = x[:, :, :0]
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        end = min(bottom + halo, height)
        rows = slice(top - above.shape[2], end)
        a = start[:, :, rows]
        d = torch.cat([above, x[:, :, top:end]], dim=2).sub_(a)
        own = slice(above.shape[2], above.shape[2] + bottom - top)
        above = x[:, :, max(bottom - halo, 0) : bottom].clone()
        if changed is not None and not changed[top:bottom].any():
            continue
        parts = [None if one is None else one[rows] for one in (hole, changed)]
        w = _weights(a, d, trust, *parts)[own]
        weight = torch.from_numpy(w).to(x)
        d = d[:, :, own]
        if min(trust.luma, trust.colour) < 1:
            grey = torch.einsum("c,bchw->bhw", torch.tensor(LUMA).to(d), d)[:, None]
            d = torch.zeros_like(d) + trust.luma * grey + trust.colour * (d - grey)
        x[:, :, top:bottom] = torch.addcmul(a[:, :, own], d, weight)
        inside = w if changed is None else w[changed[top:bottom]]
        kept += float((1 - inside).sum())
        count += inside.size
    return kept / max(count, 1)


def _pixels(x: Tensor) -> np.ndarray:
    """(H, W, 3) float32, in levels of 8 bits."""
    return np.ascontiguousarray(x[0].float().cpu().numpy().transpose(1, 2, 0)) * LEVELS


def _weights(
    start: Tensor,
    change: Tensor,
    trust: Trust,
    hole: np.ndarray | None,
    changed: np.ndarray | None,
) -> np.ndarray:
    """w (H, W) float32; what is known is a picture's start outside its hole."""
    squares = change[0].float().mul(LEVELS).square_().mean(dim=0).cpu().numpy()
    square = np.nan_to_num(_mean(squares, changed))
    w = np.clip(1 - trust.floor**2 / np.maximum(square, 1e-9), 0, 1)
    if trust.most < math.inf:
        known = None if hole is None else ~hole
        sharp = (_sharpen(_pixels(start)) ** 2).mean(axis=2)
        detail = _mean(sharp, known)
        if hole is not None and np.isnan(detail).any():
            far = _mean(sharp, known, FAR)
            detail = np.where(np.isnan(detail), far, detail)
        detail = np.nan_to_num(detail - trust.flat).clip(min=1e-9)
        if known is not None:
            detail *= np.clip(_mean(known.astype(np.float32), None, FAR) / SPARSE, LEAST, 1)
        w *= np.clip(2 - square / (trust.most * detail), 0, 1)
    return w.astype(np.float32)


def _sharpen(x: np.ndarray) -> np.ndarray:
    """What a Gaussian blur takes from x (H, W, 3), which goes on evenly beyond its edges."""
    height, width = x.shape[:2]
    around = [(min(REACH, side - 1),) * 2 for side in (height, width)]
    padded = np.pad(x, (*around, (0, 0)), mode="reflect", reflect_type="odd")
    blurred = cv2.GaussianBlur(padded, (2 * REACH + 1,) * 2, BLUR)
    (top, _), (left, _) = around
    return x - blurred[top : top + height, left : left + width]


def _mean(values: np.ndarray, where: np.ndarray | None, side: int = SIDE) -> np.ndarray:
    """The mean about each pixel of what lies in `where`, NaN where there is none."""
    inside = np.ones_like(values) if where is None else where.astype(values.dtype)
    sums, counts = (
        cv2.boxFilter(one, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        for one in (values * inside, inside)
    )
    return np.where(counts > 0.5, sums / np.maximum(counts, 0.5), np.nan)


def count_colours(pixels: np.ndarray, most: int, where: np.ndarray | None = None) -> int:
    """How many colours (H, W, C) has, in `where` (H, W) bool; more than `most`, if it has more."""
    found: set[tuple[int, ...]] = set()
    for number, row in enumerate(pixels):
        seen = row if where is None else row[where[number]]
        found.update(map(tuple, np.unique(seen, axis=0).tolist()))
        if len(found) > most:
            break
    return len(found)


def is_noise(pixels: np.ndarray, alike: float = ALIKE) -> bool:
    """Whether neighbouring pixels (H, W, C) have next to nothing to do with one another.

    Their correlation is below `alike`, or in one direction below that of any photograph.
    """
    grey = pixels.mean(axis=2, dtype=np.float32)
    variance = float(grey.var())
    steps = [
        float((np.diff(grey, axis=axis) ** 2).mean()) for axis in (0, 1) if grey.shape[axis] > 1
    ]
    if not variance or not steps:
        return False
    return bool(
        1 - sum(steps) / len(steps) / (2 * variance) < alike
        or 1 - max(steps) / (2 * variance) < OPPOSED
    )


def is_mosaic(pixels: np.ndarray, quality: float) -> bool:
    """Whether a decoded JPEG (H, W, C) was drawn in squares that its blocks hold as they are.

    They are those of 8 or 16 pixels on its grid, or, at a low `quality` of 1 to 100, those of 4
    that have nothing to do with one another, and a network of photographs would smooth them.
    Between them the mean square step, in both directions, is far above that beside them; of a
    photograph that was compressed to its blocks' means the steps are small.
    """
    rows, columns = (slice((side - min(side, MIDDLE)) // 16 * 8, None) for side in pixels.shape[:2])
    pixels = pixels[rows, columns][:MIDDLE, :MIDDLE]
    luma = np.array(LUMA if pixels.shape[2] > 2 else (1,), np.float32)
    grey = pixels[..., : luma.size] @ luma * (255 / np.iinfo(pixels.dtype).max)
    if min(grey.shape) < 24:
        return False
    halves, edges, jumps = [], [], []
    for across in (grey.T, grey):
        square = np.diff(across, axis=0) ** 2
        phases = [float(square[k::8].mean()) for k in range(8)]
        beside = sum(phases[k] for k in (0, 1, 2, 4, 5, 6)) / 6 + 0.05
        halves.append(phases[3] / beside)
        edges.append(phases[7] / beside)
        jumps.append(phases[7] ** 0.5)
    if min(halves) > HALVES:
        return quality < COARSE and is_noise(grey[2::4, 2::4, None])
    return min(edges) > EDGES and min(jumps) > JUMP


def compare_neighbours(pixels: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Of pixels (H, W, C) side by side, both known, the share of equal ones, and how far the others
    are apart in the median, as a share of all that a pixel can be.
    """
    both = known[:, 1:] & known[:, :-1]
    apart = np.abs(np.diff(pixels.astype(np.int32), axis=1)).max(axis=2)[both]
    unequal = apart[apart > 0]
    if not unequal.size:
        return 1.0, 0.0
    return 1 - unequal.size / apart.size, float(np.median(unequal)) / np.iinfo(pixels.dtype).max
