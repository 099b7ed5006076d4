"""auto: whatever is wrong with a picture, restored, as a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore.api.arguments import load_model, make_settings
from restore.defaults import FOUND, MAX_PIXELS, SENSITIVITY, Fill, Find

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from restore.api.arguments import Model
    from restore.settings import Mode, Progress, Tile
    from restore.tasks import ImageLike, Result


def auto(
    image: ImageLike,
    *,
    scale: float | None = None,
    mask: ImageLike | None = None,
    model: Model = None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    blend: float | None = None,
    strength: float = 1.0,
    samples: int = 1,
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
    """Find out what is wrong with a picture and restore all of it; what is sound stays as it is.

    `report["findings"]` of the result says what was found, as `restore.diagnose` does, and
    `report["steps"]` what was done about it. A picture with nothing to mend, and what is no
    photograph, comes back with its own pixels, and `save` writes the given file again where the
    format is the same.

    Args:
        image: a path, the bytes of a file, a PIL image, or an array (H, W) or (H, W, 1 to 4) of
            uint8 or uint16.
        scale: enlarge by this factor too, above 1; None does not.
        mask: of a hole to fill, as for `restore.inpaint`; None fills none.
        model: a loaded model, its name or file; None is the embedded default. A name is loaded
            once, and kept.
        nfe: network evaluations of each step, 1 or more; None is the best measured. The record has
            the sum over all steps.
        mode: "fidelity" (nearest on average) or "perceptual" (a sample, sharp).
        blend: instead of a mode, from 0 (fidelity) to 1 (perceptual): both results, mixed by so
            much, each of `nfe` evaluations.
        strength: from 0, what is given, to 1, the result: the two mixed, in each step.
        samples: how many draws, 1 to 1024, in each step; the result is their mean, and its
            `uncertainty` the spread in the last step.
        seed: of the noise, any integer; the same seed gives the same pixels.
        generator: draws the seed instead.
        tile: side of a window in pixels, "auto" (by memory) or 0 (the whole image at once).
        label: class of a class-conditional model, from 0; None for the others.
        reference: the clean picture, like `image`, for the metrics alone.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps", where a model is to be loaded.
        progress: called as progress(done, total) after each network call. What it raises ends the
            restoration and comes out of this function.
        max_pixels: refuse images of more pixels, read or made.
        invert_mask: fill the black pixels instead.
        dilate: grow the hole by so many pixels to each side, 0 or more.
        fill: the first guess of a hole, as for `restore.inpaint`.
        find: what the mask "auto" looks for, some of "scratches", "dust" and "stamps".
        sensitivity: of the mask "auto", from 0 (what is certain) to 1 (all that may be).

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image or a mask that cannot be read or makes no sense.
        CheckpointError: a model that cannot be had, verified or loaded.
        ResourceError: memory runs out even in the smallest windows.
    """
    from restore.tasks import Auto

    settings = make_settings(
        seed, generator, tile, label, nfe, mode, "bcm", reference, samples, blend, progress,
        None, strength,
    )  # fmt: skip
    task = Auto(scale, mask, invert_mask, dilate, fill, tuple(find), sensitivity)
    return task.restore(image, load_model(model, device, label), settings, max_pixels=max_pixels)
