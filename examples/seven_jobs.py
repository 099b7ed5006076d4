"""Seven real jobs with default settings, before the assumption was doubted and now.

    python examples/seven_jobs.py                          # scikit-image's photographs
    python examples/seven_jobs.py --cameras DIR            # opencv-doc's samples, by eye and energy
    python examples/seven_jobs.py --sheets DIR             # and every picture: given, before, now

"Before" is what the same command did when it believed what it was told: a PNG that was a JPEG taken
for quality 30 and held to nothing, an enlargement held exactly, noise measured in the finest
diagonal detail wherever there is any, a blur undone with any kernel, a hole begun smoothly. Prints
a Markdown table of the mean PSNR and SSIM to the clean pictures.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from diagnosis import PUBLIC, compress, lossy, page, photographs, scale, sharpen, white
from PIL import Image

import restore
from restore import metrics
from restore.bcm import BCM
from restore.degradations import Free, estimate_sigma
from restore.images import Picture, as_picture, decode
from restore.settings import Settings
from restore.tasks import Deblur, Denoise, Inpaint, Jpeg, Superres, Task, solve_problem
from restore.tasks.superres import enlarge_bicubic

Pixels = np.ndarray
CAMERAS = ("messi5.jpg", "board.jpg", "home.jpg", "aloeL.jpg")
"""Of opencv-doc's samples, from old cameras and phones."""


@dataclass(frozen=True)
class Job:
    """given: a file's bytes or a picture. clean: the truth. now, before: what restores it."""

    given: bytes | Picture
    clean: Pixels
    now: Callable[[BCM], Pixels]
    before: Callable[[BCM], Pixels]

    @property
    def shown(self) -> Pixels:
        """What was given, at the size of the truth."""
        picture = as_picture(self.given)
        height, width = self.clean.shape[:2]
        if picture.size != (width, height):
            picture = enlarge_bicubic(picture, (width, height))
        return picture.pixels


def by(task: Task, given: bytes | Picture) -> Callable[[BCM], Pixels]:
    return lambda model: task.restore(given, model).picture.pixels


def lost_jpeg(clean: Pixels, quality: int) -> Job:
    """A PNG of a JPEG; before, taken for quality 30, which nothing held."""
    given = Picture(lossy(clean, quality))
    problem = Jpeg().open(given)
    taken = replace(problem, degradation=Free(), lost=None, sound=None, severity=30.0)

    def before(model: BCM) -> Pixels:
        return solve_problem(taken, model).picture.pixels

    return Job(given, clean, by(Jpeg(), given), before)


def camera(clean: Pixels) -> Job:
    """A small camera picture, sharpened and compressed, four times as large."""
    small = Superres(4).degrade(Picture(clean)).pixels
    given = compress(sharpen(small), 85)
    return Job(given, clean, by(Superres(4), given), by(Superres(4, sigma=0), given))


def noise(clean: Pixels) -> Job:
    """A phone's picture at night: noise, and then a JPEG."""
    given = Picture(lossy(white(clean, 20), 90))
    return Job(given, clean, by(Denoise(), given), by(Denoise(estimate_sigma(given)), given))


def text(clean: Pixels) -> Job:
    """A screenshot of text, without any noise."""
    given = Picture(clean)
    return Job(given, clean, by(Denoise(), given), by(Denoise(estimate_sigma(given)), given))


def messenger(clean: Pixels) -> Job:
    """A picture that went through a messenger: JPEG 30, scaled, JPEG 70."""
    given = compress(scale(lossy(clean, 30), 0.7), 70)
    truth = scale(clean, 0.7)
    return Job(given, truth, by(Jpeg(), given), by(Jpeg(), given))


def wrong_kernel(clean: Pixels) -> Job:
    """A blur of one pixel, undone with a kernel of two and a half."""
    given = Deblur("gaussian:1").degrade(Picture(clean))
    task = Deblur("gaussian:2.5")
    forced = replace(task, sigma=max(estimate_sigma(given), 0.3))
    return Job(given, clean, by(task, given), by(forced, given))


