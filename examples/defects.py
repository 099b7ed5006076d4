"""Masks found: how many drawn defects are, what restoring them is worth, what clean pictures lose.

    python examples/defects.py                             # the three tables, 30 pictures
    python examples/defects.py --debs packages/            # on 30 others, fetched to packages/
    python examples/defects.py --debs packages/ --others   # and on 30 more
    python examples/defects.py --nfe 0                     # masks alone, without restoring
    python examples/defects.py --baselines                 # the baselines' masks are restored too
    python examples/defects.py --sheet defects.png         # and what was found, to look at

The pictures come with scikit-image and scikit-learn; the finder saw none of them, but rules of
former versions were chosen after seeing how it failed on some. The others, out of Debian's packages
(`debian_scenes.py`), nothing was chosen on. Defects are drawn by `drawn_defects.damage`, which is
not what the finder learned from, but drawn too: figures on real scans will be lower.

A pixel is found where one within 2 pixels is marked, and marked rightly where one within 2 pixels
is damaged. Beside ours stand a top-hat with Otsu's threshold, the difference to a median with the
threshold that serves it best on these very pictures, and the known mask.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from debian_scenes import OTHERS, SCENES, load_scenes
from drawn_defects import damage
from PIL import Image

import restore
from restore import metrics
from restore.defaults import SENSITIVITY
from restore.defects import find_defects
from restore.images import Picture

SIDE = 384  # pixels at most
CROPS = {  # by what the pictures are of: the sample, and which part of it, 0 to 1 down and right
    "portrait": ("astronaut", 0.0, 0.3), "uniform": ("astronaut", 1.0, 1.0),
    "hair": ("astronaut", 0.1, 0.55), "brick": ("brick", 0, 0), "brick, other": ("brick", 1, 1),
    "man with camera": ("camera", 0.2, 0.5), "lawn": ("camera", 1, 0), "cat": ("chelsea", 0.5, 0.5),
    "whiskers": ("chelsea", 1, 0), "cup": ("coffee", 0.5, 0.5), "wood": ("coffee", 0, 0),
    "grass": ("grass", 0, 0), "grass, other": ("grass", 1, 1), "gravel": ("gravel", 0.5, 0.5),
    "stars": ("hubble_deep_field", 0, 0), "stars, other": ("hubble_deep_field", 1, 1),
    "tissue": ("immunohistochemistry", 0.5, 0.5), "retina": ("retina", 0.5, 0.5),
    "rocket": ("rocket", 0.5, 0.5), "launch pad": ("rocket", 1, 0), "coins": ("coins", 0, 0),
    "moon": ("moon", 0.5, 0.5), "page": ("page", 0, 0), "text": ("text", 0, 0),
    "clock": ("clock", 0.5, 0.5), "motorcycle": ("stereo_motorcycle", 0.5, 0.3),
    "workshop": ("stereo_motorcycle", 0, 1), "cells": ("cell", 0.5, 0.5),
    "temple, foliage": ("china", 0.5, 0.5), "flower": ("flower", 0.5, 0.5),
}  # fmt: skip
SCAN = 90  # quality of JPEG: clean pictures go through it, as scans do, so that a PSNR is finite
FAR = 0.1  # dB
BASELINES = ("top-hat, Otsu", "median difference")
MEDIANS = (10, 15, 20, 25, 30, 40)  # levels
Finder = Callable[[np.ndarray], np.ndarray]


def load_pictures() -> dict[str, np.ndarray]:
    """The 30 pictures, (H, W, 3) uint8."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    found = {}
    for name, (sample, down, right) in CROPS.items():
        if sample in ("china", "flower"):
            pixels = load_sample_image(f"{sample}.jpg")
        else:
            pixels = getattr(data, sample)()
            pixels = pixels[0] if isinstance(pixels, tuple) else pixels
        pixels = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels[..., :3]
        height, width = (min(SIDE, side) for side in pixels.shape[:2])
        top = int((pixels.shape[0] - height) * down)
        left = int((pixels.shape[1] - width) * right)
        found[name] = np.ascontiguousarray(pixels[top : top + height, left : left + width])
    return found


def top_hat(pixels: np.ndarray) -> np.ndarray:
    """What is lighter or darker than an opening or closing leaves, by Otsu's threshold."""
    grey, kernel = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.ones((9, 9), np.uint8)
    found = np.zeros(grey.shape, bool)
    for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        hat = cv2.morphologyEx(grey, kind, kernel)
        found |= cv2.threshold(hat, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1] > 0
    return found


def differ_from_median(pixels: np.ndarray, least: float) -> np.ndarray:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return cv2.absdiff(grey, cv2.medianBlur(grey, 9)) > least


def find(pixels: np.ndarray, sensitivity: float = SENSITIVITY) -> np.ndarray:
    return find_defects(Picture(pixels), sensitivity=sensitivity).mask


