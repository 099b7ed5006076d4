"""The three short examples of what one may bring: they run, and do what they say."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch
) -> str:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


@pytest.fixture
def small(tmp_path: Path, photograph) -> str:
    from PIL import Image

    path = tmp_path / "small.png"
    Image.fromarray(photograph(width=48, height=32)).save(path)
    return str(path)


def test_a_degradation_of_one_s_own(small, tmp_path, capsys, monkeypatch):
    out = run_example("own_degradation.py", [small, f"{tmp_path}/a.png"], capsys, monkeypatch)
    before, after = map(float, re.findall(r"([\d.]+) dB", out))
    assert after > before + 1
    assert "the known rows are kept: True" in out


def test_a_solver_of_one_s_own(small, tmp_path, capsys, monkeypatch):
    out = run_example("own_solver.py", [small, f"{tmp_path}/a.png"], capsys, monkeypatch)
    lines = out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["bcm", "plug_and_play"]
    assert all(float(re.search(r"to ([\d.]+) dB", line)[1]) > 50 for line in lines)


def test_a_network_of_one_s_own(small, capsys, monkeypatch):
    out = run_example("own_network.py", [small], capsys, monkeypatch)
    errors = [float(e) for e in re.findall(r"off by (\S+) at most", out)]
    assert len(errors) == 2
    assert max(errors) < 1e-5  # float32, of images within [-1, 1]


def test_examples_are_a_screen_long():
    for name in ("own_degradation.py", "own_solver.py", "own_network.py"):
        assert len((EXAMPLES / name).read_text().splitlines()) <= 70, name


def test_a_notebook(capsys, monkeypatch):
    monkeypatch.chdir(EXAMPLES.parent)
    out = run_example("notebook.py", [], capsys, monkeypatch)
    shown, figures, filled, cancelled, drawn = out.splitlines()
    assert shown.startswith("Result(jpeg, 600×400, ok, ")
    before, after = map(float, re.findall(r"([\d.]+) dB", figures))
    assert after > before + 0.5
    assert filled.endswith("known pixels changed by 0")
    assert cancelled == "cancelled"
    assert float(re.findall(r"([\d.]+) levels", drawn)[0]) > 0.5
