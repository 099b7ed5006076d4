"""generate: samples of what a model was trained on, from noise alone.

Sample k is the journey of seed + k from zeros, so that it is the same however many are drawn. A
network that makes functions goes it on its own window, and its last jump is drawn at the size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch

from restore.bcm import BCM
from restore.checkpoints import load
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError
from restore.functions import ImageFunction
from restore.images import Picture
from restore.images.transfer import fetch_pixels
from restore.journeys.legs import RECIPES, Leg, count_jumps, draw_sample, travel
from restore.journeys.recording import record_journey
from restore.journeys.render import draw_pixels
from restore.journeys.series import Series
from restore.networks import FunctionNetwork
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

    Those of a network that makes functions come with them: they can be drawn at other sizes too.
    RequestError for a recipe that is none, no sample at all, or too many pixels.
    """
    began = time.perf_counter()
    check_recipe(recipe, settings)
    model = model or load("default", exact=True)
    width, height = size = size or choose_sample_size(model)
    check_count(count, size, max_pixels)
    label = model.encode_label(settings.label)
    legs = RECIPES[recipe]
    own = choose_canvas(model, size)
    windows = window_count(model, own[1], own[0], settings.tile)
    progress = count_calls(settings.progress, windows * count_jumps(legs) * count)
    denoiser = TiledBCM(model, settings.tile, label, progress)
    blank = Picture(np.broadcast_to(np.uint8(0), (height, width, 3)))
    pictures, functions, render_seconds = [], [], 0.0
    for number in range(count):
        noise = NoiseField(settings.seed + number)
        if not isinstance(model.network, FunctionNetwork):
            pictures.append(fetch_pixels(blank, draw_sample(denoiser, size, legs, noise=noise)))
            continue
        functions.append(make_function(denoiser, own, legs, noise))
        drawing = time.perf_counter()
        pictures.append(draw_pixels(functions[-1], size, None, max_pixels))
        render_seconds += time.perf_counter() - drawing
    columns = choose_columns(count)
    record = record_journey(
        "generate",
        model,
        settings,
        began,
        nfe=count_jumps(legs),
        legs=legs,
        size_in=None,
        size_out=size,
        metrics={},
    )
    record = record.updated(recipe=recipe, samples=count)
    if functions:
        record = record.updated(
            seconds=round(record.seconds - render_seconds, 3),
            render_seconds=round(render_seconds, 3),
            function=functions[0].report,
        )
    return Series(tuple(pictures), columns, record, tuple(functions))


def make_function(
    denoiser: TiledBCM, size: tuple[int, int], legs: Sequence[Leg], noise: NoiseField
) -> ImageFunction:
    """A sample as a function: the journey from zeros of `size`, whose last jump is not drawn."""
    x = torch.zeros(1, 3, size[1], size[0], device=denoiser.device)
    *before, last = legs
    x = travel(denoiser, x, *before, last[:-1], noise=noise)
    function = denoiser.model.function(x, last[-2], last[-1])
    for _ in range(denoiser.window_count(size[1], size[0]) if denoiser.progress else 0):
        denoiser.progress()  # type: ignore[misc]
    return function


def choose_canvas(model: BCM, size: tuple[int, int]) -> tuple[int, int]:
    """What the journey of a sample of (width, height) goes over: that, or of functions its shape.

    A function's shorter side is a window's.
    """
    if not isinstance(model.network, FunctionNetwork):
        return size
    factor = model.network.window / min(size)
    return round(size[0] * factor), round(size[1] * factor)


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
            f"{count_jumps(RECIPES[recipe])} network evaluations"
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