def grow(mask: np.ndarray) -> np.ndarray:
    """A mask and what lies within 2 pixels."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def count(found: np.ndarray, damaged: np.ndarray) -> np.ndarray:
    """Pixels marked rightly, marked, damaged and found, damaged."""
    right, seen = (found & grow(damaged)).sum(), (damaged & grow(found)).sum()
    return np.array([right, found.sum(), seen, damaged.sum()])


def rate(counts: np.ndarray) -> tuple[float, float]:
    """Precision and recall."""
    return counts[0] / max(counts[1], 1), counts[2] / max(counts[3], 1)


def harmonic(counts: np.ndarray) -> float:
    precision, recall = rate(counts)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def repair(pixels: np.ndarray, mask: np.ndarray, nfe: int) -> np.ndarray:
    if not mask.any() or not nfe:
        return pixels
    return restore.inpaint(pixels, mask, nfe=nfe, device="cpu").image


def as_scanned(pixels: np.ndarray) -> np.ndarray:
    _, stream = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, SCAN])
    return np.ascontiguousarray(cv2.imdecode(stream, cv2.IMREAD_COLOR)[..., ::-1])


def show(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], np.array([255, 0, 255], np.uint8), pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nfe", type=int, default=8, help="of restoring, 0 for masks alone")
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--count", type=int, default=len(CROPS))
    parser.add_argument("--debs", type=Path, metavar="FOLDER", help="pictures of Debian's packages")
    parser.add_argument("--others", action="store_true", help="thirty more of those packages")
    parser.add_argument("--sensitivity", type=float, default=SENSITIVITY)
    args = parser.parse_args()
    scenes = OTHERS if args.others else SCENES
    loaded = load_scenes(args.debs, scenes) if args.debs else load_pictures()
    pictures = dict(list(loaded.items())[: args.count])
    damaged = {
        name: damage(pixels, np.random.default_rng(number))
        for number, (name, pixels) in enumerate(pictures.items())
    }
    best = max(
        MEDIANS,
        key=lambda least: harmonic(
            sum(count(differ_from_median(x, least), mask) for x, mask in damaged.values())
        ),
    )
    finders: dict[str, Finder] = {
        BASELINES[0]: top_hat,
        BASELINES[1]: lambda x: differ_from_median(x, best),
        "ours": lambda x: find(x, args.sensitivity),
    }
    ways = [*finders, "the known mask"]
    gains: dict[str, list[float]] = {way: [] for way in ways}
    counts = {way: np.zeros(4) for way in ways}
    each, sheet = [], []
    for name, (pixels, mask) in damaged.items():
        before = metrics.psnr(pixels, pictures[name])
        for way in ways:
            found = finders[way](pixels) if way in finders else mask
            counts[way] += count(found, mask)
            if way in BASELINES and not args.baselines:
                continue
            after = repair(pixels, found, args.nfe)
            gains[way].append(metrics.psnr(after, pictures[name]) - before)
            if way == "ours":
                each.append((name, *rate(count(found, mask)), gains[way][-1]))
                sheet.append(np.hstack([pixels, show(pixels, found), after]))
    print(
        f"\n{len(damaged)} damaged pictures; dB are of the restored picture over the damaged one; "
        f"the median difference is over {best} levels\n"
    )
    print("| way | precision | recall | dB, median | dB, least |\n| --- | --- | --- | --- | --- |")
    for way in ways:
        precision, recall = rate(counts[way])
        gain = gains[way] or [float("nan")]
        print(f"| {way} | {precision:.3f} | {recall:.3f} | {np.median(gain):.2f} "
              f"| {min(gain):.2f} |")  # fmt: skip
    print("\n| ours, on | precision | recall | dB | clean: marked, % | clean: dB |")
    print("| --- | --- | --- | --- | --- | --- |")
    marked: dict[str, list[float]] = {way: [] for way in finders}
    changes = []
    for (name, pixels), row in zip(pictures.items(), each, strict=True):
        scan = as_scanned(pixels)
        for way, finder in finders.items():
            found = finder(scan)
            marked[way].append(100 * float(found.mean()))
        change = metrics.psnr(repair(scan, found, args.nfe), pixels) - metrics.psnr(scan, pixels)
        changes.append(change)
        print(f"| {name} | {row[1]:.2f} | {row[2]:.2f} | {row[3]:.2f} "
              f"| {marked['ours'][-1]:.3f} | {change:.2f} |")  # fmt: skip
        sheet.append(np.hstack([scan, show(scan, found), pixels]))
    print(f"\n{len(pictures)} clean pictures as JPEG files of quality {SCAN}\n")
    print("| way | marked, median | marked, mean | most | nothing marked on |")
    print("| --- | --- | --- | --- | --- |")
    for way, shares in marked.items():
        print(f"| {way} | {np.median(shares):.3f} % | {np.mean(shares):.3f} % "
              f"| {max(shares):.2f} % "
              f"| {sum(share == 0 for share in shares)} |")  # fmt: skip
    worse = sum(change < -FAR for change in changes)
    print(f"\nworse by more than {FAR} dB: {worse}; the worst {min(changes):.3f} dB")
    if args.sheet:
        width = max(row.shape[1] for row in sheet)
        rows = [np.pad(row, ((0, 2), (0, width - row.shape[1]), (0, 0))) for row in sheet]
        Image.fromarray(np.vstack(rows)).save(args.sheet)


if __name__ == "__main__":
    main()
