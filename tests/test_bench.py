"""Laws of the room `bench`: alike for all methods, counted exactly, measured once, told in full."""

import csv
import io
import json
import math
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

import restore
from restore import bench, metrics
from restore.bench import baselines, measures, plots
from restore.bench import bench as running
from restore.bench.cells import CLASSICAL, GROUPS, Cell
from restore.bench.exercises import TASKS, Exercise
from restore.bench.journal import Journal, Row
from restore.bench.pictures import Clean, Pictures, folder, public13
from restore.bench.summary import Line, notes_on, summarised, verdicts
from restore.cli import app
from restore.cli.exits import Interrupted
from restore.errors import ImageError, RequestError
from restore.solvers import PEERS
from tests.support.browser import CHROMIUM, Browser

JPEG, HOLES = Exercise("jpeg", "10"), Exercise("inpaint", "half")
Run = Callable[..., Result]


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
    """planned(exercises, methods, nfe, seeds): a bench on two small pictures."""

    def plan(
        exercises: list[Exercise], methods: list[str], nfe: tuple[int, ...] = (1,), seeds: int = 1
    ) -> bench.Bench:
        cells, _ = bench.cells(
            exercises,
            methods,
            ["fidelity"],
            nfe,
            seeds,
            pictures=pictures,
            checkpoint=model.checkpoint,
        )
        return bench.Bench(model, pictures, cells)

    return plan


def measured(plan: bench.Bench, journal: Journal | None = None) -> list[Row]:
    def fail(where: str, error: Exception) -> None:
        raise AssertionError(where) from error

    return bench.run(plan, Journal(None) if journal is None else journal, fail=fail)


# What is asked


def test_a_task_is_all_its_severities_or_the_one_that_is_named() -> None:
    named = bench.exercises(["jpeg", "superres-1.5", "deblur-motion:9,-45", "jpeg-10"])
    assert [one.name for one in named] == [
        "jpeg-10", "jpeg-20", "jpeg-40", "superres-1.5", "deblur-motion:9,-45",
    ]  # fmt: skip
    everything = bench.exercises(["all"])
    assert {one.task for one in everything} == set(TASKS)
    assert set(bench.usual()) <= set(everything)


@pytest.mark.parametrize(
    "name",
    ["sharpen", "jpeg-0", "jpeg-best", "superres-1", "inpaint-lace", "denoise-0", "deblur-lens:3"],
)
def test_an_exercise_that_cannot_be_is_refused_with_its_name(name: str) -> None:
    with pytest.raises(RequestError, match=f"--tasks '{name}'"):
        bench.exercises([name])


def test_a_comma_before_a_number_belongs_to_the_severity() -> None:
    text = "jpeg, deblur-motion:15,30,denoise-25,"
    assert bench.names_in(text) == ["jpeg", "deblur-motion:15,30", "denoise-25"]


def test_groups_name_every_method_once() -> None:
    assert bench.methods_of(["all"]) == list(GROUPS["all"])
    assert bench.methods_of(["peers", "ddrm"]) == list(PEERS)
    with pytest.raises(RequestError, match="expected ours, peers, classical, all"):
        bench.methods_of(["magic"])


def test_what_cannot_be_measured_is_named_in_the_notes(
    model: restore.BCM, pictures: Pictures
) -> None:
    cells, notes = bench.cells(
        [JPEG, HOLES],
        ["bcm", "inversion", "dps", "repaint", "telea"],
        ["fidelity", "perceptual"],
        [1, 4],
        1,
        pictures=pictures,
        checkpoint=model.checkpoint,
    )
    text = "\n".join(notes)
    assert "takes 3 network evaluations: dps (NFE 1)" in text
    assert re.search(r"no form of it for the task: dps, repaint \(jpeg\)", text)
    assert "inversion fidelity, inversion perceptual (NFE 1)" in text
    assert {(c.exercise.task, c.nfe) for c in cells if c.method == "dps"} == {("inpaint", 4)}
    assert {c.mode for c in cells if c.method == "bcm"} == {"fidelity", "perceptual"}
    assert [c.exercise for c in cells if c.method == "telea"] == [HOLES]
    with pytest.raises(RequestError, match=r"nothing can be measured; left out.*repaint"):
        bench.cells(
            [JPEG], ["repaint"], ["fidelity"], [1], 1,
            pictures=pictures, checkpoint=model.checkpoint,
        )  # fmt: skip


