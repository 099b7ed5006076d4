"""inpaint: fill a hole; the known pixels stay bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from restore import metrics
from restore.bcm import BCM
from restore.degradations import Mask
from restore.images import Picture, as_picture
from restore.images.transfer import send
from restore.record import round_decibels
from restore.settings import DEFAULTS, Settings
from restore.tasks.fill import fill
from restore.tasks.masks import hole_of, thickness
from restore.tasks.result import Result
from restore.tasks.run import Problem, solve


def inpaint(
    image: Any,
    mask: Any,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    invert_mask: bool = False,
    dilate: int = 0,
) -> Result:
    """Fill the white pixels of `mask` in `image`: the problem y = m x, with m the known pixels.

    image: path, bytes, PIL image, array or Picture. mask: the same, of the same size, or a bool
    array, or "alpha" for the picture's transparent pixels. What is restored comes out opaque.
    Raises ImageError for what cannot be read or makes no sense, RequestError for wrong settings.
    """
    source = as_picture(image)
    hole, warnings = hole_of(mask, source, invert=invert_mask, dilate=dilate)
    known = torch.from_numpy(~hole)[None, None]

    def finish(restored: Picture) -> Picture:
        pixels = restored.pixels
        np.copyto(pixels, source.pixels, where=~hole[..., None])
        alpha = source.alpha
        if alpha is not None:
            alpha = alpha.copy()
            alpha[hole] = np.iinfo(alpha.dtype).max
        return replace(restored, pixels=pixels, alpha=alpha)

    def proof(stored: Picture) -> dict[str, Any]:
        a, b = stored.pixels, source.pixels
        worst = metrics.max_error(a, b, ~hole)
        return {
            "psnr_input_db": round_decibels(metrics.psnr(a, b)),
            "consistency_psnr_db": round_decibels(metrics.psnr(a, b, ~hole)),
            "consistency_exact": worst == 0,
            "known_max_error": worst,
        }

    problem = Problem(
        task="inpaint",
        image=image,
        source=source,
        size=source.size,
        severity=thickness(hole),
        degradation=lambda preset: Mask(known),
        observe=lambda device: send(source, device),
        start=lambda y: fill(source.tensor(), known),
        finish=finish,
        proof=proof,
        warnings=warnings,
        hole=hole,
    )
    return solve(problem, model, settings)
