"""Travel: from noise, to it, and there and back, one function each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from restore.api.arguments import load_model, make_settings
from restore.defaults import JOURNEY_LEVEL, JOURNEY_START, MAX_PIXELS

if TYPE_CHECKING:
    import torch

    from restore.api.arguments import Model
    from restore.functions import ImageFunction
    from restore.journeys import Inversion, Latent, Series
    from restore.result import Result
    from restore.settings import Progress, Tile
    from restore.tasks import ImageLike


def generate(
    n: int = 1,
    *,
    recipe: Literal["one-step", "ancestral", "zigzag", "mixed"] = "ancestral",
    size: tuple[int, int] | None = None,
    model: Model = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Series:
    """Draw samples from noise alone; sample k is that of seed + k.

    Args:
        n: how many, 1 or more.
        recipe: the way down, of 1, 2, 3 or 4 network evaluations: "one-step", "ancestral", "zigzag"
            or "mixed" (arXiv 2403.18035, section 4).
        size: (width, height) of a sample in pixels; None is the size that the model was trained at.
            A model of functions draws each at that size in one go, and `functions` of what comes
            back draw others.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            run and comes out of this function.

    Raises:
        RequestError: arguments that cannot be honoured.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.journeys import generate

    settings = make_settings(seed, generator, tile, label, progress=progress)
    return generate(
        n, load_model(model, device, label, exact=True), settings, recipe=recipe, size=size
    )


def invert(
    image: ImageLike,
    *,
    model: Model = None,
    nfe: int | None = None,
    level: float = JOURNEY_LEVEL,
    start: float = JOURNEY_START,
    refine: int = 0,
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Inversion:
    """Take a picture up to its noise; the record says how well it comes back.

    Args:
        image: a path, the bytes of a file, an open file, a PIL image, an array (H, W) or
            (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats from 0 to 1.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: jumps up, and as many down, 1 or more; None is 4.
        level: the noise level to go up to, from `start` to 80. 1 comes back far nearer.
        start: the level of the noise added before the first jump, 0.002 or more.
        refine: corrections that bring the latent nearer to one that comes back exactly, 0 or more,
            each for two trips more.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            journey and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image that cannot be read.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.journeys import invert

    settings = make_settings(seed, generator, tile, label, nfe, progress=progress)
    return invert(
        image,
        load_model(model, device, label, exact=True),
        settings,
        level=level,
        start=start,
        refine=refine,
        max_pixels=max_pixels,
    )


def reconstruct(
    latent: Latent | Inversion | str | os.PathLike[str],
    *,
    model: Model = None,
    tile: Tile = "auto",
    reference: ImageLike | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Bring a latent back to the picture it came from.

    Args:
        latent: a latent, what `invert` gave, or the path of its file.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        reference: the clean picture, like `image`, for the metrics alone.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            journey and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.

    Raises:
        RequestError: arguments that cannot be honoured, or a latent of another model.
        ImageError: a file that is no latent, or a reference that cannot be read.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.journeys import reconstruct

    settings = make_settings(0, None, tile, None, reference=reference, progress=progress)
    return reconstruct(
        latent, load_model(model, device, "any", exact=True), settings, max_pixels=max_pixels
    )


def interpolate(
    a: ImageLike,
    b: ImageLike,
    frames: int = 9,
    *,
    model: Model = None,
    nfe: int | None = None,
    level: float = JOURNEY_LEVEL,
    start: float = JOURNEY_START,
    cross_fade: bool = False,
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Series:
    """Frames from one picture to another, through the noise of both.

    The first and the last are the reconstructions of a and b.

    Args:
        a: the first picture: a path, the bytes of a file, an open file, a PIL image, an array
            (H, W) or (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats
            from 0 to 1.
        b: the last, of the same size.
        frames: how many, 2 or more.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: jumps up, and as many down, 1 or more; None is 4.
        level: the noise level at which they are mixed, from `start` to 80.
        start: the level of the noise added before the first jump, 0.002 or more.
        cross_fade: put the linear cross-fade below each frame, for comparison.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            journey and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image that cannot be read, or two of different sizes.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.journeys import interpolate

    settings = make_settings(seed, generator, tile, label, nfe, progress=progress)
    return interpolate(
        a,
        b,
        frames,
        load_model(model, device, label, exact=True),
        settings,
        level=level,
        start=start,
        cross_fade=cross_fade,
        max_pixels=max_pixels,
    )


def render(
    function: ImageFunction | str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    box: tuple[int, int, int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Draw an image function at any size.

    Args:
        function: of a sample (`generate(...).functions`), of `BCM.function`, or its file.
        size: (width, height) of the whole picture in pixels, 1 or more; None is that of what the
            network was given.
        box: the part of it to draw, (left, top, width, height) in pixels; None is all of it.
        max_pixels: draw no more, and read no function of more.

    Raises:
        RequestError: no pixels or too many, or a box outside.
        CheckpointError: a file that is no image function, or a damaged one.
    """
    from restore.functions import ImageFunction
    from restore.journeys import render

    if not isinstance(function, ImageFunction):
        function = ImageFunction.load(function, max_pixels=max_pixels)
    return render(function, size or function.size, box, max_pixels)
