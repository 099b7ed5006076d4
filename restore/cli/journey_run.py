"""JourneyRun: a journey from the options of its command to its one output."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restore.batch.inputs import STDIN, Input, check_named
from restore.batch.plan import (
    STDOUT,
    Existing,
    Job,
    OutputKind,
    Plan,
    Size,
    check_outputs,
    mark_existing,
)
from restore.batch.run import Output, Progress, Work, prepare_folders
from restore.cli.jobs import check_stdout
from restore.cli.options.file_options import EncodingOptions, WhereExists, Yes, choose_policy
from restore.cli.options.restoration_options import Machine, ModelOptions
from restore.cli.options.run_options import OutputOptions, RunOptions
from restore.cli.run import describe_run, estimate_seconds, run_here
from restore.cli.terminal import read_stdin
from restore.cli.views import Views, make_views
from restore.defaults import JOURNEY_LEVEL, JOURNEY_NFE, JOURNEY_START, MAX_PIXELS
from restore.errors import ImageError, RequestError
from restore.record import Record

if TYPE_CHECKING:
    from restore.batch.restorer import Encoding
    from restore.bcm import BCM
    from restore.images import ImageHeader, Picture
    from restore.tasks import Settings

ShowResult = Callable[..., None]  # show(after, before, reference)

destination = partial(typer.Option, "--output", "-o", rich_help_panel="Output")
journey = partial(typer.Option, rich_help_panel="Journey")


@dataclass(frozen=True)
class DrawOptions(Machine):
    """What noise is drawn, and for which class."""

    seed: Annotated[
        int, journey(metavar="N", help="Of the noise; the same seed gives the same pixels")
    ] = 0
    label: Annotated[
        int | None,
        journey(min=0, metavar="CLASS", help="What a class-conditional model is to see"),
    ] = None


@dataclass(frozen=True)
class JourneyOptions(DrawOptions):
    """How a picture goes up to its noise, and down again."""

    nfe: Annotated[
        int, journey(min=1, metavar="N", help="Network evaluations each way: jumps up, jumps down")
    ] = JOURNEY_NFE
    level: Annotated[
        float, journey(metavar="T", help="The noise level to go up to; 1 comes back far nearer")
    ] = JOURNEY_LEVEL
    start: Annotated[
        float, journey(metavar="T", help="The noise added before the first jump up")
    ] = JOURNEY_START


@dataclass(frozen=True)
class JourneyOutput:
    """Where the result goes; - is standard output."""

    existing: WhereExists = "error"
    yes: Yes = False

    @property
    def policy(self) -> Existing:
        """What to do where an output exists. RequestError where two options contradict."""
        return choose_policy(self.existing, self.yes)

    def job(
        self,
        inputs: Sequence[str],
        output: str,
        files: Sequence[str],
        json: bool,
        max_pixels: int = MAX_PIXELS,
    ) -> Job:
        """The job of these inputs, and of the output, a folder where `files` are named in it.

        RequestError where the output would take the place of an input, or cannot be made there.
        """
        if inputs.count(STDIN) > 1:
            raise RequestError("- was given more than once, and there is one standard input")
        if not output or "\0" in output:
            raise RequestError(f"-o {output!r} is no file name")
        check_named(*inputs)
        job = Job(Input(inputs[0] if inputs else ""), output)
        if STDIN in inputs:
            try:
                job = replace(job, data=read_stdin(max_pixels))
            except ImageError as error:
                job = replace(job, data=b"", refusal=str(error))
        if output == STDOUT:
            check_stdout(json, "result")
            return job
        paths = [os.path.join(output, name) for name in files] or [output]
        if files and os.path.lexists(output) and not os.path.isdir(output):
            raise RequestError(f"-o {output!r} is no folder, and there are several files")
        for path in inputs or [""]:
            made = [replace(job, input=Input(path), output=path_out) for path_out in paths]
            check_outputs(made, "folder" if files else "file", ())
        there = mark_existing([replace(job, output=path) for path in paths], self.policy)
        return replace(job, done=all(one.done for one in there))


def name_beside(path: str, task: str, ending: str) -> str:
    """The output of a task beside its input. RequestError where that is standard input."""
    if path == STDIN:
        raise RequestError("-o FILE is needed: there is no place beside standard input")
    return os.path.join(os.path.dirname(path), f"{Input(path).stem}_{task}{ending}")


@dataclass(frozen=True)
class JourneyRun:
    """A task, its job and what is done with it.

    read: gives what `make` needs of the job's files.
    make: gets that, the model and the settings, and may call `show` with the pictures to look at:
        what came out, what went in, the reference.
    size: of the pictures, by the model; None where nobody knows it.
    evaluations: of the network, of all pictures together.
    files: the names in a folder of outputs.
    admit: called with the model before anything runs; raises where the two do not go together.
    existing: what to do where a page or a sheet exists.
    aside: inputs beside the first.
    labelled: the model's class is that of the settings.
    """

    task: str
    job: Job
    format: str
    read: Callable[[Job], Any]
    make: Callable[[Any, BCM, Settings, ShowResult], tuple[Output, Record]]
    settings: Settings
    nfe: int | None
    how: str
    size: Callable[[BCM], Size | None]
    evaluations: int
    files: Sequence[str] = ()
    admit: Callable[[BCM], object] = lambda model: None
    existing: Existing = "error"
    aside: Sequence[str] = ()
    labelled: bool = True

    def work(self, known: Record, model: BCM | None, encoding: Encoding, views: Views) -> Work:
        """The work of this process; without a model all but the making."""

        def make(job: Job, given: Any, progress: Progress | None) -> tuple[Output, Record]:
            assert model is not None
            settings = replace(self.settings, progress=progress)
            return self.make(given, model, settings, partial(views.keep, job))

        return Work(known, self.read, make, encoding.encode)


def run_journey(
    trip: JourneyRun,
    source: ModelOptions,
    machine: Machine,
    run: OutputOptions,
    encoding: EncodingOptions = EncodingOptions(),  # noqa: B008 - frozen
) -> None:
    """Load the model and run; what is usage error is refused before the run."""
    chosen = source.choose(machine)

    from restore.batch.restorer import choose_machine
    from restore.checkpoints import admit_label

    device, dtype = choose_machine(machine.device, machine.dtype, exact=True)
    chosen = replace(chosen, device=device, dtype=dtype)
    known = Record(
        task=trip.task,
        model=chosen.checkpoint.name,
        model_sha256=chosen.checkpoint.sha256 or None,
        method="bcm",
        nfe=trip.nfe,
        seed=trip.settings.seed,
        device=device,
        dtype=dtype,
    )
    planned = Plan((trip.job,), trip.format, OutputKind(trip.task))
    run = RunOptions(**vars(run))
    views = make_views(planned, run, trip.existing, trip.aside)
    format = encoding.choose(trip.format)

    def load() -> Work:
        if trip.job.done:
            return trip.work(known, None, format, views)
        inside = [os.path.join(trip.job.output, name) for name in trip.files[:1]]
        prepare_folders(planned, [*inside, *views.paths])
        model = chosen.load(admit_label(trip.settings.label) if trip.labelled else None)
        trip.admit(model)
        if not run.quiet:
            size = trip.size(model)
            sizes = [size] if size else []
            seconds = estimate_seconds(model, sizes, trip.evaluations, trip.settings.tile)
            said = describe_run(
                model, model.checkpoint, trip.task, trip.nfe or 0, trip.how, seconds
            )
            run.terminal.say(said)
        return trip.work(replace(known, model_sha256=model.sha256), model, format, views)

    run_here(planned, known, load, run, views)


def make_journey_settings(way: JourneyOptions) -> Settings:
    """The settings of a journey there and back."""
    from restore.tasks import Settings

    return Settings(nfe=way.nfe, seed=way.seed, label=way.label, tile=way.side)


def read_picture(path: str, data: bytes | None, max_pixels: int) -> Picture:
    """ImageError, with the path, where it cannot be read."""
    from restore.images import as_picture

    try:
        return as_picture(path if data is None else data, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{path!r}: {error}") from error


def find_header(path: str, data: bytes | None) -> ImageHeader | None:
    """What the header says; None where it cannot be read, which is found out in due course."""
    from restore.images import read_header

    with suppress(ImageError):
        return read_header(path if data is None else data)
    return None
