"""Weigh the measures of likely defects: the log-odds of `restore/defects/evidence.py`.

    python examples/weigh_defects.py --photos photos --count 200

Centres of photographs, scanned clean and scanned with drawn defects. Of each sure part the measures
are taken; a logistic regression a kind of parts, clean ones with as much weight as defects, tells
them apart. It prints the weights and, each photograph weighed without its own fifth of them, how
many clean and damaged ones have evidence enough.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from defects import as_scanned
from drawn_defects import damage
from PIL import Image
from sklearn.linear_model import LogisticRegression

from restore.bench.pictures import crop_centre
from restore.defaults import Find
from restore.defects.evidence import WEIGHTS, measure_parts
from restore.defects.find import ENOUGH, LARGEST, SURE, keep_parts
from restore.defects.network import load_finder, score_pixels
from restore.images import Picture

SIDE = 384  # pixels
FOLDS = 5
TOUCHED = 0.5  # the share of a part on drawn defects from which on it is one
NEAR = np.ones((5, 5), np.uint8)
KINDS = tuple(WEIGHTS)


@dataclass(frozen=True)
class Parts:
    """The sure parts of a picture. measures: (N, 6), by kind. drawn: (N,) bool, by kind."""

    measures: dict[Find, np.ndarray]
    drawn: dict[Find, np.ndarray]


def find_sure(pixels: np.ndarray, drawn: np.ndarray) -> Parts:
    """Of a scan (H, W, 3) uint8, with `drawn` (H, W) bool on it."""
    scores = dict(zip(WEIGHTS, score_pixels(load_finder(), Picture(pixels).tensor()), strict=True))
    near = cv2.dilate(drawn.astype(np.uint8), NEAR) > 0
    measures, touched = {}, {}
    for kind, one in scores.items():
        sure = keep_parts(one, kind, *SURE)
        count, labels = cv2.connectedComponents(sure.astype(np.uint8), connectivity=8)
        area = np.bincount(labels.ravel(), minlength=count)
        measures[kind] = measure_parts(pixels, one, labels)[1:]
        touched[kind] = (np.bincount(labels.ravel(), near.ravel(), count) / area)[1:] > TOUCHED
    return Parts(measures, touched)


def fit(clean: Sequence[Parts], damaged: Sequence[Parts], kind: Find) -> np.ndarray:
    """(7,): the constant and the weights of the measures."""
    without = np.concatenate([one.measures[kind] for one in clean])
    with_some = np.concatenate([one.measures[kind][one.drawn[kind]] for one in damaged])
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(
        np.concatenate([without, with_some]),
        np.arange(len(without) + len(with_some)) >= len(without),
    )
    return np.concatenate([model.intercept_, model.coef_[0]])


def weigh(one: Parts, weights: dict[Find, np.ndarray]) -> float:
    """All evidence in a picture."""
    odds = (w[0] + one.measures[kind] @ w[1:] for kind, w in weights.items())
    return sum(float(some.clip(0, LARGEST).sum()) for some in odds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, help="a folder of clean pictures to fit on")
    parser.add_argument("--count", type=int, default=200, help="of pictures")
    options = parser.parse_args()
    paths = sorted(Path(options.photos).glob("*.png"))
    order = np.random.default_rng(0).permutation(len(paths))[: options.count]
    clean, damaged = [], []
    for number in order:
        with Image.open(paths[number]) as opened:
            pixels = crop_centre(np.asarray(opened.convert("RGB")), SIDE)
        clean.append(find_sure(as_scanned(pixels), np.zeros(pixels.shape[:2], bool)))
        damaged.append(find_sure(*damage(pixels, np.random.default_rng(number))))
    for kind in KINDS:
        print(f'"{kind}": ({", ".join(f"{w:.2f}" for w in fit(clean, damaged, kind))}),')
    found = {"clean": 0, "damaged": 0}
    for fold in range(FOLDS):
        kept = [n for n in range(len(order)) if n % FOLDS != fold]
        weights = {k: fit([clean[n] for n in kept], [damaged[n] for n in kept], k) for k in KINDS}
        for n in range(fold, len(order), FOLDS):
            found["clean"] += weigh(clean[n], weights) >= ENOUGH
            found["damaged"] += weigh(damaged[n], weights) >= ENOUGH
    print(f"{found['clean']} clean and {found['damaged']} damaged of {len(order)} have enough")


if __name__ == "__main__":
    main()
