"""The command `bench`: what it writes, where it goes on, what it refuses."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from restore import bench
from restore.bench import harness
from restore.bench.cases import Cell
from restore.cli import app
from restore.cli.exits import Interrupted
from restore.errors import ImageError
from tests.support.bench import (
    SMALL,
    Run,
)
from tests.support.pages import Parsed


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, photo: np.ndarray
) -> Run:
    """run(*arguments): `bench` on two small pictures, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    (tmp_path / "clean").mkdir()
    Image.fromarray(photo[:32, :48]).save("clean/a.png")
    Image.fromarray(photo[32:, 16:]).save("clean/b.png")

    def call(*arguments: object) -> Result:
        known = ["bench", "--images", "clean", "--device", "cpu", "--threads", 1]
        return CliRunner().invoke(app, [str(a) for a in (*known, *arguments)])

    return call


def test_the_command_writes_all_that_is_asked_and_goes_on_where_it_was(
    run: Run, counted: list[str], tmp_path: Path
) -> None:
    files = ("--json", "b.json", "--markdown", "b.md", "--plot", "b.svg", "--html", "b.html")
    first = run(*SMALL, *files)
    assert first.exit_code == 0, first.output
    table = list(csv.DictReader(io.StringIO(first.stdout)))
    assert len(table) == 2 * (3 * 2) + 1 + 3
    assert "32 of 32 measurements to do; about" in first.stderr
    assert "best peer, ddrm" in first.stderr
    whole = json.loads(Path("b.json").read_text())
    assert [line["nfe"] for line in whole["lines"]] == [int(line["nfe"]) for line in table]
    assert len(whole["verdicts"]) == 4
    assert whole["bench"]["pictures"] == "clean, 2 of 48×32 pixels"
    assert all(line["pictures"] == 2 for line in whole["lines"])
    Parsed(Path("b.html").read_text("utf-8"))
    ElementTree.parse("b.svg")
    assert "| bcm fidelity |" in Path("b.md").read_text()
    assert len(Path("bcm-bench.jsonl").read_text().splitlines()) == len(counted) == 32
    counted.clear()
    again = run(*SMALL, "--quiet")
    assert (again.stdout, again.stderr, counted) == (first.stdout, "", [])


def test_a_file_that_exists_is_replaced_or_left_only_where_that_is_asked(run: Run) -> None:
    asked = ("--tasks", "jpeg-10", "--methods", "decoded", "--csv", "b.csv", "--html", "b.html")
    Path("b.csv").write_text("mine")
    refused = run(*asked)
    assert refused.exit_code == 2
    assert "'b.csv' exists: --existing skip or overwrite (-y)" in refused.stderr
    assert sorted(os.listdir()) == ["b.csv", "clean"]
    left = run(*asked, "--existing", "skip")
    assert left.exit_code == 0
    assert Path("b.csv").read_text() == "mine"
    assert "written: b.html" in left.stderr
    assert "written: b.csv" not in left.stderr
    assert run(*asked, "-y").exit_code == 0
    assert Path("b.csv").read_text().startswith("task,severity")
    assert run(*asked, "-y", "--existing", "skip").exit_code == 2


def test_help_shows_examples_and_loads_no_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from restore.cli import app;"
        "found = CliRunner().invoke(app, ['bench', '--help']);"
        "print('$ bcm-restore bench --tasks' in found.stdout, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"]


def test_standard_output_holds_data_alone(run: Run) -> None:
    small = ("--tasks", "jpeg-10", "--methods", "decoded")
    result = run(*small, "--json", "-", "--rows", "none")
    assert json.loads(result.stdout)["lines"][0]["method"] == "decoded"
    assert run(*small, "--csv", "-").stdout.startswith("task,severity,method")
    assert run(*small, "--markdown", "-").stdout.startswith("| method | jpeg 10 |")
    assert Path("bcm-bench.jsonl").is_file()


def test_a_dry_run_measures_and_writes_nothing(run: Run, counted: list[str]) -> None:
    result = run(*SMALL, "--dry-run", "--html", "b.html")
    assert result.exit_code == 0
    assert "32 of 32 measurements to do" in result.stderr
    assert (result.stdout, counted) == ("", [])
    assert [path.name for path in Path().iterdir()] == ["clean"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nfe", "0"], "expected numbers from 1"),
        (["--nfe", "a,2"], "expected numbers from 1"),
        (["--nfe", ""], "expected numbers from 1"),
        (["--modes", "both"], "expected fidelity, perceptual"),
        (["--tasks", "sharpen"], "expected all, or one of"),
        (["--methods", "magic"], "expected ours, peers"),
        (["--methods", "repaint", "--tasks", "jpeg"], "nothing can be measured"),
        (["--images", "none"], "cannot be listed"),
        (["--json", "-", "--csv", "-"], "standard output can hold one"),
        (["--json", "a", "--html", "./a"], "'a' can hold one"),
        (["--html", "-"], "write files"),
        (["--html", "none/b.html"], "folder that does not exist"),
        (["--html", "."], "not a regular file"),
        (["--rows", "."], "no regular file"),
        (["--rows", "clean/rows.jsonl"], "lies among the pictures"),
        (["--html", "clean/a.png"], "lies among the pictures"),
        (["--tile", "big"], "expected auto, 0 or a number"),
        (["--label", "3"], "no classes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_refused_before_any_work(
    run: Run, counted: list[str], arguments: list[str], said: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert counted == []
    assert {path.name for path in Path().iterdir()} == {"clean"}


def test_a_method_that_fails_on_a_picture_is_told_and_the_rest_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = harness.restore_case

    def brittle(plan: bench.Bench, cell: Cell, given: Any) -> np.ndarray:
        if cell.method == "telea" and given.size == (48, 32):
            raise ImageError("the result is not finite")
        return true(plan, cell, given)

    Image.open("clean/b.png").crop((0, 0, 32, 32)).save("clean/b.png")
    monkeypatch.setattr(harness, "restore_case", brittle)
    result = run("--tasks", "inpaint-half", "--methods", "telea,navier-stokes", "--json", "-")
    assert result.exit_code == 3
    assert "failed: inpaint-half, telea" in result.stderr
    whole = json.loads(result.stdout)
    assert [(line["method"], line["pictures"]) for line in whole["lines"]] == [
        ("telea", 1),
        ("navier-stokes", 2),
    ]
    assert any("telea, NFE 0: 1 of 2 pictures" in note for note in whole["notes"])


def test_an_interrupt_keeps_what_was_measured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    true, ran = harness.restore_case, []

    def interrupted(plan: bench.Bench, cell: Cell, given: Any) -> np.ndarray:
        ran.append(cell)
        if len(ran) == 4:
            raise Interrupted(signal.SIGTERM)
        return true(plan, cell, given)

    with monkeypatch.context() as change:
        change.setattr(harness, "restore_case", interrupted)
        result = run(*SMALL)
    assert result.exit_code == 143
    assert "3 measurements are in 'bcm-bench.jsonl'; the same command goes on" in result.stderr
    assert "29 of 32 measurements to do" in run(*SMALL).stderr
