"""Baselines: what is done without a network, by classical methods of OpenCV and scikit-image.

Their settings are the best of a few on Public 13, as a network's presets are. Each is a function of
a `Given` that returns the restored pixels (H, W, 3) uint8.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage import restoration

from restore.bench.given import Given
from restore.degradations import Resize
from restore.degradations.blur import pad_periodic
from restore.tasks.superres import bicubic as enlarged

RADIUS = 3  # pixels, of OpenCV's inpainting
NOISE_TO_SIGNAL = 0.01  # of Wiener's filter, alike at all frequencies
STEPS = 30  # of Richardson and Lucy
SHARE = 0.6  # of the noise: how far apart patches may be, and the weight of total variation


def untouched(given: Given) -> np.ndarray:
    """The given picture as it is."""
    return given.picture.pixels


def bicubic(given: Given) -> np.ndarray:
    """Pillow's bicubic enlargement."""
    return enlarged(given.picture, given.size).pixels


def lanczos(given: Given) -> np.ndarray:
    """OpenCV's Lanczos enlargement, over 8 by 8 pixels."""
    return cv2.resize(given.picture.pixels, given.size, interpolation=cv2.INTER_LANCZOS4)


def back_projection(given: Given) -> np.ndarray:
    """The bicubic enlargement, moved to the nearest picture that shrinks to the given one."""
    large = enlarged(given.picture, given.size)
    resize = Resize(large.pixels.shape[:2], given.picture.pixels.shape[:2])
    return large.with_tensor(
        resize.project_into_range(large.tensor(), given.picture.tensor())
    ).pixels


def telea(given: Given) -> np.ndarray:
    """Fast marching (Telea 2004)."""
    return cv2.inpaint(given.picture.pixels, _mask(given), RADIUS, cv2.INPAINT_TELEA)


def navier_stokes(given: Given) -> np.ndarray:
    """Isophotes carried on like a fluid (Bertalmio et al. 2001)."""
    return cv2.inpaint(given.picture.pixels, _mask(given), RADIUS, cv2.INPAINT_NS)


def biharmonic(given: Given) -> np.ndarray:
    """The surface of least bending (Damelin and Hoang 2018)."""
    filled = restoration.inpaint_biharmonic(given.picture.pixels, given.hole, channel_axis=2)
    return _levels(filled)


def nonlocal_means(given: Given) -> np.ndarray:
    """Means over alike patches (Buades et al. 2005), told the level of the noise."""
    assert given.sigma is not None
    sigma = given.sigma / 255
    found = restoration.denoise_nl_means(
        given.picture.pixels.astype(np.float32) / 255,
        patch_size=5,
        patch_distance=6,
        h=SHARE * sigma,
        sigma=sigma,
        channel_axis=2,
    )
    return _levels(found)


def total_variation(given: Given) -> np.ndarray:
    """Least total variation (Chambolle 2004), its weight by the level of the noise."""
    assert given.sigma is not None
    image = given.picture.pixels.astype(np.float32) / 255
    weight = SHARE * given.sigma / 255
    return _levels(restoration.denoise_tv_chambolle(image, weight=weight, channel_axis=2))


def wiener(given: Given) -> np.ndarray:
    """Wiener's filter (Wiener 1949)."""
    kernel = np.asarray(given.kernel, np.float64)
    y = pad_periodic(given.picture.tensor(), (kernel.shape[0], kernel.shape[1]))
    planes = [
        restoration.wiener(plane, kernel, NOISE_TO_SIGNAL, reg=np.ones((1, 1)))
        for plane in (y[0].double().numpy() + 1) / 2
    ]
    width, height = given.size
    return _levels(np.stack(planes, axis=2)[:height, :width])


def richardson_lucy(given: Given) -> np.ndarray:
    """A few steps of Richardson (1972) and Lucy (1974), more of which would amplify the noise."""
    kernel = np.asarray(given.kernel, np.float64)
    room = min(STEPS * max(kernel.shape) // 2, *given.size)
    image = np.pad(given.picture.pixels / 255.0, [(room, room)] * 2 + [(0, 0)], "symmetric")
    planes = [
        restoration.richardson_lucy(plane, kernel, num_iter=STEPS)
        for plane in np.moveaxis(image, 2, 0)
    ]
    width, height = given.size
    return _levels(np.stack(planes, axis=2)[room : room + height, room : room + width])


def _mask(given: Given) -> np.ndarray:
    assert given.hole is not None
    return given.hole.astype(np.uint8)


def _levels(x: np.ndarray) -> np.ndarray:
    """From 0 to 1 to 8 bits."""
    return np.rint(x.clip(0, 1) * 255).astype(np.uint8)
