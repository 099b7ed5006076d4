"""Gain: how much of what was missing a result has, and what amplifying it is worth.

    python examples/gain.py --photos photos
    python examples/gain.py --photos photos --cases superres-4 --gains 1 1.17 --nfe 8

The crops are those that presets are tuned on. For each case and gain, the presets as they are but
for it: mean PSNR in dB, over the hole where there is one, and by how many times the change of the
start had to be multiplied to be nearest to what the start lacks, over all crops, the least and the
most of one. Above 1 the result is timid. Prints a table in Markdown.
"""

import argparse
import statistics
from dataclasses import replace

import numpy as np
from tune import SIDE, WHOLE, choose_crops, make_inputs

import restore
from restore import bench, metrics
from restore.images.transfer import send_pixels
from restore.settings import Settings
from restore.tasks import solve_problem
from restore.tasks.schedule import schedule

CASES = ("jpeg-10", "jpeg-40", "superres-2", "superres-4", "inpaint-half", "inpaint-scratches",
         "deblur-gaussian:2", "deblur-disk:3")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, help="a folder of clean pictures")
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--gains", nargs="+", type=float, default=[1, 1.05, 1.1, 1.2])
    parser.add_argument("--nfe", type=int, default=8)
    parser.add_argument("--count", type=int, default=12, help="of crops")
    options = parser.parse_args()
    model = restore.load("default")
    pictures = choose_crops(options.photos, options.count, SIDE)
    print(f"| case, NFE {options.nfe} | gain | PSNR | missing over found | of one crop |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for case in bench.choose_cases(options.cases):
        inputs = make_inputs(case, pictures)
        for gain in options.gains:
            psnr, products, squares = [], [], []
            for clean, given in zip(inputs.clean, inputs.given, strict=True):
                problem = given.problem
                found = schedule(
                    model.checkpoint, problem.task, Settings(nfe=options.nfe), problem.severity
                )
                presets = [(weight, replace(preset, gain=gain)) for weight, preset in found]
                result = solve_problem(problem, model, WHOLE, presets=presets).image
                y = problem.task.observe(problem, model.device)
                start = send_pixels(problem.task.guess(problem, y, seed=0), model.device)
                height, width = clean.pixels.shape[:2]
                first = problem.source.with_tensor(start[..., :height, :width]).pixels.astype(float)
                psnr.append(metrics.psnr(result, clean.pixels, problem.hole))
                change, lacks = result - first, clean.pixels - first
                products.append(float(np.sum(change * lacks)))
                squares.append(float(np.sum(change**2)))
            each = [p / max(s, 1e-9) for p, s in zip(products, squares, strict=True)]
            print(
                f"| {case.name} | {gain:g} | {statistics.mean(psnr):.3f} | "
                f"{sum(products) / sum(squares):.2f} | {min(each):.2f} to {max(each):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
