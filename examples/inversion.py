"""Amplified noise against fresh noise: what a restoration gains by the network's way up.

    python examples/inversion.py                                  # Public 13, the embedded network
    python examples/inversion.py --side 96 --images 2 --seeds 1   # a first look, in a minute
    python examples/inversion.py --model net.safetensors --estimator denoise --nfe 4

At each level three ways of lifting the estimate to it, at equal NFE and each projected: fresh noise
of the level, twice as many steps; a little noise, amplified by the network (`--method inversion`);
the same with the noise drawn anew in what the observation leaves open, which is inpainting in noise
space. Every level stands alone: all steps are taken at it. PSNR in dB, inside the hole or over the
image, and in brackets the mean gradient over the clean picture's own, 1 being as sharp; both means
over pictures and seeds, with the standard error of the first difference, amplified less fresh.
What is sharp need not be right: amplified noise keeps the edges of a JPEG's blocks as it keeps all
else. Consistency is the worst of the three: coefficients kept, PSNR of the result shrunk again, or
the largest error of a known pixel. Prints a table in Markdown.
"""

import argparse
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from public13 import public13
from tune import Case, as_bytes, case

import restore
from restore import metrics
from restore.checkpoints import Preset
from restore.images import Picture
from restore.jpegfile import coefficients_kept
from restore.solvers import SOLVERS
from restore.tasks.schedule import START
from restore.tiling import NoiseField, TiledBCM

TASKS: dict[str, tuple[str, object]] = {
    "JPEG quality 10": ("jpeg", 10),
    "JPEG quality 20": ("jpeg", 20),
    "enlarged ×2": ("superres", 2),
    "enlarged ×4": ("superres", 4),
    "half of the pixels missing": ("inpaint", "half"),
    "scratches": ("inpaint", "scratches"),
    "a block missing": ("inpaint", "block"),
}
LEVELS = (0.1, 0.2, 0.4, 0.8, 1.6)
WAYS = ("fresh", "amplified", "drawn anew")


@dataclass(frozen=True)
class Found:
    """Of one way at one level, a figure for each picture and seed."""

    psnr: list[float]
    sharpness: list[float]
    consistency: float


def presets(level: float, options: argparse.Namespace) -> dict[str, tuple[str, Preset]]:
    """The method and its preset by way, all of `options.nfe` evaluations."""
    estimator, nfe = options.estimator, options.nfe
    up_and_down = Preset((level,) * (nfe // 2), estimator, start=options.start)
    return {
        "fresh": ("bcm", Preset((level,) * nfe, estimator, noise=1.0)),
        "amplified": ("inversion", up_and_down),
        "drawn anew": (
            "inversion",
            Preset(up_and_down.levels, estimator, start=options.start, fresh=1.0),
        ),
    }


def restored(model: restore.BCM, c: Case, method: str, preset: Preset, seed: int) -> np.ndarray:
    """(B, H, W, 3) uint8."""
    device = model.device
    y = tuple(k.to(device) for k in c.y) if c.files else c.y.to(device)
    start = c.start.clone().to(device)
    solve, whole = SOLVERS[method], TiledBCM(model, tile=0)
    x = solve(whole, c.degradation(preset), y, start, preset, NoiseField(seed))
    blank = Picture(np.zeros((*x.shape[-2:], 3), np.uint8))
    return np.stack([blank.with_tensor(one[None].cpu()).pixels for one in x])


def consistency(c: Case, pixels: np.ndarray) -> Iterator[float]:
    """Of each picture: 1 or 0 dB of error or the like, as the record has it."""
    for n, one in enumerate(pixels):
        if c.files:
            yield coefficients_kept(one, c.files[n])
        elif c.hole is not None:
            known = ~c.hole.numpy()
            clean = Picture(one).with_tensor(c.clean[n : n + 1]).pixels
            yield float(np.abs(one[known].astype(int) - clean[known]).max())
        else:
            small = c.fixed(Picture(one).tensor())
            again = ((small.clamp(-1, 1) + 1) * 127.5).round()
            error = (again - (c.y[n : n + 1] + 1) * 127.5).square().mean()
            yield 10 * math.log10(255**2 / max(float(error), 1e-9))


def measured(model: restore.BCM, c: Case, method: str, preset: Preset, seeds: int) -> Found:
    psnr, sharpness, proof = [], [], []
    for seed in range(seeds):
        pixels = restored(model, c, method, preset, seed)
        proof += consistency(c, pixels)
        x = torch.cat([Picture(one).tensor() for one in pixels])
        square = (x - c.clean).square()
        if c.hole is not None:
            square = square[..., c.hole]
        psnr += (10 * (4 / square.flatten(1).mean(dim=1)).log10()).tolist()
        pairs = zip(pixels, as_bytes(c.clean), strict=True)
        sharpness += [metrics.sharpness(a) / metrics.sharpness(b) for a, b in pairs]
    worst = max if c.hole is not None else min
    return Found(psnr, sharpness, worst(proof))


def rows(model: restore.BCM, options: argparse.Namespace) -> Iterator[str]:
    yield f"| task | level | {' | '.join(WAYS)} | amplified less fresh | consistency |"
    yield "|" + " --- |" * (len(WAYS) + 4)
    pictures = []
    for pixels in list(public13().values())[: options.images]:
        top, left = ((side - options.side) // 2 for side in pixels.shape[:2])
        crop = pixels[top : top + options.side, left : left + options.side]
        pictures.append(np.ascontiguousarray(crop))
    for task in options.tasks:
        c = case(*TASKS[task], pictures)
        for level in options.levels:
            found = {
                way: measured(model, c, method, preset, options.seeds)
                for way, (method, preset) in presets(level, options).items()
            }
            cells = [
                f"{statistics.mean(f.psnr):.2f} ({statistics.mean(f.sharpness):.2f})"
                for f in found.values()
            ]
            gains = [
                b - a for a, b in zip(found["fresh"].psnr, found["amplified"].psnr, strict=True)
            ]
            error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
            worst = max if c.hole is not None else min
            proof = worst(f.consistency for f in found.values())
            yield (
                f"| {task} | {level:g} | {' | '.join(cells)} | "
                f"{statistics.mean(gains):+.2f} ± {error:.2f} | {proof:.5g} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--levels", nargs="+", type=float, default=LEVELS)
    parser.add_argument("--estimator", default="jump", choices=("jump", "denoise"))
    parser.add_argument("--nfe", type=int, default=2, help="an even number")
    parser.add_argument("--start", type=float, default=START, help="share of the level, amplified")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=13)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    options = parser.parse_args()
    if options.nfe < 2 or options.nfe % 2:
        parser.error("--nfe: the way up and the way down are two evaluations")
    model = restore.load(options.model, device=options.device)
    for row in rows(model, options):
        print(row, flush=True)


if __name__ == "__main__":
    main()
