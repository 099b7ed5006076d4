"""The model card's picture: what both modes make of four degraded details, and the originals.

    python examples/modes.py                             # writes examples/modes.jpg
    python examples/modes.py --nfe 4 -o modes.png

Details of Public 13, enlarged twice, each with its PSNR; all but the mode and `--nfe` is as by
default.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from public13 import public13

import restore
from restore import metrics, tasks
from restore.images import as_picture
from restore.tasks import Inpaint, Jpeg, Superres

CARD = Path(__file__).with_name("modes.jpg")
ROWS = (
    ("chelsea", "jpeg", 10, (70, 60)),
    ("coffee", "superres", 4, (60, 40)),
    ("china", "half", 0, (90, 60)),
    ("astronaut", "scratches", 0, (70, 20)),
)
SIDE, ZOOM, BAND, GAP = 112, 2, 20, 4


def panels(
    name: str, task: str, severity: int, nfe: int, model: restore.BCM
) -> dict[str, np.ndarray]:
    """Label -> picture (H, W, 3): what was given, both modes, the original."""
    clean = public13()[name]
    size = clean.shape[1::-1]
    hole = None
    if task == "jpeg":
        given = Jpeg(severity).degrade(as_picture(clean))
        shown = np.asarray(Image.open(io.BytesIO(given)))
    elif task == "superres":
        given = Superres(severity).degrade(as_picture(clean)).pixels
        shown = np.asarray(Image.fromarray(given).resize(size, Image.Resampling.BICUBIC))
    else:
        mask = tasks.draw_mask(size, task)
        hole = mask.pixels[..., 0] > 127
        given = shown = Inpaint(mask).degrade(as_picture(clean)).pixels
    found = {f"{name}, {task} {severity or ''}": shown}
    for mode in ("fidelity", "perceptual"):
        settings = {"model": model, "mode": mode, "nfe": nfe}
        if task == "jpeg":
            result = restore.jpeg(given, **settings)
        elif task == "superres":
            result = restore.superres(given, size=size, **settings)
        else:
            result = restore.inpaint(given, hole, **settings)
        psnr = metrics.psnr(result.image, clean, hole)
        found[f"{mode}, {psnr:.2f} dB"] = result.image
    return {**found, "original": clean}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nfe", type=int, default=4)
    parser.add_argument("--model", default="default")
    parser.add_argument("-o", "--output", type=Path, default=CARD)
    options = parser.parse_args()
    model = restore.load(options.model)
    step = SIDE * ZOOM + GAP
    sheet = Image.new("RGB", (4 * step - GAP, len(ROWS) * (step + BAND) - GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (name, task, severity, (left, top)) in enumerate(ROWS):
        found = panels(name, task, severity, options.nfe, model)
        for column, (label, pixels) in enumerate(found.items()):
            detail = pixels[top : top + SIDE, left : left + SIDE].repeat(ZOOM, 0).repeat(ZOOM, 1)
            at = column * step, row * (step + BAND)
            draw.text((at[0] + 2, at[1] + 2), label, fill="black", font=font)
            sheet.paste(Image.fromarray(detail), (at[0], at[1] + BAND))
    sheet.save(options.output, quality=90)
    print(options.output)


if __name__ == "__main__":
    main()
