"""Drawn defects and the training of the finder: what is drawn is marked, what is folded is kept."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


def grey(side: int = 160) -> np.ndarray:
    return np.full((side, side, 3), 120, np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_damage_changes_what_it_marks_and_nothing_far_from_it(seed):
    from drawn_defects import damage

    pixels, mask = damage(grey(), np.random.default_rng(seed))
    again, _ = damage(grey(), np.random.default_rng(seed))
    changed = np.abs(pixels.astype(int) - 120).max(axis=2)
    assert np.array_equal(pixels, again)
    assert mask.any()
    assert (changed[mask] > 5).mean() > 0.95
    assert (changed[~mask] <= 60).all()  # rims of little opacity, a few over each other


def test_aging_without_damage_marks_nothing():
    from drawn_defects import age

    for seed in range(5):
        aged = age(grey(), np.random.default_rng(seed), damaged=False)
        assert not (aged.lines | aged.specks | aged.doubtful).any()
    damaged = [age(grey(), np.random.default_rng(seed)) for seed in range(5)]
    assert any(one.lines.any() for one in damaged)
    assert any(one.specks.any() for one in damaged)
    assert not any((one.doubtful & (one.lines | one.specks)).any() for one in damaged)


def test_folding_keeps_what_the_network_says():
    from train_finder import fold

    from restore.defects.network import FinderNetwork

    torch.manual_seed(0)
    network = FinderNetwork(normalize=True)
    for _ in range(3):  # some statistics
        network(torch.randn(2, 3, 32, 32))
    network.eval()
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(network(x), fold(network)(x), atol=1e-4)


def run(program: str, *arguments: str) -> None:
    sys.argv = [f"{program}.py", *arguments]
    runpy.run_path(str(EXAMPLES / f"{program}.py"), run_name="__main__")


def test_training_writes_weights_and_goes_on(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for number in range(2):
        pixels = rng.integers(0, 256, (160, 170, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(sys, "argv", [])
    target = tmp_path / "finder.safetensors"
    for minutes in ("0.001", "0.002"):
        run("train_finder", str(tmp_path), "--minutes", minutes, "-o", str(target), "--held", "1")
    assert target.exists()
    assert "held" in capsys.readouterr().out


def test_thin_holes_are_measured_beside_a_checkout(monkeypatch, capsys):
    import thin_holes

    here = str(EXAMPLES.parent)
    monkeypatch.setattr(sys, "argv", ["thin_holes.py", "--count", "1", "--beside", here,
                                      "--nfe", "1", "--side", "48"])  # fmt: skip
    thin_holes.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if "px |" in line]
    assert len(rows) == len(thin_holes.SQUARES) + len(thin_holes.LINES)
    for row in rows:  # both checkouts are this one
        ours, theirs = row.split("|")[3].replace(")", "").split("(")
        assert float(ours) == float(theirs)


def test_defects_are_measured(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [])
    run("defects", "--count", "1", "--nfe", "1")
    out = capsys.readouterr().out
    assert "| ours |" in out
    assert "worse by more than" in out


def test_hole_times_are_measured_and_the_bytes_are_the_same(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [])
    import hole_times

    monkeypatch.setattr(hole_times, "SIZES", {1: (300, 400)})
    monkeypatch.setattr(sys, "argv", ["hole_times.py", "--megapixels", "1", "--nfe", "1"])
    hole_times.main()
    out = capsys.readouterr().out
    assert "| yes |" in out
    assert "| no |" not in out
