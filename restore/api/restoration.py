"""Restoration: one function a task, every argument described."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from restore.api.arguments import load_model, make_settings
from restore.defaults import FOUND, MAX_PIXELS, SENSITIVITY, Fill, Find, MethodName

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from restore.api.arguments import Model
    from restore.settings import Mode, Progress, Tile
    from restore.tasks import ImageLike, Result


def inpaint(
    image: ImageLike,
    mask: ImageLike,
    *,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    start: ImageLike | None = None,
    strength: float = 1.0,
    samples: int = 1,
    method: MethodName = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    reference: ImageLike | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
    invert_mask: bool = False,
    dilate: int = 0,
    fill: Fill = "auto",
    find: Sequence[Find] = FOUND,
    sensitivity: float = SENSITIVITY,
) -> Result:
    """Fill the white pixels of a mask; every other pixel stays bit for bit.

    Args:
        image: a path, the bytes of a file, an open file, a PIL image, an array (H, W) or
            (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats from 0 to 1.
        mask: an image of the same size, white where to restore; an (H, W) bool array, True where to
            restore; "alpha" for the image's own fully transparent pixels; or "auto" for the
            defects that are found in it.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: network evaluations for every pixel; 0 only holds the start to the image; None is the
            best measured, 8.
        mode: "fidelity" (nearest on average) or "perceptual" (a sample, sharp).
        blend: instead of a mode, from 0 (fidelity) to 1 (perceptual): both results, mixed by so
            much, each of `nfe` evaluations.
        start: another result to begin from, of the result's size, such as another program's.
        strength: from 0, what is given (or the start), to 1, the result: the two mixed.
        samples: how many draws, 1 to 1024, of `nfe` evaluations each; the result is their mean, and
            its `uncertainty` their spread. The mean of different fills of a thick hole
            is nearer on average, and blurred: to choose among fills, run other seeds.
        method: the solver. "bcm" is our own, "inversion" amplifies noise instead of adding it; the
            others are published ones, for comparison.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        reference: the clean picture, like `image`, for the metrics alone.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            restoration and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.
        invert_mask: restore the black pixels instead.
        dilate: grow the hole by so many pixels to each side, 0 or more.
        fill: the first guess: "smooth"; "patch", from elsewhere in the picture, another one for
            each seed; "auto", holes deeper than 8 pixels by patches and the others smoothly.
        find: what the mask "auto" looks for, some of "scratches", "dust" and "stamps".
        sensitivity: of the mask "auto", from 0 (what is certain) to 1 (all that may be).

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image or a mask that cannot be read or makes no sense.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.tasks import Inpaint

    settings = make_settings(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend, progress,
        start, strength,
    )  # fmt: skip
    task = Inpaint(mask, invert_mask, dilate, fill, tuple(find), sensitivity)
    return task.restore(image, load_model(model, device, label), settings, max_pixels=max_pixels)


def jpeg(
    image: ImageLike,
    *,
    assume_quality: int | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    start: ImageLike | None = None,
    strength: float = 1.0,
    samples: int = 1,
    method: MethodName = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    reference: ImageLike | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Remove the artefacts of a JPEG file; compressed again the result gives the same file.

    Args:
        image: a path or the bytes of a JPEG file. Any other image (bytes of another format, a PIL
            image, an array) is held to the JPEG that it was, as its pixels show, or left alone
            where they show none.
        assume_quality: 1 to 100, of what is no JPEG file: the quality of the JPEG that it was; None
            finds it out.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: network evaluations for every pixel; 0 only holds the start to the image; None is the
            best measured, 4.
        mode: "fidelity" (nearest on average) or "perceptual" (a sample, sharp).
        blend: instead of a mode, from 0 (fidelity) to 1 (perceptual): both results, mixed by so
            much, each of `nfe` evaluations.
        start: another result to begin from, of the result's size, such as another program's.
        strength: from 0, what is given (or the start), to 1, the result: the two mixed.
        samples: how many draws, 1 to 1024, of `nfe` evaluations each; the result is their mean, and
            its `uncertainty` their spread.
        method: the solver. "bcm" is our own, "inversion" amplifies noise instead of adding it; the
            others are published ones, for comparison.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        reference: the clean picture, like `image`, for the metrics alone.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            restoration and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image that cannot be read.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.tasks import Jpeg

    settings = make_settings(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend, progress,
        start, strength,
    )  # fmt: skip
    task = Jpeg(assume_quality=assume_quality)
    return task.restore(image, load_model(model, device, label), settings, max_pixels=max_pixels)


def superres(
    image: ImageLike,
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    stretch: bool = False,
    sigma: float | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    start: ImageLike | None = None,
    strength: float = 1.0,
    samples: int = 1,
    method: MethodName = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    reference: ImageLike | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Enlarge; shrunk again, by Pillow's antialiased bicubic, the result is the given picture.

    Args:
        image: a path, the bytes of a file, an open file, a PIL image, an array (H, W) or
            (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats from 0 to 1.
        scale: a real factor above 1. Give it or `size`.
        size: (width, height) in pixels that the result fits inside, in the given proportions.
        stretch: fill all of `size`, out of proportion.
        sigma: how far the image is from an exact reduction, as noise in levels of 8 bits, 0 to
            255; 0 is for an exact one, None measures it.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: network evaluations for every pixel; 0 only holds the start to the image; None is the
            best measured, 8.
        mode: "fidelity" (nearest on average) or "perceptual" (a sample, sharp).
        blend: instead of a mode, from 0 (fidelity) to 1 (perceptual): both results, mixed by so
            much, each of `nfe` evaluations.
        start: another result to begin from, of the result's size, such as another program's.
        strength: from 0, what is given (or the start), to 1, the result: the two mixed.
        samples: how many draws, 1 to 1024, of `nfe` evaluations each; the result is their mean, and
            its `uncertainty` their spread.
        method: the solver. "bcm" is our own, "inversion" amplifies noise instead of adding it; the
            others are published ones, for comparison.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        reference: the clean picture, like `image`, for the metrics alone.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            restoration and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image that cannot be read.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.tasks import Superres

    settings = make_settings(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend, progress,
        start, strength,
    )  # fmt: skip
    task = Superres(scale, size, sigma, stretch)
    return task.restore(image, load_model(model, device, label), settings, max_pixels=max_pixels)


def denoise(
    image: ImageLike,
    *,
    sigma: float | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    start: ImageLike | None = None,
    strength: float = 1.0,
    samples: int = 1,
    method: MethodName = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    reference: ImageLike | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Remove white noise of a level that is known or estimated.

    The network was trained for this; its other tasks are zero-shot.

    Args:
        image: a path, the bytes of a file, an open file, a PIL image, an array (H, W) or
            (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats from 0 to 1.
        sigma: the noise's standard deviation in levels of 8 bits, above 0, at most 255; None to
            estimate it from the picture.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: network evaluations for every pixel, 1 or more; None is the best measured, 1.
        mode: "fidelity" (nearest on average) or "perceptual" (a sample, sharp).
        blend: instead of a mode, from 0 (fidelity) to 1 (perceptual): both results, mixed by so
            much, each of `nfe` evaluations.
        start: another result to begin from, of the result's size, such as another program's.
        strength: from 0, what is given (or the start), to 1, the result: the two mixed.
        samples: how many draws, 1 to 1024, of `nfe` evaluations each; the result is their mean, and
            its `uncertainty` their spread.
        method: the solver. "bcm" is our own, "inversion" amplifies noise instead of adding it; the
            others are published ones, for comparison.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        reference: the clean picture, like `image`, for the metrics alone.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            restoration and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image that cannot be read.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.tasks import Denoise

    settings = make_settings(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend, progress,
        start, strength,
    )  # fmt: skip
    task = Denoise(sigma)
    return task.restore(image, load_model(model, device, label), settings, max_pixels=max_pixels)


def deblur(
    image: ImageLike,
    kernel: str | os.PathLike[str] | np.ndarray | Sequence[Sequence[float]],
    *,
    sigma: float | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    start: ImageLike | None = None,
    strength: float = 1.0,
    samples: int = 1,
    method: MethodName = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: Tile = "auto",
    label: int | None = None,
    reference: ImageLike | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Undo a blur of known kernel; blurred again, the result is the picture up to its noise.

    Args:
        image: a path, the bytes of a file, an open file, a PIL image, an array (H, W) or
            (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats from 0 to 1.
        kernel: a name such as "gaussian:2", "box:9", "disk:4" or "motion:15,30" (pixels, degrees
            counter-clockwise), the path of an image or a .npy file, or an array (h, w).
        sigma: the picture's noise, its standard deviation in levels of 8 bits, above 0, at most
            255; None to estimate it.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: network evaluations for every pixel, 1 or more; None is the best measured, 8.
        mode: "fidelity" (nearest on average) or "perceptual" (a sample, sharp).
        blend: instead of a mode, from 0 (fidelity) to 1 (perceptual): both results, mixed by so
            much, each of `nfe` evaluations.
        start: another result to begin from, of the result's size, such as another program's.
        strength: from 0, what is given (or the start), to 1, the result: the two mixed.
        samples: how many draws, 1 to 1024, of `nfe` evaluations each; the result is their mean, and
            its `uncertainty` their spread.
        method: the solver. "bcm" is our own, "inversion" amplifies noise instead of adding it; the
            others are published ones, for comparison.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        reference: the clean picture, like `image`, for the metrics alone.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            restoration and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image that cannot be read.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.tasks import Deblur

    settings = make_settings(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend, progress,
        start, strength,
    )  # fmt: skip
    task = Deblur(kernel, sigma)
    return task.restore(image, load_model(model, device, label), settings, max_pixels=max_pixels)
