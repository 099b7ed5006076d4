"""Quality on Public 13: every task and mode at 1, 2, 4 and 8 evaluations, beside its baselines.

Before the table come the denoiser alone and the way to a noise level and back.

    python examples/quality.py                    # the whole table
    python examples/quality.py --tasks jpeg-10 scratches --modes fidelity --nfe 4
    python examples/quality.py --json quality.json --summary quality.md
    python examples/quality.py --figures restore/checkpoints/bcm_photo.json   # for the model card

Each picture goes the user's way: encoded bytes in, 8-bit result out. PSNR and SSIM are those of
`restore.metrics`, RGB, mean over the 13 pictures; for inpainting PSNR is inside the hole.
Consistency is the record's own proof: coefficients kept, PSNR of the result shrunk again, or the
largest error of a known pixel. Sharpness (mean gradient) is that of the result over that of the
clean picture; blur is a statistic without reference, less that of the clean picture: 1 and 0 are as
sharp as it was. The texture error compares gradients block by block: 0 is as much texture where it
was.
"""

import argparse
import io
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from public13 import public13

import restore
from restore import metrics, tasks
from restore.checkpoints import Figure
from restore.degradations import Resize
from restore.images import Picture, as_picture
from restore.tasks import Inpaint, Jpeg, Superres

NFE = (1, 2, 4, 8)
MODES = ("fidelity", "perceptual")
TASKS = ("jpeg-10", "jpeg-20", "jpeg-40", "superres-2", "superres-4", "half", "scratches")
PROOF = {"jpeg": "coefficients_kept", "superres": "consistency_psnr_db"}
Restored = tuple[np.ndarray, float | None]  # pixels, consistency


