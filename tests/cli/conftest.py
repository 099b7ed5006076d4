"""Fixtures of the tests of this package."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import restore
from restore.cli import app
from tests.support.commands import (
    Run,
)


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photograph: Callable[..., np.ndarray],
    tiny_model: Path,
) -> Path:
    """A folder with a photograph, a JPEG file of it, a mask and a damaged file; the tiny model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    photo = Image.fromarray(photograph())
    photo.save("clean.png")
    photo.save("photo.jpg", quality=10)
    mask = np.zeros((32, 48), np.uint8)
    mask[10:20, 15:30] = 255
    Image.fromarray(mask).save("mask.png")
    Path("bad.jpg").write_bytes(Path("photo.jpg").read_bytes()[:300])
    return tmp_path


@pytest.fixture
def run() -> Run:
    """run(*arguments): the command line within this process."""

    def call(*arguments: object, input: bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments], input=input)

    return call


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes find the package where this one did."""
    monkeypatch.setenv("PYTHONPATH", str(Path(restore.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
