"""The interface from Python: one function a task, with every argument spelled out.

Cheap to import: each function loads torch, and its task, when it is called.
"""

from restore.api.journeys import generate, interpolate, invert, reconstruct
from restore.api.restoration import deblur, denoise, inpaint, jpeg, superres

__all__ = [
    "deblur",
    "denoise",
    "generate",
    "inpaint",
    "interpolate",
    "invert",
    "jpeg",
    "reconstruct",
    "superres",
]
