"""Blend: from the fidelity result to the perceptual one, PSNR against sharpness.

    python examples/blend.py                                   # Public 13, the embedded network
    python examples/blend.py --side 96 --images 2 --tasks jpeg-10
    python examples/blend.py --plot blend.svg

Each step of the way is `--blend A` of the command line at the same NFE, and held to its input as
both ends are: consistency is the worst over the pictures, in the record's own terms. Sharpness is
the mean gradient over the clean picture's own. Prints a table in Markdown.
"""

import argparse
import math
import statistics
from pathlib import Path

import restore
from restore.bench import choose_cases, draw_sheet, load_public13, measure
from restore.bench.harness import PROOFS
from restore.bench.plots import Panel, PlotSeries
from restore.settings import Settings

TASKS = ("jpeg-10", "jpeg-20", "superres-2", "superres-4", "inpaint")
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="as for bcm-restore bench")
    parser.add_argument("--steps", nargs="+", type=float, default=STEPS)
    parser.add_argument("--nfe", type=int, default=4, help="of each end")
    parser.add_argument("--images", type=int)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    parser.add_argument("--plot", type=Path, help="also draw the way to this SVG file")
    options = parser.parse_args()
    model = restore.load(options.model, options.device)
    pictures = load_public13(options.side, options.images)
    print("| case | blend | NFE | PSNR dB | sharpness | consistency |")
    print("|" + " --- |" * 6)
    series = []
    for number, case in enumerate(choose_cases(options.tasks)):
        points = []
        for blend in options.steps:
            found, nfe = [], 0
            for clean in pictures.clean:
                given = case.degrade(clean, 0)
                settings = Settings(nfe=options.nfe, blend=blend)
                result = given.task.restore(given.data, model, settings)
                found.append(measure(result.image, clean, given))
                nfe = result.record.nfe
            psnr = statistics.mean(getattr(one, case.quality) for one in found)
            sharpness = statistics.mean(one.sharpness for one in found)
            proof = next(name for name in PROOFS if getattr(found[0], name) is not None)
            worst = (max if proof == "known_max_error" else min)(getattr(o, proof) for o in found)
            points.append((sharpness, psnr, f"blend {blend:g}"))
            held = f"{worst:.5g}" if math.isfinite(worst) else "exact"
            print(f"| {case.name} | {blend:g} | {nfe} | {psnr:.2f} | {sharpness:.3f} | {held} |")
        series.append(PlotSeries(case.name, f"s{number % 10}", points))
    if options.plot:
        title, x = "From fidelity to perceptual", "sharpness, 1 as the clean picture"
        panel = Panel(title, x, "PSNR, dB", series)
        options.plot.write_text(draw_sheet([[panel]]), encoding="utf-8")


if __name__ == "__main__":
    main()
