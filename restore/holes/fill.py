"""Fill: a guess for the pixels of a hole, to start from.

A thin hole follows from its border: smoothly. Pull-push (Gortler et al. 1996) averages the known
pixels down a pyramid and interpolates them back up, which reaches across holes of any size.
Conjugate gradients then bend the guess towards the biharmonic surface |Δx|² → min, which is what
thin holes want (as in scikit-image's `inpaint_biharmonic`). Both work in place, in strips and
windows. A thick hole does not follow from its border: what is filled smoothly is then taken from
elsewhere in the picture (`patches`).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.defaults import Fill
from restore.holes.patches import fill_by_patches, patches_available

How = Fill

DEEP = 8.0  # pixels: a hole that is deeper somewhere is thick
SMOOTH = 1.5  # levels of 8 bits: second differences of a smooth picture
BEND = np.array([[1, -2, 1]], np.float32)
STRIP = 256  # rows
WINDOW, MARGIN = 256, 32  # pixels kept of a window, and around it
ITERATIONS, ENOUGH = 60, 1e-6  # of the energy at first: where they end
REACH = 2  # pixels that the bending of one depends on


def fill(
    x: Tensor,
    known: Tensor,
    how: How = "smooth",
    seed: int = 0,
    usable: np.ndarray | None = None,
) -> Tensor:
    """x (1, 3, H, W) in [-1, 1] with its unknown pixels guessed, in place.

    Args:
        x: the image; what its unknown pixels hold makes no difference.
        known: (1, 1, H, W) bool. Where nothing is known the guess is mid-grey.
        how: "smooth"; "patch", from elsewhere in the picture; "auto", thick holes by patches, where
            their library is here, and the others smoothly.
        seed: of the search for patches; the same seed gives the same pixels.
        usable: (H, W) bool, the known pixels that patches may be taken from, None for all.

    Raises:
        ResourceError: patches are asked for and their library is not here.
    """
    pull_push(x, known)
    height, width = x.shape[-2:]
    for top in range(0, height, WINDOW):
        for left in range(0, width, WINDOW):
            if not bool(known[..., top : top + WINDOW, left : left + WINDOW].all()):
                _bend(x, known, top, left)
    if how == "smooth" or (how == "auto" and not patches_available()):
        return x
    hole = ~known[0, 0].numpy()
    which = hole if how == "patch" else thick_holes(hole)
    return fill_by_patches(x, known, which, seed, usable) if which.any() else x


def thick_holes(hole: np.ndarray, deep: float = DEEP) -> np.ndarray:
    """The connected parts of (H, W) bool that hold a pixel farther than `deep` from all others."""
    depth = measure_depth(hole)
    if not (depth > deep).any():
        return np.zeros_like(hole)
    count, labels = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)
    thick = np.zeros(count, bool)
    thick[np.unique(labels[depth > deep])] = True
    thick[0] = False
    return thick[labels]


def has_texture(pixels: np.ndarray, hole: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The connected parts of `which` (H, W) bool around which the picture is not smooth.

    pixels: (H, W, C) uint8 or uint16. hole: all that is not known. A part is smooth where second
    differences of the pixels around it are SMOOTH on average, as those of a gradient are that was
    rounded: what is taken from elsewhere would not fit there.
    """
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(which.astype(np.uint8))
    found = np.zeros(count, bool)
    known = ~cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    around = round(DEEP)
    scale = np.float32(255 / np.iinfo(pixels.dtype).max)
    for number in range(1, count):
        left, top, width, height = (int(end) for end in boxes[number, :4])
        at = (
            slice(max(top - around - 1, 0), top + height + around + 1),
            slice(max(left - around - 1, 0), left + width + around + 1),
        )
        part = (labels[at] == number).astype(np.uint8)
        near = cv2.dilate(part, np.ones((2 * around + 1,) * 2, np.uint8)).astype(bool)
        ring = near & known[at]
        crop = pixels[at] * scale
        if not ring.any():
            found[number] = True
            continue
        bends = (cv2.filter2D(crop, -1, kernel) for kernel in (BEND, np.ascontiguousarray(BEND.T)))
        bent = [float((bend.reshape(*ring.shape, -1)[ring] ** 2).mean()) for bend in bends]
        found[number] = sum(bent) / 2 > SMOOTH**2
    return found[labels]


def measure_depth(hole: np.ndarray) -> np.ndarray:
    """(H, W) float32: how far each pixel of a hole (H, W) bool lies from what is known."""
    return cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)


