"""The command line as tests call it, and what they read of its results."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import Result

from tests.support.clock import PATIENCE

RECORD = [
    "schema", "status", "task", "input", "output", "model", "model_sha256", "method", "mode",
    "nfe", "seed", "device", "dtype", "tile", "size_in", "size_out", "seconds", "metrics",
    "warnings", "error",
]  # fmt: skip
COMMANDS = (
    "inpaint", "jpeg", "superres", "denoise", "deblur", "edit", "degrade", "compare", "bench",
    "models", "env",
)  # fmt: skip
MODELS = ("list", "info", "download", "verify", "path", "rm", "convert", "card")
HOLE = ("inpaint", "clean.png", "--mask", "mask.png")
HOSTILE = ("[/x].jpg", "[red]a.jpg", "new\nline.jpg", "\x1b[31mred.jpg", "é😀.jpg", "n\udcff.jpg")

Run = Callable[..., Result]


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess:
    """The command line as a process of its own, in this folder."""
    options = {"capture_output": True, "timeout": PATIENCE, **options}
    return subprocess.run([sys.executable, "-m", "restore", *map(str, arguments)], **options)


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def copies(names: list[str], folder: str = ".") -> list[Path]:
    """Different JPEG files under these names."""
    photo, paths = Image.open("clean.png"), []
    for turn, name in enumerate(names):
        paths.append(Path(folder) / name)
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        photo.rotate(90 * (turn % 4)).save(paths[-1], "JPEG", quality=10)
    return paths
