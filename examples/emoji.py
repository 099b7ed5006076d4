"""Emoji as training pictures: what a font of colour bitmaps shows, 128×128, in two folders.

    apt-get download fonts-noto-color-emoji && dpkg -x fonts-noto-color-emoji_*.deb noto/
    python examples/emoji.py emoji/ --font noto/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf
    python examples/train_function.py runs/emoji --recipe emoji --data emoji/

Every 16th goes to FOLDER/test, the others to FOLDER/train. They lie on white. The font of Debian's
package is Google's, under the SIL Open Font License 1.1.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

RANGES = ((0x203C, 0x3300), (0x1F000, 0x1FB00))  # of Unicode, in which emoji lie
POINTS = 109  # the size of the font's bitmaps
CANVAS, SIDE = 136, 128  # pixels of a bitmap's width, and of a picture
HELD_OUT = 16


def draw_emoji(font: ImageFont.FreeTypeFont) -> Iterator[Image.Image]:
    """Each character that the font has a picture of, once, on white."""
    seen = set()
    for code in (code for first, last in RANGES for code in range(first, last)):
        picture = Image.new("RGB", (CANVAS, CANVAS), "white")
        pen = ImageDraw.Draw(picture)
        pen.text((CANVAS // 2, CANVAS // 2), chr(code), font=font, anchor="mm", embedded_color=True)
        pixels = picture.tobytes()
        if pixels in seen or not is_coloured(np.asarray(picture)):
            continue
        seen.add(pixels)
        yield picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def is_coloured(pixels: np.ndarray) -> bool:
    """Whether there is anything but white, and it is no outline that a missing character has."""
    return int((pixels.min(axis=2) < 250).sum()) > 400 and len(np.unique(pixels)) > 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--font", type=Path, required=True)
    options = parser.parse_args()
    counts = {"train": 0, "test": 0}
    for part in counts:
        (options.folder / part).mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(draw_emoji(ImageFont.truetype(options.font, POINTS))):
        part = "train" if number % HELD_OUT else "test"
        picture.save(options.folder / part / f"{number:04}.png")
        counts[part] += 1
    print(counts)


if __name__ == "__main__":
    main()
