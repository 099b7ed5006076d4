"""Restoration as functions: what `restore.inpaint` and its siblings take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from restore.api.arguments import loaded, settings_of

if TYPE_CHECKING:
    import torch

    from restore.api.arguments import Mode, Model
    from restore.defaults import Method
    from restore.tasks import Result


def inpaint(
    image: Any,
    mask: Any,
    *,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    samples: int = 1,
    method: Method = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
    reference: Any = None,
    invert_mask: bool = False,
    dilate: int = 0,
) -> Result:
    """Fill the white pixels of `mask` in `image`; every other pixel stays bit for bit.

    Args:
        image: a path, the bytes of a file, a PIL image, or an array (H, W), (H, W, 1 to 4) of
            uint8 or uint16.
        mask: the same, of the same size; or a bool array, True where to restore; or "alpha" for
            the picture's own transparent pixels.
        model: a loaded model, its name or file, or None for the embedded default.
        nfe: network evaluations for every pixel, 1 or more; None is the best measured.
        mode: "fidelity" (nearest on average) or "perceptual" (sharp).
        blend: instead of a mode, from 0 (fidelity) to 1 (perceptual): both results, mixed by so
            much, each of `nfe` evaluations.
        samples: how many draws, of `nfe` evaluations each; the result is their mean, and its
            `uncertainty` their spread.
        method: the solver; "bcm" is our own, "inversion" amplifies noise instead of adding it; the
            others are published ones, for comparison.
        seed: of the noise; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model.
        reference: the clean picture, for the metrics alone.
        invert_mask: restore the black pixels instead.
        dilate: grow the hole by so many pixels.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: a picture or mask that cannot be read or makes no sense.
        CheckpointError: a model that cannot be had.
    """
    from restore.tasks import Inpaint

    settings = settings_of(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend
    )
    return Inpaint(mask=mask, invert_mask=invert_mask, dilate=dilate).restore(
        image, loaded(model), settings
    )


def jpeg(
    image: Any,
    *,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    samples: int = 1,
    method: Method = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
    reference: Any = None,
) -> Result:
    """Remove the artefacts of a JPEG file; compressed again the result gives the same file.

    `image` is a path or the bytes of a JPEG file. Other pictures are taken too, but nothing is
    known of their tables, so the result is held to nothing. The rest is as in `inpaint`.
    """
    from restore.tasks import Jpeg

    settings = settings_of(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend
    )
    return Jpeg().restore(image, loaded(model), settings)


def superres(
    image: Any,
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    samples: int = 1,
    method: Method = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
    reference: Any = None,
) -> Result:
    """Enlarge by a real factor above 1 or to `size` (width, height).

    Shrunk again, by Pillow's antialiased bicubic, the result is the given picture. The rest is as
    in `inpaint`.
    """
    from restore.tasks import Superres

    settings = settings_of(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend
    )
    return Superres(scale=scale, size=size).restore(image, loaded(model), settings)


def denoise(
    image: Any,
    *,
    sigma: float | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    samples: int = 1,
    method: Method = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
    reference: Any = None,
) -> Result:
    """Remove white noise of `sigma`, its standard deviation in levels of 8 bits.

    A sigma of None is estimated from the picture. The rest is as in `inpaint`.
    """
    from restore.tasks import Denoise

    settings = settings_of(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend
    )
    return Denoise(sigma=sigma).restore(image, loaded(model), settings)


def deblur(
    image: Any,
    kernel: Any,
    *,
    sigma: float | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    samples: int = 1,
    method: Method = "bcm",
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
    reference: Any = None,
) -> Result:
    """Undo a blur of known `kernel`, in a picture with noise of `sigma` levels of 8 bits.

    `kernel` is a name such as "gaussian:2", "box:9", "disk:4" or "motion:15,30" (pixels, degrees
    counter-clockwise), the path of an image or a .npy file, or an array (h, w). A sigma of None is
    estimated. Blurred again, the result is the picture up to its noise. The rest is as in
    `inpaint`.
    """
    from restore.tasks import Deblur

    settings = settings_of(
        seed, generator, tile, label, nfe, mode, method, reference, samples, blend
    )
    return Deblur(kernel=kernel, sigma=sigma).restore(image, loaded(model), settings)
