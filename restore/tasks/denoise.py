"""denoise: remove white noise of a known level, or of one that is estimated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from restore import metrics
from restore.bcm import BCM
from restore.degradations import Free, Noise
from restore.degradations.noise import ROUNDING, check_sigma, estimate_sigma
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.images.transfer import send
from restore.record import round_decibels
from restore.settings import DEFAULTS, Settings
from restore.solvers import PEERS
from restore.tasks.result import Result
from restore.tasks.rules import LEVELS
from restore.tasks.run import Problem, solve


def denoise(
    image: Any,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    sigma: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Remove noise: the problem y = x + σ z, with σ of `sigma` levels of 8 bits.

    image: path, bytes, PIL image, array or Picture. sigma: None to estimate it from the picture.
    Our own method takes y for the image at the noise level that it is at; what it finds there is
    held to nothing else. The noise of a grey picture is the same in all three channels, √3 times
    as strong along grey as the network expects of it, and is told so. Raises ImageError for what
    cannot be read, RequestError for wrong settings.
    """
    given = check_sigma(sigma)
    source = as_picture(image, max_pixels=max_pixels)
    level = estimate_sigma(source) if given is None else given
    level = max(level, ROUNDING if given is None else 0.0)
    seen = level * math.sqrt(3) if _is_grey(source.pixels) else level

    def proof(stored: Picture) -> dict[str, Any]:
        removed = metrics.mean_squared_error(stored.pixels, source.pixels) ** 0.5
        return {
            "psnr_input_db": round_decibels(metrics.psnr(stored.pixels, source.pixels)),
            "consistency_psnr_db": None,
            "consistency_exact": False,
            "sigma": round(level, 3),
            "residual_sigma": round(removed * 255 / metrics.data_range(source.pixels), 3),
        }

    problem = Problem(
        task="denoise",
        image=image,
        source=source,
        size=source.size,
        severity=seen,
        degradation=lambda preset: Noise(level / LEVELS) if settings.method in PEERS else Free(),
        observe=lambda device: send(source, device),
        start=lambda y: y.clone(),
        finish=lambda restored: restored,
        proof=proof,
    )
    return solve(problem, model, settings)


def _is_grey(pixels: np.ndarray) -> bool:
    """Whether all channels are the same."""
    return all(np.array_equal(pixels[..., 0], pixels[..., i]) for i in range(pixels.shape[2]))
