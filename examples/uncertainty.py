"""Uncertainty: whether several draws disagree where they are wrong.

    python examples/uncertainty.py                                   # all of Public 13
    python examples/uncertainty.py --side 96 --images 2 --samples 4  # a first look
    python examples/uncertainty.py --chart spread.png --tasks jpeg-10

For each task and mode the PSNR of one run, as it is without `--samples`, and of the mean of the
draws; then Spearman's rank correlation of spread and error, pixel by pixel (of the
hole, for inpainting) and over blocks of 8 by 8; then the spread over the error, both as the root of
the mean square. Means over the pictures. Prints a table in Markdown; `--chart` writes what
`--uncertainty` of the command line writes, for the first picture of the first task.
"""

import argparse
import io
import statistics
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from public13 import public13
from scipy.stats import spearmanr

import restore
from restore import metrics, tasks
from restore.images import as_picture
from restore.tasks import Inpaint, Jpeg, Superres

TASKS = ("jpeg-10", "jpeg-20", "superres-2", "superres-4", "half", "scratches", "block")
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


def restored(
    task: str, clean: np.ndarray, seed: int, **options
) -> tuple[restore.Result, np.ndarray]:
    """The result of a task on a clean picture, and where it was to restore."""
    kind, _, severity = task.partition("-")
    everywhere = np.ones(clean.shape[:2], bool)
    if kind == "jpeg":
        return restore.jpeg(Jpeg(int(severity)).degrade(as_picture(clean)), **options), everywhere
    if kind == "superres":
        stream = io.BytesIO()
        Image.fromarray(Superres(int(severity)).degrade(as_picture(clean)).pixels).save(
            stream, "PNG"
        )
        size = clean.shape[1::-1]
        return restore.superres(stream.getvalue(), size=size, **options), everywhere
    mask = tasks.draw_mask(clean.shape[1::-1], kind, seed)
    hole = mask.pixels[..., 0] > 127
    return restore.inpaint(Inpaint(mask).degrade(as_picture(clean)).pixels, hole, **options), hole


def figures(
    model: restore.BCM, task: str, clean: np.ndarray, seed: int, options: argparse.Namespace
) -> Iterator[tuple[str, Figures, restore.Result]]:
    """By mode, with the result that has the spread."""
    for mode in MODES:
        common = {"model": model, "nfe": options.nfe, "mode": mode}
        one, hole = restored(task, clean, seed, **common)
        several, _ = restored(task, clean, seed, samples=options.samples, **common)
        error = np.sqrt(np.square(several.image.astype(float) - clean).mean(axis=2))
        spread = several.uncertainty
        yield (
            mode,
            Figures(
                metrics.psnr(one.image, clean, hole),
                metrics.psnr(several.image, clean, hole),
                spearmanr(spread[hole], error[hole]).statistic,
                spearmanr(*(blocks(values, hole) for values in (spread, error))).statistic,
                float(np.sqrt(np.square(spread[hole]).mean() / np.square(error[hole]).mean())),
            ),
            several,
        )


def blocks(values: np.ndarray, where: np.ndarray) -> np.ndarray:
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
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--nfe", type=int, default=4, help="of each draw")
    parser.add_argument("--images", type=int, default=13)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    parser.add_argument("--chart", type=Path, help="also write a chart of spread to this PNG file")
    options = parser.parse_args()
    model = restore.load(options.model, device=options.device)
    heads = ("one run", "mean of draws", "rank correlation", "in blocks", "spread / error")
    print(f"| task | mode | {' | '.join(heads)} |")
    print("|" + " --- |" * (len(heads) + 2))
    for task in options.tasks:
        rows: dict[str, list[Figures]] = {mode: [] for mode in MODES}
        for seed, pixels in enumerate(list(public13().values())[: options.images]):
            top, left = ((side - options.side) // 2 for side in pixels.shape[:2])
            crop = pixels[top : top + options.side, left : left + options.side]
            clean = np.ascontiguousarray(crop)
            for mode, found, result in figures(model, task, clean, seed, options):
                rows[mode].append(found)
                if options.chart:
                    result.save_uncertainty(options.chart)
                    options.chart = None
        for mode, found in rows.items():
            means = [statistics.mean(column) for column in zip(*map(astuple, found), strict=True)]
            print(
                f"| {task} | {mode} | {' | '.join(f'{mean:.2f}' for mean in means)} |", flush=True
            )


if __name__ == "__main__":
    main()
