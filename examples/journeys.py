"""There and back: what a picture loses on its way up to a noise level and down again.

    python examples/journeys.py                       # the embedded network over Public 13
    python examples/journeys.py --refine 2            # with two corrections of each latent
    python examples/journeys.py --plot journeys.svg   # error against evaluations, as a plot too
    python examples/journeys.py --model imagenet64.safetensors --label 207 --side 64

Mean PSNR in dB of the pictures that come back, by the network evaluations each way and the level
that they went up to. Prints a table in Markdown.
"""

import argparse
import statistics
from pathlib import Path

import restore
from restore.bench import draw_sheet, load_public13
from restore.bench.plots import Panel, Series
from restore.defaults import JOURNEY_START

LEVELS = (1.0, 15.0, 80.0)
NFES = (1, 2, 3, 4, 6, 8, 12, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--label", type=int)
    parser.add_argument("--start", type=float, default=JOURNEY_START)
    parser.add_argument("--refine", type=int, default=0)
    parser.add_argument("--side", type=int, default=256, help="of the central crop, in pixels")
    parser.add_argument("--images", type=int)
    parser.add_argument("--levels", nargs="+", type=float, default=LEVELS)
    parser.add_argument("--nfe", nargs="+", type=int, default=NFES)
    parser.add_argument("--plot", type=Path, help="also draw the table to this SVG file")
    options = parser.parse_args()
    model = restore.load(options.model, device=options.device, exact=True)
    pictures = load_public13(options.side, options.images)
    print(f"| level | {' | '.join(f'NFE {nfe}' for nfe in options.nfe)} |")
    print(f"| --- |{' --- |' * len(options.nfe)}")
    series = []
    for number, level in enumerate(options.levels):
        figures = []
        for nfe in options.nfe:
            found = [
                restore.invert(
                    one.pixels,
                    model=model,
                    nfe=nfe,
                    level=level,
                    start=options.start,
                    refine=options.refine,
                    label=options.label,
                ).report["metrics"]["round_trip_psnr_db"]
                for one in pictures.clean
            ]
            figures.append(statistics.mean(found))
        print(f"| {level:g} | {' | '.join(f'{f:.2f}' for f in figures)} |", flush=True)
        points = [(n, f, f"{f:.2f} dB") for n, f in zip(options.nfe, figures, strict=True)]
        series.append(Series(f"level {level:g}", f"s{number % 10}", points))
    if options.plot:
        panel = Panel(
            "There and back: what returns, by evaluations",
            "network evaluations each way",
            "PSNR, dB",
            series,
            "each",
        )
        options.plot.write_text(draw_sheet([[panel]]), encoding="utf-8")


if __name__ == "__main__":
    main()
