"""Laws of `--report` and `--compare`: any task has a page and a sheet, in place of nothing else."""

import json
import os
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from restore import files
from restore.cli import app

HOSTILE = '"><script>alert(1)<|script>.jpg'
BOTH = ("--report", "page.html", "--compare", "sheet.png")
TASKS = {
    "jpeg": ("jpeg", "photo.jpg"),
    "inpaint": ("inpaint", "clean.png", "--mask", "mask.png"),
    "superres": ("superres", "clean.png", "--scale", "2"),
    "invert": ("invert", "clean.png", "--level", "1", "--nfe", "1"),
    "interpolate": ("interpolate", "clean.png", "clean.png", "-o", "a.gif", "--frames", "3",
                    "--nfe", "1"),
    "generate": ("generate", "-n", "3", "-o", "folder/", "--size", "16x16", "--recipe", "one-step"),
    "degrade": ("degrade", "jpeg", "clean.png"),
}  # fmt: skip

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """run(*arguments): the command line within this process."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return call


class Read(HTMLParser):
    """The words of a page, how its pictures ended, and how many scripts it has."""

    def __init__(self, path: str = "page.html") -> None:
        super().__init__()
        self.words: list[str] = []
        self.statuses: list[str | None] = []
        self.scripts = self.images = 0
        self.feed(Path(path).read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.images += tag == "img" and "data-name" in dict(attrs)
        if tag == "li" and "data-status" in dict(attrs):
            self.statuses.append(dict(attrs)["data-status"])

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_page_and_a_sheet(run, task):
    result = run(*TASKS[task], *BOTH, "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout.splitlines()[0])
    page = Read()
    assert record["output"] in page.words or any(record["output"] in w for w in page.words)
    for name, value in record["metrics"].items():
        assert f"metrics.{name}" in page.words
        assert json.dumps(value) in page.words
    assert page.images == {"generate": 1, "interpolate": 1}.get(task, 2)
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 800
    assert "to look at: page.html" in result.stderr


def test_the_reference_is_shown_and_measured(run):
    result = run("jpeg", "photo.jpg", "--reference", "clean.png", *BOTH, "--json")
    assert result.exit_code == 0, result.stderr
    page = Read()
    assert page.images == 3
    assert "Original | restored" in page.words
    assert f"{json.loads(result.stdout)['metrics']['psnr_db']:.2f} dB" in page.words
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 3 * 440


def test_a_batch_is_on_one_page_failures_and_skips_too(run):
    os.mkdir("many")
    name = HOSTILE.replace("|", "\u2215")
    for path in ("a.jpg", "b.jpg", name):
        Path("many", path).write_bytes(Path("photo.jpg").read_bytes())
    Path("many", "broken.jpg").write_bytes(Path("photo.jpg").read_bytes()[:300])
    os.mkdir("out")
    Path("out", "b.png").write_bytes(b"there already")
    result = run("jpeg", "many", "-o", "out", "--existing", "skip", *BOTH)
    assert result.exit_code == 3
    page = Read()
    assert sorted(page.statuses) == ["failed", "ok", "ok", "skipped"]
    assert page.scripts == 1
    assert f"many/{name}" in page.words
    assert any(words.startswith("reading:") for words in page.words)
    assert page.images == 4


def test_a_page_has_its_pictures_in_the_order_of_the_jobs(run):
    names = [f"{number:02}.jpg" for number in range(9)]
    os.mkdir("many")
    for name in names:
        Path("many", name).write_bytes(Path("photo.jpg").read_bytes())
    assert run("jpeg", "many", "-o", "out", "--workers", "3", *BOTH).exit_code == 0
    words = Read().words
    places = [words.index(f"many/{name}") for name in names]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--report", "page.txt"),
        ("--report", "page.html/"),
        ("--compare", "sheet.jpg"),
        ("--compare", "clean.png"),
        ("--compare", "out.png"),
        ("--compare", "mask.png"),
        ("--report", "there.html"),
        ("--report", "link.html", "-y"),
    ],
)
def test_what_would_take_the_place_of_another_file_is_refused(run, arguments, here):
    Path("there.html").write_text("mine")
    os.symlink("there.html", "link.html")
    before = {path: path.read_bytes() for path in here.iterdir()}
    result = run("inpaint", "clean.png", "--mask", "mask.png", "-o", "out.png", *arguments)
    assert result.exit_code == 2, result.stderr
    assert arguments[1] in result.stderr
    assert {path: path.read_bytes() for path in here.iterdir()} == before


def test_a_sheet_among_the_inputs_is_refused(run):
    os.mkdir("many")
    Path("many/a.jpg").write_bytes(Path("photo.jpg").read_bytes())
    assert run("jpeg", "many", "-o", "out", "--compare", "many/sheet.png").exit_code == 2
    assert not Path("out").exists()


def test_what_is_there_is_replaced_where_that_is_asked(run):
    Path("page.html").write_text("old")
    assert run("jpeg", "photo.jpg", "-y", *BOTH).exit_code == 0
    assert "old" not in Read().words


def test_a_dry_run_writes_no_page(run):
    assert run("jpeg", "photo.jpg", *BOTH, "--dry-run").exit_code == 0
    assert not Path("page.html").exists()
    assert not Path("sheet.png").exists()


def test_the_pixels_are_the_same_with_a_page_and_without(run):
    assert run("jpeg", "photo.jpg", "-o", "a.png").exit_code == 0
    assert run("jpeg", "photo.jpg", "-o", "b.png", *BOTH).exit_code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_a_page_that_cannot_be_written_costs_no_picture(run, monkeypatch):
    write = files.write_atomically

    def full(path, data, **options):
        with open("/dev/full", "wb", buffering=0) as device:
            write(path, (device.write(part) for part in data), **options)

    monkeypatch.setattr("restore.reports.page.write_atomically", full)
    result = run("jpeg", "photo.jpg", "-o", "a.png", *BOTH)
    assert result.exit_code == 5
    assert "'page.html' cannot be written: the disk is full" in result.stderr
    assert Path("a.png").exists()
    assert not Path("page.html").exists()


def test_an_interrupt_leaves_a_page_of_what_was_done(run, monkeypatch):
    from restore.batch.restorer import Restorer

    os.mkdir("many")
    for number in range(4):
        Path("many", f"{number}.jpg").write_bytes(Path("photo.jpg").read_bytes())
    make = Restorer.make

    def interrupted(self, model, show, job, given, progress):
        if job.input.path.endswith("2.jpg"):
            raise KeyboardInterrupt
        return make(self, model, show, job, given, progress)

    monkeypatch.setattr(Restorer, "make", interrupted)
    assert run("jpeg", "many", "-o", "out", *BOTH).exit_code == 130
    page = Read()
    assert page.statuses == ["ok", "ok"]
    assert page.words[page.words.index("left") + 1] == "2"
    with Image.open("sheet.png") as sheet:
        assert sheet.height > 1000


def test_a_page_on_standard_output_is_refused_and_its_picture_goes_there(run):
    assert run("jpeg", "photo.jpg", "--report", "-").exit_code == 2
    result = CliRunner().invoke(app, ["jpeg", "photo.jpg", "-o", "-", *BOTH])
    assert result.exit_code == 0, result.stderr
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert Read().images == 2


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Addresses that a browser was asked to open, on a machine with a screen."""
    found: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: found.append(address) or True)
    return found


