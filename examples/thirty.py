"""Thirty pictures, most of them no photographs: is a result ever worse than where it started?

    python examples/thirty.py                      # the list, a line a picture and degradation
    python examples/thirty.py --tasks jpeg-95      # of one degradation

Gradients, charts, text, patterns, noise and a few photographs of a folder are compressed, shrunk
and holed, and restored by the command line's own defaults. A line says the PSNR of the start (the
decoded file, the enlargement, the first guess of the hole), that of the result, and what it gained;
a table at last says how many are worse by more than 0.1 dB. Of holes it is the PSNR inside.
"""

import argparse
import math
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import restore
from restore import metrics
from restore.bench import load_public13
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Inpaint, Jpeg, Superres, Task, draw_mask, solve_problem

SIDE = 96
TASKS = (
    "jpeg-10", "jpeg-40", "jpeg-80", "jpeg-95", "jpeg-100", "superres-2", "superres-4",
    "inpaint-half", "inpaint-scratches", "inpaint-block", "inpaint-95",
)  # fmt: skip
LEAST = -0.1  # dB


def as_levels(image: np.ndarray) -> np.ndarray:
    """An image from 0 to 1, (H, W) or (H, W, 3), as pixels (H, W, 3) uint8."""
    image = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    return np.rint(image.clip(0, 1) * 255).astype(np.uint8)


def gradients(side: int) -> Iterator[tuple[str, np.ndarray]]:
    y, x = np.mgrid[:side, :side] / (side - 1)
    r = np.hypot(x - 0.5, y - 0.5)
    yield "gradient across", as_levels(x)
    yield "gradient down, faint", as_levels(0.4 + 0.1 * y)
    yield "gradient, diagonal, colours", as_levels(np.dstack([x, y, (2 - x - y) / 2]))
    yield "gradient, radial", as_levels(1 - 1.3 * r)
    yield "waves, slow", as_levels(0.5 + 0.4 * np.sin(6 * x) * np.cos(5 * y))
    yield "sky", as_levels(np.dstack([0.3 + 0.4 * y, 0.5 + 0.3 * y, 0.9 - 0.1 * y]))
    yield "flat", as_levels(np.full((side, side), 0.42))


