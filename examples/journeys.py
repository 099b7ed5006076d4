"""There and back: what a picture loses on its way up to a noise level and down again.

    python examples/journeys.py                       # the embedded network over Public 13
    python examples/journeys.py --refine 2            # with two corrections of each latent
    python examples/journeys.py --plot journeys.svg   # error against evaluations, as a plot too
    python examples/journeys.py --model imagenet64.safetensors --label 207 --side 64

Mean PSNR in dB of the pictures that come back, by the network evaluations each way and the level
that they went up to. The first of two rows comes down to level 0.002 by its last jump, as
published: nothing is known of the noise that was added at the start. The second comes down to the
level of the start, 0.07, and takes that noise away, which is known by its seed (what `reconstruct`
does). Below the table is the published trip of two steps, by the levels 0.07, 15 and 80, with
nothing known.
Prints a table in Markdown.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import restore
from restore import metrics
from restore.bcm import SIGMA_MIN
from restore.bench import draw_sheet, load_public13
from restore.bench.plots import Panel, PlotSeries
from restore.defaults import JOURNEY_START
from restore.images import Picture
from restore.images.transfer import fetch_pixels, send_pixels
from restore.journeys import INVERSIONS, build_ladder, climb, refine, travel
from restore.tiling import NoiseField, TiledBCM

LEVELS = (1.0, 15.0, 80.0)
NFES = (1, 2, 3, 4, 6, 8, 12, 16)


def measure_trip(
    denoiser: TiledBCM, pixels: np.ndarray, levels: Sequence[float], times: int = 0
) -> tuple[float, float]:
    """The PSNR of what comes back, with nothing known of the noise of the start, and less it."""
    picture, noise = Picture(pixels), NoiseField(0)
    x = send_pixels(picture, denoiser.device)
    latent = climb(denoiser, x, levels, noise=noise)
    if times:
        latent, _ = refine(denoiser, x, latent, levels, times, noise=noise)
    down = tuple(reversed(levels))
    plain = travel(denoiser, latent.clone(), (*down[:-1], SIGMA_MIN), noise=noise, level=down[0])
    back = travel(denoiser, latent, down, noise=noise, level=down[0])
    known = noise.add_(back, -down[-1])
    first, second = (
        metrics.psnr(fetch_pixels(picture, image).pixels, pixels) for image in (plain, known)
    )
    return first, second


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
    denoiser = TiledBCM(model, label=model.encode_label(options.label))
    pictures = [one.pixels for one in load_public13(options.side, options.images).clean]

    def mean(levels: Sequence[float]) -> tuple[float, float]:
        found = [measure_trip(denoiser, pixels, levels, options.refine) for pixels in pictures]
        plain, less = (statistics.mean(column) for column in zip(*found, strict=True))
        return plain, less

    print(f"| level | {' | '.join(f'NFE {nfe}' for nfe in options.nfe)} |")
    print(f"| --- |{' --- |' * len(options.nfe)}")
    series = []
    for number, level in enumerate(options.levels):
        figures = [mean(build_ladder(options.start, level, nfe)) for nfe in options.nfe]
        for column, title in enumerate((f"{level:g}", f"{level:g}, less the known noise")):
            values = [pair[column] for pair in figures]
            print(f"| {title} | {' | '.join(f'{v:.2f}' for v in values)} |", flush=True)
            points = [(n, v, f"{v:.2f} dB") for n, v in zip(options.nfe, values, strict=True)]
            kind = f"s{(2 * number + column) % 10}"
            series.append(PlotSeries(f"{level:g}{', less noise' if column else ''}", kind, points))
    print(f"\npublished, 0.07 to 15 to 80 and back: {mean(INVERSIONS[2])[0]:.2f} dB")
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
