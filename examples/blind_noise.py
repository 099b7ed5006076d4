"""Blind denoising: what is lost against the best level, on noises of eight kinds.

    python examples/blind_noise.py

Prints a Markdown table: the PSNR of `denoise` at the level it finds, at the one that the finest
detail alone gives (`estimate_sigma`), and at the best of fourteen; the mean over scikit-image's
photographs where noise was found, and in how many it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from diagnosis import coarse, lossy, photographs, scale, white

import restore
from restore import metrics
from restore.degradations import estimate_sigma
from restore.images import Picture
from restore.tasks import Denoise

LEVELS = (3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 40)
NOISES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "white 10": (lambda a: white(a, 10), 1),
    "white 5, then JPEG 90": (lambda a: lossy(white(a, 5), 90), 1),
    "white 10, then JPEG 90": (lambda a: lossy(white(a, 10), 90), 1),
    "white 20, then JPEG 90": (lambda a: lossy(white(a, 20), 90), 1),
    "white 20, then scaled by 0.7": (lambda a: scale(white(a, 20), 0.7), 0.7),
    "white 20, then scaled by 1.5": (lambda a: scale(white(a, 20), 1.5), 1.5),
    "correlated 15": (lambda a: coarse(a, 15), 1),
    "grey 15": (lambda a: white(a, 15, 1), 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=192, help="pixels that are used of each")
    parser.add_argument("--pictures", type=int, default=8)
    arguments = parser.parse_args()
    model = restore.load("default")
    photos = photographs(None, 8, arguments.side)[: arguments.pictures]
    print("| noise | found in | finest detail | denoise | best |")
    print("| --- | --- | --- | --- | --- |")
    for name, (degrade, factor) in NOISES.items():
        rows = []
        for clean in photos:
            given = Picture(np.ascontiguousarray(degrade(clean)))
            truth = clean if factor == 1 else scale(clean, factor)

            def psnr(task: Denoise, given: Picture = given, truth: np.ndarray = truth) -> float:
                return metrics.psnr(task.restore(given, model).picture.pixels, truth)

            if Denoise().open(given).sound is not None:
                continue
            best = max(psnr(Denoise(sigma=level)) for level in LEVELS)
            rows.append((psnr(Denoise(sigma=estimate_sigma(given))), psnr(Denoise()), best))
        shown = " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0)) if rows else "| |"
        print(f"| {name} | {len(rows)} of {len(photos)} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
