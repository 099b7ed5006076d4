"""An old scan to try things on: a clean photograph, toned, damaged, soft, with grain, as JPEG.

    python examples/old_scan.py examples/photos/old_scan.jpg   # the picture of old_photographs.md

The damage is drawn by `drawn_defects.damage`; no real scan with a known original lies here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from drawn_defects import damage
from PIL import Image
from skimage import data

CROP = (slice(0, 384), slice(60, 444))
PAPER = np.array([1.05, 1.0, 0.8])  # brown
SEED = 11


def draw_scan() -> np.ndarray:
    """(384, 384, 3) uint8."""
    grey = data.astronaut()[CROP].mean(axis=2, keepdims=True)
    toned = np.rint((30 + 0.8 * grey * PAPER).clip(0, 255)).astype(np.uint8)
    rng = np.random.default_rng(SEED)
    pixels, _ = damage(np.ascontiguousarray(toned), rng)
    soft = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 0.5)
    grain = rng.normal(0, 2.5, (*soft.shape[:2], 1))
    return np.rint((soft + grain).clip(0, 255)).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    Image.fromarray(draw_scan()).save(parser.parse_args().output, quality=88)


if __name__ == "__main__":
    main()
