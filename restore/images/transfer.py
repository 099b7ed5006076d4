"""Transfer: pixels to a device and back, as the integers that a file has.

A byte goes over the bus in place of four, from and to memory that the device reads by itself, and
what is rounded is rounded there. The figures are those of `Picture.tensor` and `with_tensor`, which
a CPU is left to.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from restore.errors import ImageError
from restore.images.picture import Picture


def send_pixels(image: Picture | Tensor, device: torch.device) -> Tensor:
    """A picture, or what is a tensor already, as (1, 3, H, W) in [-1, 1] on a device."""
    if isinstance(image, Tensor):
        return image.to(device)
    if device.type != "cuda":
        return image.tensor().to(device)
    return as_image(_staged(image.pixels).to(device, non_blocking=True), image.depth)


def fetch_pixels(picture: Picture, x: Tensor) -> Picture:
    """The picture with the pixels of x (1, 3, h, w), as `Picture.with_tensor`; errors as there."""
    moved = x.shape[-2:] != picture.pixels.shape[:2] and picture.alpha is not None
    if x.device.type != "cuda" or moved:  # transparency is to be resized
        return picture.with_tensor(x)
    if not bool(torch.isfinite(x).all()):
        raise ImageError("the network's result is not finite; try --dtype fp32")
    found = as_pixels(x, picture.depth, picture.grey)
    pixels = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
    pixels.copy_(found)
    return picture.with_pixels(pixels.numpy().view(picture.pixels.dtype))


def as_image(pixels: Tensor, depth: int) -> Tensor:
    """Pixels (H, W, 1 or 3), uint8 or the bits of uint16 in int16, as (1, 3, H, W) in [-1, 1]."""
    if depth == 16:
        pixels = pixels.int() & 0xFFFF
    x = pixels.permute(2, 0, 1)[None].float().expand(-1, 3, -1, -1)
    return x.mul(2 / (2**depth - 1)).sub_(1).contiguous()


def as_pixels(x: Tensor, depth: int, grey: bool) -> Tensor:
    """x (1, 3, H, W) as pixels (H, W, 1 or 3), uint8 or the bits of uint16 in int16."""
    y = x[0].float()
    if grey:
        y = (y[:1] + y[1:2] + y[2:]) / 3
    y = y.clamp(-1, 1).add_(1).mul_((2**depth - 1) / 2).round_()
    if depth == 8:
        return y.to(torch.uint8).permute(1, 2, 0).contiguous()
    return y.int().to(torch.int16).permute(1, 2, 0).contiguous()


def _staged(pixels: np.ndarray) -> Tensor:
    """A copy of pixels in memory that a GPU reads by itself, of 16 bits as int16."""
    kind = torch.uint8 if pixels.itemsize == 1 else torch.int16
    staged = torch.empty(pixels.shape, dtype=kind, pin_memory=True)
    np.copyto(staged.numpy(), pixels.view(staged.numpy().dtype))
    return staged
