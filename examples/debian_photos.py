"""The training photographs: gather them from Debian's packages into one folder.

    python examples/debian_photos.py photos/            # some 800 pictures, about 0.6 GB as PNG
    python examples/debian_photos.py photos/ --long-side 1180 --format avif --quality 90    # 37 MB

Packages are fetched with `apt-get download` and unpacked with `dpkg -x`; nothing is installed.
Licences are in each package's `copyright` file, which is copied beside the pictures. None of the
field's test images is among them.
"""

import argparse
import io
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

PACKAGES = (
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "ukui-wallpapers",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "gcompris-qt-data",
    "tuxpaint-stamps-default",
)
PHOTOGRAPHS = {".jpg", ".jpeg", ".png", ".webp"}
SAVING = {"png": {"compress_level": 1}, "webp": {}, "avif": {"subsampling": "4:4:4", "speed": 6}}
DRAWN = ("symbols", "cartoon", "clipart", "flags", "frames", "shapes", "text")  # tuxpaint folders


def riff_images(data: bytes) -> Iterator[bytes]:
    """WebP files stored whole inside a Qt resource file."""
    at = data.find(b"RIFF")
    while at >= 0:
        length = int.from_bytes(data[at + 4 : at + 8], "little") + 8
        if data[at + 8 : at + 12] == b"WEBP" and at + length <= len(data):
            yield data[at : at + length]
            at += length
        else:
            at += 4
        at = data.find(b"RIFF", at)


def candidates(package: str, root: Path) -> Iterator[tuple[str, bytes]]:
    """(name, encoded bytes) of every picture of a package worth training on."""
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    if package == "gcompris-qt-data":
        for path in files:
            if path.suffix == ".rcc":
                for n, data in enumerate(riff_images(path.read_bytes())):
                    yield f"{path.stem}_{n}", data
        return
    pictures = [p for p in files if p.suffix.lower() in PHOTOGRAPHS]
    if package == "mate-backgrounds":
        pictures = [p for p in pictures if "nature" in p.parts]
    if package == "tuxpaint-stamps-default":
        pictures = [p for p in pictures if not any(word in str(p) for word in DRAWN)]
    if package == "plasma-workspace-wallpapers":  # the largest of each wallpaper's folder
        largest: dict[Path, Path] = {}
        for p in pictures:
            kept = largest.get(p.parent)
            if kept is None or p.stat().st_size > kept.stat().st_size:
                largest[p.parent] = p
        pictures = [p for folder, p in largest.items() if "images" in folder.name]
    for path in pictures:
        yield path.stem, path.read_bytes()


def shrunk(data: bytes, long_side: int) -> Image.Image | None:
    """RGB on white, long side at most `long_side` and at most three quarters of the original.

    The shrinking removes most of the compression that the file came with. None when the
    picture is too small to cut crops from.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
        image.load()
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    if image.mode in ("RGBA", "LA", "P", "PA"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    factor = min(long_side / max(image.size), 0.75)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return image.resize(size, Image.Resampling.LANCZOS) if min(size) >= 96 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--debs", type=Path, help="folder with the packages already downloaded")
    parser.add_argument("--long-side", type=int, default=1600)
    parser.add_argument("--format", choices=("png", "webp", "avif"), default="png")
    parser.add_argument("--quality", type=int, default=95)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        debs = options.debs or Path(scratch)
        if options.debs is None:
            subprocess.run(["apt-get", "download", *PACKAGES], cwd=debs, check=True)
        for package in PACKAGES:
            root = Path(scratch) / package
            deb = next(debs.glob(f"{package}_*.deb"))
            subprocess.run(["dpkg", "-x", deb, root], check=True)
            for licence in root.rglob("usr/share/doc/*/copyright"):
                (options.folder / f"{package}.copyright").write_bytes(licence.read_bytes())
            count, pixels = 0, 0
            for name, data in candidates(package, root):
                image = shrunk(data, options.long_side)
                if image is None:
                    continue
                target = options.folder / f"{package}_{count:03d}_{name[:40]}.{options.format}"
                image.save(target, **SAVING[options.format] | {"quality": options.quality})
                count, pixels = count + 1, pixels + image.width * image.height
            counts[package] = {"images": count, "megapixels": round(pixels / 1e6, 1)}
            print(f"{package}: {count} images, {pixels / 1e6:.1f} megapixels", flush=True)
    (options.folder / "counts.json").write_text(json.dumps(counts, indent=1) + "\n")


if __name__ == "__main__":
    main()
