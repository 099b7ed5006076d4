"""Degradations: known ways to lose information, each with its exact projection."""

from restore.degradations.blur import Blur, pad_periodic
from restore.degradations.both import Both
from restore.degradations.composed import Composed, compose
from restore.degradations.crop import Crop
from restore.degradations.degradation import AnyDegradation, Degradation, Free
from restore.degradations.grey import Grey
from restore.degradations.jpeg import JpegBox
from restore.degradations.kernels import make_kernel
from restore.degradations.mask import Mask
from restore.degradations.noise import Noise, estimate_sigma
from restore.degradations.resize import Resize
from restore.degradations.sharpen import Sharpen

Jpeg = JpegBox  # its former name

__all__ = [
    "AnyDegradation",
    "Blur",
    "Both",
    "Composed",
    "Crop",
    "Degradation",
    "Free",
    "Grey",
    "Jpeg",
    "JpegBox",
    "Mask",
    "Noise",
    "Resize",
    "Sharpen",
    "compose",
    "estimate_sigma",
    "make_kernel",
    "pad_periodic",
]
