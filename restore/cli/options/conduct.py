"""Conduct: the options on how a run goes about its files, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from restore.cli.options.groups import FLAG
from restore.cli.terminal import VERBOSE, Terminal

_run = partial(typer.Option, rich_help_panel="Run")


def _noted(context: typer.Context, value: bool) -> bool:
    """Keep -v where the exit's handler finds it."""
    context.meta[VERBOSE] = value
    return value


Quiet = Annotated[
    bool, _run("--quiet", "-q", metavar=FLAG, help="Say nothing but errors and warnings")
]
Verbose = Annotated[
    bool,
    _run("--verbose", "-v", metavar=FLAG, callback=_noted, help="Say more; tracebacks of errors"),
]
Json = Annotated[
    bool, _run("--json", metavar=FLAG, help="Records as lines of JSON on standard output")
]


@dataclass(frozen=True)
class Manner:
    """What a run says, and whether it does anything."""

    dry_run: Annotated[
        bool,
        _run("--dry-run", metavar=FLAG, help="Check all, say what would be written, write nothing"),
    ] = False
    json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False

    @property
    def terminal(self) -> Terminal:
        return Terminal(self.quiet, self.verbose, self.json)


@dataclass(frozen=True)
class Conduct(Manner):
    """How a run goes about its files, and what it says."""

    fail_fast: Annotated[
        bool, _run("--fail-fast", metavar=FLAG, help="Stop at the first input that fails")
    ] = False