def test_a_page_without_a_name_lies_beside_the_output(run, opened):
    result = run("jpeg", "photo.jpg", "--report", "--json")
    assert result.exit_code == 0, result.stderr
    assert "to look at: photo_jpeg.html" in result.stderr
    assert Read("photo_jpeg.html").images == 2
    assert run("jpeg", "--report", "-y", "photo.jpg").exit_code == 0
    assert run("jpeg", "photo.jpg", "-o", "other.png", "--report").exit_code == 0
    assert Path("other.html").exists()
    assert run("jpeg", "photo.jpg", "-o", "other.png", "--report").exit_code == 2
    os.mkdir("many")
    for name in ("a.jpg", "b.jpg"):
        Path("many", name).write_bytes(Path("photo.jpg").read_bytes())
    assert run("jpeg", "many", "-o", "out", "--report").exit_code == 0
    assert Read("out/report.html").statuses == ["ok", "ok"]
    assert opened == []


def test_a_page_is_opened_where_that_is_asked_and_there_is_a_screen(run, opened, monkeypatch):
    assert run("jpeg", "photo.jpg", "--open").exit_code == 0
    assert opened == [Path("photo_jpeg.html").resolve().as_uri()]
    assert run("jpeg", "photo.jpg", "--open", "-y", "--report", "page.html").exit_code == 0
    assert opened[1:] == [Path("page.html").resolve().as_uri()]
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run("jpeg", "photo.jpg", "--open", "-y").exit_code == 0
    assert len(opened) == 2


def test_a_page_beside_what_is_no_file_is_refused(run):
    piped = run("jpeg", "photo.jpg", "-o", "-", "--report")
    assert piped.exit_code == 2
    assert "name the page, since the output is no file" in piped.stderr
    os.mkdir("many")
    for number in range(12):
        Path("many", f"{number}.jpg").write_bytes(Path("photo.jpg").read_bytes())
    shared = run("jpeg", "many", "--shard", "1/2", "-o", "out", "--report")
    assert shared.exit_code == 2
    assert "name the page, since each shard writes one" in shared.stderr
    assert not Path("out").exists()


def test_an_editor_is_written_beside_the_picture_and_opened(run, opened):
    result = run("mask", "clean.png", "--edit", "--mask", "mask.png")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "clean_mask.html\n"
    assert opened == [Path("clean_mask.html").resolve().as_uri()]
    page = Path("clean_mask.html").read_text("utf-8")
    assert 'data-width="48" data-height="32"' in page
    assert 'data-file="clean_mask.png"' in page
    assert f'data-runs="{np.base_repr(10 * 48 + 15, 36).lower()} f ' in page
    again = run("mask", "clean.png", "--edit", "--no-open")
    assert again.exit_code == 2
    assert "'clean_mask.html' exists: --existing skip or overwrite (-y)" in again.stderr
    assert run("mask", "clean.png", "--edit", "--no-open", "-y").exit_code == 0
    assert 'data-runs=""' in Path("clean_mask.html").read_text("utf-8")
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mask", "clean.png", "--edit", "-o", "editor.png"), "ends in .html"),
        (("mask", "none.png", "--edit"), "no file is named"),
        (("mask", "photo.jpg", "--edit", "--mask", "small.png"), "the mask has 3×3 pixels"),
    ],
)
def test_what_cannot_be_edited_is_refused(run, opened, arguments, said):
    Image.new("L", (3, 3), 255).save("small.png")
    before = set(os.listdir())
    result = run(*arguments)
    assert result.exit_code in (2, 3)
    assert said in result.stderr
    assert (set(os.listdir()), opened) == (before, [])