@dataclass
class Row:
    """A line of the table: means over the pictures."""

    task: str
    method: str
    nfe: int
    psnr: float
    ssim: float
    consistency: float | None
    seconds: float
    sharpness: float
    blur: float
    texture: float


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def back_projected(small: np.ndarray, large: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The bicubic enlargement, projected exactly."""
    picture = Picture(large)
    resize = Resize((size[1], size[0]), small.shape[:2])
    x, y = picture.tensor(), Picture(small).tensor()
    for _ in range(3):
        x = resize.project(x.clamp(-1, 1), y)
    return picture.with_tensor(x).pixels


class Case:
    """One task on one picture: its degraded input, its baselines, and how to run ours."""

    def __init__(self, task: str, clean: np.ndarray, seed: int) -> None:
        self.task, self.clean = task, clean
        self.hole: np.ndarray | None = None
        kind, _, severity = task.partition("-")
        self.kind = kind if kind in PROOF else "inpaint"
        if kind == "jpeg":
            self.given = Jpeg(int(severity)).degrade(as_picture(clean))
        elif kind == "superres":
            self.scale = int(severity)
            self.given = png(Superres(self.scale).degrade(as_picture(clean)).pixels)
        else:
            mask = tasks.draw_mask(clean.shape[1::-1], kind, seed)
            self.hole = mask.pixels[..., 0] > 127
            self.given = png(Inpaint(mask).degrade(as_picture(clean)).pixels)

    def baselines(self) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
        pixels = np.asarray(Image.open(io.BytesIO(self.given)))
        if self.kind == "jpeg":
            yield "decoded", lambda: pixels
        elif self.kind == "superres":
            size = self.clean.shape[1::-1]
            bicubic = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
            yield "bicubic", lambda: bicubic
            yield "exact back-projection", lambda: back_projected(pixels, bicubic, size)
        else:
            mask = self.hole.astype(np.uint8)
            yield "Telea", lambda: cv2.inpaint(pixels, mask, 3, cv2.INPAINT_TELEA)
            yield "Navier-Stokes", lambda: cv2.inpaint(pixels, mask, 3, cv2.INPAINT_NS)
            yield "biharmonic", lambda: self.biharmonic(pixels)

    def biharmonic(self, pixels: np.ndarray) -> np.ndarray:
        from skimage.restoration import inpaint_biharmonic

        filled = inpaint_biharmonic(pixels, self.hole, channel_axis=2)
        return np.rint(filled.clip(0, 1) * 255).astype(np.uint8)

    def ours(self, model: restore.BCM, mode: str, nfe: int) -> Restored:
        if self.kind == "jpeg":
            result = restore.jpeg(self.given, model=model, mode=mode, nfe=nfe)
        elif self.kind == "superres":
            size = self.clean.shape[1::-1]
            result = restore.superres(self.given, size=size, model=model, mode=mode, nfe=nfe)
        else:
            result = restore.inpaint(self.given, self.hole, model=model, mode=mode, nfe=nfe)
        assert result.report["nfe"] == nfe
        return result.image, result.report["metrics"][PROOF.get(self.kind, "known_max_error")]


def measured(task: str, method: str, nfe: int, cases: list[Case], run: Callable) -> Row:
    found, began = [], time.perf_counter()
    for case in cases:
        pixels, consistency = run(case)
        found.append(
            (
                metrics.psnr(pixels, case.clean, case.hole),
                metrics.ssim(pixels, case.clean),
                consistency,
                metrics.sharpness(pixels) / metrics.sharpness(case.clean),
                metrics.blur(pixels) - metrics.blur(case.clean),
                metrics.texture_error(pixels, case.clean),
            )
        )
    seconds = (time.perf_counter() - began) / len(cases)
    psnr, ssim, proof, *looks = zip(*found, strict=True)
    held = [p for p in proof if p is not None]
    worst = max if task in ("half", "scratches") else statistics.mean
    consistency = worst(held) if held else None
    return Row(task, method, nfe, statistics.mean(psnr), statistics.mean(ssim), consistency,
               seconds, *map(statistics.mean, looks))  # fmt: skip


def table(model: restore.BCM, options: argparse.Namespace) -> Iterator[Row]:
    pictures = list(public13().values())[: options.images]
    for task in options.tasks:
        cases = [Case(task, clean, seed) for seed, clean in enumerate(pictures)]
        names = [name for name, _ in cases[0].baselines()]
        for n, name in enumerate(names):
            yield measured(task, name, 0, cases, lambda c, n=n: (list(c.baselines())[n][1](), None))
        for mode in options.modes:
            for nfe in options.nfe:
                yield measured(task, mode, nfe, cases, lambda c, m=mode, n=nfe: c.ours(model, m, n))


def denoising(model: restore.BCM, images: int) -> Iterator[tuple[int, float]]:
    from public13 import clean_images

    from restore.training import denoising_psnr

    pictures = [x.to(model.device) for x in list(clean_images().values())[:images]]
    for sigma in (15, 25, 50):
        yield sigma, denoising_psnr(model, pictures, sigma)


JOURNEYS = ((1.0, 1), (1.0, 2), (15.0, 2), (80.0, 2))  # level, evaluations each way


def returning(model: restore.BCM, images: int) -> Iterator[tuple[float, int, float]]:
    """Mean PSNR of what comes back from a level, by evaluations each way, as invert reports it."""
    pictures = list(public13().values())[:images]
    for level, nfe in JOURNEYS:
        inversions = (restore.invert(x, model=model, nfe=nfe, level=level) for x in pictures)
        psnr = [found.report["metrics"]["round_trip_psnr_db"] for found in inversions]
        yield level, nfe, statistics.mean(psnr)


NAMES = {
    "jpeg-10": ("JPEG quality 10, 4:2:0", "decoded"),
    "jpeg-20": ("JPEG quality 20, 4:2:0", "decoded"),
    "jpeg-40": ("JPEG quality 40, 4:2:0", "decoded"),
    "superres-2": ("enlarged ×2", "exact back-projection"),
    "superres-4": ("enlarged ×4", "exact back-projection"),
    "half": ("half of the pixels missing", "biharmonic"),
    "scratches": ("scratches, 3 pixels wide", "biharmonic"),
}


def by_method(rows: list[Row], task: str) -> dict[tuple[str, int], Row]:
    return {(row.method, row.nfe): row for row in rows if row.task == task}


def summary(rows: list[Row]) -> Iterator[str]:
    """A Markdown table: each task's strongest simple baseline, then ours."""
    yield (
        "| task | baseline | fidelity, NFE 1 | 2 | 4 | 8 | perceptual, NFE 4 "
        "| sharpness, blur, texture error of both | consistency |"
    )
    yield "|" + " --- |" * 9
    for task in dict.fromkeys(row.task for row in rows):
        found = by_method(rows, task)
        title, baseline = NAMES[task]
        first = found[baseline, 0]
        cells = [f"{found['fidelity', nfe].psnr:.2f}" for nfe in NFE]
        sharp, mean, best = found["perceptual", 4], found["fidelity", 4], found["fidelity", 8]
        cells.append(f"{sharp.psnr:.2f}")
        cells.append(
            f"{mean.sharpness:.2f} → {sharp.sharpness:.2f}, {mean.blur:+.3f} → {sharp.blur:+.3f}, "
            f"{mean.texture:.2f} → {sharp.texture:.2f}"
        )
        proof = {"jpeg": "{:.5f} kept", "superres": "{:.1f} dB"}
        form = proof.get(task.partition("-")[0], "largest error {:.0f}")
        yield f"| {title} | {baseline} {first.psnr:.2f} | {' | '.join(cells)} | " + (
            f"{form.format(best.consistency)} |"
        )


Returns = list[tuple[float, int, float]]


def figures(rows: list[Row], denoised: dict[int, float], returned: Returns) -> Iterator[Figure]:
    """The model card's: the denoiser, the way there and back, each task at its best NFE."""
    for sigma, psnr in denoised.items():
        noisy = 20 * math.log10(255 / sigma)
        setting = f"sigma {sigma}/255"
        yield Figure("denoise", setting, "Public 13", "PSNR", round(psnr, 2), 1,
                     baseline=round(noisy, 2))  # fmt: skip
    for level, nfe, psnr in returned:
        setting = f"to level {level:g} and back"
        yield Figure("invert", setting, "Public 13", "PSNR", round(psnr, 2), nfe)
    for task in dict.fromkeys(row.task for row in rows):
        found = by_method(rows, task)
        title, baseline = NAMES[task]
        kind = {"jpeg": "jpeg", "superres": "superres"}.get(task.partition("-")[0], "inpaint")
        for mode in MODES:
            best = max((r for (m, _), r in found.items() if m == mode), key=lambda r: r.psnr)
            yield Figure(kind, title, "Public 13", "PSNR", round(best.psnr, 2), best.nfe, mode,
                         round(found[baseline, 0].psnr, 2))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--nfe", nargs="+", type=int, default=NFE)
    parser.add_argument("--images", type=int, default=13)
    parser.add_argument("--rows", type=Path, help="take the rows of an earlier --json instead")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--summary", type=Path, help="also write the README's table to this file")
    parser.add_argument("--figures", type=Path, help="also write the model card's figures")
    options = parser.parse_args()
    model = restore.load(options.model, device=options.device, dtype=options.dtype)
    print(f"{options.model}, {model.device}, {model.dtype}, {torch.get_num_threads()} threads, "
          f"{options.images} pictures")  # fmt: skip
    denoised = dict(denoising(model, options.images))
    for sigma, psnr in denoised.items():
        print(f"denoising, sigma {sigma}/255, one evaluation: {psnr:.2f} dB")
    exact = restore.load(options.model, device=options.device, dtype=options.dtype, exact=True)
    returned = list(returning(exact, options.images))
    for level, nfe, psnr in returned:
        print(f"to level {level:g} in {nfe} and back in {nfe}: {psnr:.2f} dB", flush=True)
    heads = (
        "task", "method", "NFE", "PSNR dB", "SSIM", "consistency", "seconds", "sharpness", "blur",
        "texture",
    )  # fmt: skip
    line = "| {:10} | {:21} | {:>3} | {:>7} | {:>6} | {:>11} | {:>7} | {:>9} | {:>6} | {:>7} |"
    print(line.format(*heads))
    rows = []
    earlier = json.loads(options.rows.read_text()) if options.rows else []
    for row in [Row(**row) for row in earlier] if earlier else table(model, options):
        rows.append(row)
        proof = "" if row.consistency is None else f"{row.consistency:.5g}"
        numbers = (f"{row.psnr:.2f}", f"{row.ssim:.4f}", proof, f"{row.seconds:.2f}")
        sharp = f"{row.sharpness:.2f}", f"{row.blur:+.3f}", f"{row.texture:.3f}"
        print(line.format(row.task, row.method, row.nfe or "", *numbers, *sharp), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if options.summary:
        options.summary.write_text("\n".join(summary(rows)) + "\n")
    if options.figures:
        found = [asdict(figure) for figure in figures(rows, denoised, returned)]
        options.figures.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
