"""generate: samples of what a model was trained on, from noise alone.

Sample k is the journey of seed + k from zeros, so that it is the same however many are drawn.
"""

from __future__ import annotations

import math
import time

import numpy as np

from restore.bcm import BCM
from restore.checkpoints import load
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError
from restore.images import Picture
from restore.images.transfer import fetch
from restore.journeys.legs import RECIPES, count_evaluations, draw_sample
from restore.journeys.recording import record_journey
from restore.journeys.series import Series
from restore.settings import DEFAULTS, Settings, count_calls
from restore.tiling import NoiseField, TiledBCM, window_count

SIDE = 256  # pixels of a sample, where the network has no size of its own


def generate(
    count: int = 1,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    recipe: str = "ancestral",
    size: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Series:
    """`count` samples of `size` (width, height), by one of the published recipes.

    RequestError for a recipe that is none, no sample at all, or too many pixels.
    """
    began = time.perf_counter()
    check_recipe(recipe, settings)
    model = model or load("default", exact=True)
    width, height = size = size or choose_sample_size(model)
    check_count(count, size, max_pixels)
    label = model.encode_label(settings.label)
    legs = RECIPES[recipe]
    windows = window_count(model, height, width, settings.tile)
    progress = count_calls(settings.progress, windows * count_evaluations(legs) * count)
    denoiser = TiledBCM(model, settings.tile, label, progress)
    blank = Picture(np.broadcast_to(np.uint8(0), (height, width, 3)))
    pictures = []
    for number in range(count):
        x = draw_sample(denoiser, size, legs, noise=NoiseField(settings.seed + number))
        pictures.append(fetch(blank, x))
    columns = choose_columns(count)
    record = record_journey(
        "generate",
        model,
        settings,
        began,
        nfe=count_evaluations(legs),
        legs=legs,
        size_in=None,
        size_out=size,
        metrics={},
    )
    return Series(tuple(pictures), columns, record.updated(recipe=recipe, samples=count))


def choose_sample_size(model: BCM) -> tuple[int, int]:
    """The (width, height) of a sample unless told: that of the network's training."""
    side = model.network.window or SIDE
    return side, side


def choose_columns(count: int) -> int:
    """Of the grid of so many samples, as near to a square as it gets."""
    return math.ceil(math.sqrt(count))


def check_recipe(recipe: str, settings: Settings) -> None:
    """RequestError for a recipe that is none, or settings that would do nothing."""
    if recipe not in RECIPES:
        raise RequestError(f"recipe is {recipe!r}, expected one of {', '.join(RECIPES)}")
    if settings.nfe is not None:
        raise RequestError(
            f"nfe is {settings.nfe}, but the recipe says it: {recipe} takes "
            f"{count_evaluations(RECIPES[recipe])} network evaluations"
        )


def check_count(count: int, size: tuple[int, int], max_pixels: int) -> None:
    """RequestError for no sample, no pixels, or more in all than admitted."""
    if count < 1 or min(size) < 1:
        raise RequestError(f"{count} samples of {size[0]}×{size[1]} pixels are none to draw")
    if count * size[0] * size[1] > max_pixels:
        raise RequestError(
            f"{count} samples of {size[0]}×{size[1]} pixels are more than the {max_pixels} pixels "
            "allowed; see --max-pixels"
        )
