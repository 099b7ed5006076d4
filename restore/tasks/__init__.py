"""Tasks: from a picture to a `Result`.

A task states its problem (what is known of the degradation, where to start, what proves the
result) and `run.solve` does the rest, alike for all. `generate`, `invert`, `reconstruct` and
`interpolate` restore nothing: they take pictures along the model's ODE, from noise or there.
"""

from restore.defaults import DEFAULT_NFE
from restore.degradations.noise import noisy
from restore.settings import Settings
from restore.tasks.compare import compare
from restore.tasks.deblur import deblur
from restore.tasks.degrade import blurred, compressed, holed, random_mask, reduced
from restore.tasks.denoise import denoise
from restore.tasks.generate import generate
from restore.tasks.inpaint import inpaint
from restore.tasks.interpolate import interpolate
from restore.tasks.invert import Inversion, invert, reconstruct
from restore.tasks.jpeg import jpeg
from restore.tasks.latent import Latent, read_latent
from restore.tasks.result import Result
from restore.tasks.series import Series
from restore.tasks.superres import superres

__all__ = [
    "DEFAULT_NFE",
    "Inversion",
    "Latent",
    "Result",
    "Series",
    "Settings",
    "blurred",
    "compare",
    "compressed",
    "deblur",
    "denoise",
    "generate",
    "holed",
    "inpaint",
    "interpolate",
    "invert",
    "jpeg",
    "noisy",
    "random_mask",
    "read_latent",
    "reconstruct",
    "reduced",
    "superres",
]
