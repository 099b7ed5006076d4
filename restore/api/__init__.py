"""The Python interface: functions, every argument described.

Importing is cheap: torch loads on the first call.
"""

from restore.api.automatic import auto
from restore.api.batch import batch
from restore.api.diagnosis import diagnose
from restore.api.editing import edit
from restore.api.holding import hold
from restore.api.restoration import deblur, denoise, inpaint, jpeg, superres
from restore.api.travel import generate, interpolate, invert, reconstruct, render

__all__ = [
    "auto", "batch", "deblur", "denoise", "diagnose", "edit", "generate", "hold", "inpaint",
    "interpolate", "invert", "jpeg", "reconstruct", "render", "superres",
]  # fmt: skip
