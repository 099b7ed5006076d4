"""Journeys: ways through the noise levels: from noise to a picture, up to its noise, and back.

`legs` goes them with images as tensors. `generate`, `invert`, `reconstruct` and `interpolate` do it
with pictures, and say in a record what came of it; `render` draws the functions of `generate`.
"""

from restore.journeys.generate import generate
from restore.journeys.interpolate import interpolate
from restore.journeys.invert import Inversion, invert, reconstruct
from restore.journeys.latent import Latent, read_latent
from restore.journeys.legs import (
    INVERSIONS,
    RECIPES,
    Leg,
    build_ladder,
    climb,
    count_jumps,
    descend,
    draw_sample,
    refine,
    slerp,
    travel,
)
from restore.journeys.render import render
from restore.journeys.series import Series
