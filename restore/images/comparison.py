"""Comparison: how near one picture is to another, whatever their depths and channels."""

from __future__ import annotations

import math

import numpy as np

from restore import metrics
from restore.images.picture import Picture
from restore.record import Metrics, round_decibels, round_share


def compare_to_clean(picture: Picture, clean: Picture, hole: np.ndarray | None = None) -> Metrics:
    """PSNR and SSIM of a picture to the clean one of the same size.

    Args:
        picture: the result, upright.
        clean: the truth, upright, of any depth, grey or in colour.
        hole: (H, W) bool, upright: its PSNR is reported too.
    """
    a, b = match_kinds(picture, clean)
    found: Metrics = {
        "psnr_db": round_decibels(metrics.psnr(a, b)),
        "ssim": round_share(metrics.ssim(a, b)),
    }
    if hole is not None:
        found["masked_psnr_db"] = round_decibels(metrics.psnr(a, b, hole))
    return found


def compare_with_given(found: Metrics, given: Picture, clean: Picture) -> Metrics:
    """The PSNR of what was given to the clean picture, and by how much the result is nearer.

    found: what `compare_to_clean` gave of the result. given: upright, of the size of the clean one.
    """
    psnr, result = metrics.psnr(*match_kinds(given, clean)), found.get("psnr_db")
    both = result is not None and math.isfinite(psnr)
    return {
        "psnr_given_db": round_decibels(psnr),
        "gain_db": round(result - psnr, 3) if both and result is not None else None,
    }


def match_kinds(picture: Picture, other: Picture) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of both, the other's brought to this one's depth, greys repeated where one is."""
    other = other.at_depth(picture.depth)
    a, b = picture.pixels, other.pixels
    if a.shape[2] != b.shape[2]:
        a, b = a.repeat(3 // a.shape[2], axis=2), b.repeat(3 // b.shape[2], axis=2)
    return a, b
