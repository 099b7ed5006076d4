"""Degradations to hold to their laws, one list of all kinds, and what their tests need."""

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from restore.degradations import (
    Blur,
    Both,
    Composed,
    Crop,
    Degradation,
    JpegBox,
    Mask,
    Noise,
    Resize,
    Sharpen,
    compose,
)
from restore.jpegfile import read_jpeg


def image(*shape, seed=0):
    """Smooth noise within [-1, 1]."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (0.4 * x + 0.5 * F.avg_pool2d(x, 5, 1, 2)).clamp(-1, 1)


def encode(pixels, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def tables(quality, components=3):
    colour = np.zeros((8, 8, 3), np.uint8)
    file = read_jpeg(encode(colour if components == 3 else colour[..., 0], quality=quality))
    return [component.table for component in file.components]


def box(size, quality, samplings, **options):
    """A JPEG degradation whose box is all but whole, so that its laws hold."""
    slack = {"margin": 0, "shrink": 0.4999, **options}
    return JpegBox(size, tables(quality, len(samplings)), samplings, **slack)


def kernel(height, width, seed=None):
    """A Gaussian one, or of random numbers: asymmetric, and with frequencies that it erases."""
    if seed is not None:
        k = torch.rand(height, width, generator=torch.Generator().manual_seed(seed))
        return k / k.sum()
    rows, columns = (torch.arange(n) - n // 2 for n in (height, width))
    k = torch.exp(-(rows[:, None] ** 2 + columns**2) / 8)
    return k / k.sum()


S444, S422, S420, S440 = ([(1, 1), chroma, chroma] for chroma in [(1, 1), (1, 2), (2, 2), (2, 1)])
HALF = torch.rand(1, 1, 37, 53, generator=torch.Generator().manual_seed(5)) < 0.5
HOLED = torch.ones(1, 1, 37, 53, dtype=torch.bool)
HOLED[..., 9:12, 20:50] = False
GENTLE = torch.tensor([[0, 1, 0], [1, 6, 1], [0, 1, 0]]) / 10  # erases no frequency
LAWFUL = {
    "mask": Mask(HALF),
    "mask, all known": Mask(torch.ones(1, 1, 20, 31, dtype=torch.bool)),
    "mask, none known": Mask(torch.zeros(1, 1, 20, 31, dtype=torch.bool)),
    "resize 2": Resize((64, 48), (32, 24)),
    "resize 3": Resize((63, 48), (21, 16)),
    "resize 4": Resize((64, 100), (16, 25)),
    "resize 8": Resize((40, 64), (5, 8)),
    "resize 1.7": Resize((51, 85), (30, 50)),
    "resize 1.01": Resize((101, 102), (100, 101)),
    "resize 2 by 1": Resize((50, 33), (25, 33)),
    "resize 3.3 by 1.2": Resize((99, 61), (30, 51)),
    "resize, odd": Resize((37, 53), (13, 19)),
    "resize to a pixel": Resize((9, 7), (1, 1)),
    "resize, nothing": Resize((9, 7), (9, 7)),
    "resize, many blocks": Resize((301, 203), (150, 131)),
    "noise": Noise(0.2),
    "blur, Gaussian": Blur(kernel(13, 13), (64, 48)),
    "blur, odd sides": Blur(kernel(5, 9), (37, 53)),
    "blur, any kernel": Blur(kernel(6, 3, seed=3), (40, 31), sigma=0.1),
    "blur, box": Blur(torch.ones(7, 7) / 49, (49, 63)),
    "blur, nothing": Blur(torch.ones(1, 1), (9, 7)),
    "blur as large as the image": Blur(kernel(9, 7, seed=4), (9, 7)),
    "jpeg 4:4:4, 5": box((48, 64), 5, S444),
    "jpeg 4:4:4, 95": box((37, 53), 95, S444),
    "jpeg 4:2:0, 10": box((48, 64), 10, S420),
    "jpeg 4:2:0, 50": box((37, 53), 50, S420),
    "jpeg 4:2:0, 95": box((90, 33), 95, S420),
    "jpeg 4:2:2, 30": box((40, 72), 30, S422),
    "jpeg 4:4:0, 30": box((40, 72), 30, S440),
    "jpeg grey, 20": box((40, 72), 20, [(1, 1)]),
    "jpeg, no whole block": box((7, 5), 20, S420),
    "mask with noise": Mask(HALF, sigma=0.1),
    "resize 2 with noise": Resize((64, 48), (32, 24), sigma=0.05),
    "jpeg 4:2:0, 30, with noise": box((48, 64), 30, S420, sigma=0.05),
    "jpeg 4:2:0, 30, around a hole": box((37, 53), 30, S420).without(~HOLED[0, 0]),
    "crop": Crop((37, 53), (3, 7), (20, 31)),
    "jpeg 4:2:0, 30, after resize 2": Composed(
        box((48, 64), 30, S420), Resize((96, 128), (48, 64))
    ),
    "jpeg 4:4:4, 90, after resize 3.3 by 1.2": Composed(
        box((30, 51), 90, S444), Resize((99, 61), (30, 51))
    ),
    "jpeg with noise after resize 2": Composed(
        box((48, 64), 30, S420, sigma=0.05), Resize((96, 128), (48, 64))
    ),
    "jpeg after crop": Composed(box((32, 45), 20, S420), Crop((37, 53), (5, 2), (32, 45))),
    "jpeg after crop after resize 2": Composed(
        Composed(box((32, 45), 20, S420), Crop((37, 53), (5, 2), (32, 45))),
        Resize((74, 106), (37, 53)),
    ),
    "mask after resize 2": Composed(Mask(HALF), Resize((74, 106), (37, 53))),
    "mask after jpeg": compose(Mask(HOLED), box((37, 53), 30, S420)),
    "noise after resize 2": compose(Noise(0.1), Resize((64, 48), (32, 24))),
    "mask after noise": compose(Mask(HALF), Noise(0.1)),
    "resize after blur": Composed(Resize((36, 48), (18, 24)), Blur(GENTLE, (36, 48))),
    "jpeg after blur": Composed(box((36, 48), 30, S420), Blur(GENTLE, (36, 48))),
    "luma of an earlier jpeg beside the colour of a later": Both(
        box((37, 53), 80, S420).of_colour(np.zeros((8, 8))),
        Composed(box((32, 45), 20, [(1, 1)]), Crop((37, 53), (5, 2), (32, 45))),
    ),
    "sharpen": Sharpen((37, 53), 0.7),
    "sharpen after resize 2": Composed(Sharpen((37, 53), 1.0), Resize((74, 106), (37, 53))),
    "jpeg after sharpen after resize 2": Composed(
        box((48, 64), 85, S420), Composed(Sharpen((48, 64), 0.7), Resize((96, 128), (48, 64)))
    ),
}


def sides(degradation: Degradation) -> tuple[int, int]:
    """(H, W) of the images that a degradation of the list takes."""
    if isinstance(degradation, Composed):
        return sides(degradation.inner)
    if isinstance(degradation, Both):
        return sides(degradation.first)
    if isinstance(degradation, Mask):
        height, width = degradation.known.shape[-2:]
        return height, width
    if isinstance(degradation, Noise):
        return (37, 53)
    return degradation.large if isinstance(degradation, Resize) else degradation.size


def rounds(degradation: Degradation) -> bool:
    """Whether there is a JPEG in it."""
    inside = isinstance(degradation, Composed) and rounds(degradation.outer)
    return inside or isinstance(degradation, JpegBox | Both)


def distance(a, b):
    """The largest difference between observations, coefficients counted as integers."""
    if isinstance(a, tuple):
        return max(distance(p, q) for p, q in zip(a, b, strict=True))
    return (a.double() - b.double()).abs().max().item()
