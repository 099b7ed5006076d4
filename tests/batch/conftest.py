"""Fixtures of all tests of batches: a folder of their own, a tiny model, no scheduler around."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restore

SCHEDULERS = ("SLURM_ARRAY_TASK_ID", "SLURM_PROCID", "RANK", "JOB_COMPLETION_INDEX", "RAY_ADDRESS")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    monkeypatch.setenv("PYTHONPATH", str(Path(restore.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    for name in SCHEDULERS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def clean(here: Path, photograph: Callable[..., np.ndarray]) -> None:
    """A small photograph, clean.png."""
    Image.fromarray(photograph(width=24, height=16)).save("clean.png")
