"""What the diagnosis finds in pictures whose past is known: its tables of confusion.

    python examples/diagnosis.py                          # skimage's photographs
    python examples/diagnosis.py photos/ --pictures 40    # a folder's: its thresholds come from it

Every photograph is cut to `--side` pixels, degraded in known ways, and diagnosed. Text,
screenshots, halftones, pixel art and drawings are made here. Prints one Markdown table a question.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from restore.diagnosis import diagnose
from restore.diagnosis.diagnosis import Diagnosis
from restore.diagnosis.noise import NOISY
from restore.errors import ImageError
from restore.images import as_picture
from restore.tasks import Auto

Pixels = np.ndarray
PUBLIC = ("astronaut", "camera", "chelsea", "coffee", "rocket", "motorcycle", "grass", "gravel")


def photographs(folder: Path | None, count: int, side: int) -> list[Pixels]:
    """The middle of every picture, (h, w, 3) uint8: of a folder, or of scikit-image."""
    if folder is None:
        found = [data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
                 for name in PUBLIC]  # fmt: skip
    else:
        paths = [p for p in sorted(folder.iterdir()) if p.suffix in (".png", ".jpg", ".webp")]
        found = [open_colour(path) for path in paths[:: max(1, len(paths) // count)]]
    return [middle(a if a.ndim == 3 else a[..., None].repeat(3, 2), side) for a in found]


def open_colour(path: Path) -> Pixels:
    """The pixels (h, w, 3); of what cannot be read an empty picture."""
    try:
        picture = as_picture(path)
    except ImageError:
        return np.zeros((0, 0, 3), np.uint8)
    pixels = picture.at_depth(8).pixels
    return pixels.repeat(3, 2) if pixels.shape[2] == 1 else pixels


def middle(pixels: Pixels, side: int) -> Pixels:
    """The middle of `side` pixels, at least what is there."""
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def compress(pixels: Pixels, quality: int) -> bytes:
    """A JPEG file, 4:2:0."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def lossy(pixels: Pixels, quality: int) -> Pixels:
    """The pixels after a JPEG file."""
    return np.asarray(Image.open(io.BytesIO(compress(pixels, quality))))


def scale(pixels: Pixels, factor: float) -> Pixels:
    """Enlarged or reduced by Pillow's bicubic."""
    size = [max(8, round(length * factor)) for length in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def add(pixels: Pixels, noise: Pixels) -> Pixels:
    """With noise in levels, rounded and clipped."""
    return np.rint(pixels + noise).clip(0, 255).astype(np.uint8)


def white(pixels: Pixels, sigma: float, channels: int = 3) -> Pixels:
    """With white noise, alike in all channels where `channels` is 1."""
    shape = (*pixels.shape[:2], channels)
    return add(pixels, sigma * np.random.default_rng(0).standard_normal(shape))


def coarse(pixels: Pixels, sigma: float) -> Pixels:
    """With noise that a Gaussian of one pixel has made smooth, of level sigma."""
    z = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(pixels.shape), (0, 0), 1)
    return add(pixels, sigma * z / z.std())


def shot(pixels: Pixels, sigma: float) -> Pixels:
    """With noise whose power rises with brightness, of level sigma at white."""
    z = np.random.default_rng(0).standard_normal(pixels.shape)
    return add(pixels, sigma * np.sqrt(pixels / 255) * z)


def sharpen(pixels: Pixels) -> Pixels:
    """An unsharp mask of radius 1 and amount 1."""
    return add(pixels, pixels - cv2.GaussianBlur(pixels.astype(float), (0, 0), 1))


COMPRESSIONS: dict[str, Callable[[Pixels], Pixels | bytes]] = {
    "none": lambda a: a,
    "none, white noise 10": lambda a: white(a, 10),
    "JPEG 30, then scaled by 0.7": lambda a: scale(lossy(a, 30), 0.7),
    "JPEG 30, then scaled by 0.8": lambda a: scale(lossy(a, 30), 0.8),
    "JPEG 60, then scaled by 1.5": lambda a: scale(lossy(a, 60), 1.5),
    "scaled by 0.7": lambda a: scale(a, 0.7),
    "scaled by 1.5": lambda a: scale(a, 1.5),
    "JPEG 20": lambda a: lossy(a, 20),
    "JPEG 50, cut at row 5, column 3": lambda a: lossy(a, 50)[5:, 3:],
    "JPEG 75": lambda a: lossy(a, 75),
    "JPEG 90": lambda a: lossy(a, 90),
    "JPEG 95": lambda a: lossy(a, 95),
    "file of 75": lambda a: compress(a, 75),
    "file of 90": lambda a: compress(a, 90),
    "file of 75 after 40": lambda a: compress(lossy(a, 40), 75),
    "file of 90 after 60": lambda a: compress(lossy(a, 60), 90),
    "file of 90 after 40, cut": lambda a: compress(lossy(a, 40)[5:, 3:], 90),
    "file of 75 after 20, cut": lambda a: compress(lossy(a, 20)[5:, 3:], 75),
}
FACTORS = {name: float(name.split("by ")[1]) if "JPEG" in name and "scaled by" in name else 0
           for name in COMPRESSIONS}  # fmt: skip
