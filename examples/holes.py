"""Large holes: ways to fill 20 object-like ones, and what presets are worth on photographs.

    python examples/holes.py --sheet holes.png          # table, and a contact sheet
    python examples/holes.py --search photographs/      # levels after patches, on other pictures

PSNR is inside the hole; texture is the error of `restore.metrics.texture_error` around it; border
is |ln| of the ratio of the gradients across the hole's border, to the clean picture's: 0 is best.
G'MIC's `inpaint_matchpatch` is a row where Debian's `gmic` is installed. The mean of four fills is
what `--samples 4` gives, each by another seed.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

import restore
from restore import metrics
from restore.bench import load_public13
from restore.checkpoints import load, read_catalogue
from restore.holes import fill
from restore.images import Picture
from restore.presets import Preset
from restore.settings import Settings
from restore.tasks import Inpaint

COUNT = 20
SEARCHED = {
    "0.03": Preset((0.03,)),
    "0.07": Preset((0.07,)),
    "0.07, half a step": Preset((0.07,), relaxation=-0.5),
    "0.15": Preset((0.15,)),
    "0.15 0.05": Preset((0.15, 0.05)),
    "jump 0.05, fresh": Preset((0.05,), "jump", noise=0.8, chroma=0.3),
    "jump 0.07 0.05, amplified": Preset((0.07, 0.05), "jump", start=0.3, chroma=0.3),
}


def draw_blob(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(H, W) bool: an object's outline, 40 pixels across to half of the picture."""
    size = rng.uniform(40, min(150, min(height, width) / 2))
    y, x = np.mgrid[:height, :width].astype(float)
    y -= rng.uniform(0.6 * size, height - 0.6 * size)
    x -= rng.uniform(0.6 * size, width - 0.6 * size)
    angle = np.arctan2(y, x)
    radius = 1 + 0.15 * np.cos(2 * angle + rng.uniform(0, 6)) + 0.1 * np.cos(3 * angle)
    return np.hypot(y * rng.uniform(0.8, 1.3), x) < size / 2 * radius


def cases(pictures: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in range(COUNT):
        pixels = np.ascontiguousarray(pictures[number % len(pictures)])
        yield pixels, draw_blob(np.random.default_rng(number), *pixels.shape[:2])


def border_ratio(a: np.ndarray, b: np.ndarray, hole: np.ndarray) -> float:
    """|ln| of the mean gradient across the border of a over that of b."""

    def across(image: np.ndarray) -> float:
        luma = image.astype(float).mean(axis=2)
        steps = [np.abs(np.diff(luma, axis=i))[np.diff(hole, axis=i)] for i in (0, 1)]
        return float(np.concatenate(steps).mean()) + 1e-3

    return abs(float(np.log(across(a) / across(b))))


def score(found: np.ndarray, clean: np.ndarray, hole: np.ndarray) -> tuple[float, float, float]:
    rows, columns = (np.flatnonzero(hole.any(axis=i)) for i in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return (
        metrics.psnr(found, clean, hole),
        metrics.texture_error(found[box], clean[box]),
        border_ratio(found, clean, hole),
    )


def fill_alone(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Our patches with no network after them."""
    known = torch.from_numpy(~hole)[None, None]
    return Picture(pixels).with_tensor(fill(Picture(pixels).tensor(), known, "patch")).pixels


def fill_by_gmic(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """G'MIC's patches, at its own settings."""
    with tempfile.TemporaryDirectory() as folder:
        given, mask, filled = (str(Path(folder, name)) for name in ("x.png", "m.png", "y.png"))
        Image.fromarray(pixels).save(given)
        Image.fromarray(np.where(hole, 255, 0).astype(np.uint8)).save(mask)
        how = "[1],0,9,10,5,0"  # its own settings, but for blending into what is known
        command = ["gmic", "-v", "-1", given, mask, "inpaint_matchpatch[0]", how, "remove[1]"]
        subprocess.run([*command, "output", filled], check=True)
        return np.asarray(Image.open(filled).convert("RGB"))


def ways(pixels: np.ndarray, hole: np.ndarray) -> dict[str, np.ndarray]:
    import patchmatch
    from skimage.restoration import inpaint_biharmonic

    mask = hole.astype(np.uint8)
    given = np.where(hole[..., None], np.uint8(0), pixels)
    patchmatch.set_random_seed(0)
    smooth = inpaint_biharmonic(given / 255, hole, channel_axis=2)
    found = {
        "Telea": cv2.inpaint(given, mask, 3, cv2.INPAINT_TELEA),
        "Navier-Stokes": cv2.inpaint(given, mask, 3, cv2.INPAINT_NS),
        "biharmonic": np.rint(smooth.clip(0, 1) * 255).astype(np.uint8),
        "PatchMatch": patchmatch.inpaint(given, hole, patch_size=3),
        "patches alone": fill_alone(given, hole),
        "ours, smooth": restore.inpaint(given, hole, fill="smooth", device="cpu").image,
        "ours": restore.inpaint(given, hole, device="cpu").image,
        "ours, mean of 4 fills": restore.inpaint(given, hole, samples=4, device="cpu").image,
        "ours, perceptual": restore.inpaint(given, hole, mode="perceptual", device="cpu").image,
    }
    if shutil.which("gmic"):
        found["G'MIC"] = fill_by_gmic(given, hole)
    return found


def search(pixels: np.ndarray, hole: np.ndarray) -> dict[str, np.ndarray]:
    """Each preset after patches."""
    model, found = load("default", device="cpu"), {"patches alone": fill_alone(pixels, hole)}
    rows = read_catalogue()["default"]
    for name, preset in SEARCHED.items():
        presets = {**rows.presets, "inpaint-patch": {"fidelity": {preset.evaluations: (preset,)}}}
        model.checkpoint = replace(model.checkpoint or rows, presets=presets)
        task = Inpaint(mask=hole, fill="patch")
        found[name] = task.restore(pixels, model, Settings(nfe=preset.evaluations)).image
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--search", type=Path, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=COUNT)
    args = parser.parse_args()
    pictures = [one.pixels for one in load_public13().clean]
    if args.search:
        files = sorted(args.search.glob("*.png"))[: args.count]
        opened = [Image.open(path).convert("RGB") for path in files]
        pictures = [np.asarray(image.resize((384, 288))) for image in opened]
    scores: dict[str, list[tuple[float, float, float]]] = {}
    sheet = []
    for number, (pixels, hole) in enumerate(cases(pictures)):
        if number == args.count:
            break
        results = (search if args.search else ways)(pixels, hole)
        for name, found in results.items():
            scores.setdefault(name, []).append(score(found, pixels, hole))
        cells = [pixels, np.where(hole[..., None], np.uint8(0), pixels), *results.values()]
        sheet.append(np.hstack([cv2.resize(cell, (192, 192)) for cell in cells]))
    print("| way | PSNR in the hole, dB | texture error | border |\n| --- | --- | --- | --- |")
    for name, each in scores.items():
        psnr, texture, border = np.mean(each, axis=0)
        print(f"| {name} | {psnr:.2f} | {texture:.3f} | {border:.3f} |")
    if args.sheet:
        Image.fromarray(np.vstack(sheet)).save(args.sheet)


if __name__ == "__main__":
    main()
