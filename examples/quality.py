"""Quality on Public 13: the figures of a model card, and the table they come from.

    python examples/quality.py                    # every task and mode at 1, 2, 4 and 8 evaluations
    python examples/quality.py --tasks jpeg-10 inpaint --modes fidelity --nfe 4
    python examples/quality.py --figures restore/checkpoints/bcm_photo.json   # for the model card

The tasks are measured by the bench, beside the classical methods, and what was measured is kept in
`--rows`, so that a run that was stopped goes on. Before the table come the denoiser alone and the
way to a noise level and back, as `invert` reports it.
"""

import argparse
import itertools
import json
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import restore
from restore import bench
from restore.bench.summary import Line, group_by_case
from restore.checkpoints import EvalResult
from restore.errors import RestoreError
from restore.images import Picture
from restore.solvers import ORIENTATIONS
from restore.training import denoising_psnr

NFE = (1, 2, 4, 8)
MODES = ("fidelity", "perceptual")
SIGMAS = (15, 25, 50)
JOURNEYS = ((1.0, 1), (1.0, 2), (15.0, 2), (80.0, 2))  # level, evaluations each way
NAME = "Public 13"


def measure_denoising(model: restore.BCM, pictures: bench.Pictures) -> Iterator[EvalResult]:
    """The denoiser alone, once and over all orientations, beside the noisy picture."""
    images = [Picture(one.pixels).tensor().to(model.device) for one in pictures.clean]
    for sigma, nfe in itertools.product(SIGMAS, (1, len(ORIENTATIONS))):
        psnr = round(denoising_psnr(model, images, sigma, nfe), 2)
        noisy = round(20 * math.log10(255 / sigma), 2)
        yield EvalResult("denoise", f"sigma {sigma}/255", NAME, "PSNR", psnr, nfe, baseline=noisy)


def measure_journeys(model: restore.BCM, pictures: bench.Pictures) -> Iterator[EvalResult]:
    """Mean PSNR of what comes back from a level."""
    for level, nfe in JOURNEYS:
        made = (
            restore.invert(one.pixels, model=model, nfe=nfe, level=level) for one in pictures.clean
        )
        psnr = statistics.mean(one.report["metrics"]["round_trip_psnr_db"] for one in made)
        yield EvalResult(
            "invert", f"to level {level:g} and back", NAME, "PSNR", round(psnr, 2), nfe
        )


def choose_best(lines: Sequence[Line]) -> Iterator[EvalResult]:
    """Each case in each mode at its best NFE, beside the strongest classical method."""
    for case, some in group_by_case(lines).items():
        strongest = max(line.quality for line in some if line.kind == "classical")
        for mode in dict.fromkeys(line.mode for line in some if line.mode):
            best = max((line for line in some if line.mode == mode), key=lambda one: one.quality)
            yield EvalResult(
                case.task, case.title, NAME, "PSNR", round(best.quality, 2), best.nfe, mode,
                round(strongest, 2),
            )  # fmt: skip


def fail(where: str, error: RestoreError) -> None:
    raise error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--tasks", nargs="+", default=["all"], help="as for bcm-restore bench")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--nfe", nargs="+", type=int, default=NFE)
    parser.add_argument("--images", type=int)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    parser.add_argument("--rows", default="bcm-bench.jsonl", help="where measurements are kept")
    parser.add_argument("--figures", type=Path, help="also write the model card's figures")
    options = parser.parse_args()
    model = restore.load(options.model, options.device, options.dtype)
    exact = restore.load(options.model, options.device, options.dtype, exact=True)
    pictures = bench.load_public13(options.side, options.images)
    figures = [*measure_denoising(model, pictures), *measure_journeys(exact, pictures)]
    for one in figures:
        print(f"{one.task}, {one.setting}, NFE {one.nfe}: {one.value:.2f} dB", flush=True)
    cells, _ = bench.make_grid(
        bench.choose_cases(options.tasks), bench.choose_methods(["bcm", "classical"]),
        options.modes, options.nfe, 1, pictures=pictures, checkpoint=model.checkpoint,
    )  # fmt: skip
    plan = bench.Bench(model, pictures, cells)
    lines = bench.summarize(bench.run_bench(plan, bench.Journal(options.rows), fail=fail))
    print(bench.format_markdown(lines, bench.describe_bench(plan)))
    if options.figures:
        found = [asdict(one) for one in (*figures, *choose_best(lines))]
        options.figures.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
