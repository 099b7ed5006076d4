"""Composition: an edit of the working size laid into the picture that it was made from.

    out = I + (E - R) - k (I - R)        k = smoothstep((|E - R| - low) / (high - low))

I is the picture, E the edit, R the reconstruction. Where words changed nothing, k is 0 and E - R
cancels what the way to noise and the autoencoder lost; where they changed much, k is 1 and out = E.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CELL = 64  # pixels: sides of what goes through the network are multiples of it
LOW, HIGH = 8 / 255, 48 / 255  # differences, of a range of 2, that are none and that are change
SPREAD = 9  # pixels over which a difference is averaged, about one of the latent's
FEATHER = 8  # working pixels over which an edit fades in, inside its mask


def choose_working_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) in multiples of 64, of at most side² pixels, nearest to a picture's aspect.

    Of two that are as near, the larger: a factor of the area counts as half one of the aspect.
    """
    aspect, most = size[0] / size[1], side // CELL
    assert most >= 1, side

    def distance(columns: int, rows: int) -> float:
        stretch = abs(math.log(columns / rows / aspect))
        return stretch + 0.5 * math.log(most**2 / (columns * rows))

    shapes = [(c, r) for c in range(1, most**2 + 1) for r in range(1, most**2 // c + 1)]
    columns, rows = min(shapes, key=lambda shape: distance(*shape))
    return columns * CELL, rows * CELL


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x (1, C, H, W) at another (width, height), by an antialiased bicubic."""
    if (x.shape[3], x.shape[2]) == size:
        return x
    return F.interpolate(x, size=(size[1], size[0]), mode="bicubic", antialias=True)


def keep_unchanged(image: Tensor, edit: Tensor, reconstruction: Tensor) -> Tensor:
    """The edit where words changed something, else the image: both of it, (1, 3, H, W) of [-1, 1].

    edit and reconstruction are of one working size. Where they are equal the image's bits stay.
    """
    size = image.shape[3], image.shape[2]
    difference = edit - reconstruction
    strength = difference.abs().amax(1, keepdim=True)
    strength = F.avg_pool2d(strength, SPREAD, 1, SPREAD // 2, count_include_pad=False)
    k = smoothstep((strength - LOW) / (HIGH - LOW))
    k = resize(k, size).clamp(0, 1)
    lost = k * (image - resize(reconstruction, size))
    return image + resize(difference, size) - lost


def feather(mask: Tensor, radius: int) -> Tensor:
    """Weights (1, 1, H, W), 0 outside a mask of 0 and 1, rising to 1 within its inside.

    radius: pixels over which they rise. A picture's own edge is no edge of the mask.
    """
    width = 2 * radius + 1
    near = F.avg_pool2d(mask, width, 1, radius, count_include_pad=False)
    return mask * smoothstep(2 * near - 1)


def smoothstep(x: Tensor) -> Tensor:
    """0 below 0, 1 above 1, 3 x² - 2 x³ between."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def change_within(mask: Tensor, image: Tensor, changed: Tensor) -> Tensor:
    """The image, and `changed` inside a mask (1, 1, H, W), faded in; all of the image's size."""
    radius = max(1, round(FEATHER * max(image.shape[-2:]) / 512))
    return image + feather(mask, radius) * (changed - image)


def shrink_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask (1, 1, H, W) of 0 and 1 at (width, height): 1 where any of its pixels is."""
    area = F.interpolate(mask, size=(size[1], size[0]), mode="area")
    return torch.where(area > 0, 1.0, 0.0)
