"""Preview: what a report keeps of one result, small whatever the size of its pictures.

The pictures as a whole, reduced, and one detail pixel for pixel: the region that changed most. All
are laid over one another, so all have one size, that of the result; 8 bits, in sRGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from math import ceil, floor
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageChops, ImageCms

from restore import metrics
from restore.images import Picture
from restore.images.comparison import match_kinds
from restore.images.picture import strips
from restore.record import round_decibels
from restore.tasks.superres import enlarge_bicubic

LONGEST = 1600  # pixels a side of the whole
DETAIL = 400  # pixels a side of the detail
SRGB = ImageCms.createProfile("sRGB")

Region: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom
Size: TypeAlias = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Preview:
    """`whole` and `detail` hold the pictures by name: before, after, reference, those there are.

    size: of the result. given: of the picture before. box: of the detail, in pixels of the result.
    psnr_before_db: of the given picture to the reference, enlarged if it is smaller.
    """

    size: Size
    whole: Mapping[str, Image.Image]
    detail: Mapping[str, Image.Image]
    box: tuple[int, int, int, int]
    given: Size | None = None
    psnr_before_db: float | None = None

    @property
    def reduced(self) -> bool:
        """Whether the whole has fewer pixels than the result."""
        return self.whole["after"].size != self.size


def make_preview(
    after: Picture, before: Picture | None = None, reference: Picture | None = None
) -> Preview:
    """What is shown of a result, of the picture that was given and of the clean one."""
    named = {"before": before, "reference": reference, "after": after}
    pictures = {name: picture.upright() for name, picture in named.items() if picture}
    size = pictures["after"].size
    small = fit(size, LONGEST)
    whole = {name: draw_box(picture, small) for name, picture in pictures.items()}
    part = min(DETAIL, size[0]), min(DETAIL, size[1])
    box = _detail_box(whole, size, part)
    detail = {name: draw_box(picture, part, _scaled(box, size, picture.size))
              for name, picture in pictures.items()}  # fmt: skip
    given = pictures["before"].size if before else None
    return Preview(size, whole, detail, box, given, _psnr_before(pictures))


def draw_box(picture: Picture, size: Size, box: Region | None = None) -> Image.Image:
    """The part `box` of an upright picture in `size` pixels.

    Reduced by means and Lanczos in strips of rows, enlarged by Pillow's bicubic.
    """
    box = box or (0, 0, *picture.size)
    across, down = (box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]
    margin = 0 if across == down == 1 else ceil(4 * max(across, down, 1))
    left, top = max(0, floor(box[0]) - margin), max(0, floor(box[1]) - margin)
    right, bottom = (
        min(side, ceil(end) + margin) for side, end in zip(picture.size, box[2:], strict=True)
    )
    factor = max(1, int(min(across, down) / 2))
    image = _means(picture, (left, top, right, bottom), factor)
    if image.size != size or margin:
        width, height = image.size
        place = (
            (box[0] - left) / factor,
            (box[1] - top) / factor,
            min((box[2] - left) / factor, width),
            min((box[3] - top) / factor, height),
        )
        way = Image.Resampling.BICUBIC if across < 1 else Image.Resampling.LANCZOS
        image = image.resize(size, way, box=place)
    return convert_to_srgb(image, picture.icc)


def fit(size: Size, longest: int) -> Size:
    """A (width, height) of these proportions, no side above `longest`, none under 1."""
    share = min(1.0, longest / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def find_most_changed(a: Image.Image, b: Image.Image, size: Size) -> tuple[int, int, int, int]:
    """The box of `size` in two pictures of one size in which they differ most, in all."""
    change = np.asarray(ImageChops.difference(a.convert("RGB"), b.convert("RGB")))
    total = np.zeros((a.height + 1, a.width + 1), np.int64)
    change.sum(axis=2, dtype=np.int64, out=total[1:, 1:])
    total.cumsum(0, out=total).cumsum(1, out=total)
    width, height = size
    inside = total[height:, width:] - total[:-height, width:]
    inside = inside - total[height:, :-width] + total[:-height, :-width]
    middle = np.unravel_index(inside.argmax(), inside.shape)
    if inside.max() == 0:
        middle = inside.shape[0] // 2, inside.shape[1] // 2
    top, left = int(middle[0]), int(middle[1])
    return left, top, left + width, top + height


def convert_to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An image as a browser without colour management has to be given it."""
    if not icc:
        return image
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    plain = image if alpha is None else image.convert(image.mode[:-1])
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        found = ImageCms.profileToProfile(plain, profile, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # the pixels as they are are near enough
        return image
    assert found is not None, "not in place"
    if alpha is not None:
        found.putalpha(alpha)
    return found


def _means(picture: Picture, box: tuple[int, int, int, int], factor: int) -> Image.Image:
    """A box of whole pixels, each `factor`² of them one, at 8 bits; never all at once."""
    left, top, right, bottom = box
    grey, alpha = picture.grey, picture.alpha
    mode = ("L" if grey else "RGB") + ("" if alpha is None else "A")
    image = Image.new(mode, (ceil((right - left) / factor), ceil((bottom - top) / factor)))
    step = max(rows.stop - rows.start for rows in strips((right - left, bottom - top)))
    step = ceil(step / factor) * factor
    for row in range(top, bottom, step):
        where = slice(row, min(row + step, bottom)), slice(left, right)
        part = replace(picture, pixels=picture.pixels[where], alpha=None).at_depth(8).pixels
        if alpha is not None:
            veil = replace(picture, pixels=alpha[where][..., None], alpha=None).at_depth(8).pixels
            part = np.concatenate([part, veil], axis=2)
        strip = Image.fromarray(part[..., 0] if part.shape[2] == 1 else part)
        image.paste(strip.reduce(factor) if factor > 1 else strip, (0, (row - top) // factor))
    return image


def _detail_box(
    whole: Mapping[str, Image.Image], size: Size, part: Size
) -> tuple[int, int, int, int]:
    """Where `part` pixels of a result of `size` changed most, by the reduced pictures."""
    small = whole["after"].size
    window = tuple(
        min(s, max(1, round(p * s / f))) for p, s, f in zip(part, small, size, strict=True)
    )
    before = whole.get("before", whole["after"])
    left, top, _, _ = find_most_changed(before, whole["after"], (window[0], window[1]))
    left, top = (
        min(round(at * f / s), f - p)
        for at, s, f, p in zip((left, top), small, size, part, strict=True)
    )
    return left, top, left + part[0], top + part[1]


def _scaled(box: Region, size: Size, other: Size) -> Region:
    """A box of a picture of `size` in one of `other` size that shows the same."""
    across, down = other[0] / size[0], other[1] / size[1]
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down


def _psnr_before(pictures: Mapping[str, Picture]) -> float | None:
    before, reference = pictures.get("before"), pictures.get("reference")
    if before is None or reference is None:
        return None
    if before.size != reference.size:
        before = enlarge_bicubic(before, reference.size)
    return round_decibels(metrics.psnr(*match_kinds(before, reference)))
