"""Thin holes and random pixels: PSNR inside them by their width and the evaluations spent.

    python examples/thin_holes.py                       # 13 pictures, NFE 1, 2, 4 and 8
    python examples/thin_holes.py --beside ../former    # and another checkout's, in the same run
    python examples/thin_holes.py --photos photographs/ # on other pictures

Each checkout restores the same inputs by its own command of the library, at its own settings. The
start is this one's first guess, without the network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SIDE = 128  # pixels of the central crops
NFES = (1, 2, 4, 8)
SQUARES = (8, 12, 16, 20, 24)  # pixels to a side
LINES = (2, 4, 8)  # pixels wide
SHARES = (0.2, 0.5, 0.8)  # of random pixels


def draw_holes(side: int = SIDE) -> dict[str, np.ndarray]:
    """(side, side) bool each."""
    rng = np.random.default_rng(0)
    holes = {f"random, {share:.0%}": rng.random((side, side)) < share for share in SHARES}
    y, x = np.mgrid[:side, :side]
    for width in LINES:
        holes[f"lines, {width} px"] = (y + x // 3) % 32 < width
    for size in SQUARES:
        holes[f"squares, {size} px"] = (y % 48 - 12 + size // 2) // size == 0
        holes[f"squares, {size} px"] &= (x % 48 - 12 + size // 2) // size == 0
    return holes


def restore_all(folder: Path, nfes: Sequence[int]) -> None:
    """What one checkout makes of the inputs in a folder, written beside them."""
    import restore

    given = np.load(folder / "given.npz")
    model = restore.load("default", device="cpu")
    found = {}
    for name, hole in ((name, given[name]) for name in given.files if name != "pictures"):
        for number, pixels in enumerate(given["pictures"]):
            damaged = np.where(hole[..., None], np.uint8(0), pixels)
            for nfe in nfes:
                result = restore.inpaint(damaged, hole, model=model, nfe=nfe)
                found[f"{name}/{number}/{nfe}"] = result.image
    np.savez(folder / "found.npz", **found)


def run(checkout: Path, folder: Path, nfes: Sequence[int]) -> dict[str, np.ndarray]:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, __file__, "--worker", str(folder), "--nfe", *map(str, nfes)]
    subprocess.run(command, env=environment, check=True)
    with np.load(folder / "found.npz") as found:
        return dict(found)


def begin(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The smooth guess: what no evaluation at all gives."""
    import restore

    damaged = np.where(hole[..., None], np.uint8(0), pixels)
    return restore.inpaint(damaged, hole, nfe=0, fill="smooth", device="cpu").image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT")
    parser.add_argument("--photos", metavar="FOLDER", help="PNG files in place of Public 13")
    parser.add_argument("--count", type=int, default=13)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--nfe", type=int, nargs="+", default=NFES)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        restore_all(args.worker, args.nfe)
        return
    from tune import choose_crops

    from restore import metrics
    from restore.bench import load_public13

    if args.photos:
        pictures = [one.pixels for one in choose_crops(args.photos, args.count, args.side).clean]
    else:
        pictures = [one.pixels for one in load_public13(args.side).clean[: args.count]]
    holes, here = draw_holes(args.side), Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.savez(folder / "given.npz", pictures=np.stack(pictures), **holes)
        ours = run(here, folder, args.nfe)
        former = run(args.beside.resolve(), folder, args.nfe) if args.beside else {}
    print(f"PSNR in the hole, dB, mean over {len(pictures)} pictures"
          + (f"; in brackets that of {args.beside.name}" if args.beside else ""))  # fmt: skip
    print(f"\n| hole | start | {' | '.join(f'NFE {nfe}' for nfe in args.nfe)} |")
    print("| --- " * (len(args.nfe) + 2) + "|")
    for name, hole in holes.items():
        start = [metrics.psnr(begin(pixels, hole), pixels, hole) for pixels in pictures]
        cells = [f"{np.mean(start):.2f}"]
        for nfe in args.nfe:
            each = [
                np.mean([metrics.psnr(found[f"{name}/{n}/{nfe}"], pixels, hole)
                         for n, pixels in enumerate(pictures)])
                for found in (ours, former) if found
            ]  # fmt: skip
            cells.append(f"{each[0]:.2f}" + "".join(f" ({value:.2f})" for value in each[1:]))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
