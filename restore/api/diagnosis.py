"""diagnose: what a picture went through, as a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore.defaults import MAX_PIXELS

if TYPE_CHECKING:
    from restore.diagnosis import Diagnosis
    from restore.tasks import ImageLike


def diagnose(
    image: ImageLike, mask: ImageLike | None = None, *, max_pixels: int = MAX_PIXELS
) -> Diagnosis:
    """Find out what a picture went through; nothing is restored.

    No network is asked, unless the mask is "auto". `findings` of what comes back are the findings,
    each with a sentence, its figures and the command for it; `sentences` are theirs alone.

    Args:
        image: a path, the bytes of a file, an open file, a PIL image, an array (H, W) or
            (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats from 0 to 1.
            A JPEG file tells more by its path or its bytes than by its pixels.
        mask: a hole to be filled, whose width is measured: an image of the same size, white where
            to restore; an (H, W) bool array; "alpha" for the image's own fully transparent pixels;
            "auto" for the scratches and dust that are found in it.
        max_pixels: refuse images of more pixels.

    Raises:
        ImageError: an image or a mask that cannot be read or makes no sense.
    """
    from restore.diagnosis import diagnose as examine

    if mask is None:
        return examine(image, max_pixels=max_pixels)
    from restore.images import as_picture
    from restore.tasks import Inpaint

    hole, _ = Inpaint(mask).find_hole(as_picture(image, max_pixels=max_pixels))
    return examine(image, hole if hole.any() else None, max_pixels=max_pixels)
