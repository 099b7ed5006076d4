"""Blind denoising: what is lost against the best level, on noises of eight kinds.

    python examples/blind_noise.py
    python examples/blind_noise.py --clean    # what is found where there is none

Prints a Markdown table: the PSNR of `denoise` at the level it finds, at the one that the finest
detail alone gives (`estimate_sigma`), and at the best of fourteen; the mean over scikit-image's
photographs where noise was found, and in how many it was. With --clean, of twelve pictures without
noise: what the finest detail would have taken for it, what is found, and whether `denoise` left
every pixel as it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from diagnosis import (
    chart,
    coarse,
    halftone,
    lossy,
    middle,
    page,
    photographs,
    scale,
    screenshot,
    white,
)
from skimage import data

import restore
from restore import metrics
from restore.degradations import estimate_sigma
from restore.images import Picture, as_picture
from restore.tasks import Denoise

CASES = Path(__file__).parents[1] / "tests" / "cases"
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


def make_clean(side: int) -> dict[str, Picture]:
    """Twelve pictures without noise."""
    grass, gravel, brick = (
        Picture(middle(getattr(data, name)()[..., None].repeat(3, 2), side))
        for name in ("grass", "gravel", "brick")
    )
    fax = np.where(page(3)[: 2 * side, : 2 * side] > 128, 255, 0).astype(np.uint8)
    return {
        "tests/cases/10, text page of 1 bit": as_picture(CASES / "10-text-page-1-bit.png"),
        "tests/cases/11, screenshot": as_picture(CASES / "11-screenshot.png"),
        "text": Picture(page(0)),
        "text, grey on white": Picture(page(1, 255, 40)),
        "fax, two tones": Picture(fax),
        "screenshot": Picture(screenshot(0)),
        "halftone, fine": Picture(halftone(photographs(None, 8, side)[0], 0.7)),
        "halftone, soft": Picture(halftone(photographs(None, 8, side)[3], 1.0)),
        "chart": Picture(chart()),
        "photograph, grass": grass,
        "photograph, gravel": gravel,
        "photograph, brick": brick,
    }


def show_clean(side: int) -> None:
    model = restore.load("default")
    print("| picture | finest detail | found | every pixel as it was |")
    print("| --- | --- | --- | --- |")
    for name, picture in make_clean(side).items():
        result = Denoise().restore(picture, model).picture.pixels
        same = "yes" if np.array_equal(result, picture.pixels) else "no"
        noise = restore.diagnose(picture).noise
        found = "none" if noise is None else f"{noise.sigma:.1f}"
        print(f"| {name} | {estimate_sigma(picture):.1f} | {found} | {same} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=192, help="pixels that are used of each")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--clean", action="store_true", help="twelve pictures without noise")
    arguments = parser.parse_args()
    if arguments.clean:
        show_clean(arguments.side)
        return
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
