"""Animation: pictures of one size shown in turn, for ever; a GIF or a WebP file.

Pillow writes both at 8 bits a sample. GIF has 256 colours a picture and no partial transparency.
"""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from restore.errors import ImageError, RequestError, ResourceError
from restore.formats import check_encodable
from restore.images.picture import Picture

GIF_SIDE = 65535  # pixels


def animate(pictures: Sequence[Picture], format: str, seconds: float) -> bytes:
    """The file of an animation, in GIF or WEBP (lossless), `seconds` for each picture.

    The colour profile is the first picture's. RequestError for what the format cannot hold,
    ImageError where the encoder fails.
    """
    assert len({picture.size for picture in pictures}) == 1, "pictures of one size"
    first = pictures[0]
    check_animation(first.size, format, first.alpha is not None)
    images = [_image(picture.at_depth(8)) for picture in pictures]
    options = {"lossless": True, "quality": 30, "exact": True}
    file = BytesIO()
    try:
        images[0].save(
            file, format, save_all=True, append_images=images[1:], loop=0,
            duration=max(1, round(1000 * seconds)), icc_profile=first.icc,
            **(options if format == "WEBP" else {}),
        )  # fmt: skip
    except MemoryError as error:
        raise ResourceError(f"out of memory while encoding this {format}") from error
    except Exception as error:  # encoders raise anything
        cause = str(error) or type(error).__name__
        raise ImageError(f"{format} cannot be encoded: {cause}") from error
    return file.getvalue()


def check_animation(size: tuple[int, int], format: str, alpha: bool) -> None:
    """RequestError for an animation that no file of `format` can hold."""
    if format != "GIF":
        check_encodable(size, format, alpha)
    elif alpha:
        raise RequestError("GIF holds no partial transparency; choose .webp, or a folder")
    elif max(size) > GIF_SIDE:
        raise RequestError(f"{size[0]}x{size[1]} pixels are too many for GIF: choose a folder")


def _image(picture: Picture) -> Image.Image:
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.dstack((samples, picture.alpha))
    return Image.fromarray(samples.squeeze(2) if samples.shape[2] == 1 else samples)
