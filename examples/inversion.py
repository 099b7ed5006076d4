"""Amplified noise against fresh noise: what a restoration gains by the network's way up.

    python examples/inversion.py                                  # Public 13, the embedded network
    python examples/inversion.py --side 96 --images 2 --seeds 1   # a first look, in a minute
    python examples/inversion.py --model net.safetensors --estimator denoise --nfe 4

At each level three ways of lifting the estimate to it, at equal NFE and each projected: fresh noise
of the level, twice as many steps; a little noise, amplified by the network (`--method inversion`);
the same with the noise drawn anew in what the observation leaves open, which is inpainting in noise
space. Every level stands alone: all steps are taken at it. PSNR in dB, inside the hole or over the
image, and in brackets the mean gradient over the clean picture's own, 1 being as sharp; both means
over pictures and seeds, with the standard error of the first difference, amplified less fresh.
What is sharp need not be right: amplified noise keeps the edges of a JPEG's blocks as it keeps all
else. Consistency is the worst of the three: coefficients kept, PSNR of the result shrunk again, or
the largest error of a known pixel. Prints a table in Markdown.
"""

import argparse
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import restore
from restore.bench import Case, Pictures, choose_cases, load_public13, measure
from restore.bench.harness import PROOFS
from restore.presets import Preset
from restore.settings import Settings
from restore.tasks import solve_problem
from restore.tasks.schedule import START

TASKS = ("jpeg-10", "jpeg-20", "superres-2", "superres-4", "inpaint")
LEVELS = (0.1, 0.2, 0.4, 0.8, 1.6)
WAYS = ("fresh", "amplified", "drawn anew")


@dataclass(frozen=True)
class Found:
    """Of one way at one level, a figure for each picture and seed."""

    psnr: list[float]
    sharpness: list[float]
    consistency: float


def list_presets(level: float, options: argparse.Namespace) -> dict[str, tuple[str, Preset]]:
    """The method and its preset by way, all of `options.nfe` evaluations."""
    estimator, nfe = options.estimator, options.nfe
    levels = (level,) * (nfe // 2)
    return {
        "fresh": ("bcm", Preset((level,) * nfe, estimator, noise=1.0)),
        "amplified": ("inversion", Preset(levels, estimator, start=options.start)),
        "drawn anew": ("inversion", Preset(levels, estimator, start=options.start, fresh=1.0)),
    }


def measure_way(
    model: restore.BCM, case: Case, pictures: Pictures, method: str, preset: Preset, seeds: int
) -> Found:
    """A way at a level, over all pictures and seeds."""
    found = []
    for clean in pictures.clean:
        given = case.degrade(clean, 0)
        for seed in range(seeds):
            settings = Settings(method=method, seed=seed, tile=0)
            result = solve_problem(given.problem, model, settings, presets=[(1.0, preset)])
            found.append(measure(result.image, clean, given))
    proof = next(name for name in PROOFS if getattr(found[0], name) is not None)
    return Found(
        [getattr(one, case.quality) for one in found],
        [one.sharpness for one in found],
        choose_worst(case)(getattr(one, proof) for one in found),
    )


def choose_worst(case: Case):
    """What is worst of a case's consistencies: errors are worst where they are largest."""
    return max if case.quality == "masked_psnr_db" else min


def list_rows(model: restore.BCM, options: argparse.Namespace) -> Iterator[str]:
    yield f"| case | level | {' | '.join(WAYS)} | amplified less fresh | consistency |"
    yield "|" + " --- |" * (len(WAYS) + 4)
    pictures = load_public13(options.side, options.images)
    for case in choose_cases(options.tasks):
        for level in options.levels:
            found = {
                way: measure_way(model, case, pictures, method, preset, options.seeds)
                for way, (method, preset) in list_presets(level, options).items()
            }
            cells = [
                f"{statistics.mean(f.psnr):.2f} ({statistics.mean(f.sharpness):.2f})"
                for f in found.values()
            ]
            gains = [
                b - a for a, b in zip(found["fresh"].psnr, found["amplified"].psnr, strict=True)
            ]
            error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
            proof = choose_worst(case)(f.consistency for f in found.values())
            yield (
                f"| {case.name} | {level:g} | {' | '.join(cells)} | "
                f"{statistics.mean(gains):+.2f} ± {error:.2f} | {proof:.5g} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="as for bcm-restore bench")
    parser.add_argument("--levels", nargs="+", type=float, default=LEVELS)
    parser.add_argument("--estimator", default="jump", choices=("jump", "denoise"))
    parser.add_argument("--nfe", type=int, default=2, help="an even number")
    parser.add_argument("--start", type=float, default=START, help="share of the level, amplified")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    options = parser.parse_args()
    if options.nfe < 2 or options.nfe % 2:
        parser.error("--nfe: the way up and the way down are two evaluations")
    model = restore.load(options.model, options.device)
    for row in list_rows(model, options):
        print(row, flush=True)


if __name__ == "__main__":
    main()