TRUE_QUALITY = {name: int(name.split("after ")[1].split(",")[0]) if "after" in name else
                int(name.split()[1].strip(",")) if name.startswith("JPEG") and "scaled" not in name
                else 0 for name in COMPRESSIONS}  # fmt: skip
NOISES: dict[str, tuple[float, Callable[[Pixels], Pixels]]] = {
    "none": (0, lambda a: a),
    "none, JPEG 50": (0, lambda a: lossy(a, 50)),
    "white 2": (2, lambda a: white(a, 2)),
    "white 5": (5, lambda a: white(a, 5)),
    "white 10": (10, lambda a: white(a, 10)),
    "white 20": (20, lambda a: white(a, 20)),
    "grey 10": (10, lambda a: white(a, 10, 1)),
    "shot 15 at white": (10, lambda a: shot(a, 15)),
    "white 10, then JPEG 90": (10, lambda a: lossy(white(a, 10), 90)),
    "white 20, then JPEG 90": (20, lambda a: lossy(white(a, 20), 90)),
    "white 20, then scaled by 0.7": (14, lambda a: scale(white(a, 20), 0.7)),
    "correlated 15": (15, lambda a: coarse(a, 15)),
}
DETAILS: dict[str, tuple[str, Callable[[Pixels], Pixels]]] = {
    "reduced by 2": ("neither", lambda a: scale(a, 0.5)),
    "reduced by 2, sharpened": ("sharpened", lambda a: sharpen(scale(a, 0.5))),
    "blurred, Gaussian of 2": ("blurred", lambda a: cv2.GaussianBlur(a, (0, 0), 2)),
    "blurred, Gaussian of 4": ("blurred", lambda a: cv2.GaussianBlur(a, (0, 0), 4)),
}


BRIGHTNESS: dict[str, Callable[[Pixels], Pixels]] = {
    "white 10": lambda a: white(a, 10),
    "shot 15 at white": lambda a: shot(a, 15),
    "white 10, then brightened by a gamma of 2": lambda a: gamma(white(a, 10), 0.5),
}
REDUCTIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "reduced by 2": lambda a: scale(a, 0.5),
    "reduced by 2, white noise 5": lambda a: white(scale(a, 0.5), 5),
    "reduced by 2, JPEG 50": lambda a: lossy(scale(a, 0.5), 50),
    "reduced by 2, sharpened": lambda a: sharpen(scale(a, 0.5)),
}
VERDICTS: dict[str, Callable[[Pixels], Pixels | bytes]] = {
    "file of 75 after white noise 20": lambda a: compress(white(a, 20), 75),
    "file of 95 after white noise 10": lambda a: compress(white(a, 10), 95),
    "file of 70 after JPEG 30, scaled by 0.7": lambda a: compress(scale(lossy(a, 30), 0.7), 70),
    "blurred, Gaussian of 2": lambda a: cv2.GaussianBlur(a, (0, 0), 2),
}


def gamma(pixels: Pixels, power: float) -> Pixels:
    """Made brighter, or darker, by a power of each value."""
    return np.rint(255 * (pixels / 255) ** power).astype(np.uint8)


def page(seed: int, background: int = 255, ink: int = 0) -> Pixels:
    """A page of words."""
    image = Image.new("L", (512, 512), background)
    draw, random = ImageDraw.Draw(image), np.random.default_rng(seed)
    font = ImageFont.load_default(size=int(random.integers(11, 22)))
    for row in range(10, 500, 24):
        words = ["".join(chr(random.integers(97, 123)) for _ in range(random.integers(2, 9)))
                 for _ in range(9)]  # fmt: skip
        draw.text((12, row), " ".join(words), ink, font)
    return np.asarray(image)[..., None]


