"""The harness measures all methods alike, and every pixel goes through the network NFE times."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import restore
from restore import bench, metrics
from restore.bench import harness
from restore.bench.cases import Case, Cell
from restore.bench.pictures import Clean, Pictures
from restore.settings import Settings
from restore.solvers import PEERS
from tests.support.bench import HOLES, measured


@pytest.mark.parametrize("method", ["bcm", "inversion", *PEERS])
def test_every_pixel_goes_through_the_network_exactly_nfe_times(
    method: str, planned: Callable[..., bench.Bench], model: restore.BCM
) -> None:
    there = back = 0

    def forwards(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal there
        there += len(inputs[0])
        if output.requires_grad:
            output.register_hook(backwards)

    def backwards(gradient: torch.Tensor) -> None:
        nonlocal back
        back += len(gradient)

    plan = planned([HOLES], [method], (4,))
    hook = model.network.register_forward_hook(forwards)
    try:
        rows = measured(plan)
    finally:
        hook.remove()
    assert len(rows) == 2
    assert there + back == 4 * len(rows)
    assert (back > 0) is method.startswith(("dps", "pgdm"))


def test_all_methods_are_given_the_same_and_measured_alike(
    planned: Callable[..., bench.Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[bytes]] = {}

    def untouched(plan: bench.Bench, cell: Cell, given: Any) -> np.ndarray:
        seen.setdefault(cell.method, []).append(given.data)
        return given.picture.pixels

    monkeypatch.setattr(harness, "restore_case", untouched)
    rows = measured(planned([HOLES], ["bcm", "ddrm", "telea"], seeds=2))
    assert seen["bcm"] == seen["ddrm"] == seen["telea"]
    assert len(set(seen["bcm"])) == 4
    by_method = {row.method: row.metrics for row in rows if (row.picture, row.seed) == ("a", 0)}
    assert by_method["bcm"] == by_method["ddrm"] == by_method["telea"]


@pytest.mark.parametrize("case", bench.choose_usual_cases(), ids=lambda one: one.task)
def test_the_measures_are_those_of_the_record(
    case: Case, planned: Callable[..., bench.Bench], pictures: Pictures, model: restore.BCM
) -> None:
    (row, _) = measured(planned([case], ["bcm"]))
    clean = pictures.clean[0]
    given = case.degrade(clean, 0)
    settings = Settings(nfe=1, reference=clean.pixels)
    result = given.task.restore(given.data, model, settings)
    found, known = row.metrics.as_dict(), result.record.metrics
    same = [name for name in found if name in known]
    assert set(same) >= {"psnr_db", "ssim", case.quality}
    assert any(name in harness.PROOFS for name in same)
    assert {name: found[name] for name in same} == {name: known[name] for name in same}
    sharp = metrics.sharpness(result.image) / metrics.sharpness(clean.pixels)
    assert row.metrics.sharpness == pytest.approx(sharp, abs=1e-5)
    assert row.seconds > 0


@pytest.mark.parametrize("case", bench.choose_usual_cases(), ids=lambda one: one.task)
def test_a_clean_result_is_measured_as_such(case: Case, photo: np.ndarray) -> None:
    clean = Clean("a", photo, 0)
    given = case.degrade(clean, 0)
    found = bench.measure(photo, clean, given)
    assert found.psnr_db == math.inf
    assert (found.sharpness, found.blur, found.texture_error) == (1, 0, 0)
    held = [value for name in harness.PROOFS if (value := getattr(found, name)) is not None]
    assert len(held) == 1
    if sigma := getattr(given.task, "sigma", None):  # 0 and None: no noise was added
        assert found.residual_sigma == pytest.approx(sigma, rel=0.1)


def test_lpips_is_measured_where_it_is_installed_and_its_absence_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: np.ndarray
) -> None:
    class Distance(torch.nn.Module):
        def __init__(self, net: str, verbose: bool) -> None:
            super().__init__()

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            assert a.shape == b.shape == (1, 3, 64, 64)
            return (a - b).abs().mean()

    monkeypatch.setitem(sys.modules, "lpips", None)
    assert bench.load_perception(False) == (
        None,
        "LPIPS is left out: the package lpips is not installed",
    )
    (tmp_path / "lpips.py").write_text("import torchvision.models")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lpips")
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert "the package torchvision is not installed" in bench.load_perception(False)[1]
    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=Distance))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert "this is offline" in bench.load_perception(True)[1]
    perception, _ = bench.load_perception(False)
    clean = Clean("a", photo, 0)
    found = bench.measure(255 - photo, clean, HOLES.degrade(clean, 0), perception)
    expected = np.abs(photo.astype(float) - (255 - photo)).mean() / 127.5
    assert found.lpips == pytest.approx(expected, abs=1e-4)

    def unreachable(**options: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(sys.modules["lpips"], "LPIPS", unreachable)
    assert "no route to host" in bench.load_perception(False)[1]
