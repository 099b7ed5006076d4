"""Sixty pictures of several kinds out of Debian's packages, on which the finder is measured.

They are none that it was trained on, nor any that its rules were chosen on, and they were chosen by
their names before it had seen them: opencv-doc, nexuiz-textures, endless-sky-data, some 560 MB,
fetched with `apt-get download`; the licences are in each package's `copyright` file.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 384  # pixels at most: the centre is taken
SCENES = {  # package: what is seen, and the file
    "opencv-doc": {
        "baboon, whiskers": "baboon.jpg", "squirrel, fur": "squirrel_cls.jpg",
        "text": "imageTextN.png", "printed lines": "sudoku.png", "facade": "building.jpg",
        "lawn, crowd": "messi5.jpg", "fruits": "fruits.jpg", "butterfly": "butterfly.jpg",
        "plant": "aloeL.jpg", "cloth, cord": "rubberwhale1.png", "graffiti": "graf1.png",
        "circuits": "board.jpg", "house, birds": "home.jpg", "books": "box_in_scene.png",
        "desk": "stuff.jpg",
    },
    "nexuiz-textures": {
        "brick": "evil4_walls/rbrick.jpg", "brick, other": "desertfactory_stone/bricks02.tga",
        "grass, rock": "terrain_dotproduct2/grass01-rock05.jpg",
        "leaves": "terrain_dotproduct2/leafs01-rock02.jpg",
        "boards": "desertfactory_wood/wood01.tga",
        "stars": "harlequin_sky/env/nebular_ft.jpg",
        "stars, other": "harlequin_sky/env/nebular_up.jpg",
    },
    "endless-sky-data": {
        "forest": "forest4.jpg", "field": "fields5.jpg", "city": "city9.jpg",
        "cockpit": "space3.jpg", "sea": "water4.jpg", "cables": "station2.jpg",
        "fog": "fog4.jpg", "canyon": "canyon5.jpg",
    },
}  # fmt: skip


OTHERS = {  # thirty more, with wires, masts, frames, letters and lights among them
    "opencv-doc": {
        "boats": "budapest.jpg", "aeroplanes": "aero1.jpg",
        "candle": "HDRtoneMapping_candleSample.jpg",
        "chapel": "memorial.png", "bus": "pexels_double_decker_bus.jpg", "street": "leuvenA.jpg",
        "hoop, net": "basketball1.png", "student": "studentsSample_input.jpg",
        "newspaper": "newspaper.jpg", "signs": "scenetext01.jpg", "signs, other": "scenetext05.jpg",
        "orange": "orange.jpg", "sweets": "smarties.png", "painting": "starry_night.jpg",
        "room": "astra_color.jpg", "film still": "ambush_5_left.jpg", "chick": "chicky_512.png",
    },
    "endless-sky-data": {
        "station": "station1.jpg", "station, other": "station3.jpg", "space": "space1.jpg",
        "space, other": "space5.jpg", "launch": "nasa1.jpg", "hangar": "nasa8.jpg",
        "town": "city1.jpg", "town, other": "city5.jpg", "towers": "city14-sfiera.jpg",
        "machines": "bwerner3.jpg", "mountain": "mountain3.jpg", "sky": "sky5.jpg",
        "snow": "snow4.jpg",
    },
}  # fmt: skip


def load_scenes(
    debs: Path, which: Mapping[str, Mapping[str, str]] = SCENES
) -> dict[str, np.ndarray]:
    """The pictures, (H, W, 3) uint8. debs: a folder of packages; what it lacks is fetched to it.

    which: by package, what is seen and the file.
    """
    found = {}
    for package, scenes in which.items():
        if not any(debs.glob(f"{package}_*.deb")):
            debs.mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", "download", package], cwd=debs, check=True)
        with tempfile.TemporaryDirectory() as folder:
            deb = next(debs.glob(f"{package}_*.deb"))
            subprocess.run(["dpkg", "-x", deb, folder], check=True)
            for name, file in scenes.items():
                image = Image.open(io.BytesIO(_read(Path(folder), file))).convert("RGB")
                found[name] = _cut(np.asarray(image))
    return found


def _read(folder: Path, name: str) -> bytes:
    """A file of an unpacked package, itself, compressed, or in its archive of textures."""
    for archive in folder.rglob("textures.pk3"):
        with zipfile.ZipFile(archive) as opened:
            return opened.read(f"textures/{name}")
    path = next(path for end in ("", ".gz") for path in sorted(folder.rglob(name + end)))
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _cut(pixels: np.ndarray) -> np.ndarray:
    height, width = (min(SIDE, side) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])
