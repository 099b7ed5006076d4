"""The training program: a step, a resumption, a rehearsal and an export, as on a GPU."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore import checkpoints

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = json.dumps({"channels": [8, 12], "blocks": [1], "middle": 1})


@pytest.fixture
def train(monkeypatch, tmp_path):
    """train(*arguments) runs the program on one picture of noise; its folder is tmp_path/run."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import train as program

    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3)).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    Image.fromarray(noise).save(tmp_path / "photos/a.png")
    images = {"a": torch.zeros(1, 3, 16, 16)}
    monkeypatch.setattr(program, "clean_images", lambda: images)
    threads = torch.get_num_threads()

    def run(*arguments: str) -> None:
        fixed = ["--photos", str(tmp_path / "photos"), "--device", "cpu", "--network", TINY]
        fixed += ["--batch", "4", "--chunk", "4", "--crop", "16", "--workers", "1"]
        monkeypatch.setattr(sys, "argv", ["train.py", str(tmp_path / "run"), *fixed, *arguments])
        program.main()

    yield run
    torch.set_num_threads(threads)


def test_it_steps_resumes_and_exports(train, tmp_path, capsys) -> None:
    mixed = "diagonal=0.5,semigroup=0.25,cycle=0.25"
    train("--steps", "1", "--shares", mixed)
    assert "step 1 patches 4" in capsys.readouterr().out
    train("--steps", "2", "--shares", mixed)
    out = capsys.readouterr().out
    assert out.startswith("resumed")
    assert "step 2 patches 8" in out
    train("--export", str(tmp_path / "made.safetensors"))
    exported = checkpoints.load(tmp_path / "made.safetensors", device="cpu")
    kept = checkpoints.load(tmp_path / "run/average.safetensors", device="cpu")
    for p, q in zip(exported.parameters(), kept.parameters(), strict=True):
        assert torch.equal(p, q)


def test_the_average_of_a_new_run_does_not_wait_for_a_state(
    train, tmp_path, monkeypatch, capsys
) -> None:
    import train as program

    monkeypatch.setattr(program, "AVERAGE_SECONDS", 0)
    monkeypatch.setattr(program.Trainer, "save", lambda self: None)
    train("--steps", "2")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["average.safetensors"]


def test_a_compiled_step_takes_the_same_path(train, capsys) -> None:
    with torch.compiler.set_stance("force_eager"):  # compiling itself takes a compiler and a minute
        train("--steps", "1", "--compile")
    assert "step 1 patches 4" in capsys.readouterr().out


def test_a_rehearsal_says_how_long_each_part_takes_and_leaves_nothing(
    train, tmp_path, capsys
) -> None:
    train("--minutes", "60", "--dry-run")
    out = capsys.readouterr().out
    for part in ("photographs", "first step", "step", "state", "average", "figures"):
        assert f"\n{part}: " in out
    assert "60.0 minutes: " in out
    assert not list((tmp_path / "run").iterdir())


def test_a_new_run_goes_on_from_a_checkpoint(train, tmp_path, capsys) -> None:
    train("--steps", "1")
    train("--export", str(tmp_path / "made.safetensors"))
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    capsys.readouterr()
    train("--weights", str(tmp_path / "made.safetensors"), "--steps", "1")
    assert "step 1 patches 8" in capsys.readouterr().out


def test_what_is_recorded_needs_a_gpu(train, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        train("--steps", "1", "--record")
    assert "--device cuda" in capsys.readouterr().err
