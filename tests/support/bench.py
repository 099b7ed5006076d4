"""Bench: rows, lines and a run of the harness for tests of the bench."""

from collections.abc import Callable
from typing import Any

from typer.testing import Result

from restore import bench
from restore.bench.cases import CLASSICAL, Case
from restore.bench.harness import Facts
from restore.bench.journal import Journal, Measures, Row
from restore.bench.summary import Line, summarize

Run = Callable[..., Result]
JPEG, HOLES = Case("jpeg", "10"), Case("inpaint", "half")
SMALL = ("--tasks", "jpeg-10,inpaint-half", "--methods", "bcm,ddrm,classical", "--nfe", "1,2")
FACTS = Facts("<b>mine</b>", "55fa", "two", "1", "cpu", "torch 2")


def measured(plan: bench.Bench, journal: Journal | None = None) -> list[Row]:
    def fail(where: str, error: Exception) -> None:
        raise AssertionError(where) from error

    return bench.run_bench(plan, Journal(None) if journal is None else journal, fail=fail)


def make_row(method: str = "bcm", psnr: float = 30.0, **more: Any) -> Row:
    known = {
        "task": "inpaint", "severity": "half", "method": method, "mode": None, "nfe": 4, "seed": 0,
        "picture": "a", "number": 0, "picture_sha256": "", "size": (1000, 1000),
        "model_sha256": None, "label": None, "machine": "", "versions": {}, "code": "",
        "seconds": 2.0, "metrics": Measures(psnr_db=99.0, masked_psnr_db=psnr, known_max_error=0),
    }  # fmt: skip
    return Row(**{**known, **more})


def lines_of(quality: dict[str, list[float]]) -> list[Line]:
    """Lines at NFE 1, 2, 4, …; a classical method has one."""
    found = []
    for name, values in quality.items():
        method, _, mode = name.partition(" ")
        for number, value in enumerate(values):
            nfe = 0 if method in CLASSICAL else 2**number
            found.append(
                make_row(
                    method, value, mode=mode or None, nfe=nfe, seconds=0.1 * 2**number * len(name)
                )
            )
    return summarize(found)


QUALITY = {
    "bcm fidelity": [30.0, 31.0, 32.0],
    "bcm perceptual": [29.0, 29.5, 29.0],
    "ddrm": [8.0, 28.0, 29.0],
    "ddnm": [28.5, 28.9, 29.1],
    "pgdm": [28.0, 28.7, 29.05],
    "telea": [29.1],
    "biharmonic": [30.4],
}
