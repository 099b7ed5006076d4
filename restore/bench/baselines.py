"""Baselines: what is done without a network, by classical methods of OpenCV and scikit-image.

Their settings are the best of a few on Public 13, as a network's presets are. Each is a function of
a `Degraded` that returns the restored pixels (H, W, 3) uint8.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage import restoration

from restore.bench.pictures import Degraded
from restore.degradations import Resize
from restore.degradations.blur import pad_periodic
from restore.tasks import Deblur, Denoise
from restore.tasks.superres import enlarge_bicubic

RADIUS = 3  # pixels, of OpenCV's inpainting
NOISE_TO_SIGNAL = 0.01  # of Wiener's filter, alike at all frequencies
STEPS = 30  # of Richardson and Lucy
SHARE = 0.6  # of the noise: how far apart patches may be, and the weight of total variation


def untouched(degraded: Degraded) -> np.ndarray:
    """The given picture as it is."""
    return degraded.picture.pixels


def bicubic(degraded: Degraded) -> np.ndarray:
    """Pillow's bicubic enlargement."""
    return enlarge_bicubic(degraded.picture, degraded.size).pixels


def lanczos(degraded: Degraded) -> np.ndarray:
    """OpenCV's Lanczos enlargement, over 8 by 8 pixels."""
    return cv2.resize(degraded.picture.pixels, degraded.size, interpolation=cv2.INTER_LANCZOS4)


def back_projection(degraded: Degraded) -> np.ndarray:
    """The bicubic enlargement, moved to the nearest picture that shrinks to the given one."""
    large = enlarge_bicubic(degraded.picture, degraded.size)
    resize = Resize(large.pixels.shape[:2], degraded.picture.pixels.shape[:2])
    return large.with_tensor(
        resize.project_into_range(large.tensor(), degraded.picture.tensor())
    ).pixels


def telea(degraded: Degraded) -> np.ndarray:
    """Fast marching (Telea 2004)."""
    return cv2.inpaint(degraded.picture.pixels, _mask(degraded), RADIUS, cv2.INPAINT_TELEA)


def navier_stokes(degraded: Degraded) -> np.ndarray:
    """Isophotes carried on like a fluid (Bertalmio et al. 2001)."""
    return cv2.inpaint(degraded.picture.pixels, _mask(degraded), RADIUS, cv2.INPAINT_NS)


def biharmonic(degraded: Degraded) -> np.ndarray:
    """The surface of least bending (Damelin and Hoang 2018)."""
    filled = restoration.inpaint_biharmonic(
        degraded.picture.pixels, degraded.problem.hole, channel_axis=2
    )
    return _levels(filled)


def nonlocal_means(degraded: Degraded) -> np.ndarray:
    """Means over alike patches (Buades et al. 2005), told the level of the noise."""
    sigma = _noise(degraded) / 255
    found = restoration.denoise_nl_means(
        degraded.picture.pixels.astype(np.float32) / 255,
        patch_size=5,
        patch_distance=6,
        h=SHARE * sigma,
        sigma=sigma,
        channel_axis=2,
    )
    return _levels(found)


def total_variation(degraded: Degraded) -> np.ndarray:
    """Least total variation (Chambolle 2004), its weight by the level of the noise."""
    image = degraded.picture.pixels.astype(np.float32) / 255
    weight = SHARE * _noise(degraded) / 255
    return _levels(restoration.denoise_tv_chambolle(image, weight=weight, channel_axis=2))


def wiener(degraded: Degraded) -> np.ndarray:
    """Wiener's filter (Wiener 1949)."""
    kernel = _kernel(degraded)
    y = pad_periodic(degraded.picture.tensor(), (kernel.shape[0], kernel.shape[1]))
    planes = [
        restoration.wiener(plane, kernel, NOISE_TO_SIGNAL, reg=np.ones((1, 1)))
        for plane in (y[0].double().numpy() + 1) / 2
    ]
    width, height = degraded.size
    return _levels(np.stack(planes, axis=2)[:height, :width])


def richardson_lucy(degraded: Degraded) -> np.ndarray:
    """A few steps of Richardson (1972) and Lucy (1974), more of which would amplify the noise."""
    kernel = _kernel(degraded)
    room = min(STEPS * max(kernel.shape) // 2, *degraded.size)
    image = np.pad(degraded.picture.pixels / 255.0, [(room, room)] * 2 + [(0, 0)], "symmetric")
    planes = [
        restoration.richardson_lucy(plane, kernel, num_iter=STEPS)
        for plane in np.moveaxis(image, 2, 0)
    ]
    width, height = degraded.size
    return _levels(np.stack(planes, axis=2)[room : room + height, room : room + width])


def _mask(degraded: Degraded) -> np.ndarray:
    assert degraded.problem.hole is not None
    return degraded.problem.hole.astype(np.uint8)


def _noise(degraded: Degraded) -> float:
    """The standard deviation of the noise, in levels of 8 bits."""
    assert isinstance(degraded.task, Denoise)
    assert degraded.task.sigma is not None
    return degraded.task.sigma


def _kernel(degraded: Degraded) -> np.ndarray:
    assert isinstance(degraded.task, Deblur)
    return np.asarray(degraded.task.kernel, np.float64)


def _levels(x: np.ndarray) -> np.ndarray:
    """From 0 to 1 to 8 bits."""
    return np.rint(x.clip(0, 1) * 255).astype(np.uint8)
