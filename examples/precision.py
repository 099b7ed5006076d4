"""What a precision costs in quality: float32 beside bf16, task by task, on Public 13.

    python examples/precision.py                     # all tasks, both modes, NFE 4 and 8
    python examples/precision.py --side 128 --images 3 --tasks jpeg inpaint   # a quicker look

Prints the mean PSNR in float32, how much of it bf16 loses (mean, and the worst picture), and how
far apart the two results are; a negative loss is a gain. In holes PSNR is that inside them. The
last lines are journeys, where bf16 loses more, so that they run in float32 unless told otherwise:
PSNR of what comes back from a level. `--dtypes fp32 fp16` compares others.
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence

import numpy as np

import restore
from restore import metrics
from restore.bench import Case, choose_cases, load_public13
from restore.bench.pictures import Clean
from restore.settings import Settings

TASKS_SHOWN = (
    "jpeg-10", "jpeg-40", "superres-2", "superres-4", "inpaint-half", "inpaint-scratches",
    "denoise-15", "denoise-50", "deblur-gaussian:2",
)  # fmt: skip
MODES = ("fidelity", "perceptual")
JOURNEYS = ((1.0, 4), (1.0, 8), (15.0, 4))  # levels, and evaluations each way


def restore_all(
    cleans: Sequence[Clean], case: Case, model: restore.BCM, mode: str, nfe: int
) -> Iterator[tuple[float, np.ndarray]]:
    """PSNR to the clean picture, and the pixels."""
    for clean in cleans:
        given = case.degrade(clean, 0)
        settings = Settings(nfe=nfe, mode=mode, reference=clean.pixels)
        result = given.task.restore(given.data, model, settings)
        yield result.record.metrics[case.quality], result.image


def return_all(
    cleans: Sequence[Clean], level: float, model: restore.BCM, nfe: int
) -> Iterator[tuple[float, np.ndarray]]:
    """PSNR of what comes back from a level, and the pixels."""
    for clean in cleans:
        image = restore.invert(clean.pixels, model=model, level=level, nfe=nfe).picture.pixels
        yield metrics.psnr(image, clean.pixels), image


def print_row(name: str, ways: Sequence[list[tuple[float, np.ndarray]]]) -> None:
    first, second = ([psnr for psnr, _ in way] for way in ways)
    losses = [a - b for a, b in zip(first, second, strict=True)]
    pairs = zip(*ways, strict=True)
    between = [min(metrics.psnr(a, b), 100.0) for (_, a), (_, b) in pairs]
    print(
        f"| {name} | {statistics.mean(first):.3f} | {statistics.mean(losses):+.4f} | "
        f"{max(losses):+.4f} | {statistics.mean(between):.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=TASKS_SHOWN, help="as for bcm-restore bench")
    parser.add_argument("--nfe", nargs="+", type=int, default=[4, 8])
    parser.add_argument("--side", type=int, default=0, help="of the centre to take, in pixels")
    parser.add_argument("--images", type=int)
    parser.add_argument("--dtypes", nargs=2, default=["fp32", "bf16"])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    cleans = load_public13(options.side, options.images).clean
    models = [restore.load("default", options.device, dtype) for dtype in options.dtypes]
    names = options.dtypes
    print(
        f"| run | {names[0]}, dB | lost by {names[1]} | at worst | {names[0]} to {names[1]}, dB |"
    )
    print("| --- | --- | --- | --- | --- |")
    for case in choose_cases(options.tasks):
        for mode in MODES:
            for nfe in options.nfe:
                ways = [list(restore_all(cleans, case, m, mode, nfe)) for m in models]
                print_row(f"{case.name}, {mode}, NFE {nfe}", ways)
    for level, nfe in JOURNEYS:
        ways = [list(return_all(cleans, level, model, nfe)) for model in models]
        print_row(f"to level {level:g} and back, NFE {nfe} each way", ways)


if __name__ == "__main__":
    main()
