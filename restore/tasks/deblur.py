"""deblur: undo a blur whose kernel is known; blurred again, the result is the given picture."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from restore import metrics
from restore.bcm import BCM
from restore.degradations import Blur, pad_periodic
from restore.degradations.kernels import make_kernel
from restore.degradations.noise import ROUNDING, check_sigma, estimate_sigma
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.record import round_decibels
from restore.settings import DEFAULTS, Settings
from restore.solvers import PEERS
from restore.tasks.result import Result
from restore.tasks.rules import HIGHEST, LAMBDA, LEVELS
from restore.tasks.run import Problem, solve


def deblur(
    image: Any,
    kernel: Any,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    sigma: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Undo a blur: the problem y = k * x + σ z, with σ of `sigma` levels of 8 bits.

    image: path, bytes, PIL image, array or Picture. kernel: a name such as "gaussian:2" or
    "motion:15,30", a file, or an array (see `kernels.make_kernel`). sigma: the picture's noise,
    which says how far the blur can be undone; None to estimate it. What lies around the picture is
    not known: it is taken to be what fits best, and the proof is measured where the kernel stays
    inside. Raises ImageError for what cannot be read, RequestError for wrong settings.
    """
    given = check_sigma(sigma)
    source = as_picture(image, max_pixels=max_pixels)
    k = torch.from_numpy(make_kernel(kernel)).float()
    # Rounding is noise too, and the least that there is.
    level = max(estimate_sigma(source) if given is None else given, ROUNDING)
    canvas = pad_periodic(torch.empty(1, 1, *source.pixels.shape[:2]), _shape(k)).shape[2:]
    blur = Blur(k, (canvas[0], canvas[1]), level / LEVELS)
    published = settings.method in PEERS
    inside = tuple(
        slice(side - 1 - side // 2, length - side // 2)
        for side, length in zip(k.shape, source.pixels.shape[:2], strict=True)
    )

    def observe(device: torch.device) -> Tensor:
        y = pad_periodic(source.tensor(), _shape(k)).to(device)
        height, width = source.pixels.shape[:2]
        return blur.extrapolate(y, (height, width))

    def start(y: Tensor) -> Tensor:
        return blur.posterior_mean(y, y, HIGHEST) if published else y.clone()

    def proof(stored: Picture) -> dict[str, Any]:
        height, width = source.pixels.shape[:2]
        again = blur(pad_periodic(stored.tensor(), _shape(k)))[:, :, :height, :width]
        a, b = source.with_tensor(again).pixels[inside], source.pixels[inside]
        found = {
            "psnr_input_db": round_decibels(metrics.psnr(stored.pixels, source.pixels)),
            "consistency_psnr_db": None,
            "consistency_exact": False,
            "sigma": round(level, 3),
            "residual_sigma": None,
        }
        if a.size:
            error = metrics.mean_squared_error(a, b) ** 0.5 * 255 / metrics.data_range(b)
            found["consistency_psnr_db"] = round_decibels(metrics.psnr(a, b))
            found["consistency_exact"] = error == 0
            found["residual_sigma"] = round(error, 3)
        return found

    problem = Problem(
        task="deblur",
        image=image,
        source=source,
        size=source.size,
        severity=level,
        degradation=lambda preset: blur if published else blur.with_noise_scaled(LAMBDA),
        observe=observe,
        start=start,
        finish=lambda restored: restored,
        proof=proof,
        canvas=(canvas[1], canvas[0]),
    )
    return solve(problem, model, settings)


def _shape(kernel: Tensor) -> tuple[int, int]:
    return kernel.shape[0], kernel.shape[1]
