"""RunOptions: how a run goes about its files, what it says, and what does the work."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

import typer

from restore.batch.manifest import MANIFEST
from restore.batch.ray import Cluster
from restore.batch.shards import Shard, parse_shard
from restore.cli.commands import BESIDE, FLAG
from restore.cli.config_file import complete_bundles
from restore.cli.terminal import VERBOSE, Terminal
from restore.errors import RequestError

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
    bundle: Annotated[
        list[str],
        _run(
            "--with",
            metavar="NAME",
            show_default=False,
            autocompletion=complete_bundles,
            help="The options of a bundle in bcm-restore.toml; `config show` lists them",
        ),
    ] = field(default_factory=list)
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


_engine = partial(typer.Option, rich_help_panel="Many machines")


@dataclass(frozen=True)
class Engine:
    """What does the work, and on how much of it."""

    engine: Annotated[
        Literal["local", "ray"],
        _engine(help="This process, or workers of Ray (pip install 'bcm-restore\\[ray]')"),
    ] = "local"
    ray_address: Annotated[
        str | None,
        _engine(
            envvar="RAY_ADDRESS",
            metavar="HOST:PORT|auto",
            show_default="one of this machine alone",
            help="Of a running cluster, whose machines share the folders",
        ),
    ] = None
    ray_workers: Annotated[
        int | None,
        _engine(
            min=1,
            metavar="N",
            show_default="as many as there is room for",
            help="How many hold the model",
        ),
    ] = None
    cpus_per_worker: Annotated[
        int | None,
        _engine(
            min=1,
            metavar="N",
            show_default="as --threads, else 1",
            help="CPUs of each, and its --threads where those are not given",
        ),
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        _engine(min=0, metavar="N", show_default="0: none", help="GPUs of each, 0.5 to share one"),
    ] = None

    def cluster(self, threads: int | None, codecs: int) -> Cluster | None:
        """The cluster; None for this process. RequestError for options that would do nothing."""
        if self.engine == "local":
            own = {
                "--ray-workers": self.ray_workers,
                "--cpus-per-worker": self.cpus_per_worker,
                "--gpus-per-worker": self.gpus_per_worker,
            }
            if given := [name for name, value in own.items() if value is not None]:
                raise RequestError(f"{given[0]} does nothing without --engine ray")
            return None
        if codecs < 1:
            raise RequestError("--workers 0 is for one process: Ray's read and write in their own")
        cpus = self.cpus_per_worker or threads or 1
        gpus = self.gpus_per_worker or 0
        return Cluster(self.ray_address or "", self.ray_workers or 0, cpus, gpus, codecs)