def screenshot(seed: int) -> Pixels:
    """Windows, bars and words in a few colours."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (640, 480), tuple(random.integers(180, 250, 3)))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=13)
    for _ in range(12):
        x, y = random.integers(0, 500), random.integers(0, 400)
        draw.rectangle((x, y, x + random.integers(40, 300), y + random.integers(20, 200)),
                       tuple(random.integers(0, 255, 3)), (60, 60, 60))  # fmt: skip
        draw.text((x + 4, y + 4), "File  Edit  View  Help", tuple(random.integers(0, 255, 3)), font)
    return np.asarray(image)


def chart() -> Pixels:
    """Bars, a curve and a legend, drawn with soft edges."""
    image = Image.new("RGB", (1280, 960), (255, 255, 255))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=30)
    for n, height in enumerate((310, 520, 240, 680, 450)):
        colour = ((68, 114, 196), (237, 125, 49), (165, 165, 165), (255, 192, 0), (91, 155, 213))[n]
        draw.rectangle((160 + 210 * n, 860 - height, 290 + 210 * n, 860), colour)
        draw.text((180 + 210 * n, 880), f"20{20 + n}", (60, 60, 60), font)
    curve = [(160 + 10 * n, 500 + 200 * np.sin(n / 12)) for n in range(100)]
    draw.line(curve, (200, 30, 60), 6)
    draw.line((120, 860, 1240, 860), (60, 60, 60), 4)
    return np.asarray(image.resize((640, 480), Image.Resampling.LANCZOS))


def halftone(pixels: Pixels, soft: float) -> Pixels:
    """A printed screen of 45 degrees with six pixels a period, scanned with a blur of `soft`."""
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    waves = np.cos(2 * np.pi * (rows + columns) / 8) + np.cos(2 * np.pi * (rows - columns) / 8)
    dots = np.where(pixels.mean(2) > 127.5 + 60 * waves, 235.0, 25.0)
    return cv2.GaussianBlur(dots, (0, 0), soft).round().astype(np.uint8)[..., None]


def pixel_art(seed: int, side: int) -> Pixels:
    """Random squares of twelve colours, each of `side` pixels."""
    random = np.random.default_rng(seed)
    small = cv2.medianBlur(random.integers(0, 12, (32, 32)).astype(np.uint8), 3)
    colours = random.integers(0, 255, (12, 3)).astype(np.uint8)
    return colours[small].repeat(side, 0).repeat(side, 1)


def kinds(photos: list[Pixels]) -> dict[str, list[Pixels]]:
    """Pictures of every kind that the diagnosis names."""
    return {
        "photograph": photos,
        "photograph, white noise 20": [white(a, 20) for a in photos],
        "photograph, JPEG 30": [lossy(a, 30) for a in photos],
        "text": [page(n) for n in range(4)] + [page(n, 255, 40) for n in range(4)],
        "text, two tones of 1 bit": [(page(n) > 128).astype(np.uint8) * 255 for n in range(4)],
        "screenshot": [screenshot(n) for n in range(8)],
        "halftone": [halftone(a, soft) for a in photos[:6] for soft in (0.7, 1.0)],
        "pixel art": [pixel_art(n, side) for n in range(4) for side in (1, 4)],
    }


def row(name: str, *cells: object) -> None:
    print("|", " | ".join([name, *map(str, cells)]), "|", flush=True)


def heading(*names: str) -> None:
    print()
    row(*names)
    row(*["---"] * len(names))


def counts(found: Iterable[str], names: Iterable[str]) -> list[str]:
    found = list(found)
    return [str(found.count(name) or "") for name in names]


def answer_compression(photos: list[Pixels]) -> None:
    """Of what was found: nothing, the right quality (3 off at most), or another."""
    heading("what happened", "nothing found", "right quality and grid", "another",
            "scaled, right factor", "another")  # fmt: skip
    for name, degrade in COMPRESSIONS.items():
        true, found = TRUE_QUALITY[name], []
        factor, scaled = FACTORS[name], []
        for pixels in photos:
            diagnosis = diagnose(degrade(pixels))
            one, since = diagnosis.history, diagnosis.scaled
            if since is not None:
                near = factor and abs(since.factor / factor - 1) < 0.03
                scaled.append("right" if near else "other")
            cut = "cut" in name
            right = one and abs(one.quality - true) <= (5 if "after" in name else 3)
            right = right and one.offset == ((3, 5) if cut else (0, 0))
            found.append("right" if right else "other" if one else "none")
        row(name, *counts(found, ("none", "right", "other")), *counts(scaled, ("right", "other")))


def answer_noise(photos: list[Pixels]) -> None:
    """Whether noise was found, its kind, and the level found as a multiple of the true one."""
    heading("noise", "none", f"below {NOISY}", "found", "white", "grey", "found / true, median",
            "by brightness")  # fmt: skip
    for name, (sigma, degrade) in NOISES.items():
        found = [diagnose(degrade(pixels)).noise for pixels in photos]
        some = [one for one in found if one]
        loud = [one for one in some if one.sigma >= NOISY]
        ratio = np.median([one.sigma / sigma for one in some]) if sigma and some else None
        row(name, len(found) - len(some), len(some) - len(loud), len(loud),
            sum(one.spectrum == "white" for one in loud), sum(one.colour == "grey" for one in loud),
            "" if ratio is None else f"{ratio:.2f}",
            sum("where it is dark" in one.sentence for one in loud))  # fmt: skip


def answer_brightness(photos: list[Pixels]) -> None:
    """Whether the noise found is said to depend on brightness."""
    heading("noise", "none found", "alike", "less where it is dark", "more where it is dark")
    for name, degrade in BRIGHTNESS.items():
        found = [diagnose(degrade(pixels)).noise for pixels in photos]
        said = ["alike" if ";" not in one.sentence else "less" if one.dark < one.bright else "more"
                for one in found if one]  # fmt: skip
        row(name, sum(one is None for one in found), *counts(said, ("alike", "less", "more")))


def answer_reduction(photos: list[Pixels]) -> None:
    """How far a picture is said to be from the exact reduction of a larger one."""
    heading("picture", "exact", "off by less than 1.5", "off by more")
    for name, degrade in REDUCTIONS.items():
        off = [diagnose(degrade(pixels)).tolerance for pixels in photos]
        said = ["exact" if one == 0 else "little" if one < NOISY else "more" for one in off]
        row(name, *counts(said, ("exact", "little", "more")))


def answer_verdict(photos: list[Pixels]) -> None:
    """What `auto` does about it."""
    names = ("left alone", "jpeg", "denoise", "noisy-jpeg")
    heading("what happened", *names)
    known = {**COMPRESSIONS, **{name: degrade for name, (_, degrade) in NOISES.items()}}
    for name, degrade in [*known.items(), *VERDICTS.items()]:
        steps = [Auto().open(degrade(pixels)).steps for pixels in photos]
        row(name, *counts((one[0].name if one else "left alone" for one in steps), names))
    for name, pictures in kinds(photos).items():
        if not name.startswith("photograph"):
            steps = [Auto().open(pixels).steps for pixels in pictures]
            row(name, *counts((one[0].name if one else "left alone" for one in steps), names))


def answer_kind(photos: list[Pixels]) -> None:
    names = ("photograph", "flat", "text", "halftone", "pixel art", "drawing")
    heading("picture", *names, "noise found")
    for name, pictures in kinds(photos).items():
        found: list[Diagnosis] = [diagnose(pixels) for pixels in pictures]
        row(name, *counts((one.kind.name for one in found), names), sum(o.noisy for o in found))


def answer_detail(photos: list[Pixels]) -> None:
    names = ("neither", "sharpened", "blurred", "too few edges")
    heading("edges", *names)
    for name, (_, degrade) in DETAILS.items():
        found = []
        for pixels in photos:
            one = diagnose(degrade(pixels)).detail
            if one is None or one.blur is None:
                found.append("too few edges")
            else:
                said = "sharpened" if one.sharpened else "blurred" if one.sentence else "neither"
                found.append(said)
        row(name, *counts(found, names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="default: scikit-image's photographs")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--side", type=int, default=384, help="pixels of each that are used")
    arguments = parser.parse_args()
    photos = photographs(arguments.folder, arguments.pictures, arguments.side)
    photos = [a for a in photos if min(a.shape[:2]) >= min(256, arguments.side)]
    print(f"{len(photos)} photographs, {arguments.side} pixels a side at most")
    for answer in (answer_compression, answer_noise, answer_brightness, answer_kind,
                   answer_detail, answer_reduction, answer_verdict):  # fmt: skip
        answer(photos)


if __name__ == "__main__":
    main()