def wide_hole(clean: Pixels) -> Job:
    """A hole of a fifth of each side."""
    height, width = clean.shape[:2]
    hole = np.zeros((height, width), bool)
    hole[2 * height // 5 : 3 * height // 5, 2 * width // 5 : 3 * width // 5] = True
    given = Picture(np.where(hole[..., None], 128, clean).astype(np.uint8))
    return Job(given, clean, by(Inpaint(hole), given), by(Inpaint(hole, fill="smooth"), given))


JOBS: dict[str, Callable[[Pixels], Job]] = {
    "`jpeg` of a PNG that was a JPEG of 20": lambda a: lost_jpeg(a, 20),
    "`jpeg` of a PNG that was a JPEG of 40": lambda a: lost_jpeg(a, 40),
    "`superres --scale 4`, sharpened, JPEG 85": camera,
    "`denoise`, white 20, then JPEG 90": noise,
    "`denoise` of a page of text": text,
    "`jpeg` after JPEG 30, scaled, JPEG 70": messenger,
    "`deblur` with a wrong kernel": wrong_kernel,
    "`inpaint` of a wide hole": wide_hole,
}


def pictures(name: str, side: int, count: int) -> Iterator[Pixels]:
    if "text" in name:
        yield from (page(seed)[:side, :side] for seed in range(count))
        return
    side = 2 * side if "superres" in name else side
    yield from photographs(None, len(PUBLIC), side)[:count]


def compare(side: int, count: int, sheets: Path | None) -> None:
    print("| job | given | before | now | SSIM given | before | now |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    model = restore.load("default")
    for number, (name, make) in enumerate(JOBS.items()):
        rows = []
        for at, clean in enumerate(pictures(name, side, count)):
            job = make(np.ascontiguousarray(clean))
            shown = [job.shown, job.before(model), job.now(model)]
            rows.append([f(one, job.clean) for f in (metrics.psnr, metrics.ssim) for one in shown])
            if sheets:
                sheet = np.concatenate([*shown, job.clean], axis=1)
                Image.fromarray(sheet.squeeze()).save(sheets / f"job{number}_{at}.png")
        found = np.mean(np.minimum(rows, 99), axis=0)
        psnr = " | ".join("exact" if one == 99 else f"{one:.2f}" for one in found[:3])
        print(f"| {name} | {psnr} | " + " | ".join(f"{one:.4f}" for one in found[3:]) + " |",
              flush=True)  # fmt: skip


def look(folder: Path, side: int, sheets: Path) -> None:
    """Enlarge and mend the middle of real camera pictures, to be looked at."""
    model = restore.load("default")
    for name in CAMERAS:
        pixels = decode((folder / name).read_bytes()).pixels
        top, left = ((length - side) // 32 * 16 for length in pixels.shape[:2])
        cut = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        stream = io.BytesIO()
        tables = Image.open(folder / name).quantization
        Image.fromarray(cut).save(stream, "JPEG", qtables=tables, subsampling=0)
        data = stream.getvalue()
        size = (4 * side, 4 * side)
        plain = cv2.resize(decode(data).pixels, size, interpolation=cv2.INTER_LANCZOS4)
        row = [plain]
        for sigma, mode in ((0, "fidelity"), (None, "fidelity"), (None, "perceptual")):
            settings = Settings(nfe=4, mode=mode)
            row.append(Superres(4, sigma=sigma).restore(data, model, settings).picture.pixels)
        Image.fromarray(np.concatenate(row, axis=1)).save(sheets / f"camera_{Path(name).stem}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=192, help="pixels that are used of each")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--cameras", type=Path, metavar="DIR", help="of opencv-doc's samples")
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="write pictures side by side")
    arguments = parser.parse_args()
    if arguments.cameras:
        look(arguments.cameras, min(arguments.side, 64), arguments.sheets or Path())
    else:
        compare(arguments.side, arguments.pictures, arguments.sheets)


if __name__ == "__main__":
    main()
