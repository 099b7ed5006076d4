"""Measures: what is said of a restored picture, against the clean one and against what was given.

    psnr_db, ssim, masked_psnr_db    to the clean picture, the last inside the hole
    sharpness, blur                  the result's over, and less, that of the clean picture
    texture_error                    how far the texture is from the clean picture's, block by block
    lpips                            where that package is installed (Zhang et al. 2018)
    coefficients_kept, consistency_psnr_db, known_max_error, residual_sigma
                                     of the result degraded again, to what was given

All are of the 8-bit result, by the same functions for every method, ours and others'. None in place
of a PSNR stands for equal pictures; a residual is good where it is as strong as the noise was.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from restore import metrics
from restore.bench.given import Given
from restore.bench.pictures import Clean
from restore.record import round_decibels, round_share
from restore.tasks import blurred, compare

METRICS = (
    "psnr_db", "ssim", "masked_psnr_db", "lpips", "sharpness", "blur", "texture_error",
    "coefficients_kept", "consistency_psnr_db", "known_max_error", "residual_sigma",
)  # fmt: skip
CONSISTENCY = {
    "jpeg": "coefficients_kept",
    "superres": "consistency_psnr_db",
    "inpaint": "known_max_error",
    "denoise": "residual_sigma",
    "deblur": "residual_sigma",
}
Perception = Callable[[np.ndarray, np.ndarray], float]
"""LPIPS of two pictures (H, W, 3) uint8."""

BACKBONE = "alexnet-owt-7be5be79.pth"  # 233 MB that torchvision would download


def measured(
    pixels: np.ndarray, clean: Clean, given: Given, perception: Perception | None = None
) -> dict[str, float | None]:
    """The metrics of a result (H, W, 3) uint8; those that have no meaning are left out."""
    found: dict[str, float | None] = {}
    erased = given.hole is None and given.sigma is None
    compared = compare(pixels, clean.pixels, given.data if erased else None)
    for name in ("psnr_db", "ssim", "coefficients_kept", "consistency_psnr_db"):
        if name in compared:
            found[name] = compared[name]
    if "coefficients_kept" in found:
        found.pop("consistency_psnr_db", None)
    if given.hole is not None:
        found["masked_psnr_db"] = round_decibels(metrics.psnr(pixels, clean.pixels, given.hole))
        known = metrics.max_error(pixels, given.picture.pixels, ~given.hole)
        found["known_max_error"] = known
    if given.sigma is not None:
        again = pixels if given.kernel is None else blurred(pixels, given.kernel).pixels
        error = metrics.mean_squared_error(again, given.picture.pixels)
        found["residual_sigma"] = round(error**0.5, 3)
    sharp = metrics.sharpness(clean.pixels)
    found["sharpness"] = round_share(metrics.sharpness(pixels) / sharp if sharp else 1.0)
    found["blur"] = round_share(metrics.blur(pixels) - metrics.blur(clean.pixels))
    found["texture_error"] = round_share(metrics.texture_error(pixels, clean.pixels))
    if perception:
        found["lpips"] = round_share(perception(pixels, clean.pixels))
    return found


def perception(offline: bool) -> tuple[Perception | None, str]:
    """LPIPS with AlexNet on the CPU, where it is installed; else None, and why.

    Its backbone's weights are torchvision's, which downloads them once, unless `offline`.
    """
    try:
        import lpips
    except ImportError as error:  # it needs torchvision, which it may not have found
        package = (error.name or "lpips").partition(".")[0]
        return None, f"LPIPS is left out: the package {package} is not installed"
    import torch

    backbone = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE
    if offline and not backbone.is_file():
        return None, f"LPIPS is left out: {os.fspath(backbone)!r} is not here, and this is offline"
    try:
        network = lpips.LPIPS(net="alex", verbose=False).eval().requires_grad_(False)
    except Exception as error:  # a download fails in many ways
        cause = str(error) or type(error).__name__
        return None, f"LPIPS is left out: its weights could not be had: {cause}"

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        x, y = (torch.tensor(image).permute(2, 0, 1)[None].float() / 127.5 - 1 for image in (a, b))
        with torch.inference_mode():
            return float(network(x, y))

    return distance, ""
