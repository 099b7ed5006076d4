"""What `auto` makes of pictures whose truth is known: its steps, and the PSNR before and after.

    python examples/auto.py                     # the table of the guide
    python examples/auto.py --show pictures/    # with before, after and truth of each as PNG

The photographs are scikit-image's, none of which any threshold was chosen on.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from diagnosis import page
from PIL import Image
from skimage import data

import restore
from restore.metrics import psnr, ssim
from restore.tasks import draw_mask

Pixels = np.ndarray


class Job(NamedTuple):
    """given: an array, or the bytes of a file. truth: what it should be. options: of `auto`."""

    given: Pixels | bytes
    truth: Pixels
    options: dict[str, object] = {}  # noqa: RUF012


def encode(pixels: Pixels, kind: str, **options: int) -> bytes:
    """A file of pixels."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def shown(image: Pixels | bytes) -> Pixels:
    """The pixels (h, w, 3) of an array or of a file."""
    pixels = np.asarray(Image.open(io.BytesIO(image))) if isinstance(image, bytes) else image
    return pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, 2)


def lossy(pixels: Pixels, quality: int) -> Pixels:
    """The pixels after a JPEG file."""
    return shown(encode(pixels, "JPEG", quality=quality))


def scale(pixels: Pixels, factor: float) -> Pixels:
    """Enlarged or reduced by Pillow's bicubic."""
    size = [round(side * factor) for side in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def add(pixels: Pixels, sigma: float, channels: int = 3) -> Pixels:
    """With white noise, alike in all channels where `channels` is 1."""
    z = np.random.default_rng(0).standard_normal((*pixels.shape[:2], channels))
    return np.rint(pixels + sigma * z.reshape(*pixels.shape[:2], -1)).clip(0, 255).astype(np.uint8)


def dark(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """A dim room, and it as a phone sees it: noise by brightness, made smooth by demosaicing."""
    dim = 0.3 * pixels
    z = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(pixels.shape), (0, 0), 0.6)
    seen = dim + z / z.std() * np.sqrt(1.2 * dim + 9)
    return np.rint(dim).astype(np.uint8), np.rint(seen).clip(0, 255).astype(np.uint8)


def scratched(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """An old photograph, scanned with scratches, and the mask of these (bool)."""
    hole = draw_mask(pixels.shape[1::-1], "scratches", 1).pixels[..., 0] > 0
    return np.where(hole[..., None], np.uint8(240), pixels), hole


def jobs(side: int) -> dict[str, Job]:
    """Everything that is tried."""
    face, cup = data.astronaut()[20 : 20 + side, 120 : 120 + side], data.coffee()[60:, 120:]
    cat, man = data.chelsea()[20 : 20 + side, 80 : 80 + side], data.camera()[60:, 120:]
    cup, man = cup[:side, :side], shown(man[:side, :side])
    dim, seen = dark(face)
    sent = scale(lossy(cup, 30), 0.7)
    text = shown(page(0)[:side, :side, 0])
    scan, hole = scratched(add(man, 6, 1))
    return {
        "clean PNG": Job(scale(face, 0.5), scale(face, 0.5)),
        "JPEG 30": Job(encode(cat, "JPEG", quality=30), cat),
        "PNG that was a JPEG 40": Job(lossy(cup, 40), cup),
        "JPEG 30, scaled by 0.7, JPEG 70": Job(encode(sent, "JPEG", quality=70), scale(cup, 0.7)),
        "white noise 15": Job(add(cat, 15), cat),
        "dark phone picture, JPEG 75": Job(encode(seen, "JPEG", quality=75), dim),
        "scan, noise 6, scratches": Job(scan, man, {"mask": hole}),
        "the same as JPEG 60": Job(encode(scan, "JPEG", quality=60), man,
                                   {"mask": hole, "dilate": 1}),
        "reduced by 2, JPEG 50, scale 2": Job(encode(scale(cup, 0.5), "JPEG", quality=50), cup,
                                              {"scale": 2}),
        "reduced by 2, noise 12, scale 2": Job(add(scale(face, 0.5), 12), face, {"scale": 2}),
        "page of text, JPEG 75": Job(encode(text, "JPEG", quality=75), text),
        "blurred, Gaussian of 3": Job(cv2.GaussianBlur(cup, (0, 0), 3), cup),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--show", type=Path, help="a folder for pictures")
    arguments = parser.parse_args()
    model = restore.load("default", dtype="fp32")
    print("| picture | steps | NFE | PSNR given | PSNR of auto | SSIM given | SSIM of auto |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, job in jobs(arguments.side).items():
        run: Callable[..., restore.Result] = restore.auto
        result = run(job.given, model=model, **job.options)
        after, truth = shown(result.picture.pixels.squeeze()), shown(job.truth)
        given = shown(job.given)
        if given.shape != truth.shape:
            given = scale(given, truth.shape[0] / given.shape[0])
        steps = ", ".join(step["task"] for step in result.report["steps"]) or "left alone"
        figures = [f"{psnr(one, truth):.2f}" for one in (given, after)]
        figures += [f"{ssim(one, truth):.4f}" for one in (given, after)]
        print("|", " | ".join([name, steps, str(result.record.nfe), *figures]), "|", flush=True)
        if arguments.show:
            arguments.show.mkdir(parents=True, exist_ok=True)
            side_by_side = np.concatenate([given, after, truth], axis=1)
            Image.fromarray(side_by_side).save(arguments.show / f"{name}.png")


if __name__ == "__main__":
    main()