def test_slow_classical_methods_are_left_out_of_large_pictures(model: restore.BCM) -> None:
    large = Pictures("large", (Clean("a", np.zeros((512, 528, 3), np.uint8), 0),))
    cells, notes = bench.cells(
        [HOLES], list(CLASSICAL), ["fidelity"], [1], 1,
        pictures=large, checkpoint=model.checkpoint,
    )  # fmt: skip
    assert [cell.method for cell in cells] == ["telea", "navier-stokes"]
    assert "biharmonic (inpaint)" in notes[0]


# Pictures


def test_public_13_needs_no_download_and_says_what_its_packages_lack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = public13(64, 2)
    assert [one.name for one in found.clean] == ["astronaut", "brick"]
    assert {one.size for one in found.clean} == {(64, 64)}
    assert found.title == "Public 13, 2 of 64×64 pixels"
    monkeypatch.setattr("restore.bench.pictures.PUBLIC13", ("chelsea", "china"))
    assert [one.name for one in public13(64).clean] == ["chelsea", "china"]
    monkeypatch.setattr("restore.bench.pictures.find_spec", lambda name: None)
    assert "china is missing: scikit-learn" in public13(64).missing[0]


def test_a_folder_gives_its_pictures_in_colour_their_centres_aligned(
    tmp_path: Path, photo: np.ndarray
) -> None:
    Image.fromarray(photo).save(tmp_path / "b.png")
    Image.fromarray(photo[..., 0]).save(tmp_path / "a.png")
    Image.fromarray(photo[:20, :50]).convert("RGBA").save(tmp_path / "c.png")
    Image.fromarray(photo[:10]).save(tmp_path / "thin.png")
    (tmp_path / "d.jpg").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("nothing")
    found = folder(str(tmp_path))
    assert [one.size for one in found.clean] == [(64, 64), (64, 64), (48, 16)]
    assert all(one.pixels.shape[2] == 3 for one in found.clean)
    assert [text.split(" is missing")[0] for text in found.missing] == ["d.jpg", "thin.png"]
    assert np.array_equal(folder(str(tmp_path), 32).clean[1].pixels, photo[16:48, 16:48])
    assert [one.name for one in folder(str(tmp_path), first=1).clean] == ["a.png"]
    for wrong in (tmp_path / "none", tmp_path / "b.png"):
        with pytest.raises(RequestError, match="cannot be listed"):
            folder(str(wrong))
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="holds no image"):
        folder(str(tmp_path / "empty"))


@pytest.mark.parametrize("exercise", bench.exercises(["all"]), ids=lambda one: one.name)
def test_a_seed_decides_all_that_is_random(exercise: Exercise, photo: np.ndarray) -> None:
    clean = Clean("a", photo, 3)
    again, other = exercise.given(clean, 0), exercise.given(clean, 1)
    assert again.data == exercise.given(clean, 0).data
    random = TASKS[exercise.task].random and exercise.severity != "block"
    assert (again.data != other.data) is random


# Classical methods


@pytest.mark.parametrize("exercise", bench.usual(), ids=lambda one: one.task)
def test_classical_methods_do_better_than_nothing(exercise: Exercise, photo: np.ndarray) -> None:
    given = exercise.given(Clean("a", photo, 0), 0)
    psnr = {}
    for name, method in TASKS[exercise.task].baselines.items():
        pixels = method(given)
        assert (pixels.shape, pixels.dtype) == (photo.shape, photo.dtype)
        psnr[name] = metrics.psnr(pixels, photo, given.hole)
    if exercise.task in ("denoise", "deblur", "superres"):
        first, *rest = psnr.values()
        assert min(rest) > first
    if given.hole is not None:
        grey = metrics.psnr(given.picture.pixels, photo, given.hole)
        assert min(psnr.values()) > grey + 5


