"""Degradations: known ways to lose information, each with its exact projection."""

from restore.degradations.blur import Blur, pad_periodic
from restore.degradations.degradation import Degradation, Free
from restore.degradations.jpeg import Jpeg
from restore.degradations.mask import Mask
from restore.degradations.noise import Noise
from restore.degradations.resize import Resize

__all__ = ["Blur", "Degradation", "Free", "Jpeg", "Mask", "Noise", "Resize", "pad_periodic"]
