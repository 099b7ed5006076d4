"""Try presets for enlarging files of cameras, which are no exact reductions, and JPEG files.

    python examples/tune_camera.py --photos DIR --scale 4 --nfe 8
    python examples/tune_camera.py --photos DIR --scale 2 --nfe 4 --jpeg 30
    python examples/tune_camera.py --photos DIR --scale 4 --nfe 4 --model coloured

Crops of training photographs, none of those that figures are reported on, are softened as a lens
does, reduced, given noise, sharpened and compressed, in nine ways; with --jpeg they are reduced and
compressed alone. Prints a Markdown table of what each preset comes to: PSNR, the error of texture,
the blur less the clean picture's, and the luma's diagonal energy as a multiple of Lanczos (median
and largest), which is to stay below 1.5 for a camera's files. Those in `weights.toml` have the best
texture and PSNR among such.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from diagnosis import add, compress
from PIL import Image
from real_enlargement import hatching
from tune import choose_crops

import restore
from restore import metrics
from restore.images import Picture, decode
from restore.networks import ColouredUNet
from restore.presets import Preset, resample
from restore.settings import Settings
from restore.tasks import Problem, Superres, solve_problem

LENS, NOISE, SHARPENING = (0.0, 0.6, 0.9), (1.5, 2.0, 3.0), (0.5, 0.0, 1.0)
QUALITIES = (85, 92, 88, 80)
MEANS = ((0.49, 0.06, 0.9), (0.35, 0.1, 0.0), (0.25, 0.13, 0.3), (0.2, 0.07, 0.3),
         (0.12, 0.06, 0.3), (0.2, 0.2, 0.6), (0.12, 0.12, 0.6))  # fmt: skip
DRAWN = ((0.321, 0.25, 1.0), (0.3, 0.1, 0.6), (0.3, 0.06, 0.3), (0.2, 0.1, 0.45), (0.2, 0.07, 0.6),
         (0.12, 0.08, 0.8), (0.3, 0.3, 0.6), (0.2, 0.2, 0.6))  # fmt: skip
"""The first level and the last, and the relaxation or the share of noise."""
FIRST, LAST, RELAXATION = (0.2, 0.3, 0.42, 0.6), (0.035, 0.06, 0.1, 0.15), (0.0, 0.4, 0.9)
"""All of them together, for JPEG files."""
COLOURED = (1.0, 2.0), (0.1, 0.2), (0.3, 0.6), (0.03, 0.06)
"""And of the network of coloured noise, with the level below the cut."""
CUT = 1.1  # over the scale


@dataclass(frozen=True)
class Input:
    """problem: of the file. energy: of its enlargement by Lanczos."""

    clean: np.ndarray
    problem: Problem
    energy: float


def photograph(clean: np.ndarray, number: int, scale: int) -> bytes:
    """The file that a camera makes of a scene."""
    soft = LENS[number % 3]
    seen = cv2.GaussianBlur(clean, (0, 0), scale * soft) if soft else clean
    small = Superres(scale).degrade(Picture(seen)).pixels
    z = cv2.GaussianBlur(np.random.default_rng(number).standard_normal(small.shape), (0, 0), 0.5)
    small = add(small, z * (NOISE[number // 3 % 3] / z.std()))
    amount = SHARPENING[number // 2 % 3]
    small = add(small, amount * (small - cv2.GaussianBlur(small.astype(float), (0, 0), 1)))
    return compress(small, QUALITIES[number % 4])


def make_inputs(folder: str, count: int, side: int, scale: int, quality: int | None) -> list[Input]:
    found = []
    for number, one in enumerate(choose_crops(folder, count, side).clean):
        if quality is None:
            data = photograph(one.pixels, number, scale)
        else:
            data = compress(Superres(scale).degrade(Picture(one.pixels)).pixels, quality)
        shown = Image.fromarray(decode(data).pixels)
        large = shown.resize((scale * shown.width, scale * shown.height), Image.Resampling.LANCZOS)
        energy = hatching(np.asarray(large), scale)
        found.append(Input(one.pixels, Superres(scale).open(data), energy))
    return found


def make_presets(nfe: int, scale: int, *, jpeg: bool, coloured: bool) -> Iterator[Preset]:
    """What is tried, each of `nfe` evaluations."""
    if coloured:
        for first, last, share, low in itertools.product(*COLOURED):
            levels = resample((first, last), nfe)
            yield Preset(levels, relaxation=share, turns=True, cut=CUT / scale, low=low)
        return
    means = itertools.product(FIRST, LAST, RELAXATION) if jpeg else MEANS
    for first, last, share in means:
        yield Preset(resample((first, last), nfe), relaxation=share)
    for first, last, share in DRAWN:
        yield Preset(resample((first, last), nfe), "jump", share, chroma=0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, help="a folder of clean pictures to tune on")
    parser.add_argument("--count", type=int, default=9)
    parser.add_argument("--side", type=int, default=160)
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--nfe", type=int, default=4)
    parser.add_argument("--model", default="default")
    parser.add_argument("--jpeg", type=int, metavar="Q", help="reduced and compressed alone")
    options = parser.parse_args()
    model = restore.load(options.model)
    inputs = make_inputs(options.photos, options.count, options.side, options.scale, options.jpeg)
    print("| levels | relaxation | noise, or low | PSNR | texture | blur | energy | largest |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    coloured = isinstance(model.network, ColouredUNet)
    kind = {"jpeg": options.jpeg is not None, "coloured": coloured}
    for preset in make_presets(options.nfe, options.scale, **kind):
        rows = []
        for one in inputs:
            result = solve_problem(one.problem, model, Settings(tile=0), presets=[(1.0, preset)])
            image = result.picture.pixels
            blur = metrics.blur(image) - metrics.blur(one.clean)
            texture = metrics.texture_error(image, one.clean)
            energy = hatching(image, options.scale) / one.energy
            rows.append((metrics.psnr(image, one.clean), texture, blur, energy))
        psnr, texture, blur, _ = np.mean(rows, axis=0)
        energies = [row[3] for row in rows]
        middle, largest = np.median(energies), max(energies)
        levels = " ".join(f"{level:.3g}" for level in preset.levels)
        noise = preset.low if coloured else preset.noise
        print(f"| {levels} | {preset.relaxation:g} | {noise:g} | {psnr:.2f} | {texture:.3f} "
              f"| {blur:.3f} | {middle:.2f} | {largest:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
