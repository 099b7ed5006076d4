"""Fixtures of the bench: a tiny model, two small pictures, and what was run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restore
from restore import bench
from restore.bench import harness
from restore.bench.cases import Case, Cell
from restore.bench.pictures import Clean, Pictures


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage import data

    return np.asarray(Image.fromarray(data.astronaut()).resize((64, 64)))


@pytest.fixture
def pictures(photo: np.ndarray) -> Pictures:
    clean = (Clean("a", photo[:32, :48].copy(), 0), Clean("b", photo[32:, 16:].copy(), 1))
    return Pictures("two", clean)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> restore.BCM:
    return restore.load(str(tiny_model), device="cpu")


@pytest.fixture
def planned(model: restore.BCM, pictures: Pictures) -> Callable[..., bench.Bench]:
    """planned(cases, methods, nfe, seeds): a bench on two small pictures."""

    def plan(
        cases: list[Case], methods: list[str], nfe: tuple[int, ...] = (1,), seeds: int = 1
    ) -> bench.Bench:
        cells, _ = bench.make_grid(
            cases,
            methods,
            ["fidelity"],
            nfe,
            seeds,
            pictures=pictures,
            checkpoint=model.checkpoint,
        )
        return bench.Bench(model, pictures, cells)

    return plan


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Methods that were run, by name, one for each picture."""
    ran: list[str] = []
    true = harness.restore_case

    def run(plan: bench.Bench, cell: Cell, given: Any) -> np.ndarray:
        ran.append(cell.method)
        return true(plan, cell, given)

    monkeypatch.setattr(harness, "restore_case", run)
    return ran
