"""Bench: the command `bench`, which measures methods side by side on one network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore.batch.inputs import within
from restore.cli.announcement import expected
from restore.cli.figures import Written, show, write
from restore.cli.machine import Machine
from restore.cli.options import Source, flattened
from restore.cli.terminal import Terminal, complain, lasting
from restore.errors import RequestError, RestoreError

if TYPE_CHECKING:
    from restore.bench import Bench, Journal, Pictures, Row

_asked = partial(typer.Option, rich_help_panel="What is measured")

SIZE, NFE = 128, "1,2,4,8"
FIXED_SECONDS = 0.04  # of a row beside the network: metrics, coding, a classical method


@dataclass(frozen=True)
class Asked:
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


@flattened
def bench(asked: Asked, written: Written, source: Source, machine: Machine) -> None:
    """Measure methods side by side on one network, at equal network evaluations.

    Ours, published ones and classical ones, on pictures that are degraded and restored. What is
    measured is kept, so that a run that was stopped goes on, and nothing is measured twice.
    """
    files = written.files
    nfe = _numbers(asked.nfe)
    modes = _modes(asked.modes)

    from restore.checkpoints import resolve

    checkpoint = resolve(source.model, source.catalog)

    import torch

    from restore import bench as benches
    from restore.checkpoints import load

    terminal = Terminal(written.quiet, written.verbose)
    cases = benches.choose_cases(benches.split_names(asked.tasks)) or benches.choose_usual_cases()
    methods = benches.choose_methods(benches.split_names(asked.methods))
    _probe(files)
    _spare(asked, [*files, written.rows])
    if machine.threads:
        torch.set_num_threads(machine.threads)
    pictures = _pictures(asked)
    model = load(
        checkpoint,
        machine.device,
        machine.dtype,
        allow_unverified=source.allow_unverified,
        offline=source.offline,
    )
    model.encode_label(asked.label)
    cells, notes = benches.make_grid(
        cases, methods, modes, nfe, asked.seeds, pictures=pictures, checkpoint=model.checkpoint
    )
    perception, absent = benches.load_perception(source.offline)
    notes = [*pictures.missing, *([absent] if absent else []), *notes]
    plan = benches.Bench(model, pictures, cells, machine.side, asked.label, perception)
    rows = None if written.rows == "none" else written.rows
    journal = benches.Journal(rows, write=not written.dry_run)
    try:
        _announce(plan, journal, terminal)
        for note in notes:
            terminal.say(f"note: {note}")
        if written.dry_run:
            return
        found, failed = _measured(plan, journal, terminal)
    finally:
        journal.close()
    lines = benches.summarize(found)
    notes += benches.write_notes(lines)
    write(written, plan, lines, notes)
    show(written, lines, terminal)
    if failed:
        complain(f"{failed} measurements failed, and are not in the figures")
        raise typer.Exit(3)


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and 1 <= int(part) <= 1000 for part in parts):
        raise RequestError(f"--nfe {text!r}: expected numbers from 1 to 1000, as in {NFE}")
    return sorted({int(part) for part in parts})


def _modes(text: str) -> list[Literal["fidelity", "perceptual"]]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    known: tuple[Literal["fidelity", "perceptual"], ...] = ("fidelity", "perceptual")
    if not parts or not set(parts) <= set(known):
        raise RequestError(f"--modes {text!r}: expected fidelity, perceptual or both")
    return [mode for mode in known if mode in parts]


def _pictures(asked: Asked) -> Pictures:
    from restore.bench import load_folder, load_public13

    if asked.images is None:
        return load_public13(asked.size, asked.first)
    return load_folder(asked.images, asked.size, asked.first)


def _probe(files: Sequence[str]) -> None:
    """ResourceError or RequestError where a file could not be written, before any work."""
    from restore.images import write_atomically

    for path in files:
        if not os.path.exists(path):
            write_atomically(path, b"")
            os.unlink(path)
        elif os.path.islink(path) or not os.path.isfile(path):
            raise RequestError(f"{path!r} is not a regular file and is not overwritten")


def _spare(asked: Asked, paths: Sequence[str]) -> None:
    """RequestError where a file would be written among the pictures."""
    if asked.images and (inside := [path for path in paths if within(path, [asked.images])]):
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
    seconds = expected(plan.model, [largest], 1, plan.tile)
    if seconds is None:
        return ""
    pixels = largest[0] * largest[1]
    network = sum(seconds * n * size[0] * size[1] / pixels for size, n in by_size.items())
    return f"; about {lasting(network + FIXED_SECONDS * len(todo))}"


def _measured(plan: Bench, journal: Journal, terminal: Terminal) -> tuple[list[Row], int]:
    """The rows, and how many there are not because a method failed."""
    from restore.bench import run

    failed = 0

    def fail(where: str, error: RestoreError) -> None:
        nonlocal failed
        failed += 1
        terminal.fail(f"{where}: {error}", error)

    try:
        with terminal.progress("bench") as progress:
            return run(plan, journal, progress=progress, fail=fail), failed
    except KeyboardInterrupt:
        if journal.path:
            complain(
                f"{journal.count} measurements are in {journal.path!r}; the same command goes on"
            )
        raise
