"""The journal: nothing is measured twice, and nothing is taken that has changed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from restore import bench
from restore.bench import harness
from restore.bench.journal import Journal
from restore.bench.pictures import Pictures
from restore.errors import RequestError
from tests.support.bench import HOLES, JPEG, measured


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
        change.setattr(harness, "TUNED", {})
        measured(plan, Journal(path))
        assert counted == ["bcm", "bcm"]
    with monkeypatch.context() as change:
        counted.clear()
        change.setattr(harness, "hash_code", lambda: "another")
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

        a, b = (ast.dump(harness._strip_docstrings(ast.parse(code))) for code in (text, other))
        return a == b

    assert same('"""One."""\nx = 1', '"""Two."""\n# why\nx = (\n    1\n)')
    assert not same("x = 1", "x = 2")
    assert re.fullmatch("[0-9a-f]{16}", harness.hash_code())


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