def test_back_projection_shrinks_to_what_was_given(photo: np.ndarray) -> None:
    exercise = Exercise("superres", "2")
    clean = Clean("a", photo, 0)
    given = exercise.given(clean, 0)
    held = [
        measures.measured(method(given), clean, given)["consistency_psnr_db"]
        for method in (baselines.bicubic, baselines.back_projection)
    ]
    assert held[1] > held[0] + 15


# Measuring


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

    monkeypatch.setattr(running, "restored", untouched)
    rows = measured(planned([HOLES], ["bcm", "ddrm", "telea"], seeds=2))
    assert seen["bcm"] == seen["ddrm"] == seen["telea"]
    assert len(set(seen["bcm"])) == 4
    by_method = {row.method: row.metrics for row in rows if (row.picture, row.seed) == ("a", 0)}
    assert by_method["bcm"] == by_method["ddrm"] == by_method["telea"]


def test_the_metrics_are_those_of_the_room_and_of_the_record(
    planned: Callable[..., bench.Bench], pictures: Pictures, model: restore.BCM
) -> None:
    (row, _) = measured(planned([HOLES], ["bcm"]))
    clean = pictures.clean[0]
    given = HOLES.given(clean, 0)
    result = restore.inpaint(given.data, given.hole, model=model, nfe=1, reference=clean.pixels)
    known = result.report["metrics"]
    for name in ("psnr_db", "ssim", "masked_psnr_db", "known_max_error"):
        assert row.metrics[name] == known[name]
    sharp = metrics.sharpness(result.image) / metrics.sharpness(clean.pixels)
    assert row.metrics["sharpness"] == pytest.approx(sharp, abs=1e-5)
    assert row.seconds > 0


