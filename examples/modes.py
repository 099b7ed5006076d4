"""The model card's picture: what both modes make of four degraded details, and the originals.

    python examples/modes.py                             # writes examples/modes.jpg
    python examples/modes.py --nfe 4 -o modes.png

Details of Public 13, enlarged twice, each with its PSNR; all but the mode and `--nfe` is as by
default.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import restore
from restore import metrics
from restore.bench import Case, choose_cases, load_public13
from restore.bench.pictures import Clean
from restore.settings import Settings
from restore.tasks.superres import enlarge_bicubic

CARD = Path(__file__).with_name("modes.jpg")
ROWS = (  # of pictures, the case and the detail's left and top
    ("chelsea", "jpeg-10", (70, 60)),
    ("coffee", "superres-4", (60, 40)),
    ("china", "inpaint-half", (90, 60)),
    ("astronaut", "inpaint-scratches", (70, 20)),
)
MODES = ("fidelity", "perceptual")
SIDE, ZOOM, BAND, GAP = 112, 2, 20, 4


def list_panels(
    clean: Clean, case: Case, nfe: int, model: restore.BCM
) -> Iterator[tuple[str, np.ndarray]]:
    """Label and picture (H, W, 3): what was given, both modes, the original."""
    given = case.degrade(clean, 0)
    shown = given.picture
    if shown.size != clean.size:
        shown = enlarge_bicubic(shown, clean.size)
    yield f"{clean.name}, {case.name}", shown.pixels
    for mode in MODES:
        image = given.task.restore(given.data, model, Settings(nfe=nfe, mode=mode)).image
        psnr = metrics.psnr(image, clean.pixels, given.problem.hole)
        yield f"{mode}, {psnr:.2f} dB", image
    yield "original", clean.pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nfe", type=int, default=4)
    parser.add_argument("--model", default="default")
    parser.add_argument("-o", "--output", type=Path, default=CARD)
    options = parser.parse_args()
    model = restore.load(options.model)
    pictures = {one.name: one for one in load_public13().clean}
    step = SIDE * ZOOM + GAP
    sheet = Image.new("RGB", (4 * step - GAP, len(ROWS) * (step + BAND) - GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (name, case, (left, top)) in enumerate(ROWS):
        panels = list_panels(pictures[name], *choose_cases([case]), options.nfe, model)
        for column, (label, pixels) in enumerate(panels):
            detail = pixels[top : top + SIDE, left : left + SIDE].repeat(ZOOM, 0).repeat(ZOOM, 1)
            at = column * step, row * (step + BAND)
            draw.text((at[0] + 2, at[1] + 2), label, fill="black", font=font)
            sheet.paste(Image.fromarray(detail), (at[0], at[1] + BAND))
    sheet.save(options.output, quality=90)
    print(options.output)


if __name__ == "__main__":
    main()
