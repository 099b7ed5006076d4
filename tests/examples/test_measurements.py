"""The programs that measure run, on one small picture and few evaluations, and print a table."""

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ("--images", "1", "--side", "32")
PROGRAMS = {
    "quality": ("--tasks", "jpeg-10", "inpaint-half", "--nfe", "1", "--rows", "rows.jsonl",
                "--figures", "figures.json"),
    "uncertainty": ("--tasks", "jpeg-10", "inpaint-half", "--nfe", "1", "--samples", "2"),
    "blend": ("--tasks", "jpeg-10", "inpaint-half", "--nfe", "1", "--plot", "blend.svg"),
    "inversion": ("--tasks", "jpeg-10", "inpaint-half", "--levels", "0.2", "--seeds", "1"),
    "journeys": ("--levels", "1", "--nfe", "1", "2", "--plot", "journeys.svg"),
    "fine_path": (),
}  # fmt: skip


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """run(program, *arguments) in an empty folder; what it printed."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)

    def call(program: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"{program}.py", *arguments])
        runpy.run_path(str(EXAMPLES / f"{program}.py"), run_name="__main__")
        return capsys.readouterr().out

    return call


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_measures_and_prints_a_table(run, program, tiny_model):
    arguments = PROGRAMS[program]
    printed = run(program, *SMALL, "--model", str(tiny_model), *arguments)
    assert sum(line.startswith("| ") for line in printed.splitlines()) >= 3
    for name in (name for name in arguments if Path(name).suffix in (".svg", ".json", ".jsonl")):
        assert Path(name).stat().st_size > 100


def test_presets_are_tuned_on_photographs_and_printed_as_a_catalogue(run, tiny_model, tmp_path):
    (tmp_path / "photos").mkdir()
    Image.fromarray(data.astronaut()[:48, :48]).save(tmp_path / "photos" / "a.png")
    small = "--photos", "photos", "--size", "32", "--model", str(tiny_model)
    printed = run("tune", *small, "--tasks", "superres", "--nfe", "1", "--rounds", "1")
    assert "[default.presets.superres.perceptual]" in printed
    assert printed.count("severity = 2 }") == 2
    assert "superres 4 fidelity 1: Score(psnr=" in printed
    printed = run("tune_peers", *small, "--tasks", "superres", "--methods", "ddnm")
    assert printed.count("ddnm     superres 4 [") == 2
    assert printed.count("ddnm     superres 8 [") == 2


@pytest.mark.parametrize(
    ("program", "options", "rows"),
    [("held", ("--count", "1"), 9), ("seven_jobs", ("--pictures", "1"), 8)],
)
def test_real_photographs_are_measured(run, program, options, rows):
    printed = run(program, "--side", "48", *options)
    assert sum(line.startswith("| ") for line in printed.splitlines()) == 2 + rows


@pytest.mark.parametrize(
    ("program", "options", "rows"),
    [
        ("gpu", ("--files", "1"), 25),
        ("peers_speed", ("--side", "32", "--repeats", "1"), 10),
        (
            "stages",
            ("--megapixels", "0.01", "--nfe", "1", "--tables", "stages", "--clock", "cpu"),
            6,
        ),
    ],
)
def test_speeds_are_measured(run, program, options, rows):
    printed = run(program, *options)
    lines = [line for line in printed.splitlines() if line.startswith("| ")]
    assert len([line for line in lines if not line.startswith("| ---")]) == rows
