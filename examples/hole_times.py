"""Time against hole size: only what a hole reaches is computed, and the bytes are those of all.

    python examples/hole_times.py                 # 1, 4 and 12 megapixels, all in one run

Processor seconds of restoring a decoded picture, loading and saving left out; beside them those of
the full computation, which is run once a size of the picture, since it does not depend on the
hole, and whether its bytes are the same. Both are of one process, so that their ratio holds under
any load.
"""

from __future__ import annotations

import argparse
import os
import time
from unittest.mock import patch

import cv2
import numpy as np

from restore.bcm import BCM
from restore.checkpoints import load
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Inpaint

SIZES = {1: (866, 1155), 4: (1732, 2309), 12: (3000, 4000)}
SIDES = (12, 16, 64, 256)  # pixels
PROVEN = (12, 256)  # sides that the full computation is run for


def draw(height: int, width: int) -> Picture:
    """Something like a photograph, the same each time."""
    rng, x = np.random.default_rng(0), np.zeros((height, width, 3), np.float32)
    for scale in (4, 16, 64, 256):
        size = -(-height // scale) + 1, -(-width // scale) + 1, 3
        rough = rng.normal(0, scale**0.5, size).astype(np.float32)
        x += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    return Picture(np.rint((128 + 4 * x).clip(0, 255)).astype(np.uint8))


def measure(picture: Picture, hole: np.ndarray, model: BCM, nfe: int) -> tuple[float, np.ndarray]:
    """Processor seconds, and the pixels."""
    began = time.process_time()
    result = Inpaint(mask=hole, fill="smooth").restore(picture, model, Settings(nfe=nfe))
    return time.process_time() - began, result.image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=int, nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--nfe", type=int, default=8)
    args = parser.parse_args()
    model = load("default", device="cpu")
    measure(draw(128, 128), np.eye(128, dtype=bool), model, 1)  # what happens only once
    print(f"NFE {args.nfe}, {os.cpu_count()} processors, {model.dtype}")
    print("\n| picture | hole | CPU s | CPU s, full | times less | same bytes |")
    print("| --- | --- | --- | --- | --- | --- |")
    for megapixels in args.megapixels:
        height, width = SIZES[megapixels]
        picture, full = draw(height, width), 0.0
        for side in SIDES:
            hole = np.zeros((height, width), bool)
            top, left = (height - side) // 2, (width - side) // 2
            hole[top : top + side, left : left + side] = True
            seconds, pixels = measure(picture, hole, model, args.nfe)
            same = "–"
            if side in PROVEN:
                with patch.object(Inpaint, "split", lambda task, problem, network: (problem,)):
                    full, whole = measure(picture, hole, model, args.nfe)
                same = "yes" if np.array_equal(pixels, whole) else "no"
            print(f"| {megapixels} MP | {side} px | {seconds:.2f} | {full:.1f} "
                  f"| {full / seconds:.0f} | {same} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
