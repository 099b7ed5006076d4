"""Evidence: what the network says of pixels that a photograph would not have.

Candidates are taken out and filled in again: what is there is held against what the network thinks
should be. How far it is wrong where nothing is the matter, it shows on holes of the same shape
beside them: their error is the spread there. A scratch over sky is many times the spread; a blade
of grass is what the network is wrong about everywhere around.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from restore.degradations import Mask
from restore.holes import fill
from restore.presets import Preset
from restore.solvers.bcm import bcm
from restore.tiling import NoiseField, TiledBCM

LEVELS = (0.2, 0.07)  # of the fill
ASIDE = (11, 17)  # pixels down and right to the holes that measure the spread
AROUND = 65  # pixels: the side of what the spread is the mean over
FLOOR = 2.0  # levels of 8 bits of spread that are always there
SCALE = 127.5  # levels of 8 bits in a unit of the network's range


def score_candidates(denoiser: TiledBCM, x: Tensor, candidates: np.ndarray) -> np.ndarray:
    """(H, W) float32: for each connected part of the candidates how often its error holds the
    spread around it, 0 elsewhere.

    x: (1, 3, H, W) in [-1, 1], the picture. candidates: (H, W) bool.
    """
    height, width = candidates.shape
    grown = cv2.dilate(candidates.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    aside = np.zeros_like(grown)
    down, right = min(ASIDE[0], height), min(ASIDE[1], width)
    aside[down:, right:] = grown[: height - down, : width - right]
    aside &= ~(cv2.dilate(grown.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    error = measure_error(denoiser, x, grown)
    spread = measure_error(denoiser, x, aside)
    size = AROUND, AROUND
    total = cv2.blur(np.where(aside, spread, 0).astype(np.float32), size)
    around = total / np.maximum(cv2.blur(aside.astype(np.float32), size), 1e-4) + FLOOR
    count, labels = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=8)
    inside = labels[candidates]
    sums = np.bincount(inside, error[candidates], count)
    score = sums / np.maximum(np.bincount(inside, around[candidates], count), 1e-6)
    score[0] = 0
    return score[labels].astype(np.float32)


def measure_error(denoiser: TiledBCM, x: Tensor, hole: np.ndarray) -> np.ndarray:
    """(H, W) float32: how far the fill of a hole is from what is there, levels of 8 bits."""
    if not hole.any():
        return np.zeros(hole.shape, np.float32)
    known = torch.from_numpy(~hole)[None, None]
    start = fill(x.clone(), known).to(denoiser.device)
    within = replace(denoiser, region=torch.from_numpy(hole))
    given = x.to(denoiser.device)
    filled = bcm(within, Mask(known), given, start, Preset(LEVELS), NoiseField(0))
    return ((filled - given).abs().mean(dim=1)[0] * SCALE).cpu().numpy()
