"""Blend: from the fidelity result to the perceptual one, PSNR against sharpness.

    python examples/blend.py                                   # Public 13, the embedded network
    python examples/blend.py --side 96 --images 2 --tasks jpeg-10
    python examples/blend.py --plot blend.svg

Each step of the way is `--blend A` of the command line at the same NFE, and held to its input as
both ends are: consistency is the worst over the pictures, in the record's own terms. Sharpness is
the mean gradient over the clean picture's own. Prints a table in Markdown.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
from public13 import public13
from uncertainty import TASKS, restored

import restore
from restore import metrics
from restore.bench.plots import Panel, Series, sheet

PROOF = {"jpeg": "coefficients_kept", "superres": "consistency_psnr_db"}
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--steps", nargs="+", type=float, default=STEPS)
    parser.add_argument("--nfe", type=int, default=4, help="of each end")
    parser.add_argument("--images", type=int, default=13)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    parser.add_argument("--plot", type=Path, help="also draw the way to this SVG file")
    options = parser.parse_args()
    model = restore.load(options.model, device=options.device)
    print("| task | blend | NFE | PSNR dB | sharpness | consistency |")
    print("|" + " --- |" * 6)
    series = []
    for number, task in enumerate(options.tasks):
        points = []
        for blend in options.steps:
            psnr, sharpness, proof, nfe = [], [], [], 0
            for seed, pixels in enumerate(list(public13().values())[: options.images]):
                top, left = ((side - options.side) // 2 for side in pixels.shape[:2])
                crop = pixels[top : top + options.side, left : left + options.side]
                clean = np.ascontiguousarray(crop)
                result, hole = restored(
                    task, clean, seed, model=model, nfe=options.nfe, blend=blend
                )
                psnr.append(metrics.psnr(result.image, clean, hole))
                sharpness.append(metrics.sharpness(result.image) / metrics.sharpness(clean))
                name = PROOF.get(task.partition("-")[0], "known_max_error")
                held = result.report["metrics"][name]
                proof.append(float("inf") if held is None else held)
                nfe = result.report["nfe"]
            worst = (max if "-" not in task else min)(proof)
            point = statistics.mean(sharpness), statistics.mean(psnr)
            points.append((*point, f"blend {blend:g}"))
            print(
                f"| {task} | {blend:g} | {nfe} | {point[1]:.2f} | {point[0]:.3f} | {worst:.5g} |",
                flush=True,
            )
        series.append(Series(task, f"s{number % 10}", points))
    if options.plot:
        title, x = "From fidelity to perceptual", "sharpness, 1 as the clean picture"
        panel = Panel(title, x, "PSNR, dB", series)
        options.plot.write_text(sheet([[panel]]), encoding="utf-8")


if __name__ == "__main__":
    main()
