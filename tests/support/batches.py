"""Batches by the command line: files to restore, and what came of them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from restore.batch.manifest import MANIFEST
from restore.cli import app

FAST = ("--nfe", "1", "--tile", "0")


def files(*names: str) -> tuple[str, ...]:
    """Files of these names; a plan reads headers alone, and what has none is found out later."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"none")
    return names


def photos(*names: str) -> list[str]:
    """Different JPEG files under these names."""
    clean = np.asarray(Image.open("clean.png"))
    for turn, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(clean, turn, axis=1)).save(name, "JPEG", quality=10)
    return list(names)


def run(*arguments: object, input: bytes | None = None, code: int = 0):
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=input)
    assert result.exit_code == code, result.stderr + repr(result.exception)
    return result


def jpeg(*arguments: object, **options):
    return run("jpeg", *arguments, *FAST, **options)


def records(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def statuses(result):
    return [record.get("status") for record in records(result)[:-1]]


def bytes_in(folder: str) -> dict[str, bytes]:
    """What is in the files of a folder, manifests left out."""
    paths = [p for p in Path(folder).rglob("*") if p.is_file() and p.suffix != ".jsonl"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def lines(path: str = f"out/{MANIFEST}"):
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]
