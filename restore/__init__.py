"""bcm-restore: zero-shot image restoration with a bidirectional consistency model.

    import restore

    model = restore.load("default")
    result = restore.jpeg("photo.jpg", model=model, nfe=2)
    result.save("photo.png")
    result.report["metrics"]

Importing is cheap: torch loads on first use.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from restore.defaults import JOURNEY_LEVEL, JOURNEY_START
from restore.errors import CheckpointError, ImageError, RequestError, ResourceError, RestoreError

if TYPE_CHECKING:
    import torch

    from restore.bcm import BCM
    from restore.checkpoints import load
    from restore.images import Picture
    from restore.tasks import Inversion, Latent, Result, Series, Settings

    __version__: str
    Model = BCM | str | os.PathLike[str] | None

Mode = Literal["fidelity", "perceptual"]

__all__ = [
    "BCM",
    "CheckpointError",
    "ImageError",
    "Inversion",
    "Latent",
    "Picture",
    "RequestError",
    "ResourceError",
    "RestoreError",
    "Result",
    "Series",
    "compare",
    "generate",
    "inpaint",
    "interpolate",
    "invert",
    "jpeg",
    "load",
    "reconstruct",
    "superres",
]


def inpaint(
    image: Any,
    mask: Any,
    *,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    method: str = "bcm",
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
        method: the solver; "bcm" is our own.
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
    from restore.tasks import inpaint

    settings = _settings(seed, generator, tile, label, nfe, mode, method, reference)
    return inpaint(
        image, mask, _loaded(model), settings, invert_mask=invert_mask, dilate=dilate
    )  # fmt: skip


def jpeg(
    image: Any,
    *,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    method: str = "bcm",
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
    from restore.tasks import jpeg

    settings = _settings(seed, generator, tile, label, nfe, mode, method, reference)
    return jpeg(image, _loaded(model), settings)


def superres(
    image: Any,
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    method: str = "bcm",
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
    from restore.tasks import superres

    settings = _settings(seed, generator, tile, label, nfe, mode, method, reference)
    return superres(image, scale, _loaded(model), settings, size=size)


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
    from restore.tasks import generate

    settings = _settings(seed, generator, tile, label)
    return generate(n, _loaded(model), settings, recipe=recipe, size=size)


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
    from restore.tasks import invert

    settings = _settings(seed, generator, tile, label, nfe)
    return invert(image, _loaded(model), settings, level=level, start=start, refine=refine)


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
    from restore.tasks import reconstruct

    settings = _settings(0, None, tile, None, reference=reference)
    return reconstruct(latent, _loaded(model), settings)


def interpolate(
    a: Any,
    b: Any,
    frames: int = 9,
    *,
    model: Model = None,
    nfe: int | None = None,
    level: float = JOURNEY_LEVEL,
    start: float = JOURNEY_START,
    seed: int = 0,
    generator: torch.Generator | None = None,
    tile: int | Literal["auto"] = "auto",
    label: int | None = None,
) -> Series:
    """Frames from picture a to picture b, of one size, through the noise of both at `level`.

    The first and the last are the reconstructions of a and b. The rest is as in `invert`.
    """
    from restore.tasks import interpolate

    settings = _settings(seed, generator, tile, label, nfe)
    return interpolate(a, b, frames, _loaded(model), settings, level=level, start=start)


def _settings(
    seed: int,
    generator: torch.Generator | None,
    tile: int | Literal["auto"],
    label: int | None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    method: str = "bcm",
    reference: Any = None,
) -> Settings:
    from restore.tasks import Settings

    if generator is not None:
        import torch

        drawn = torch.randint(2**62, (), generator=generator, device=generator.device)
        seed = int(drawn)
    return Settings(nfe, mode, method, seed, tile, label, reference)


def _loaded(model: Model) -> BCM | None:
    if isinstance(model, (str, os.PathLike)):
        from restore.checkpoints import load

        return load(os.fspath(model))
    return model


_HOMES = {
    "BCM": "restore.bcm",
    "Inversion": "restore.tasks",
    "Latent": "restore.tasks",
    "Picture": "restore.images",
    "Result": "restore.tasks",
    "Series": "restore.tasks",
    "compare": "restore.tasks",
    "load": "restore.checkpoints",
}


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bcm-restore")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
