"""The options that draw, blend and choose a method: what they write, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from restore.cli import app
from restore.defaults import METHODS
from restore.solvers import SOLVERS

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photograph: Callable[..., np.ndarray],
    tiny_model: Path,
) -> Path:
    """A folder with a photograph, two JPEG files in a folder, a mask; the tiny model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    photo = Image.fromarray(photograph())
    photo.save("clean.png")
    Path("in").mkdir()
    for turn, name in enumerate(("a.jpg", "b.jpg")):
        photo.rotate(180 * turn).save(f"in/{name}", quality=10)
    mask = np.zeros((32, 48), np.uint8)
    mask[10:20, 15:30] = 255
    Image.fromarray(mask).save("mask.png")
    return tmp_path


@pytest.fixture
def run() -> Run:
    """run(*arguments): the command line within this process."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return call


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


TASKS = {
    "inpaint": ("clean.png", "--mask", "mask.png"),
    "jpeg": ("in/a.jpg",),
    "superres": ("clean.png", "--scale", 2),
}
DRAWN = ("--samples", 3, "--nfe", 2)


@pytest.mark.parametrize("task", TASKS)
def test_samples_are_counted_and_their_spread_is_written(task, run):
    result = run(task, *TASKS[task], *DRAWN, "-o", "out.png", "--uncertainty", "u.png", "--json")
    assert result.exit_code == 0, result.stderr
    (record,) = records(result)
    assert (record["samples"], record["nfe"], record["uncertainty"]) == (3, 6, "u.png")
    assert record["metrics"]["uncertainty_mean"] > 0
    width, height = record["size_out"]
    with Image.open("u.png") as chart:
        assert chart.width >= width
        assert chart.height > height


@pytest.mark.parametrize("task", TASKS)
def test_a_blend_is_run_and_told_as_one(task, run):
    result = run(task, *TASKS[task], "--blend", 0.25, "--nfe", 1, "-o", "out.png", "--json")
    assert result.exit_code == 0, result.stderr
    (record,) = records(result)
    assert (record["blend"], record["mode"], record["nfe"]) == (0.25, None, 2)
    assert "NFE 2, blend" in result.stderr


def test_a_folder_of_images_has_a_folder_of_charts(run):
    result = run("jpeg", "in", *DRAWN, "-o", "out", "--uncertainty", "charts")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in Path("charts").iterdir()) == ["a.png", "b.png"]
    assert result.stdout.split() == ["out/a.png", "out/b.png"]


def test_a_chart_that_is_missing_is_made_with_its_output(run):
    arguments = ("jpeg", "in", *DRAWN, "-o", "out", "--uncertainty", "charts/", "-q")
    assert run(*arguments).exit_code == 0
    Path("charts/b.png").unlink()
    result = run(*arguments, "--existing", "skip", "--json")
    assert [r["status"] for r in records(result)[:2]] == ["skipped", "ok"]
    assert Path("charts/b.png").exists()
    assert run(*arguments).exit_code == 2


def test_a_dry_run_says_what_would_be_counted_and_writes_no_chart(run):
    result = run(
        "jpeg", "in/a.jpg", *DRAWN, "--uncertainty", "u.png", "--dry-run", "--json"
    )  # fmt: skip
    assert records(result)[0]["nfe"] == 6
    assert not Path("u.png").exists()


def test_methods_are_those_that_there_are(run):
    assert tuple(SOLVERS) == METHODS
    text = run("jpeg", "--help-all").stdout
    assert "--method" in text
    result = run("jpeg", "in/a.jpg", "--method", "inversion", "--nfe", 2, "-o", "o.png", "--json")
    assert (records(result)[0]["method"], records(result)[0]["nfe"]) == ("inversion", 2)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--uncertainty", "u.png"), "give --samples 2 or more"),
        ((*DRAWN, "--uncertainty", "-"), "is no file to write"),
        ((*DRAWN, "--uncertainty", "u.bmp"), "give a .png"),
        ((*DRAWN, "--uncertainty", "out.png"), "is where the result goes"),
        ((*DRAWN, "--uncertainty", "in/a.jpg"), "is an input"),
        ((*DRAWN, "--uncertainty", "clean.png"), "exists"),
        ((*DRAWN, "--uncertainty", "no/u.png"), "does not exist"),
        (("--samples", 0), "for '--samples':"),
        (("--blend", 2), "for '--blend':"),
        (("--blend", 0.5, "--mode", "perceptual"), "leave mode out"),
        (("--method", "inversion", "--nfe", 3), "give a multiple of 2"),
        (("--method", "magic"), "magic"),
        (("--method", "ddnm", "--blend", 0.5), "leave mode and blend out"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(options, sentence, run):
    before = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
    result = run("jpeg", "in/a.jpg", "-o", "out.png", *options)
    assert result.exit_code == 2, result.stderr
    assert sentence in " ".join(result.stderr.replace("│", " ").split())
    assert before == {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}


def test_several_images_need_a_folder_of_charts(run):
    result = run("jpeg", "in", *DRAWN, "-o", "out", "--uncertainty", "u.png")
    assert result.exit_code == 2
    assert "name a folder" in result.stderr