def test_a_clean_result_is_measured_as_such(photo: np.ndarray) -> None:
    clean = Clean("a", photo, 0)
    for exercise in bench.usual():
        found = measures.measured(photo, clean, exercise.given(clean, 0))
        assert found["psnr_db"] is None
        assert (found["sharpness"], found["blur"], found["texture_error"]) == (1, 0, 0)
        name = measures.CONSISTENCY[exercise.task]
        assert name in found
        if exercise.task == "denoise":
            assert found[name] == pytest.approx(25, rel=0.1)
        if exercise.task == "deblur":
            assert found[name] == pytest.approx(2.55, rel=0.1)


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
    assert bench.perception(False) == (
        None,
        "LPIPS is left out: the package lpips is not installed",
    )
    (tmp_path / "lpips.py").write_text("import torchvision.models")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lpips")
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert "the package torchvision is not installed" in bench.perception(False)[1]
    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=Distance))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert "this is offline" in bench.perception(True)[1]
    perception, _ = bench.perception(False)
    clean = Clean("a", photo, 0)
    found = measures.measured(255 - photo, clean, HOLES.given(clean, 0), perception)
    expected = np.abs(photo.astype(float) - (255 - photo)).mean() / 127.5
    assert found["lpips"] == pytest.approx(expected, abs=1e-4)

    def unreachable(**options: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(sys.modules["lpips"], "LPIPS", unreachable)
    assert "no route to host" in bench.perception(False)[1]


# Measured once


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Methods that were run, by name, one for each picture."""
    ran: list[str] = []
    true = running.restored

    def run(plan: bench.Bench, cell: Cell, given: Any) -> np.ndarray:
        ran.append(cell.method)
        return true(plan, cell, given)

    monkeypatch.setattr(running, "restored", run)
    return ran


def test_a_second_run_measures_only_what_is_missing(
    planned: Callable[..., bench.Bench], tmp_path: Path, counted: list[str]
) -> None:
    path = str(tmp_path / "rows.jsonl")
    first = measured(planned([HOLES], ["bcm", "telea"]), Journal(path))
    assert counted == ["bcm"] * 2 + ["telea"] * 2
    counted.clear()
    again = measured(planned([HOLES], ["bcm", "telea"]), Journal(path))
    assert (counted, again) == ([], first)
    measured(planned([HOLES], ["bcm", "ddrm", "telea"], (1, 2)), Journal(path))
    assert counted == ["bcm"] * 2 + ["ddrm"] * 4
    counted.clear()
    measured(planned([HOLES], ["bcm", "telea"], seeds=2), Journal(path))
    assert counted == ["bcm"] * 2 + ["telea"] * 2


def test_a_line_cut_short_is_measured_again_and_no_other(
    planned: Callable[..., bench.Bench], tmp_path: Path, counted: list[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    plan = planned([JPEG], ["bcm", "decoded"])
    first = measured(plan, Journal(str(path)))
    path.write_bytes(path.read_bytes()[:-40])
    counted.clear()
    assert [row.metrics for row in measured(plan, Journal(str(path)))] == [
        row.metrics for row in first
    ]
    assert counted == ["decoded"]
    assert Journal(str(path)).count == 4
    assert len(path.read_text().splitlines()) == 5


def test_another_model_code_or_picture_is_measured_anew(
    planned: Callable[..., bench.Bench],
    tmp_path: Path,
    counted: list[str],
    monkeypatch: pytest.MonkeyPatch,
    pictures: Pictures,
) -> None:
    path = str(tmp_path / "rows.jsonl")
    plan = planned([HOLES], ["bcm", "telea"])
    measured(plan, Journal(path))
    with monkeypatch.context() as change:
        counted.clear()
        change.setattr(plan.model, "sha256", "another")
        measured(plan, Journal(path))
        assert counted == ["bcm", "bcm"]  # what has no network stays
    with monkeypatch.context() as change:
        counted.clear()
        change.setattr(running, "code", lambda: "another")
        measured(plan, Journal(path))
        assert counted == ["bcm"] * 2 + ["telea"] * 2
    counted.clear()
    pictures.clean[1].pixels[0, 0] ^= 1
    measured(plan, Journal(path))
    assert counted == ["bcm", "telea"]


def test_two_processes_share_a_journal_and_a_third_only_reads(
    planned: Callable[..., bench.Bench], counted: list[str], tmp_path: Path
) -> None:
    path = str(tmp_path / "rows.jsonl")
    halves = [planned([JPEG], ["bcm", "decoded"]), planned([HOLES], ["bcm", "telea"])]
    journals = [Journal(path), Journal(path)]  # both open at once
    for half, journal in zip(halves, journals, strict=True):
        measured(half, journal)
    counted.clear()
    whole = planned([JPEG, HOLES], ["bcm", "decoded", "telea"])
    assert len(measured(whole, Journal(path))) == 8
    assert counted == []


def test_a_comment_is_no_other_code() -> None:
    def same(text: str, other: str) -> bool:
        import ast

        a, b = (ast.dump(running._undocumented(ast.parse(code))) for code in (text, other))
        return a == b

    assert same('"""One."""\nx = 1', '"""Two."""\n# why\nx = (\n    1\n)')
    assert not same("x = 1", "x = 2")
    assert re.fullmatch("[0-9a-f]{16}", running.code())


def test_a_file_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "photo.jpg"
    other.write_bytes(b"\xff\xd8 something else\n{}")
    for path in (str(other), str(tmp_path), str(tmp_path / "none" / "rows.jsonl"), "a\0b"):
        with pytest.raises(RequestError, match="--rows"):
            Journal(path)
    assert other.read_bytes() == b"\xff\xd8 something else\n{}"
    lines = ["[]", "7", '{"bench": 1}', '{"bench": 2, "task": "jpeg"}', "null", '"' + "[" * 9999]
    other.write_text("\n".join(lines))
    with pytest.raises(RequestError, match="something else"):
        Journal(str(other))


# Means


def row(method: str = "bcm", psnr: float | None = 30.0, **more: Any) -> Row:
    known = {
        "task": "inpaint", "severity": "half", "method": method, "mode": None, "nfe": 4, "seed": 0,
        "picture": "a", "number": 0, "picture_sha256": "", "size": (1000, 1000),
        "model_sha256": None, "label": None, "machine": "", "versions": {}, "code": "",
        "seconds": 2.0, "metrics": {"psnr_db": 99.0, "masked_psnr_db": psnr, "known_max_error": 0},
    }  # fmt: skip
    return Row(**{**known, **more})


def test_lines_are_means_over_pictures_and_seeds() -> None:
    rows = [
        row(psnr=20.0, picture="a"),
        row(psnr=30.0, picture="b", seconds=4.0),
        row(psnr=24.0, picture="a", seed=1, seconds=90.0),
        row(psnr=None, picture="b", seed=1, metrics={"masked_psnr_db": None, "known_max_error": 3}),
    ]
    (line,) = summarised(rows)
    assert line.quality == pytest.approx((20 + 30 + 24 + 100) / 4)
    assert line.psnr_spread_db == pytest.approx(abs(62 - 25) / math.sqrt(2), abs=1e-3)
    assert (line.pictures, line.seeds) == (2, 2)
    assert line.metrics["known_max_error"] == 3
    assert line.seconds == 3.0
    assert line.megapixels_per_second == pytest.approx((0.25 + 0.5) / 2)


def test_a_verdict_compares_ours_with_the_best_peer_at_the_same_nfe() -> None:
    rows = [
        row("bcm", 30.0, mode="fidelity"),
        row("bcm", 33.0, mode="perceptual"),
        row("ddrm", 29.0),
        row("ddnm", 29.5),
        row("dps", 40.0, nfe=8),
        row("biharmonic", 50.0, nfe=0),
    ]
    (verdict,) = verdicts(summarised(rows))
    assert (verdict.best.method, verdict.nfe, verdict.ahead_db) == ("ddnm", 4, 0.5)
    assert bench.said(verdict) == (
        "inpaint-half, NFE 4: bcm 30.00 dB, 0.50 dB above the best peer, ddnm"
    )
    notes = "\n".join(notes_on(summarised(rows)))
    assert "dps: going back through the network" in notes
    assert "3 network evaluations" in notes
    assert "-ccdf" not in notes
    assert any("-ccdf: a" in note for note in notes_on(summarised([row("ddrm-ccdf")])))


def test_methods_that_failed_on_a_picture_are_not_compared() -> None:
    rows = [
        row("bcm", 30.0, mode="fidelity"),
        row("bcm", 30.0, mode="fidelity", picture="b"),
        row("ddrm", 40.0),
        row("ddnm", 29.0),
        row("ddnm", 29.0, picture="b"),
    ]
    lines = summarised(rows)
    assert verdicts(lines)[0].best.method == "ddnm"
    assert any("ddrm, NFE 4: 1 of 2 pictures" in note for note in notes_on(lines))


def test_tables_say_the_best_network_of_each_nfe_in_bold() -> None:
    rows = [
        row("bcm", 30.0, mode="fidelity", nfe=2),
        row("bcm", 31.0, mode="fidelity"),
        row("ddrm", 32.0),
        row("telea", 40.0, nfe=0),
    ]
    lines = summarised(rows)
    (shown,) = bench.tables(lines)
    assert [list(entry[:4]) for entry in shown.rows] == [
        ["bcm fidelity", "", "30.00", "31.00"],
        ["ddrm", "", "", "32.00"],
        ["telea", "40.00", "", ""],
    ]
    assert shown.best == {(0, 2), (1, 3)}
    table = list(csv.DictReader(io.StringIO(bench.as_csv(lines))))
    assert [entry["method"] for entry in table] == ["bcm", "bcm", "ddrm", "telea"]
    assert float(table[2]["masked_psnr_db"]) == 32


def test_the_overview_has_a_column_for_each_task_over_its_severities_and_says_who_is_ahead() -> (
    None
):
    def at(severity: str, method: str, psnr: float, nfe: int = 4, **more: Any) -> Row:
        found = {"psnr_db": psnr, "texture_error": 0.8}
        return row(method, task="jpeg", severity=severity, nfe=nfe, metrics=found, **more)

    text = bench.as_markdown(
        summarised([
            at("10", "decoded", 26.0, 0),
            at("10", "bcm", 30.0, mode="fidelity"),
            at("20", "bcm", 32.0, mode="fidelity"),
            at("20", "bcm", 33.0, 8, mode="fidelity"),
            at("10", "ddrm", 30.5),
            at("20", "ddrm", 30.0),
            at("10", "bcm", 30.0, 8, mode="fidelity"),
            at("20", "decoded", 27.0, 0),
            at("20", "ddnm", 30.0),
        ]),
        FACTS,
    )  # fmt: skip
    table, explained, judged = text.rstrip().split("\n\n")
    assert table.splitlines() == [
        "| method | jpeg 10; 20 | texture error | s |",
        "| --- | ---: | ---: | ---: |",
        "| bcm fidelity | **31.00** / **31.50** | 0.80 | 2.00 |",
        "| ddrm | 30.25 / – | 0.80 | 2.00 |",
        "| ddnm |  | 0.80 | 2.00 |",  # not measured at every severity
        "| decoded | 26.50 | 0.80 | 2.00 |",
    ]
    assert "at 4 / 8 network evaluations, mean over two" in explained
    assert judged == (
        "bcm in fidelity mode is at or above the best peer in 1 of 2 comparisons, by -0.50 to "
        "+2.00 dB; behind in jpeg-10 at NFE 4 (ddrm, by 0.50 dB)."
    )


# Plots and the page


def lines_of(quality: dict[str, list[float]]) -> list[Line]:
    """Lines at NFE 1, 2, 4, …; a classical method has one."""
    found = []
    for name, values in quality.items():
        method, _, mode = name.partition(" ")
        for number, value in enumerate(values):
            nfe = 0 if method in CLASSICAL else 2**number
            found.append(
                row(method, value, mode=mode or None, nfe=nfe, seconds=0.1 * 2**number * len(name))
            )
    return summarised(found)


QUALITY = {
    "bcm fidelity": [30.0, 31.0, 32.0],
    "bcm perceptual": [29.0, 29.5, 29.0],
    "ddrm": [8.0, 28.0, 29.0],
    "ddnm": [28.5, 28.9, 29.1],
    "pgdm": [28.0, 28.7, 29.05],
    "telea": [29.1],
    "biharmonic": [30.4],
}


def test_a_plot_marks_every_figure_and_its_names_never_overlap() -> None:
    ((named, bare),) = bench.panels(lines_of(QUALITY))
    for panel in (named, bare):
        svg = ElementTree.fromstring(plots.inline(panel))
        titles = [title.text or "" for title in svg.iter() if title.tag.endswith("title")]
        assert len(titles) == 17
        assert sum("bcm fidelity, NFE 4" in title for title in titles) == 1
        names = {
            text.text: float(text.attrib["y"])
            for group in svg.iter()
            if group.tag.endswith("g") and "tag" in group.get("class", "").split()
            for text in group
            if text.tag.endswith("text")
        }
        assert set(names) == (set(QUALITY) if panel is named else set())
        places = sorted(names.values())
        assert all(np.diff(places) >= plots.APART - 0.11)
        assert all(0 < place < plots.HEIGHT for place in places)


def test_what_lies_far_below_is_drawn_on_the_floor_and_told_below() -> None:
    quality = {"bcm fidelity": [30.0, 31.0], "ddnm": [29.0, 29.5], "cm": [29.0, 9.0]}
    ((panel, _),) = bench.panels(lines_of(quality))
    text = plots.inline(panel)
    assert ">below: cm 9.0<" in text
    assert len(re.findall(r'<path class="dot"', text)) == 1
    at = plots._up(panel)
    assert at.floor > 20
    assert at.at(31.0) < at.at(30.0) < at.at(29.0) <= plots.HEIGHT - plots.BOTTOM


def test_many_that_lie_far_below_are_told_in_lines_that_stay_on_the_page() -> None:
    peers = {name: [20.0, 9.0] for name in PEERS}
    ((panel, _),) = bench.panels(lines_of({"bcm fidelity": [30.0, 31.0], "telea": [28.0], **peers}))
    svg = ElementTree.fromstring(plots.inline(panel))
    told = [text for text in svg.iter() if text.get("class") == "below"]
    assert all(name in " ".join(text.text or "" for text in told) for name in PEERS)
    assert all(len(text.text or "") <= plots.LONGEST for text in told)
    assert all(float(text.attrib["y"]) < plots.HEIGHT for text in told)


def test_an_even_axis_begins_and_ends_at_round_numbers() -> None:
    line = plots.Series("a", "s0", [(0.31, 1.0, ""), (0.78, 2.0, "")])
    axis = plots._across(plots.Panel("t", "x", "y", [line]))
    assert axis.marks == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert axis.at(0.8) - axis.at(0.55) == pytest.approx(axis.at(0.55) - axis.at(0.3))


def test_one_figure_alone_can_be_plotted() -> None:
    for quality in ({"bcm fidelity": [30.0]}, {"telea": [20.0]}):
        ElementTree.fromstring(plots.sheet(bench.panels(lines_of(quality))))


class Read(HTMLParser):
    """A page as a parser takes it: what is opened is closed, and the attributes of all."""

    VOID = ("meta", "link", "br", "rect", "line", "circle", "polyline", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


FACTS = {
    "model": "<b>mine</b>", "model_sha256": "55fa", "pictures": "two", "seeds": "1",
    "machine": "cpu", "versions": "torch 2",
}  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "bench.html"
    lines = lines_of(QUALITY)
    path.write_bytes(b"".join(bench.page("Methods <side> by side", FACTS, lines, ["a <note>"])))
    return path


def test_the_page_is_whole_says_all_and_loads_nothing(page: Path) -> None:
    text = page.read_text("utf-8")
    read = Read(text)
    assert not read.open
    for tag, attributes in read.elements:
        for name in ("src", "href", "data", "action", "srcset"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
    assert not re.search(r"url\(|@import|https?://", text)
    words = " ".join(read.words)
    for said in ("Methods <side> by side", "a <note>", "<b>mine</b>", "Ours against the best peer"):
        assert said in words
    assert "+2.90" in words  # 32 against 29.1
    assert sum(tag == "svg" for tag, _ in read.elements) == 2
    targets = {attributes.get("id") for _, attributes in read.elements}
    links = [a["href"] for tag, a in read.elements if tag == "a"]
    assert links
    assert all((link or "")[1:] in targets for link in links)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def test_a_browser_shows_the_page_light_and_dark_without_a_complaint(
    browser: Browser, page: Path
) -> None:
    browser.events.clear()
    browser.open(page.as_uri())
    colours = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.call("Emulation.setEmulatedMedia", features=features)
        fill = 'getComputedStyle(document.querySelector(".plot .back")).fill'
        colours.append(browser.value(fill))
    assert colours[0] != colours[1]
    assert browser.value('document.querySelectorAll(".plot .series").length') == 2 * len(QUALITY)
    size = browser.place(".plot")
    assert size["width"] > 300
    assert size["height"] > 150
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    for event in browser.events:
        params = event.get("params", {})
        assert "exceptionDetails" not in params
        assert params.get("request", {}).get("url", "file:").startswith(("data:", "file:"))


# The command


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


SMALL = ("--tasks", "jpeg-10,inpaint-half", "--methods", "bcm,ddrm,classical", "--nfe", "1,2")


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
    Read(Path("b.html").read_text("utf-8"))
    ElementTree.parse("b.svg")
    assert "| bcm fidelity |" in Path("b.md").read_text()
    assert len(Path("bcm-bench.jsonl").read_text().splitlines()) == len(counted) == 32
    counted.clear()
    again = run(*SMALL, "--quiet")
    assert (again.stdout, again.stderr, counted) == (first.stdout, "", [])


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
        (["--html", "clean"], "not a regular file"),
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
    true = running.restored

    def brittle(plan: bench.Bench, cell: Cell, given: Any) -> np.ndarray:
        if cell.method == "telea" and given.size == (48, 32):
            raise ImageError("the result is not finite")
        return true(plan, cell, given)

    Image.open("clean/b.png").crop((0, 0, 32, 32)).save("clean/b.png")
    monkeypatch.setattr(running, "restored", brittle)
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
    true, ran = running.restored, []

    def interrupted(plan: bench.Bench, cell: Cell, given: Any) -> np.ndarray:
        ran.append(cell)
        if len(ran) == 4:
            raise Interrupted(signal.SIGTERM)
        return true(plan, cell, given)

    with monkeypatch.context() as change:
        change.setattr(running, "restored", interrupted)
        result = run(*SMALL)
    assert result.exit_code == 143
    assert "3 measurements are in 'bcm-bench.jsonl'; the same command goes on" in result.stderr
    assert "29 of 32 measurements to do" in run(*SMALL).stderr
