"""Faults: the table is true, and what no other file of tests makes happen."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from restore.cli import app

Run = Callable[..., Result]

TESTS = Path(__file__).parent
LINK = re.compile(r"`tests/([\w/]+\.py)::(test_\w+)`")
ROWS = [
    line for line in (TESTS / "FAULTS.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| what |", "| --- "))
]  # fmt: skip


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, photograph: Callable
) -> Run:
    """run(*arguments): the command line within this process, in a folder with a photograph."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    Image.fromarray(photograph()).save("photo.jpg", quality=10)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0][2:60])
def test_every_row_of_the_table_has_tests_that_exist(row: str) -> None:
    what, then, code, tests, *more = row.strip("| ").split(" | ")
    assert not more
    assert what
    assert then
    assert re.fullmatch(r"\d+(, \d+)*", code)
    assert re.fullmatch(rf"{LINK.pattern}( {LINK.pattern})*", tests)
    for file, test in LINK.findall(tests):
        assert re.search(rf"^def {test}\(", (TESTS / file).read_text(), re.M), f"{file}::{test}"


def test_the_table_has_every_fault_that_we_know_of() -> None:
    """By a word or two of each clause of the robustness design."""
    text = "\n".join(row.partition("`tests/")[0] for row in ROWS)
    for word in (
        "runs code", "NO_WEIGHTS_ONLY", "legacy", "TorchScript", "tar", "flipped bit", "NaN or inf",
        "Sparse", "quantised", "complex", "expanded", "compressed", "missing, unexpected",
        "Truncated, empty", "HTML", "LFS", "Huge header", "Overlapping", "duplicate keys",
        "100 000", "wrong bytes", "cut connection", "401", "404", "gated", "offline", "disk full",
        "Hostile names", "SVG", "EPS", "PSD", "Truncated JPEG", "IEND", "checksum", "Header bombs",
        "Text and profile bombs", "exception of a decoder", "16-bit", "palettes", "CMYK", "LAB",
        "float", "orientation", "ICC", "Animated", "1×1", "one pixel more than a tile",
        "another size", "empty, full", "colour", "alpha", "0 and 1", "NaN in a tile",
        "Out of memory", "Two inputs", "equal to an input", "in the input folder", "newlines",
        "UTF-8", "begin with `-`", "250 bytes", "Symbolic", "FIFOs", "Full disk", "closed pipe",
        "Encoder limits", "cp1252", "INT, TERM, HUP", "resume", "order",
    ):  # fmt: skip
        assert word in text, word


def test_names_that_look_like_options_are_files_after_two_dashes(run: Run) -> None:
    Path("photo.jpg").rename("-y.jpg")
    assert run("jpeg", "-y.jpg").exit_code == 2
    result = run("jpeg", "--nfe", 1, "--", "-y.jpg")
    assert (result.exit_code, result.stdout) == (0, "-y_jpeg.png\n")
    assert run("jpeg", "./-y.jpg", "--nfe", 1, "--existing", "skip").exit_code == 0


@pytest.mark.parametrize("letter", ["n", "é"])
def test_names_of_250_bytes_are_restored_where_the_output_s_name_fits(
    run: Run, letter: str
) -> None:
    stem = letter * (246 // len(letter.encode()))
    name = f"{stem}.jpg"
    assert len(os.fsencode(name)) == 250
    Path("photo.jpg").rename(name)
    assert run("jpeg", name, "--nfe", 1, "-o", "out/").stdout == f"out/{stem}.png\n"
    assert Image.open(f"out/{stem}.png").size == (48, 32)
    refused = run("jpeg", name, "--nfe", 1, "--suffix", "_restored")
    assert refused.exit_code == 2
    assert "too long" in refused.stderr
    assert {*os.listdir()} == {name, "out"}


def test_a_folder_that_cannot_be_written_is_found_before_the_model_loads(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.checkpoints.load", lambda *_, **__: pytest.fail("it was loaded"))
    if os.path.isdir("/proc/self"):  # where not even the owner of the machine may write
        assert run("jpeg", "photo.jpg", "-o", "/proc/self/out/").exit_code == 5
    Path("below").write_bytes(b"a file")
    assert run("jpeg", "photo.jpg", "-o", "below/out/").exit_code == 5
    assert {*os.listdir()} == {"photo.jpg", "below"}
