"""The interface from Python: one function a task, with every argument spelled out.

Cheap to import: each function loads torch, and its task, when it is called.
"""

from restore.api.journeys import generate, interpolate, invert, reconstruct
from restore.api.restoration import inpaint, jpeg, superres

__all__ = ["generate", "inpaint", "interpolate", "invert", "jpeg", "reconstruct", "superres"]
