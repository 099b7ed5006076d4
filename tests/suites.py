"""Suites: other projects' test images, decoded by ours and by others, as a table.

    python tests/suites.py FOLDER... [--verbose]

Each file is decoded by `restore.images.decode`, by Pillow, and by ImageMagick where its `convert`
or `magick` is there. A row of the table is an outcome: equal pixels, ours refused with a reason,
others refused, or pixels that differ, which are the ones to look at. Pillow's source distribution
carries its test images (Tests/images), Debian's source package of libpng PngSuite
(contrib/pngsuite) and that of libtiff its pictures (test/images).
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from restore.errors import ImageError, RestoreError
from restore.formats import ENDINGS
from restore.images import Picture, decode
from restore.images.mutter import take_in

TOLERANCE = {"JPEG": 2, "WEBP": 2, "AVIF": 3}  # levels of 8 bits, between decoders of one standard
# Where ImageMagick gives the stored samples: it applies a PNG's gamma, and enlarges the chroma of
# AVIF and HEIC in its own way.
COMPARABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
SECONDS = 5.0  # which no file may take


def by_pillow(data: bytes) -> np.ndarray | None:
    """Pixels (H, W, 3 or 4) uint8, upright; None where Pillow does not read them."""
    try:
        with take_in(), Image.open(io.BytesIO(data)) as image:
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I;16"):  # which Pillow clips, not scales
                deep = np.asarray(image).astype(np.uint32)
                image = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
            return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    except Exception:  # it raises anything
        return None


def by_magick(path: Path) -> np.ndarray | None:
    """The same by ImageMagick, without transparency; None too where that is not there."""
    command = shutil.which("magick") or shutil.which("convert")
    if command is None:
        return None
    done = subprocess.run(
        [command, f"{path}[0]", "-auto-orient", "-depth", "8", "ppm:-"],
        capture_output=True,
        timeout=60,
    )
    return by_pillow(done.stdout) if done.returncode == 0 else None


def as_rgb(picture: Picture) -> np.ndarray:
    """Ours as the others have it: 8 bits, grey repeated."""
    pixels = picture.at_depth(8).pixels
    return pixels.repeat(3, axis=2) if picture.grey else pixels


def compare(path: Path) -> tuple[str, str]:
    """The outcome of a file, and what there is to say of it."""
    data = path.read_bytes()
    began = time.perf_counter()
    try:
        picture = decode(data)
    except ImageError as error:
        reason = str(error)
        other = by_pillow(data)
        kind = "refused by all" if other is None else "refused by ours alone"
        return kind, reason
    except RestoreError as error:
        return "another error of ours", str(error)
    except Exception as error:
        return "INTERNAL ERROR", repr(error)
    if time.perf_counter() - began > SECONDS:
        return "SLOW", f"{time.perf_counter() - began:.1f} s"
    ours, said = as_rgb(picture), "; ".join(picture.warnings)
    others = [("Pillow", by_pillow(data))]
    if picture.format in COMPARABLE and not picture.metadata.colours:
        others.append(("ImageMagick", by_magick(path)))
    for name, theirs in others:
        if theirs is None:
            continue
        if theirs.shape[:2] != ours.shape[:2]:
            return f"another size than {name}", f"{ours.shape[:2]} for {theirs.shape[:2]}; {said}"
        seen = slice(None) if picture.alpha is None else picture.alpha > 0
        away = np.abs(ours[seen].astype(int) - theirs[..., :3][seen])
        if away.size and away.max() > TOLERANCE.get(picture.format, 1):
            return f"other pixels than {name}", f"up to {away.max()} levels; {said}"
    return ("equal, with a warning" if said else "equal"), said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="a line for each file, not for those that differ alone",
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found: Counter[tuple[str, str]] = Counter()
    for folder in options.folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.suffix.lower() not in ENDINGS:
                continue
            outcome, said = compare(path)
            found[path.suffix.lower(), outcome] += 1
            if options.verbose or not outcome.startswith(("equal", "refused by all")):
                print(f"{outcome}: {ascii(str(path))[1:-1]}: {ascii(said)[1:-1]}", file=sys.stderr)
    outcomes = sorted({outcome for _, outcome in found})
    print("| ending | " + " | ".join(outcomes) + " |")
    print("|" + " --- |" * (len(outcomes) + 1))
    for ending in sorted({ending for ending, _ in found}):
        cells = [str(found[ending, outcome] or "") for outcome in outcomes]
        print(f"| {ending} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
