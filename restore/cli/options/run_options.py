"""RunOptions: the options on how a run goes about its files, and what it says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from restore.batch import MANIFEST, Shard, parse_shard
from restore.cli.options.groups import BESIDE, FLAG
from restore.cli.terminal import VERBOSE, Terminal

_run = partial(typer.Option, rich_help_panel="Run")
_shown = partial(typer.Option, rich_help_panel="Output", show_default=False)

MOST_WORKERS = 4


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
class OutputOptions:
    """What a run says, and whether it does anything."""

    dry_run: Annotated[
        bool,
        _run("--dry-run", metavar=FLAG, help="Check all, say what would be written, write nothing"),
    ] = False
    json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False
    report: Annotated[
        str | None,
        _shown(
            metavar="[FILE.html]",
            help="Write a page to look at: before and after under a slider, zoom, the record and "
            "its proof; one file that needs nothing else. Without a name, beside the output",
        ),
    ] = None
    open: Annotated[
        bool,
        _shown("--open", metavar=FLAG, help="Open the page in a browser, --report or not"),
    ] = False
    compare: Annotated[
        str | None,
        _shown(
            metavar="FILE.png",
            help="Write a sheet: given, result and reference side by side, and what changed most, "
            "enlarged; of the first dozen images",
        ),
    ] = None

    @property
    def page(self) -> str | None:
        """The name of the page, `BESIDE` for one beside the output; None without a page."""
        return BESIDE if self.open and self.report is None else self.report

    @property
    def terminal(self) -> Terminal:
        return Terminal(self.quiet, self.verbose, self.json)


@dataclass(frozen=True)
class RunOptions(OutputOptions):
    """How a run goes about its files, and what it says."""

    fail_fast: Annotated[
        bool, _run("--fail-fast", metavar=FLAG, help="Stop at the first input that fails")
    ] = False
    manifest: Annotated[
        str | None,
        _run(
            metavar="FILE|none",
            show_default=f"{MANIFEST} in the one folder of several outputs",
            help="Where it is kept what was made of what, for --existing skip",
        ),
    ] = None
    shard: Annotated[
        str | None,
        _run(
            metavar="I/N|auto",
            show_default=False,
            help="Do one of N shares of the images, 1/N to N/N; auto asks Slurm, torchrun or "
            "Kubernetes which one",
        ),
    ] = None
    workers: Annotated[
        int | None,
        _run(
            min=0,
            metavar="N",
            show_default="1, more on many cores",
            help="Threads that read, and as many that write, beside the network; 0: one after "
            "the other",
        ),
    ] = None

    @property
    def share(self) -> Shard | None:
        """The shard. RequestError for what is none."""
        return None if self.shard is None else parse_shard(self.shard)

    @property
    def manifest_path(self) -> str | None:
        """As `open_manifest` takes it: a file, "auto", or None for none."""
        if self.manifest is None:
            return "auto"
        return None if self.manifest == "none" else self.manifest

    @property
    def codecs(self) -> int:
        """How many threads read, and as many write."""
        if self.workers is not None:
            return self.workers
        return max(1, min(MOST_WORKERS, (os.cpu_count() or 1) // 4))
