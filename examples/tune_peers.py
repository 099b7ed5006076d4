"""Tune the published methods on a network as our presets are: the same search, as many trials.

    python examples/tune_peers.py FOLDER --methods ddnm diffpir > rows.txt

Each method at NFE 4, on central crops of photographs that no figure is reported on: the mean PSNR
(of the hole, for inpainting) by coordinate descent over the highest level, the lowest (levels are
spaced evenly in their logarithm), the share of fresh noise and, for cm4ir, the level that the
network is told over that of the noise (1 + delta). It begins at the best of the published levels
and those of a method begun closer. What it prints goes into `restore/solvers/tuned.py`.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tune import Case, case

import restore
from restore import solvers
from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.degradations import Blur, Degradation, Noise
from restore.degradations.blur import pad_periodic
from restore.degradations.kernels import make_kernel
from restore.images import Picture
from restore.presets import Preset, resample
from restore.solvers import Guided, Method
from restore.solvers.cm4ir import CM4IR
from restore.tasks import Deblur, Denoise
from restore.tiling import NoiseField, TiledBCM

SEVERITIES: dict[str, tuple[object, ...]] = {
    "jpeg": (10, 40),
    "superres": (2, 4),
    "inpaint": ("half", "scratches", "block"),
    "denoise": (15.0, 50.0),
    "deblur": ("gaussian:2",),
}
PUBLISHED = {**solvers.PUBLISHED, "cm4ir": CM4IR}  # as published, not tuned
LEVELS = 127.5  # of 8 bits in a unit of the network's range
BLUR_SIGMA = 2.55  # levels of 8 bits
NFE, TRIALS = 4, 24
FACTORS = (0.6, 1.6)
SHARES = (0.0, 0.3, 0.6, 1.0)
DELTAS = (0.0, 0.15, 0.4)
GOOD_ENOUGH = 0.01  # dB
CLOSER = {"jpeg": 0.08, "superres": 0.3, "inpaint": 0.2, "denoise": 0.2, "deblur": 0.18}


def crops(folder: Path, count: int, side: int) -> list[np.ndarray]:
    """Central crops of `count` pictures of a folder, the same whenever it is asked."""
    names = [n for n in sorted(folder.glob("*.png")) if "stamps" not in n.name]  # those are cut out
    found = []
    for i in np.random.default_rng(7).permutation(len(names)):
        with Image.open(names[i]) as image:
            pixels = np.asarray(image.convert("RGB"))
        top, left = (n // 2 - side // 2 for n in pixels.shape[:2])
        crop = np.ascontiguousarray(pixels[top : top + side, left : left + side])
        if crop.shape == (side, side, 3) and crop.std() > 20:  # not nearly flat
            found.append(crop)
        if len(found) == count:
            break
    return found


def given(task: str, severity: object, pictures: list[np.ndarray]) -> Case:
    """All pictures of one task and severity as one batch."""
    clean = torch.cat([Picture(p).tensor() for p in pictures])
    if task == "denoise":
        sigma = float(str(severity))
        y = torch.cat(
            [Denoise(sigma).degrade(Picture(p), seed).tensor() for seed, p in enumerate(pictures)]
        )
        return Case(sigma, clean, y, y, fixed=Noise(sigma / LEVELS))
    if task == "deblur":
        kernel = make_kernel(str(severity))
        blurs = Deblur(kernel, BLUR_SIGMA)
        seen = [blurs.degrade(Picture(p), seed) for seed, p in enumerate(pictures)]
        y = torch.cat([pad_periodic(picture.tensor(), kernel.shape) for picture in seen])
        height, width = y.shape[-2:]
        blur = Blur(torch.from_numpy(kernel).float(), (height, width), BLUR_SIGMA / LEVELS)
        y = blur.extrapolate(y, clean.shape[-2:])
        return Case(BLUR_SIGMA, clean, blur.posterior_mean(y, y, 0.5), y, fixed=blur)
    return case(task, severity, pictures)


@dataclass(frozen=True)
class Point:
    """What is searched."""

    high: float
    low: float
    noise: float
    delta: float = 0.0

    def preset(self, method: Method, sigma: float) -> Preset:
        guided, plain = divmod(NFE, method.cost)
        levels = resample((max(self.high, sigma), self.low), guided + plain)
        if method.cost > 1:
            return Guided(levels, noise=self.noise, gradients=guided)
        return Preset(levels, noise=self.noise, delta=self.delta)


def measure(
    model: restore.BCM, c: Case, degradation: Degradation, method: Method, preset: Preset
) -> float:
    """The mean PSNR of all pictures, each restored by itself."""
    whole = TiledBCM(model, tile=0)
    parts = zip(*(split(v) for v in (c.start, c.y)), strict=True)
    height, width = c.clean.shape[-2:]
    if method.cost == 1:
        x = method.solve(whole, degradation, c.y, c.start.clone(), preset, NoiseField(0))
    else:  # the length of a step is that of one picture's gradient
        x = torch.cat(
            [method.solve(whole, degradation, y, start.clone(), preset, NoiseField(0))
             for start, y in parts]
        )  # fmt: skip
    x = ((x[..., :height, :width] + 1) * 127.5).round() / 127.5 - 1
    square = (x - c.clean).square()
    if c.hole is not None:
        square = square[..., c.hole]
    return float(10 * (4 / square.flatten(1).mean(dim=1)).log10().mean())


def split(y: object) -> list[object]:
    """A batch of images or of coefficients, one by one."""
    if isinstance(y, Tensor):
        return list(y.split(1))
    assert isinstance(y, tuple)
    return list(zip(*(plane.split(1) for plane in y), strict=True))


def neighbours(p: Point, name: str, method: Method, task: str) -> Iterator[list[Point]]:
    """Along one coordinate at a time."""
    high = [min(p.high * f, SIGMA_MAX) for f in FACTORS]
    yield [replace(p, high=h, low=min(p.low, h)) for h in high]
    yield [replace(p, low=max(p.low * f, SIGMA_MIN)) for f in FACTORS if p.low * f <= p.high]
    if method.noise(task):
        yield [replace(p, noise=share) for share in SHARES if share != p.noise]
    if name == "cm4ir":
        yield [replace(p, delta=delta) for delta in DELTAS if delta != p.delta]


def search(model: restore.BCM, c: Case, task: str, name: str) -> tuple[Point, float, float]:
    """The best point found, its PSNR, and that of the levels as published."""
    method = PUBLISHED[name]
    degradation = c.degradation(Preset((1.0,)))
    sigma = degradation.sigma
    tried = 0

    def worth(point: Point) -> float:
        nonlocal tried
        tried += 1
        return measure(model, c, degradation, method, point.preset(method, sigma))

    published = method.schedule(NFE, task, sigma)
    as_published = measure(model, c, degradation, method, published)
    share = method.noise(task)
    high = CLOSER[task]
    firsts = [
        Point(published.levels[0], max(published.levels[-1], 0.02), share),
        Point(max(high, sigma), max(high, sigma) / 4, share),
    ]
    found, best = max((worth(point), -i, point) for i, point in enumerate(firsts))[::2]
    while tried < TRIALS:
        before = best
        for points in neighbours(best, name, method, task):
            for point in points:
                if tried < TRIALS and (psnr := worth(point)) > found + GOOD_ENOUGH:
                    best, found = point, psnr
        if best == before:
            break
    return best, found, as_published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="photographs, PNG files")
    parser.add_argument("--model", default="default")
    parser.add_argument("--methods", nargs="+", default=list(PUBLISHED), choices=list(PUBLISHED))
    parser.add_argument("--tasks", nargs="+", default=list(SEVERITIES), choices=list(SEVERITIES))
    parser.add_argument("--count", type=int, default=8, help="pictures")
    parser.add_argument("--size", type=int, default=64, help="side of the crops")
    options = parser.parse_args()
    model = restore.load(options.model, device="cpu", dtype="fp32")
    pictures = crops(options.folder, options.count, options.size)
    for task in options.tasks:
        cases = [given(task, severity, pictures) for severity in SEVERITIES[task]]
        for name in options.methods:
            for c in cases if task in PUBLISHED[name].tasks else ():
                p, found, before = search(model, c, task, name)
                row = f"Row({c.severity:.3g}, {p.high:.3g}, {p.low:.3g}, {p.noise:g}, {p.delta:g}),"
                print(f"{name:8} {task:8} {row}  # {found:.2f} dB, {before:.2f}", flush=True)


if __name__ == "__main__":
    main()
