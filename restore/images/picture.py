"""Picture: pixels with all that a file carries: depth, transparency, orientation, profile, EXIF.

    x = 2 p / (2^depth - 1) - 1,    p = round((x + 1) (2^depth - 1) / 2)

takes the integers p of a file to the network's [-1, 1] and back, exactly for both depths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np

from restore.errors import ImageError
from restore.images.exif import scale_exif, turn_exif
from restore.images.metadata import Metadata

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

NO_METADATA = Metadata()

# What turns stored pixels upright, by the EXIF orientation they are stored in.
TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
PREVIEW = 1024  # pixels a side, at most, of what a notebook shows
BACK = {6: 8, 8: 6}  # turns that do not undo themselves


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """Pixels with all that a file carries.

    pixels: (H, W, C) uint8 or uint16; C is 1 (grey) or 3 (RGB).
    alpha: (H, W) of the same type, 0 transparent; None where the file has none.
    icc: a colour profile that fits the pixels.
    exif: the EXIF block, starting with its "Exif" mark; without the orientation once upright.
    format: of the file it came from, by its name in the table of formats.
    orientation: the EXIF orientation, 1 to 8, still to be applied.
    warnings: sentences on what was dropped or converted.
    paged: the file holds more pictures (frames, pages, previews) than this one.
    metadata: what else is carried: resolution, XMP, IPTC, texts, ...
    turned: the EXIF orientation that was applied, 1 where none was.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    format: str = "PNG"
    orientation: int = 1
    warnings: tuple[str, ...] = ()
    paged: bool = False
    metadata: Metadata = NO_METADATA
    turned: int = 1

    def __post_init__(self) -> None:
        assert self.pixels.ndim == 3, self.pixels.shape
        assert self.pixels.shape[2] in (1, 3), self.pixels.shape
        assert self.pixels.dtype in (np.uint8, np.uint16), self.pixels.dtype
        if self.alpha is not None:
            assert self.alpha.shape == self.pixels.shape[:2], self.alpha.shape
            assert self.alpha.dtype == self.pixels.dtype, self.alpha.dtype

    def __repr__(self) -> str:
        width, height = self.size
        kind = ("grey" if self.grey else "RGB") + ("" if self.alpha is None else " and alpha")
        return f"Picture({width}×{height}, {kind}, {self.depth} bits)"

    def array(self) -> np.ndarray:
        """(H, W, C) with alpha last, where there is one; grey without alpha is (H, W)."""
        if self.alpha is not None:
            return np.dstack([self.pixels, self.alpha])
        return self.pixels[..., 0] if self.grey else self.pixels

    def _repr_png_(self) -> bytes:
        """The picture as a notebook shows it, reduced where it is large."""
        return self.preview()

    def preview(self, side: int = PREVIEW) -> bytes:
        """A PNG file of the picture for a notebook, reduced where it is larger than `side`."""
        image = self.at_depth(8).pillow()
        image.thumbnail((side, side))
        stream = BytesIO()
        image.save(stream, "PNG")
        return stream.getvalue()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, as stored."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def depth(self) -> int:
        """Bits a sample, 8 or 16."""
        return 8 * self.pixels.itemsize

    @property
    def grey(self) -> bool:
        return self.pixels.shape[2] == 1

    def tensor(self) -> torch.Tensor:
        """(1, 3, H, W) float32 in [-1, 1]; grey is repeated, transparency left out."""
        import torch

        width, height = self.size
        x = np.empty((3, height, width), np.float32)
        x[:] = self.pixels.transpose(2, 0, 1)
        x *= 2 / (2**self.depth - 1)
        x -= 1
        return torch.from_numpy(x)[None]

    def with_tensor(self, x: torch.Tensor) -> Picture:
        """This picture with the pixels of x, (1, 3, h, w) in [-1, 1]: clipped, rounded to depth.

        Grey stays grey, by the mean of the channels; alpha is resized by Lanczos to another size.
        Works in strips of rows, so that 48 megapixels cost no float copy. Raises ImageError where
        x is not finite: a black patch is never a result.
        """
        assert x.shape[:2] == (1, 3), x.shape
        size = width, height = x.shape[3], x.shape[2]
        pixels = np.empty((height, width, self.pixels.shape[2]), self.pixels.dtype)
        for rows in strips(size):
            y = x[0, :, rows].detach().float().cpu().numpy()
            if self.grey:
                y = y.mean(axis=0, keepdims=True)
            if not np.isfinite(y).all():
                raise ImageError("the network's result is not finite; try --dtype fp32")
            y = (y.clip(-1, 1) + 1) * np.float32((2**self.depth - 1) / 2)
            pixels[rows] = np.rint(y).transpose(1, 2, 0)
        return self.with_pixels(pixels)

    def with_pixels(self, pixels: np.ndarray) -> Picture:
        """This picture with other pixels, (h, w, C); of another size all else is brought to it."""
        size = pixels.shape[1], pixels.shape[0]
        if size == self.size:
            return replace(self, pixels=pixels)
        x, y = size[0] / self.size[0], size[1] / self.size[1]
        return replace(
            self,
            pixels=pixels,
            alpha=None if self.alpha is None else resize_alpha(self.alpha, size),
            exif=scale_exif(self.exif, x, y),
            metadata=self.metadata.scaled(x, y),
        )

    def pillow(self) -> Image:
        """This picture, upright, as Pillow has it: L, LA, RGB or RGBA, with its profile and EXIF.

        Pillow has no colours of 16 bits, so they come at 8; grey without alpha stays at 16 (I;16).
        """
        from PIL import Image

        picture = self.upright()
        if not (picture.grey and picture.alpha is None):
            picture = picture.at_depth(8)
        samples = picture.pixels
        if picture.alpha is not None:
            samples = np.dstack((samples, picture.alpha))
        image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
        for key, block in (("icc_profile", picture.icc), ("exif", picture.exif)):
            if block:
                image.info[key] = block
        return image

    def upright(self) -> Picture:
        """This picture as it is meant to be seen: orientation applied, its tag dropped."""
        if self.orientation == 1:
            return self
        turn = TURNS[self.orientation]
        return replace(
            self,
            pixels=np.ascontiguousarray(turn(self.pixels)),
            alpha=None if self.alpha is None else np.ascontiguousarray(turn(self.alpha)),
            exif=turn_exif(self.exif, self.orientation),
            orientation=1,
            metadata=self.metadata.turned(self.orientation),
            turned=self.orientation,
        )

    def turned_back(self, orientation: int) -> Picture:
        """This picture, upright, as it lies in a file of an EXIF orientation: the pixels alone."""
        if orientation == 1:
            return self
        turn = TURNS[BACK.get(orientation, orientation)]
        alpha = None if self.alpha is None else np.ascontiguousarray(turn(self.alpha))
        return replace(self, pixels=np.ascontiguousarray(turn(self.pixels)), alpha=alpha)

    def at_depth(self, depth: int) -> Picture:
        """This picture with 8 or 16 bits a sample, rounded to nearest."""
        if depth == self.depth:
            return self

        def changed(a: np.ndarray) -> np.ndarray:
            if depth == 16:
                return a.astype(np.uint16) * np.uint16(257)
            return ((a.astype(np.uint32) + 128) // 257).astype(np.uint8)

        alpha = None if self.alpha is None else changed(self.alpha)
        return replace(self, pixels=changed(self.pixels), alpha=alpha)


def strips(size: tuple[int, int]) -> Iterator[slice]:
    """Slices of rows that cover an image of (width, height), each of a quarter megapixel."""
    width, height = size
    step = max(1, 2**18 // width)
    return (slice(row, min(row + step, height)) for row in range(0, height, step))


def split(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W, 1 or 3) and alpha of samples (H, W) or (H, W, 1 to 4), alpha last.

    Alpha that is opaque everywhere is none.
    """
    samples = samples.reshape(*samples.shape[:2], -1)
    colours = 1 if samples.shape[2] < 3 else 3
    pixels = np.ascontiguousarray(samples[..., :colours])
    if samples.shape[2] == colours:
        return pixels, None
    alpha = np.ascontiguousarray(samples[..., colours])
    if int(alpha.min()) == np.iinfo(alpha.dtype).max:  # it says nothing
        return pixels, None
    return bleed(pixels, alpha), alpha


def resize_alpha(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Alpha (H, W) at another (width, height), by Lanczos, without its overshoot.

    Each value is held between the least and the greatest of the four that surround it, so that what
    is opaque stays opaque, and no ring of half transparent pixels stands around what is not.
    """
    (height, width), (columns, rows) = alpha.shape, size
    sharp = cv2.resize(alpha, size, interpolation=cv2.INTER_LANCZOS4).reshape(rows, columns)
    x = (np.arange(columns) + 0.5) * width / columns - 0.5
    y = (np.arange(rows) + 0.5) * height / rows - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    left, right = left.clip(0, width - 1), (left + 1).clip(0, width - 1)
    top, below = top.clip(0, height - 1), (top + 1).clip(0, height - 1)
    for at in strips(size):
        above, under = alpha[top[at]], alpha[below[at]]
        corners = (above[:, left], above[:, right], under[:, left], under[:, right])
        least = np.minimum.reduce(corners)
        greatest = np.maximum.reduce(corners)
        np.clip(sharp[at], least, greatest, out=sharp[at])
    return sharp


def bleed(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Pixels whose fully transparent ones take the colour of the nearest that is seen.

    What hides under transparency is often garbage, and a network would smear it over the edge.
    Pixels with any opacity are returned unchanged.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return pixels
    _, labels = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    seen = np.zeros((labels.max() + 1, pixels.shape[2]), pixels.dtype)
    seen[labels[~hidden]] = pixels[~hidden]  # one label for each pixel that is seen
    bled = pixels.copy()
    bled[hidden] = seen[labels[hidden]]
    return bled
