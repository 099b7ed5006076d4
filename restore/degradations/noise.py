"""Noise: the degradation that adds white noise of a known level, y = x + σ z.

A is the identity; what tells y from x is its noise. To project onto y is to take all of it, which
no one wants: what the observation is worth, `posterior_mean` weighs.

`estimate_sigma` finds the level in a picture's finest diagonal detail, which in a photograph is
mostly noise: σ = median |d| / 0.6745 (Donoho and Johnstone 1994, doi 10.1093/biomet/81.3.425), d
the wavelet coefficients of Daubechies' filter of four taps along both axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.degradations.degradation import Degradation, destination
from restore.errors import RequestError
from restore.images import Picture, as_picture

ROUNDING = 1 / math.sqrt(12)  # levels: the deviation of what rounding to 8 bits loses
MOST = 255.0
TAPS = torch.tensor([1 - 3**0.5, 3**0.5 - 3, 3 + 3**0.5, -1 - 3**0.5]) / (4 * 2**0.5)
STRIP = 1024  # rows
FLAT = 1e-4  # of the range: less is rounding


@final
class Noise(Degradation[Tensor]):
    """sigma is the noise's standard deviation on [-1, 1]; y is an image."""

    onto = True

    def __init__(self, sigma: float) -> None:
        if not 0 < sigma < float("inf"):
            raise RequestError(f"noise of level {sigma:g}: expected a number above 0")
        self.sigma = sigma

    def __call__(self, x: Tensor) -> Tensor:
        return x.clone()

    def pinv(self, y: Tensor) -> Tensor:
        return y.clone()

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        return destination(x, out).copy_(y)

    def posterior_mean(self, x: Tensor, y: Tensor, t: float, out: Tensor | None = None) -> Tensor:
        out = destination(x, out)
        return out.lerp_(y, t**2 / (t**2 + self.sigma**2))

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        return x * float(gain(torch.tensor([self.sigma])))


def estimate_sigma(picture: Picture) -> float:
    """The noise's standard deviation in levels of 8 bits; 0 where there is too little to tell.

    picture: of any depth and channels; the mean over its channels is taken. Of noise that is
    correlated, as after scaling, compression or a camera's own processing, less is found than
    there is.
    """
    kernel = torch.outer(TAPS, TAPS)[None, None]
    found = []
    for channel in np.moveaxis(picture.pixels, 2, 0):
        details = []
        for top in range(0, channel.shape[0], STRIP):
            rows = torch.from_numpy(channel[top : top + STRIP].astype(np.float32))[None, None]
            if min(rows.shape[2:]) >= 4:
                details.append(F.conv2d(rows, kernel, stride=2).abs().flatten().numpy())
        detail = np.concatenate(details) if details else np.zeros(0, np.float32)
        detail = detail[detail > FLAT * 2**picture.depth]  # clipped or flat: no noise to show
        found.append(float(np.median(detail)) / 0.6745 if detail.size else 0.0)
    return float(np.mean(found) * 255 / (2**picture.depth - 1))


def check_sigma(sigma: float | None) -> float | None:
    """A noise level in levels of 8 bits, as it is given; RequestError for one that cannot be."""
    if sigma is None:
        return None
    try:
        value = float(sigma)
    except (TypeError, ValueError) as error:
        raise RequestError(f"sigma is {sigma!r}, expected a noise level in 8-bit units") from error
    if not 0 < value <= MOST:
        raise RequestError(f"sigma is {value:g}, expected a level above 0, at most {MOST:g}")
    return value


def noisy(image: object, sigma: float = 25.0, seed: int = 0) -> Picture:
    """The picture with white noise of `sigma` levels of 8 bits, clipped and rounded."""
    level = check_sigma(sigma)
    assert level is not None
    if seed < 0:
        raise RequestError(f"seed is {seed}, expected 0 or more")
    picture = as_picture(image)
    random, most = np.random.default_rng(seed), 2**picture.depth - 1
    pixels = np.empty_like(picture.pixels)
    for row in range(len(pixels)):
        z = random.standard_normal(pixels.shape[1:], np.float32)
        pixels[row] = np.rint((picture.pixels[row] + level * most / 255 * z).clip(0, most))
    return replace(picture, pixels=pixels)
