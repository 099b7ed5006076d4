"""Fuzzing: whatever is done to a file, only our own errors come out, soon, and in little memory."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import fuzzing, specimens

CASES = {
    "images": 1500, "jpegs": 500, "masks": 700, "safetensors": 500, "pickles": 200,
    "catalogues": 500, "latents": 500, "manifests": 300,
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="cases run in processes of forks")


def hunted(cases: dict[str, int], seed: int) -> dict[str, dict[str, Any]]:
    """Reports by kind, from a process of its own: a fork of this one would take its threads."""
    code = (
        "import sys, json; from tests.support.fuzzing import hunt; from dataclasses import asdict\n"
    )
    code += "for kind, n in json.loads(sys.argv[1]).items():\n"
    code += "    print(json.dumps(asdict(hunt(kind, n, int(sys.argv[2])))), flush=True)\n"
    command = [sys.executable, "-c", code, json.dumps(cases), str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return {report["kind"]: report for report in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    return hunted(CASES, 0)


@pytest.mark.parametrize("kind", specimens.KINDS)
def test_only_our_errors_come_out_soon_and_in_little_memory(
    reports: dict[str, dict[str, Any]], kind: str
) -> None:
    report = reports[kind]
    assert not report["wrong"], report["wrong"]  # look into one: fuzzing.py --kind K --case N
    assert report["read"] + report["refused"] == CASES[kind]
    assert report["read"] > 0
    assert report["refused"] > report["read"] or kind == "manifests"  # which pass over bad lines
    assert report["slowest"][0] < fuzzing.HANG
    assert report["grown"] < fuzzing.MEMORY


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_many_more_cases_find_nothing_either(seed: int) -> None:
    reports = hunted(dict.fromkeys(specimens.KINDS, 5000), seed)
    assert not {kind: report["wrong"] for kind, report in reports.items() if report["wrong"]}


@pytest.mark.parametrize("kind", specimens.KINDS)
def test_a_case_is_its_number(kind: str) -> None:
    cases = [fuzzing.case(kind, 3, number) for number in range(5)]
    assert cases == [fuzzing.case(kind, 3, number) for number in range(5)]
    assert len(set(cases)) > 2
    assert cases != [fuzzing.case(kind, 4, number) for number in range(5)]


@pytest.mark.parametrize("kind", specimens.KINDS)
def test_what_is_taken_apart_is_put_together_as_it_was(kind: str) -> None:
    for data in specimens.KINDS[kind].seeds():
        pieces, join = fuzzing.taken_apart(data)
        assert pieces
        if not data.startswith(b"PK"):  # zip archives tell the time
            assert join(pieces) == data


def wild(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind whose reader goes wrong the third time, so that we know the hunter sees it."""
    deeds = {
        "raises": lambda: 1 // 0,
        "hangs": lambda: time.sleep(60),
        "crashes": lambda: os.kill(os.getpid(), 9),
        "hoards": lambda: bytearray(2 * fuzzing.MEMORY),
        "mutters": lambda: print("libfoo: odd", file=sys.stderr),
    }
    calls = 0

    def read(data: bytes, folder: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            deeds[kind]()

    seeds = specimens.KINDS["catalogues"].seeds
    monkeypatch.setitem(specimens.KINDS, "wild", specimens.Kind(seeds, read))


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        ("raises", "ZeroDivisionError"),
        ("hangs", "hang: over 0.5 seconds"),
        ("crashes", "crash: the process ended with -9"),
        ("hoards", "memory: MemoryError"),
        ("mutters", "libfoo: odd"),
    ],
)
def test_the_hunter_sees_what_goes_wrong_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, deed: str, sentence: str
) -> None:
    wild(deed, monkeypatch)
    report = fuzzing.hunt("wild", 5, hang=0.5)
    assert sentence in report.wrong[2]
    assert set(report.wrong) <= {2, 5}  # the reader of a second process counts anew
    assert report.read + report.refused + len(report.wrong) >= 5
