"""Fill: a cheap, smooth guess for the pixels of a hole, to start from.

Pull-push (Gortler et al. 1996) averages the known pixels down a pyramid and interpolates them back
up, which reaches across holes of any size. Conjugate gradients then bend the guess towards the
biharmonic surface |Δx|² → min, which is what thin holes want (as in scikit-image's
`inpaint_biharmonic`). Both work in place, in strips and windows.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

STRIP = 256  # rows
WINDOW, MARGIN = 256, 32  # pixels kept of a window, and around it
ITERATIONS = 60


def fill(x: Tensor, known: Tensor) -> Tensor:
    """x (1, 3, H, W) with its unknown pixels guessed, in place; known is (1, 1, H, W) bool.

    Where nothing is known the guess is mid-grey.
    """
    _pull_push(x, known)
    height, width = x.shape[-2:]
    for top in range(0, height, WINDOW):
        for left in range(0, width, WINDOW):
            if not bool(known[..., top : top + WINDOW, left : left + WINDOW].all()):
                _bend(x, known, top, left)
    return x


def _pull_push(x: Tensor, known: Tensor) -> None:
    height, width = x.shape[-2:]
    if bool(known.all()):
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
    _pull_push(coarse, weight > 0)
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
    window = x[..., y0:y1, x0:x1]
    free = (~known[..., y0:y1, x0:x1]).to(x.dtype)
    if y0 > 0:
        free[..., :2, :] = 0
    if y1 < height:
        free[..., -2:, :] = 0
    if x0 > 0:
        free[..., :2] = 0
    if x1 < width:
        free[..., -2:] = 0
    guess = window.clone()
    residual = -_laplacian(_laplacian(guess)) * free
    direction = residual.clone()
    energy = residual.square().sum()
    floor = 1e-6 * energy
    for _ in range(ITERATIONS):
        if energy <= floor or energy == 0:
            break
        image = _laplacian(_laplacian(direction)) * free
        step = energy / (direction * image).sum()
        guess += step * direction
        residual -= step * image
        before, energy = energy, residual.square().sum()
        direction = residual + energy / before * direction
    core = (slice(top - y0, top - y0 + WINDOW), slice(left - x0, left - x0 + WINDOW))
    place = x[..., top : top + WINDOW, left : left + WINDOW]
    place.copy_(guess[..., core[0], core[1]].clamp_(-1, 1))


def _laplacian(x: Tensor) -> Tensor:
    """Sum of the four neighbours' differences, none across the edge: symmetric, so squared it is
    the gradient of |Δx|² / 2.
    """
    out = torch.zeros_like(x)
    down, right = x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]
    out[..., :-1, :] += down
    out[..., 1:, :] -= down
    out[..., :-1] += right
    out[..., 1:] -= right
    return out
