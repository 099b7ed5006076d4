"""Bench: the command `bench`, which measures methods side by side on one network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch.inputs import is_within, normalise_path
from restore.batch.plan import STDOUT
from restore.cli.commands import FLAG, flatten
from restore.cli.options.file_options import Existing, WhereExists, Yes, choose_policy
from restore.cli.options.restoration_options import Machine, ModelOptions
from restore.cli.options.run_options import Quiet, Verbose
from restore.cli.run import estimate_seconds
from restore.cli.terminal import Terminal, complain, emit, format_seconds
from restore.errors import RequestError, RestoreError

if TYPE_CHECKING:
    from restore.bench import Bench, Journal, Line, Pictures, Row, Table
    from restore.settings import Mode

_asked = partial(typer.Option, rich_help_panel="What is measured")

SIZE, NFE = 128, "1,2,4,8"
FIXED_SECONDS = 0.04  # of a row beside the network: metrics, coding, a classical method


@dataclass(frozen=True)
class BenchOptions:
    """What is measured, and on what."""

    tasks: Annotated[
        str,
        _asked(
            metavar="LIST",
            show_default="one severity of each",
            help="jpeg, superres, inpaint, denoise, deblur with all their severities, or with "
            "one as in jpeg-10,superres-2,inpaint-scratches,denoise-25,deblur-motion:15,30; or all",
        ),
    ] = ""
    methods: Annotated[
        str,
        _asked(metavar="LIST", help="By name, or ours, peers, classical, all"),
    ] = "all"
    modes: Annotated[str, _asked(metavar="LIST", help="fidelity, perceptual, of our methods")] = (
        "fidelity,perceptual"
    )
    nfe: Annotated[
        str, _asked(metavar="LIST", help="Network evaluations, alike for all methods")
    ] = NFE
    seeds: Annotated[
        int, _asked(min=1, metavar="N", help="How often, with other noise and other holes")
    ] = 1
    images: Annotated[
        str | None,
        _asked(
            metavar="DIR",
            show_default="Public 13, of scikit-image and scikit-learn",
            help="A folder of clean pictures",
        ),
    ] = None
    first: Annotated[
        int | None,
        _asked(min=1, metavar="N", show_default="all", help="The first N pictures alone"),
    ] = None
    size: Annotated[
        int, _asked(min=0, metavar="N", help="Side of the centre that is cut out, 0 for all of it")
    ] = SIZE
    label: Annotated[
        int | None,
        _asked(min=0, metavar="CLASS", help="What a class-conditional model is to see"),
    ] = None


_written = partial(typer.Option, rich_help_panel="Output")

ROWS = "bcm-bench.jsonl"


@dataclass(frozen=True)
class BenchOutputs:
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
    existing: WhereExists = "error"
    yes: Yes = False
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
        places = [path if path == STDOUT else normalise_path(path) for path in named]
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


@flatten
def bench(
    options: BenchOptions, outputs: BenchOutputs, source: ModelOptions, machine: Machine
) -> None:
    """Measure methods side by side on one network, at equal network evaluations.

    Ours, published ones and classical ones, on pictures that are degraded and restored. What is
    measured is kept, so that a run that was stopped goes on, and nothing is measured twice.
    """
    files = outputs.files
    nfe = _parse_numbers(options.nfe)
    modes = _parse_modes(options.modes)

    from restore.checkpoints import resolve

    checkpoint = resolve(source.model, source.catalog)

    import torch

    from restore import bench as benches
    from restore.checkpoints import admit_label, load

    terminal = Terminal(outputs.quiet, outputs.verbose)
    cases = benches.choose_cases(benches.split_list(options.tasks)) or benches.choose_usual_cases()
    methods = benches.choose_methods(benches.split_list(options.methods))
    _check_places(options, [*files, outputs.rows])
    _check_files(files, choose_policy(outputs.existing, outputs.yes))
    if machine.threads:
        torch.set_num_threads(machine.threads)
    pictures = _load_pictures(options)
    model = load(
        checkpoint,
        machine.device,
        machine.dtype,
        allow_unverified=source.allow_unverified,
        offline=source.offline,
        admit=admit_label(options.label),
    )
    cells, notes = benches.make_grid(
        cases, methods, modes, nfe, options.seeds, pictures=pictures, checkpoint=model.checkpoint
    )
    perception, absent = benches.load_perception(source.offline)
    notes = [*pictures.missing, *([absent] if absent else []), *notes]
    plan = benches.Bench(model, pictures, cells, machine.side, options.label, perception)
    rows = None if outputs.rows == "none" else outputs.rows
    journal = benches.Journal(rows, write=not outputs.dry_run)
    try:
        _announce(plan, journal, terminal)
        for note in notes:
            terminal.say(f"note: {note}")
        if outputs.dry_run:
            return
        found, failed = _measure(plan, journal, terminal)
    finally:
        journal.close()
    lines = benches.summarize(found)
    notes += benches.write_notes(lines)
    paths = _write(outputs, plan, lines, notes)
    _show(outputs, lines, terminal)
    for path in paths:
        terminal.say(f"written: {path}")
    if failed:
        complain(f"{failed} measurements failed, and are not in the figures")
        raise typer.Exit(3)


def _parse_numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and 1 <= int(part) <= 1000 for part in parts):
        raise RequestError(f"--nfe {text!r}: expected numbers from 1 to 1000, as in {NFE}")
    return sorted({int(part) for part in parts})


def _parse_modes(text: str) -> list[Mode]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    known: tuple[Mode, ...] = ("fidelity", "perceptual")
    if not parts or not set(parts) <= set(known):
        raise RequestError(f"--modes {text!r}: expected fidelity, perceptual or both")
    return [mode for mode in known if mode in parts]


def _load_pictures(options: BenchOptions) -> Pictures:
    from restore.bench import load_folder, load_public13

    if options.images is None:
        return load_public13(options.size, options.first)
    return load_folder(options.images, options.size, options.first)


def _check_files(files: Sequence[str], existing: Existing) -> None:
    """RequestError or ResourceError where a file could not be written, before any work."""
    from restore.files import write_atomically

    for path in files:
        if not os.path.lexists(path):
            write_atomically(path, b"")
            os.unlink(path)
        elif os.path.islink(path) or not os.path.isfile(path):
            raise RequestError(f"{path!r} is not a regular file and is not overwritten")
        elif existing == "error":
            raise RequestError(f"{path!r} exists: --existing skip or overwrite (-y)")


def _check_places(options: BenchOptions, paths: Sequence[str]) -> None:
    """RequestError where a file would be written among the pictures."""
    if options.images and (inside := [path for path in paths if is_within(path, [options.images])]):
        raise RequestError(f"{inside[0]!r} lies among the pictures: name another place")


def _announce(plan: Bench, journal: Journal, terminal: Terminal) -> None:
    """What will run, on what, and about how long, before anything does."""
    from restore.bench import find_missing

    if terminal.quiet:
        return
    todo = find_missing(plan, journal)
    total = len(plan.cells) * len(plan.pictures.clean)
    name = plan.model.checkpoint.name if plan.model.checkpoint else "unnamed"
    parts = [
        f"bench: {len({cell.case for cell in plan.cells})} exercises",
        f"{len({cell.label for cell in plan.cells})} methods",
        plan.pictures.title,
        plan.machine,
        f"model {name}",
        f"{len(todo)} of {total} measurements to do",
    ]
    terminal.say(", ".join(parts) + _estimate(plan, [(c.nfe, one.size) for c, one in todo]))


def _estimate(plan: Bench, todo: Sequence[tuple[int, tuple[int, int]]]) -> str:
    if not todo:
        return ""
    by_size: dict[tuple[int, int], int] = {}
    for nfe, size in todo:
        by_size[size] = by_size.get(size, 0) + nfe
    largest = max(by_size, key=lambda size: size[0] * size[1])
    seconds = estimate_seconds(plan.model, [largest], 1, plan.tile)
    if seconds is None:
        return ""
    pixels = largest[0] * largest[1]
    network = sum(seconds * n * size[0] * size[1] / pixels for size, n in by_size.items())
    return f"; about {format_seconds(network + FIXED_SECONDS * len(todo))}"


def _measure(plan: Bench, journal: Journal, terminal: Terminal) -> tuple[list[Row], int]:
    """The rows, and how many there are not because a method failed."""
    from restore.bench import run_bench

    failed = 0

    def fail(where: str, error: RestoreError) -> None:
        nonlocal failed
        failed += 1
        terminal.fail(f"{where}: {error}", error)

    try:
        with terminal.progress("bench") as progress:
            return run_bench(plan, journal, progress=progress, fail=fail), failed
    except KeyboardInterrupt:
        if journal.path:
            complain(
                f"{journal.count} measurements are in {journal.path!r}; the same command goes on"
            )
        raise


def _write(
    outputs: BenchOutputs, plan: Bench, lines: Sequence[Line], notes: Sequence[str]
) -> list[str]:
    """Write what is asked for, and return the files that were; the rest exists and is left."""
    from restore import bench as benches
    from restore.files import write_atomically

    facts = benches.describe_bench(plan)
    title = f"Methods side by side on the network {facts.model}"
    asked: Sequence[tuple[str | None, Callable[[], str]]] = (
        (outputs.json, lambda: benches.format_json(lines, facts, notes)),
        (outputs.csv, lambda: benches.format_csv(lines)),
        (outputs.markdown, lambda: benches.format_markdown(lines, facts)),
        (outputs.plot, lambda: benches.draw_sheet(benches.make_panels(lines))),
        (outputs.html, lambda: benches.render_page(title, facts, lines, notes)),
    )
    written = []
    for path, make in asked:
        if path == STDOUT:
            emit(make().rstrip("\n"))
        elif path is not None and not (outputs.existing == "skip" and os.path.exists(path)):
            write_atomically(path, make().encode())
            written.append(path)
    return written


def _show(outputs: BenchOutputs, lines: Sequence[Line], terminal: Terminal) -> None:
    """The tables, on a terminal; as CSV where standard output is piped and holds nothing else."""
    from restore import bench as benches

    if outputs.piped:
        pass
    elif sys.stdout.isatty():
        for table in benches.make_tables(lines):
            _print_table(table)
    else:
        emit(benches.format_csv(lines).rstrip("\n"))
    for comparison in benches.compare_with_peers(lines):
        terminal.say(benches.describe_comparison(comparison))
    for note in benches.write_notes(lines):
        terminal.say(f"note: {note}")


def _print_table(table: Table) -> None:
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