def pull_push(x: Tensor, known: Tensor) -> None:
    """Images x (B, 3, H, W) with unknown pixels from a pyramid, in place; known (B, 1, H, W)."""
    height, width = x.shape[-2:]
    if known.device.type == "cpu" and bool(known.all()):  # a card is not waited for
        return
    if max(height, width) == 1:
        x.masked_fill_(~known, 0)
        return
    sums, weights = [], []
    for top in range(0, height, STRIP):
        rows = x[..., top : top + STRIP, :]
        mask = known[..., top : top + STRIP, :].to(x.dtype)
        pad = (0, width % 2, 0, rows.shape[-2] % 2)
        sums.append(F.avg_pool2d(F.pad(rows * mask, pad), 2))
        weights.append(F.avg_pool2d(F.pad(mask, pad), 2))
    weight = torch.cat(weights, dim=2)
    coarse = torch.cat(sums, dim=2).div_(weight.clamp(min=1e-6))
    pull_push(coarse, weight > 0)
    coarse = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        part = coarse[..., top // 2 : -(-bottom // 2) + 2, :]
        fine = F.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
        fine = fine[..., 2 : 2 + bottom - top, 2 : 2 + width]
        rows = x[..., top:bottom, :]
        rows.copy_(torch.where(known[..., top:bottom, :], rows, fine))


def _bend(x: Tensor, known: Tensor, top: int, left: int) -> None:
    """Conjugate gradients on |Δx|² over the unknown pixels of one window."""
    height, width = x.shape[-2:]
    y0, y1 = max(top - MARGIN, 0), min(top + WINDOW + MARGIN, height)
    x0, x1 = max(left - MARGIN, 0), min(left + WINDOW + MARGIN, width)
    hole = ~known[0, 0, y0:y1, x0:x1]
    if y0 > 0:
        hole[:REACH] = False
    if y1 < height:
        hole[-REACH:] = False
    if x0 > 0:
        hole[:, :REACH] = False
    if x1 < width:
        hole[:, -REACH:] = False
    rows, columns = (_near(hole.any(dim=axis)) for axis in (1, 0))
    window = x[0, :, y0:y1, x0:x1]
    free = hole[_index(rows)][:, _index(columns), None].float().expand(-1, -1, 3).contiguous()
    guess = window[:, _index(rows)][:, :, _index(columns)].permute(1, 2, 0)
    guess = guess.clone(memory_format=torch.contiguous_format)
    image, once = torch.empty_like(guess), np.empty(guess.shape, np.float32)
    residual = _bilaplacian(guess, once, image).mul_(free).neg()
    direction = residual.clone()
    energy = _dot(residual, residual)
    floor = ENOUGH * energy
    for _ in range(ITERATIONS):
        if energy <= floor or energy == 0:
            break
        _bilaplacian(direction, once, image).mul_(free)
        step = energy / _dot(direction, image)
        guess.add_(direction, alpha=step)
        residual.sub_(image, alpha=step)
        last, energy = energy, _dot(residual, residual)
        torch.add(residual, direction, alpha=energy / last, out=direction)
    down, right = _inside(rows, top - y0), _inside(columns, left - x0)
    lines = window[:, _index(rows[down])]
    lines[:, :, _index(columns[right])] = guess[down, right].permute(2, 0, 1).clamp(-1, 1)
    window[:, _index(rows[down])] = lines


def _near(marked: Tensor) -> Tensor:
    """The places in (n,) bool of all marks, and of all that two Laplacians see of them.

    What lies between may be left out: no Laplacian at a mark reaches over the gap.
    """
    reach = F.max_pool1d(marked[None].float(), 2 * REACH + 1, 1, REACH)
    return reach[0].nonzero()[:, 0]


def _inside(places: Tensor, first: int) -> slice:
    """Which of these places lie in the WINDOW pixels from `first` on."""
    start, stop = torch.searchsorted(places, torch.tensor([first, first + WINDOW])).tolist()
    return slice(start, stop)


def _index(places: Tensor) -> slice | Tensor:
    """Places as a slice where they follow each other, so that nothing is copied."""
    first, stop = int(places[0]), int(places[-1]) + 1
    return slice(first, stop) if stop - first == len(places) else places


def _bilaplacian(x: Tensor, once: np.ndarray, out: Tensor) -> Tensor:
    """ΔΔx of (h, w, 3) in `out`; `once` holds Δx. No difference goes across the edge, so that
    Δ is symmetric, and ΔΔx the gradient of |Δx|² / 2.
    """
    cv2.Laplacian(x.numpy(), cv2.CV_32F, once, ksize=1, borderType=cv2.BORDER_REPLICATE)
    cv2.Laplacian(once, cv2.CV_32F, out.numpy(), ksize=1, borderType=cv2.BORDER_REPLICATE)
    return out


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.view(-1), b.view(-1)))
