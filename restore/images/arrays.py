"""Arrays: pictures of samples in memory, of NumPy and of torch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from restore.errors import RequestError
from restore.images.picture import Picture, split

if TYPE_CHECKING:
    from torch import Tensor

NEAR = 1e-5  # rounding of a sample in single precision, with room


def is_tensor(source: object) -> TypeGuard[Tensor]:
    """Whether it is a tensor of torch, which need not be loaded to tell."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.Tensor)


def as_array(source: object) -> object:
    """A tensor (H, W), (C, H, W) or (1, C, H, W) as an array (H, W) or (H, W, C); else the same.

    RequestError for a tensor of another shape.
    """
    if not is_tensor(source):
        return source
    x = source.detach().cpu()
    shape = tuple(x.shape)
    if x.ndim == 4 and shape[0] == 1:
        x = x[0]
    if x.ndim == 3 and x.shape[0] <= 4:
        x = x[0] if x.shape[0] == 1 else x.permute(1, 2, 0)
    if x.ndim not in (2, 3) or (x.ndim == 3 and x.shape[2] > 4) or 0 in shape:
        hint = "; give one image of a batch at a time" if x.ndim == 4 else ""
        raise RequestError(f"a tensor (1 to 4, H, W) or (H, W) was expected, found {shape}{hint}")
    return x.float().numpy() if x.is_floating_point() else x.numpy()


def from_array(source: object) -> Picture:
    """The picture of an array (H, W) or (H, W, 1 to 4), or of a tensor (H, W) or (1 to 4, H, W).

    Samples are uint8, uint16 or floats from 0 to 1, channels in the order L, LA, RGB, RGBA. Floats
    that are levels of 8 bits come as these, others in 16 bits. RequestError for anything else.
    """
    array = np.asarray(as_array(source))
    shape = array.shape
    if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[2] > 4):
        raise RequestError(f"an array (H, W) or (H, W, 1 to 4) was expected, found {shape}")
    if array.dtype.kind == "f":
        array = _quantise(array)
    if array.dtype.kind != "u" or array.itemsize > 2:
        raise RequestError(
            f"an array of uint8, uint16 or floats from 0 to 1 was expected, found {array.dtype}"
        )
    return Picture(*split(array.astype(array.dtype.newbyteorder("="))))


def _quantise(array: np.ndarray) -> np.ndarray:
    """Floats from 0 to 1 in 8 bits where they are levels of these, else in 16 bits."""
    low, high = float(array.min()), float(array.max())
    if not (low >= -NEAR and high <= 1 + NEAR):
        raise RequestError(
            f"floats from 0 to 1 were expected, found {low:g} to {high:g}: divide levels by their "
            "maximum, and of samples from -1 to 1 give (x + 1) / 2"
        )
    levels = array.astype(np.float64).clip(0, 1) * 255
    if np.abs(levels - np.rint(levels)).max() <= 255 * NEAR:
        return np.rint(levels).astype(np.uint8)
    return np.rint(levels * 257).astype(np.uint16)