def patterns(side: int) -> Iterator[tuple[str, np.ndarray]]:
    rows, columns = np.mgrid[:side, :side]
    yield "chessboard of 8", as_levels(((rows // 8 + columns // 8) % 2).astype(float))
    yield "chessboard of 12", as_levels(((rows // 12 + columns // 12) % 2).astype(float))
    yield "stripes of 3", as_levels((columns // 3 % 2).astype(float))
    yield (
        "stripes of 16, colours",
        as_levels(
            np.dstack([columns // 16 % 2, rows // 16 % 2, (rows + columns) // 16 % 2]).astype(float)
        ),
    )
    zone = (rows**2 + columns**2) * math.pi / (2.2 * side)
    yield "zone plate", as_levels(0.5 + 0.5 * np.cos(zone))
    yield "dots", as_levels(1 - ((rows % 6 < 2) & (columns % 6 < 2)).astype(float))


def drawings(side: int) -> Iterator[tuple[str, np.ndarray]]:
    def canvas(colour: str = "white") -> tuple[Image.Image, ImageDraw.ImageDraw]:
        image = Image.new("RGB", (side, side), colour)
        return image, ImageDraw.Draw(image)

    image, draw = canvas()
    for i, height in enumerate((60, 25, 80, 45, 70)):
        left = 8 + 17 * i
        draw.rectangle(
            (left, side - 6 - height, left + 11, side - 6), fill=(40 * i, 90, 220 - 40 * i)
        )
    yield "bar chart", np.asarray(image)
    image, draw = canvas()
    points = [(6 * i, 50 + 35 * math.sin(i * 0.8) * math.cos(i * 0.3)) for i in range(17)]
    draw.line(points, fill="red", width=2)
    draw.line([(4, 2), (4, side - 5), (side, side - 5)], fill="black")
    yield "line chart", np.asarray(image)
    image, draw = canvas()
    for i, colour in enumerate(("tomato", "gold", "teal", "navy")):
        draw.pieslice(
            (10, 10, side - 10, side - 10), 90 * i + 15 * i, 90 * (i + 1) + 15, fill=colour
        )
    yield "pie chart", np.asarray(image)
    image, draw = canvas()
    for i in range(0, side, 11):
        draw.text((2, i), "The quick brown fox 0123", fill="black")
    yield "text", np.asarray(image)
    image, draw = canvas("#202830")
    for i in range(0, side, 12):
        draw.text((3 + i % 24, i), "def f(x): return x", fill=("#80d0a0", "#e0c070")[i // 12 % 2])
    yield "text, light on dark", np.asarray(image)
    image, draw = canvas("#f0f0f0")
    draw.rectangle((0, 0, side, 14), fill="#3060b0")
    draw.text((4, 2), "File Edit View", fill="white")
    for i in range(22, side - 12, 16):
        draw.rounded_rectangle((6, i, side - 30, i + 11), 3, fill="white", outline="#909090")
        draw.text((9, i), "Name:", fill="#303030")
    yield "screenshot", np.asarray(image)
    image, draw = canvas("#9fd3ff")
    draw.ellipse((55, 8, 88, 41), fill="#ffe066")
    draw.polygon([(0, 80), (35, 35), (70, 80)], fill="#2f7d4f")
    draw.rectangle((0, 80, side, side), fill="#c8a060")
    yield "flat drawing", np.asarray(image)
    yield "line art", np.asarray(line_art(side))


def line_art(side: int) -> Image.Image:
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    for i in range(6, side, 9):
        draw.arc((i - 40, 10, i + 40, side - 10), 200, 340, fill="black")
    return image


def noises(side: int) -> Iterator[tuple[str, np.ndarray]]:
    random = np.random.default_rng(3)
    yield "white noise", as_levels(random.random((side, side, 3)))
    yield "faint noise", as_levels(0.5 + 0.03 * random.standard_normal((side, side, 3)))
    grain = 0.1 * random.standard_normal((side, side))
    yield "gradient with grain", as_levels(np.mgrid[:side, :side][1] / side * 0.6 + 0.2 + grain)
    coarse = random.random((side // 4, side // 4, 3))
    yield "noise of 4", as_levels(np.kron(coarse, np.ones((4, 4, 1))))
    yield "salt and pepper", as_levels((random.random((side, side)) < 0.5).astype(float))


def photographs(folder: Path | None, side: int, count: int) -> Iterator[tuple[str, np.ndarray]]:
    """The middles of skimage's pictures, or of those in a folder."""
    if folder is None:
        found = [(one.name, one.pixels) for one in load_public13(2 * side, count).clean]
    else:
        paths = sorted(folder.glob("*.png"))[:count]
        found = [(path.stem, np.asarray(Image.open(path).convert("RGB"))) for path in paths]
    for name, pixels in found:
        top, left = (n // 2 - side // 2 for n in pixels.shape[:2])
        yield name, np.ascontiguousarray(pixels[top : top + side, left : left + side])


def thirty(folder: Path | None = None, side: int = SIDE) -> dict[str, np.ndarray]:
    """The pictures (side, side, 3) uint8 by their names."""
    found = {}
    for kind in (gradients, patterns, drawings, noises):
        found |= dict(kind(side))
    return found | dict(photographs(folder, side, 30 - len(found)))


def degrade(name: str, pixels: np.ndarray, seed: int) -> tuple[Task, object]:
    """The task, and what it is given."""
    task, _, severity = name.partition("-")
    clean = Picture(pixels)
    if task == "jpeg":
        return Jpeg(), Jpeg(quality=int(severity)).degrade(clean)
    if task == "superres":
        width, height = clean.size
        return Superres(size=(width, height)), Superres(scale=float(severity)).degrade(clean)
    if severity == "95":
        hole = np.random.default_rng(seed).random(pixels.shape[:2]) < 0.95
        mask: object = hole
    else:
        mask = draw_mask(clean.size, severity, seed)
    return Inpaint(mask=mask), Inpaint(mask=mask).degrade(clean)


def measure(name: str, pixels: np.ndarray, model: restore.BCM, seed: int) -> tuple[float, float]:
    """The PSNR of the start and of the result, inside the hole if there is one."""
    task, given = degrade(name, pixels, seed)
    problem = task.open(given)
    start = solve_problem(problem, model, Settings(strength=0)).picture
    result = solve_problem(problem, model, Settings())
    where = problem.hole
    return (
        min(metrics.psnr(start.pixels, pixels, where), 99.0),
        min(metrics.psnr(result.picture.pixels, pixels, where), 99.0),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--photographs", type=Path, help="a folder of PNG files, for Public 13")
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    model = restore.load(options.model, device="cpu", dtype="fp32")
    found: dict[str, list[tuple[float, str]]] = {}
    for name in options.tasks:
        for seed, (title, pixels) in enumerate(thirty(options.photographs).items()):
            before, after = measure(name, pixels, model, seed)
            line = f"{name:17} {title:28} {before:6.2f} dB {after:6.2f} dB {after - before:+6.2f}"
            print(line, "" if after - before >= LEAST else "  worse", flush=True)
            found.setdefault(name, []).append((after - before, title))
    print(f"\n| degradation | worse by more than {-LEAST} dB | least gain | median | most |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, gains in found.items():
        worse = sum(gain < LEAST for gain, _ in gains)
        ends = f"{min(gains)[0]:+.2f} dB ({min(gains)[1]})"
        middle = statistics.median(gain for gain, _ in gains)
        print(
            f"| {name} | {worse} of {len(gains)} | {ends} | {middle:+.2f} | {max(gains)[0]:+.2f} |"
        )


if __name__ == "__main__":
    main()
