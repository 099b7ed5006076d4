"""Defaults: the best measured choices and the caps, readable without any library."""

from typing import Literal, get_args

MethodName = Literal[
    "bcm", "inversion",
    "cm", "cm4ir", "ddrm", "ddnm", "dps", "pgdm", "diffpir", "repaint",
    "cm-ccdf", "ddrm-ccdf", "ddnm-ccdf", "dps-ccdf", "pgdm-ccdf", "diffpir-ccdf", "repaint-ccdf",
]  # fmt: skip
Fill = Literal["auto", "smooth", "patch"]
"""The first guess of a hole: by its thickness, smooth, or from elsewhere in the picture."""
Find = Literal["scratches", "dust", "stamps"]
"""A kind of defect that a mask is found for; scratches are hairs and creases too."""
FOUND: tuple[Find, ...] = ("scratches", "dust")
SENSITIVITY = 0.5  # of finding, 0 (what is certain) to 1 (all that may be)
METHODS: tuple[str, ...] = get_args(MethodName)

DEFAULT_NFE = {  # network evaluations, by task
    "inpaint": 8, "jpeg": 4, "superres": 8, "denoise": 1, "deblur": 8,
}  # fmt: skip
JOURNEY_NFE, JOURNEY_LEVEL = 4, 80.0  # of an inversion: each way, and how far up
JOURNEY_START = 0.07  # the noise level that it begins at, as published

MAX_PIXELS = 64_000_000  # of an image, read or made
