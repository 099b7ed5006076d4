"""Metrics: how near two images are.

Pure functions of two arrays (H, W, C) or (H, W) of one shape and depth, uint8 or uint16. RGB, all
channels together, nothing cropped; the data range is that of the depth (255 or 65535).
"""

import math

import cv2
import numpy as np

STRIP = 512  # rows at a time: memory stays flat at any size
BLOCK = 8  # pixels to a side
SMOOTH = 2  # of 255 levels a pixel: a gradient that no eye sees


def data_range(image: np.ndarray) -> int:
    """The largest value of the image's depth."""
    return int(np.iinfo(image.dtype).max)


def mean_squared_error(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean of (a - b)² over all channels, or over the pixels that `where` (H, W) bool marks."""
    total = _distance(a, b, cv2.NORM_L2SQR, where)
    count = a.size if where is None else int(where.sum()) * (a.size // where.size)
    return total / count if count else 0.0


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio of a to b in dB, of the pixels that `where` (H, W) bool marks.

    Infinite where they are equal.
    """
    error = mean_squared_error(a, b, where)
    return 10 * math.log10(data_range(a) ** 2 / error) if error else math.inf


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of a and b, mean over pixels and channels.

    As Wang et al. 2004 have it, by a Gaussian of 1.5 pixels. 0 to 1, or NaN where a side is under
    11 pixels. Large images are taken in strips.
    """
    from skimage.metrics import structural_similarity

    _check(a, b)
    height, width = a.shape[:2]
    if min(height, width) < 11:
        return math.nan
    total = 0.0
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        low, high = max(top - 16, 0), min(bottom + 16, height)
        _, scores = structural_similarity(
            a[low:high],
            b[low:high],
            channel_axis=2 if a.ndim == 3 else None,
            data_range=data_range(a),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        total += float(scores[top - low : bottom - low].mean(dtype=np.float64)) * (bottom - top)
    return float(total / height)


def max_error(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> int:
    """The largest difference of a value of a and one of b, 0 to the data range.

    where: (H, W) bool, the pixels that count; None for all.
    """
    return int(_distance(a, b, cv2.NORM_INF, where))


def sharpness(image: np.ndarray) -> float:
    """Mean gradient magnitude of the image's luma, in units of the data range.

    A statistic, not a quality.
    """
    return float(_gradient(image).mean()) / data_range(image)


def texture_error(a: np.ndarray, b: np.ndarray) -> float:
    """How far the texture of a is from that of b, block by block: 0 where it is as strong.

    The mean over blocks of 8 by 8 pixels of |ln ratio| of the mean gradient magnitudes of luma,
    each plus 2 of 255 levels, under which no eye sees it. Unlike the sharpness of a whole image it
    tells detail from grain: what is too smooth in one place is not made good by noise in another.
    """
    _check(a, b)
    least = SMOOTH / 255 * data_range(a)
    ratio = (_energies(a) + least) / (_energies(b) + least)
    return float(np.abs(np.log(ratio)).mean()) if ratio.size else 0.0


def grain(a: np.ndarray, b: np.ndarray) -> float:
    """How much texture a has where b is smooth, in 8-bit levels a pixel: 0 where it has no more.

    The mean, over blocks of 8 by 8 pixels whose mean gradient of luma in b is under 2 of 255 levels
    (skies, skin, walls), of what the one in a is larger; 0 without such a block. A texture error
    hardly sees it, since a noise of one level is small beside what fur or grass deviate by.
    """
    _check(a, b)
    level = data_range(a) / 255
    ours, clean = _energies(a) / level, _energies(b) / level
    smooth = clean < SMOOTH
    return float(np.maximum(ours - clean, 0)[smooth].mean()) if smooth.any() else 0.0


def _distance(a: np.ndarray, b: np.ndarray, norm: int, where: np.ndarray | None) -> float:
    """A norm of OpenCV of the difference, in integers, over the pixels that `where` marks."""
    _check(a, b)
    mask = None if where is None else np.ascontiguousarray(where).view(np.uint8)
    return cv2.norm(np.ascontiguousarray(a), np.ascontiguousarray(b), norm, mask)


def _energies(image: np.ndarray) -> np.ndarray:
    """Mean gradient magnitude of luma by blocks; a rest of less than a block is left out."""
    height, width = (side // BLOCK for side in image.shape[:2])
    blocks = _gradient(image)[: height * BLOCK, : width * BLOCK]
    return np.asarray(blocks.reshape(height, BLOCK, width, BLOCK).mean(axis=(1, 3)))


def _gradient(image: np.ndarray) -> np.ndarray:
    """Gradient magnitude of luma (H, W), in the image's levels a pixel."""
    x = image.astype(np.float32)
    return np.asarray(np.hypot(*np.gradient(x.mean(axis=2) if x.ndim == 3 else x)))


def blur(image: np.ndarray) -> float:
    """How blurred an image looks by itself, 0 (sharp) to 1 (Crété-Roffet et al. 2007).

    By how much a further blur changes the differences of neighbours; no reference is needed.
    """
    from skimage.measure import blur_effect

    return float(blur_effect(image, channel_axis=2 if image.ndim == 3 else None))


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(
            f"images of one shape and depth are compared: {a.shape} {a.dtype}, {b.shape} {b.dtype}"
        )
