"""The README's picture: a detail as given, restored, and the original, side by side.

python examples/before_after.py                      # writes examples/before_after.png
python examples/before_after.py --box 150 60 390 300
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import restore

HERE = Path(__file__).parent
BAND = 26  # pixels of label above each panel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--box", nargs=4, type=int, default=(170, 60, 410, 300))
    parser.add_argument("--zoom", type=int, default=2)
    parser.add_argument("--mode", default="fidelity", choices=("fidelity", "perceptual"))
    parser.add_argument("-o", "--output", type=Path, default=HERE / "before_after.png")
    options = parser.parse_args()
    given, clean = HERE / "photos" / "coffee_q12.jpg", HERE / "photos" / "coffee.png"
    result = restore.jpeg(given, mode=options.mode, reference=clean)
    before = restore.compare(given, clean)["psnr_db"]
    after = result.report["metrics"]["psnr_db"]
    panels = {
        f"JPEG, quality 12: {before:.2f} dB": Image.open(given),
        f"restored, NFE {result.report['nfe']}: {after:.2f} dB": Image.fromarray(result.image),
        "original": Image.open(clean),
    }
    left, top, right, bottom = options.box
    width, height = (right - left) * options.zoom, (bottom - top) * options.zoom
    sheet = Image.new("RGB", (len(panels) * (width + 4) - 4, height + BAND), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for n, (label, picture) in enumerate(panels.items()):
        detail = picture.convert("RGB").crop(options.box)
        detail = detail.resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(detail, (n * (width + 4), BAND))
        draw.text((n * (width + 4) + 4, 4), label, fill="black", font=font)
    sheet.save(options.output, optimize=True)
    print(f"{options.output}: {before:.2f} dB before, {after:.2f} dB after")


if __name__ == "__main__":
    main()
