"""Journeys as functions: from noise, to it and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from restore.api.arguments import loaded, settings_of
from restore.defaults import JOURNEY_LEVEL, JOURNEY_START

if TYPE_CHECKING:
    import torch

    from restore.api.arguments import Model
    from restore.journeys import Inversion, Series
    from restore.result import Result


def generate(
    n: int = 1,
    *,
    recipe: str = "ancestral",
    size: tuple[int, int] | None = None,
    model: Model = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
) -> Series:
    """Draw `n` samples of `size` (width, height) from noise alone; sample k is that of seed + k.

    `recipe` is the way down: "one-step", "ancestral", "zigzag" or "mixed", of 1 to 4 network
    evaluations. The rest is as in `inpaint`.
    """
    from restore.journeys import generate

    settings = settings_of(seed, generator, tile, label)
    return generate(n, loaded(model, exact=True), settings, recipe=recipe, size=size)


def invert(
    image: Any,
    *,
    model: Model = None,
    nfe: int | None = None,
    level: float = JOURNEY_LEVEL,
    start: float = JOURNEY_START,
    refine: int = 0,
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
) -> Inversion:
    """Take a picture up to its noise at `level`, 0.002 to 80, in `nfe` jumps.

    `start` is the level of the noise added first. `refine` corrections bring the latent nearer to
    one that comes back exactly, each for two trips more. The record says how well it comes back.
    The rest is as in `inpaint`.
    """
    from restore.journeys import invert

    settings = settings_of(seed, generator, tile, label, nfe)
    return invert(
        image, loaded(model, exact=True), settings, level=level, start=start, refine=refine
    )


def reconstruct(
    latent: Any,
    *,
    model: Model = None,
    tile: int | Literal["auto"] = "auto",
    reference: Any = None,
) -> Result:
    """Bring a latent, or what `invert` gave, or its file, back to the picture it came from.

    Raises RequestError for a latent of another model, ImageError for a file that is no latent.
    The rest is as in `inpaint`.
    """
    from restore.journeys import reconstruct

    settings = settings_of(0, None, tile, None, reference=reference)
    return reconstruct(latent, loaded(model, exact=True), settings)


def interpolate(
    a: Any,
    b: Any,
    frames: int = 9,
    *,
    model: Model = None,
    nfe: int | None = None,
    level: float = JOURNEY_LEVEL,
    start: float = JOURNEY_START,
    cross_fade: bool = False,
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
) -> Series:
    """Frames from picture a to picture b, of one size, through the noise of both at `level`.

    The first and the last are the reconstructions of a and b. With `cross_fade` each frame has the
    linear cross-fade below it, for comparison. The rest is as in `invert`.
    """
    from restore.journeys import interpolate

    settings = settings_of(seed, generator, tile, label, nfe)
    return interpolate(
        a,
        b,
        frames,
        loaded(model, exact=True),
        settings,
        level=level,
        start=start,
        cross_fade=cross_fade,
    )
