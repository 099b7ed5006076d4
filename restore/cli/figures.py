"""Figures: what a bench found, on the terminal and in files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch import STDOUT
from restore.batch.inputs import identity
from restore.cli.options import FLAG, Quiet, Verbose
from restore.cli.terminal import Terminal, dumped, emit
from restore.errors import RequestError

if TYPE_CHECKING:
    from restore.bench import Bench, Line, Table

_written = partial(typer.Option, rich_help_panel="Output")

ROWS = "bcm-bench.jsonl"


@dataclass(frozen=True)
class Written:
    """Where the figures go; the table is on the terminal, or as CSV in what it is piped to."""

    rows: Annotated[
        str,
        _written(
            metavar="FILE|none",
            help="Where every measurement is kept; the next run does what is missing there",
        ),
    ] = ROWS
    json: Annotated[
        str | None, _written(metavar="FILE|-", help="All figures, notes and versions as JSON")
    ] = None
    csv: Annotated[str | None, _written(metavar="FILE|-", help="The figures as CSV")] = None
    markdown: Annotated[
        str | None, _written(metavar="FILE|-", help="One table of all tasks, for a README")
    ] = None
    plot: Annotated[
        str | None,
        _written(
            metavar="FILE.svg", help="Quality against evaluations and against seconds, as SVG"
        ),
    ] = None
    html: Annotated[
        str | None,
        _written(metavar="FILE", help="Plots and tables as one page that needs nothing else"),
    ] = None
    dry_run: Annotated[
        bool, _written("--dry-run", metavar=FLAG, help="Say what would be measured, and stop")
    ] = False
    quiet: Quiet = False
    verbose: Verbose = False

    @property
    def files(self) -> list[str]:
        """What is written at the end. RequestError where two are one, or stdout is a page."""
        asked = self.json, self.csv, self.markdown, self.plot, self.html
        paths = [path for path in asked if path is not None]
        if STDOUT in (self.plot, self.html):
            raise RequestError("--plot and --html write files: name one")
        named = [*paths, *([] if self.rows == "none" else [self.rows])]
        places = [path if path == STDOUT else identity(path) for path in named]
        twice = [path for path, at in zip(named, places, strict=True) if places.count(at) > 1]
        if twice:
            what = "standard output" if twice[0] == STDOUT else repr(twice[0])
            raise RequestError(f"{what} can hold one of the outputs: name another for the rest")
        if self.rows == STDOUT or not self.rows:
            raise RequestError("--rows is a file that is read and written, or none")
        return [path for path in paths if path != STDOUT]

    @property
    def piped(self) -> bool:
        """Whether standard output is one of the files."""
        return STDOUT in (self.json, self.csv, self.markdown)


def write(written: Written, plan: Bench, lines: Sequence[Line], notes: Sequence[str]) -> None:
    from restore import bench as benches
    from restore.images import write_atomically

    facts = benches.describe_bench(plan)
    figures = [{**line.as_dict(), "kind": line.kind} for line in lines]
    scores = [
        {"exercise": one.case.name, "nfe": one.nfe, "best_peer": one.best.method,
         "ahead_db": round(one.ahead_db, 4)}
        for one in benches.compare_with_peers(lines)
    ]  # fmt: skip
    whole = {
        "schema": 1,
        "bench": vars(facts),
        "lines": figures,
        "verdicts": scores,
        "notes": [*notes],
    }
    texts = [(written.json, dumped(whole) + "\n"), (written.csv, benches.format_csv(lines)),
             (written.markdown, benches.format_markdown(lines, facts))]  # fmt: skip
    for path, text in texts:
        if path == STDOUT:
            emit(text.rstrip("\n"))
        elif path is not None:
            write_atomically(path, text.encode())
    if written.plot is not None:
        write_atomically(written.plot, benches.draw_sheet(benches.make_panels(lines)).encode())
    if written.html is not None:
        title = f"Methods side by side on the network {facts.model}"
        write_atomically(written.html, benches.render_page(title, facts, lines, notes))


def show(written: Written, lines: Sequence[Line], terminal: Terminal) -> None:
    """The tables, on a terminal; as CSV where standard output is piped and holds nothing else."""
    from restore import bench as benches

    if written.piped:
        pass
    elif sys.stdout.isatty():
        for table in benches.make_tables(lines):
            _print(table)
    else:
        emit(benches.format_csv(lines).rstrip("\n"))
    for comparison in benches.compare_with_peers(lines):
        terminal.say(benches.describe_comparison(comparison))
    for note in benches.write_notes(lines):
        terminal.say(f"note: {note}")
    for path in written.files:
        terminal.say(f"written: {path}")


def _print(table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Shown
    from rich.text import Text

    shown = Shown(title=table.title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for number, name in enumerate(table.head):
        shown.add_column(name, justify="right" if number else "left", no_wrap=True)
    for r, (row, kind) in enumerate(zip(table.rows, table.kinds, strict=True)):
        cells = [
            Text(cell, style="bold" if (r, c) in table.best or (not c and kind == "ours") else "")
            for c, cell in enumerate(row)
        ]
        shown.add_row(*cells)
    Console().print(shown)
