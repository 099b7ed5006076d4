"""Tables, CSV and Markdown of a bench."""

import csv
import io
from typing import Any

from restore import bench
from restore.bench.journal import Measures, Row
from restore.bench.summary import summarize
from tests.support.bench import (
    FACTS,
    make_row,
)


def test_tables_say_the_best_network_of_each_nfe_in_bold() -> None:
    rows = [
        make_row("bcm", 30.0, mode="fidelity", nfe=2),
        make_row("bcm", 31.0, mode="fidelity"),
        make_row("ddrm", 32.0),
        make_row("telea", 40.0, nfe=0),
    ]
    lines = summarize(rows)
    (shown,) = bench.make_tables(lines)
    assert [list(entry[:4]) for entry in shown.rows] == [
        ["bcm fidelity", "", "30.00", "31.00"],
        ["ddrm", "", "", "32.00"],
        ["telea", "40.00", "", ""],
    ]
    assert shown.best == {(0, 2), (1, 3)}
    table = list(csv.DictReader(io.StringIO(bench.format_csv(lines))))
    assert [entry["method"] for entry in table] == ["bcm", "bcm", "ddrm", "telea"]
    assert float(table[2]["masked_psnr_db"]) == 32


def test_the_overview_has_a_column_for_each_task_over_its_severities_and_says_who_is_ahead() -> (
    None
):
    def at(severity: str, method: str, psnr: float, nfe: int = 4, **more: Any) -> Row:
        found = Measures(psnr_db=psnr, texture_error=0.8)
        return make_row(method, task="jpeg", severity=severity, nfe=nfe, metrics=found, **more)

    text = bench.format_markdown(
        summarize([
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
