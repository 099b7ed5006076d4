"""Uncertainty: whether several draws disagree where they are wrong.

    python examples/uncertainty.py                                   # all of Public 13
    python examples/uncertainty.py --side 96 --images 2 --samples 4  # a first look
    python examples/uncertainty.py --chart spread.png --tasks jpeg-10

For each case of the bench and mode the PSNR of one run, as it is without `--samples`, and of the
mean of the draws; then Spearman's rank correlation of spread and error, pixel by pixel (of the
hole, for inpainting) and over blocks of 8 by 8; then the spread over the error, both as the root of
the mean square. Means over the pictures. Prints a table in Markdown; `--chart` writes what
`--uncertainty` of the command line writes, for the first picture of the first case.
"""

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import restore
from restore import metrics
from restore.bench import Case, choose_cases, load_public13
from restore.bench.pictures import Clean
from restore.settings import Settings

TASKS = ("jpeg-10", "jpeg-20", "superres-2", "superres-4", "inpaint")
MODES = ("fidelity", "perceptual")
BLOCK = 8


@dataclass(frozen=True)
class Figures:
    """Of one picture; the module's docstring says what."""

    one: float
    mean: float
    rank: float
    block_rank: float
    ratio: float


def compare_draws(
    model: restore.BCM, case: Case, clean: Clean, samples: int, nfe: int
) -> Iterator[tuple[str, Figures, restore.Result]]:
    """By mode, with the result that has the spread."""
    given = case.degrade(clean, 0)
    hole = given.problem.hole
    where = np.ones(clean.pixels.shape[:2], bool) if hole is None else hole
    for mode in MODES:
        one, several = (
            given.task.restore(given.data, model, Settings(nfe=nfe, mode=mode, samples=count))
            for count in (1, samples)
        )
        error = np.sqrt(np.square(several.image.astype(float) - clean.pixels).mean(axis=2))
        spread = several.uncertainty
        yield (
            mode,
            Figures(
                metrics.psnr(one.image, clean.pixels, hole),
                metrics.psnr(several.image, clean.pixels, hole),
                spearmanr(spread[where], error[where]).statistic,
                spearmanr(*(average_blocks(v, where) for v in (spread, error))).statistic,
                float(np.sqrt(np.square(spread[where]).mean() / np.square(error[where]).mean())),
            ),
            several,
        )


def average_blocks(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The mean in each whole block that holds a pixel of `where`, over those pixels."""
    height, width = (side // BLOCK * BLOCK for side in values.shape)
    shape = (height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    weight = where[:height, :width].astype(float)
    total = (values[:height, :width] * weight).reshape(shape).sum(axis=(1, 3))
    count = weight.reshape(shape).sum(axis=(1, 3))
    return total[count > 0] / count[count > 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="as for bcm-restore bench")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--nfe", type=int, default=4, help="of each draw")
    parser.add_argument("--images", type=int)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    parser.add_argument("--chart", type=Path, help="also write a chart of spread to this PNG file")
    options = parser.parse_args()
    model = restore.load(options.model, options.device)
    pictures = load_public13(options.side, options.images)
    heads = ("one run", "mean of draws", "rank correlation", "in blocks", "spread / error")
    print(f"| case | mode | {' | '.join(heads)} |")
    print("|" + " --- |" * (len(heads) + 2))
    for case in choose_cases(options.tasks):
        rows: dict[str, list[Figures]] = {mode: [] for mode in MODES}
        for clean in pictures.clean:
            for mode, found, result in compare_draws(
                model, case, clean, options.samples, options.nfe
            ):
                rows[mode].append(found)
                if options.chart:
                    result.save_uncertainty(options.chart)
                    options.chart = None
        for mode, found in rows.items():
            means = [statistics.mean(column) for column in zip(*map(astuple, found), strict=True)]
            values = " | ".join(f"{mean:.2f}" for mean in means)
            print(f"| {case.name} | {mode} | {values} |", flush=True)


if __name__ == "__main__":
    main()
