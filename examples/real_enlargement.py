"""Enlarge what is no exact reduction: small JPEG files, and photographs of cameras.

    python examples/real_enlargement.py                  # JPEG files of Public 13, twice as large
    python examples/real_enlargement.py --cameras DIR    # cross-hatching of camera files at x4

The first table reduces photographs by 2, compresses them, and enlarges the files: by bicubic, by
`superres --sigma 0` of the decoded pixels, by `jpeg` and then that, and in one solve, as `superres`
does by itself. The second compares the luma's energy in the last quarter of the small picture's
diagonal frequencies, where its noise and the walls of its blocks are amplified, with that of
Lanczos.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

import restore
from restore import metrics
from restore.bench.pictures import load_public13
from restore.images import Picture, decode, encode
from restore.settings import Settings
from restore.tasks import Jpeg, Superres
from restore.tasks.superres import enlarge_bicubic

QUALITIES = (30, 50, 75)
NAMES = ("aloeL.jpg", "fruits.jpg", "messi5.jpg", "building.jpg", "butterfly.jpg", "board.jpg",
         "home.jpg", "baboon.jpg")  # fmt: skip


def middle(pixels: np.ndarray, side: int, step: int = 16) -> np.ndarray:
    """The middle of `side` pixels; its corner lies on a JPEG's grid."""
    top, left = (max(0, (length - side) // 2 // step * step) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def compress(pixels: np.ndarray, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def luma(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels.squeeze()).convert("L"), float)


def sharpness(pixels: np.ndarray, truth: np.ndarray) -> float:
    """The mean steepness of the luma, as a share of the truth's."""
    steep = [np.abs(np.diff(luma(one), axis=0)).mean() for one in (pixels, truth)]
    return float(steep[0] / steep[1])


def hatching(pixels: np.ndarray, scale: int) -> float:
    """The luma's energy where both frequencies are within 3/4 and 1 of the small Nyquist's."""
    plane = luma(pixels)
    window = np.hanning(plane.shape[0])[:, None] * np.hanning(plane.shape[1])
    power = np.abs(np.fft.fft2(plane * window)) ** 2
    across = [np.abs(np.fft.fftfreq(n)) * 2 * scale for n in plane.shape]
    inside = [(f > 0.75) & (f < 1) for f in across]
    return float(power[np.ix_(*inside)].sum())


def compare_jpegs(side: int, nfe: int) -> None:
    print("| quality | way | NFE | PSNR | SSIM | texture | steepness | coefficients kept |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    plain, twice = Settings(nfe=nfe), Settings(nfe=2 * nfe)
    model = restore.load("default")
    for quality in QUALITIES:
        rows: dict[tuple[str, int], list[tuple[float, ...]]] = {}
        for clean in load_public13(side).clean:
            truth = clean.pixels
            small = Superres(scale=2).degrade(Picture(truth))
            data = compress(small.pixels, quality)
            shown = decode(data)
            mended = Jpeg().restore(data, model, plain).picture
            exact = Superres(scale=2, sigma=0)
            ways = {
                ("bicubic", 0): enlarge_bicubic(shown, (truth.shape[1], truth.shape[0])),
                ("superres --sigma 0", nfe): exact.restore(shown, model, plain).picture,
                ("jpeg, then superres --sigma 0", 2 * nfe): exact.restore(
                    mended, model, plain
                ).picture,
                ("superres", nfe): Superres(scale=2).restore(data, model, plain).picture,
                ("superres", 2 * nfe): Superres(scale=2).restore(data, model, twice).picture,
            }
            problem = Superres(scale=2).open(data)
            for way, picture in ways.items():
                a, b = picture.pixels, truth
                b = b if b.shape == a.shape else b[..., : a.shape[2]]
                kept = problem.task.prove(problem, picture)["coefficients_kept"]
                ssim = structural_similarity(luma(a), luma(b), data_range=255)
                texture = metrics.texture_error(a, np.ascontiguousarray(b))
                figures = (metrics.psnr(a, b), ssim, texture, sharpness(a, b), kept)
                rows.setdefault(way, []).append(figures)
        for (way, evaluations), found in rows.items():
            psnr, ssim, texture, steep, kept = np.mean(found, axis=0)
            print(f"| {quality} | {way} | {evaluations} | {psnr:.2f} | {ssim:.4f} | {texture:.3f} "
                  f"| {steep:.2f} | {kept:.4f} |", flush=True)  # fmt: skip


def compare_cameras(folder: Path, side: int, nfe: int, sheets: Path | None) -> None:
    print("| photograph | mode | superres --sigma 0 | superres |")
    print("| --- | --- | --- | --- |")
    model, ratios = restore.load("default"), {}
    for name in NAMES:
        original = decode((folder / name).read_bytes())
        image = Image.open(folder / name)
        # A JPEG of the middle with the file's own tables: as if the camera had seen no more.
        stream = io.BytesIO()
        Image.fromarray(middle(original.pixels, side).squeeze()).save(
            stream, "JPEG", qtables=image.quantization, subsampling=0
        )
        data = stream.getvalue()
        shown = decode(data)
        size = (4 * shown.size[0], 4 * shown.size[1])
        lanczos = np.asarray(
            Image.fromarray(shown.pixels.squeeze()).resize(size, Image.Resampling.LANCZOS)
        )
        for mode in ("fidelity", "perceptual"):
            settings = Settings(nfe=nfe, mode=mode)
            found = {
                way: Superres(scale=4, sigma=sigma).restore(data, model, settings).picture
                for way, sigma in (("exact", 0), ("ours", None))
            }
            both = [hatching(one.pixels, 4) / hatching(lanczos, 4) for one in found.values()]
            ratios.setdefault(mode, []).append(both)
            print(f"| {name} | {mode} | {both[0]:.2f} | {both[1]:.2f} |", flush=True)
            if sheets:
                row = [Picture(np.atleast_3d(lanczos)), *found.values()]
                sheet = Picture(np.concatenate([one.pixels for one in row], axis=1))
                (sheets / f"{Path(name).stem}_{mode}.png").write_bytes(encode(sheet))
    for mode, all_ in ratios.items():
        exact, ours = np.median(all_, axis=0)
        print(f"| median | {mode} | {exact:.2f} | {ours:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=Path, metavar="DIR", help="of opencv-doc's samples")
    parser.add_argument("--side", type=int, default=192, help="pixels that are used of each")
    parser.add_argument("--nfe", type=int, default=4)
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="write Lanczos, exact, ours")
    arguments = parser.parse_args()
    if arguments.cameras:
        side = min(arguments.side, 96)
        compare_cameras(arguments.cameras, side, arguments.nfe, arguments.sheets)
    else:
        compare_jpegs(arguments.side, arguments.nfe)


if __name__ == "__main__":
    main()
