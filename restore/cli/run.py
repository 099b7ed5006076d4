"""Run: what a run says before, while and after it works, and the code that it ends with."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import typer

from restore.batch.inputs import count_endings
from restore.batch.manifest import Manifest, Tally
from restore.batch.pipeline import Failure, Steps
from restore.batch.plan import STDOUT, Job, Plan
from restore.batch.run import (
    Observer,
    Outcome,
    Progress,
    Work,
    exhaust,
    keep_open,
    rehearse,
    run_stepwise,
)
from restore.batch.shards import find_assigned
from restore.cli.exits import HINT, choose_exit_code, describe_error, is_out_of_memory
from restore.cli.options.run_options import RunOptions
from restore.cli.terminal import Terminal, complain, emit, format_seconds, say_now_and_then
from restore.cli.views import Views
from restore.errors import ImageError, RestoreError
from restore.jsonlines import to_json
from restore.record import JSON, Record, describe_proof, spell_out

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from restore.bcm import BCM
    from restore.checkpoints import Checkpoint
    from restore.editing.networks import UNet
    from restore.tiling import Tile


KINDS = 10  # of failure, in a summary's words
LINE_SECONDS = 30.0  # between two lines on all files where there is no terminal
PROBE_SIDE = 128  # pixels: a call that takes a fraction of a second


def say_again(plan: Plan, work: Work, run: RunOptions) -> None:
    """Say what is done again although its output is there, and why."""
    for job in plan.jobs:
        if job.again:
            run.terminal.say(f"again: {name_work(work, job)}: {job.again}")


def choose_manifest(plan: Plan, run: RunOptions) -> Manifest | None:
    """The manifest that is asked for, or that of the folder of all outputs; None for none."""
    from restore.batch.prepare import open_manifest

    return open_manifest(plan, run.manifest_path, run.share)


def say_rehearsal(plan: Plan, records: Sequence[Record], run: RunOptions) -> None:
    """Say what a run would do: the outputs, or the records. Ends in code 3 where any would fail."""
    for job, record in zip(plan.jobs, records, strict=True):
        if record.error:
            error = ImageError(record.error["message"])
            run.terminal.fail(f"{job.input.path}: reading: {error}", error)
        if run.json:
            run.terminal.record(record.as_dict())
        elif not job.done and not job.refusal and job.output != STDOUT:
            emit(spell_out(job.output))
    todo = sum(not job.done and not job.refusal for job in plan.jobs)
    again = sum(bool(job.again) for job in plan.jobs)
    parts = [f"dry run: {todo} of {len(plan.jobs)} images would be written"]
    parts += [f"{again} of them again"] if again else []
    parts += [f"{plan.others} are for other shards"] if plan.others else []
    run.terminal.say(", ".join(parts))
    if any(job.refusal for job in plan.jobs):
        raise typer.Exit(3)


def run_steps(
    plan: Plan,
    work: Work,
    run: RunOptions,
    views: Views,
    go: Callable[[Observer], Steps],
) -> None:
    """Take all steps of a run, and report on each job.

    go: begins the run, of which the observer is told.
    Ends in typer.Exit with the code of the failures where all failed alike, else 3, if any failed;
    ResourceError where the run could not go on.
    """
    share = None if run.share else find_assigned()
    if share and len(plan.jobs) > 1:
        run.terminal.say(f"all {len(plan.jobs)} images; --shard auto would take {share}")
    log = RunLog(plan, work, run, views)
    views.open()
    try:
        with log.meter:
            exhaust(go(log))
    finally:
        log.conclude()
    codes = log.codes
    if codes:
        raise typer.Exit(codes.pop() if len(codes) == 1 and not log.tally.count["ok"] else 3)
    if log.unshown:
        raise typer.Exit(choose_exit_code(log.unshown))


def run_here(
    plan: Plan,
    known: Record,
    load: Callable[[], Work],
    run: RunOptions,
    views: Views,
    manifest: Manifest | None = None,
) -> None:
    """Do every job that is not done in this process, or say what would be done; as of `run_steps`.

    known: what a record says without any result. load: gives the work, with the model in it.
    """
    if run.dry_run:
        say_rehearsal(plan, rehearse(plan, known), run)
        return
    work = load()

    def go(observer: Observer) -> Steps:
        steps = run_stepwise(
            plan, work, observer, manifest=manifest, threads=run.codecs,
            fail_fast=run.fail_fast,
        )  # fmt: skip
        return keep_open(manifest, steps)

    run_steps(plan, work, run, views, go)


class RunLog:
    """What is said of a run while it goes on, and what came of it."""

    def __init__(self, plan: Plan, work: Work, run: RunOptions, views: Views) -> None:
        todo = sum(not job.done for job in plan.jobs)
        self.meter = Meter(run.terminal, todo)
        self.tally = Tally()
        self.codes: set[int] = set()
        self.unshown: RestoreError | None = None  # why there is no page or no sheet
        self._noted: set[str] = set()  # what is said once
        self._views = views
        self._plan, self._work, self._run = plan, work, run
        self._terminal = run.terminal
        self._began = time.perf_counter()

    def begin(self, number: int, job: Job) -> Progress | None:
        return self.meter.begin(self._label(number, job))

    def emit(self, data: bytes) -> None:
        emit(data)

    def end(self, number: int, job: Job, outcome: Outcome) -> None:
        record, label, title = outcome.record, self._label(number, job), name_work(self._work, job)
        self.tally.add(record)
        if outcome.failure:
            self._terminal.fail(
                f"{title}: {_describe_failure(outcome.failure)}", outcome.failure.error
            )
            self.codes.add(choose_exit_code(outcome.failure.error))
        elif record.status == "skipped":
            say = self._terminal.detail if len(self._plan.jobs) > 1 else self._terminal.say
            say(f"{label}: skipped, {job.output} exists")
            for warning in record.warnings[1:]:
                complain(f"warning: {title}: {warning}")
        else:
            for finding in record.more.get("findings", ()):
                if _concerns(finding, record):
                    self._terminal.say(f"{title}: {finding['sentence']}")
            for warning in record.warnings:
                complain(f"warning: {title}: {warning}")
            for note in record.more.get("notes", ()):
                if note not in self._noted:
                    self._noted.add(note)
                    self._terminal.detail(f"note: {title}: {note}")
            self._terminal.say(f"{label}: {format_seconds(record.seconds)}{_describe(record)}")
            self._terminal.detail(f"{title}: {to_json(record.metrics)}")
            if job.output != STDOUT and not self._run.json:
                emit(spell_out(job.output))
        if not job.done:
            self.meter.advance()
        self._terminal.record(record.as_dict())
        self._views.add(job, record)

    def conclude(self) -> None:
        """The last lines after several images, also after an interrupt."""
        plan, tally = self._plan, self.tally
        left = len(plan.jobs) - sum(tally.count.values())
        if plan.passed:
            complain(f"{plan.passed} FIFOs or devices were passed over")
        if plan.unread:
            number, kinds = sum(plan.unread.values()), count_endings(plan.unread)
            complain(f"{number} {'file' if number == 1 else 'files'} left out: {kinds}")
        if plan.earlier:
            self._terminal.say(f"{plan.earlier} outputs of an earlier run were left alone")
        seconds = time.perf_counter() - self._began
        rest = {"left": left, "passed": plan.passed, "others": plan.others}
        if plan.unread:
            rest["unread"] = sum(plan.unread.values())
        counts = {**tally.counts(), **rest, "seconds": round(seconds, 3)}
        summary = {**counts, "failures": tally.failures()}
        if len(plan.jobs) > 1 or plan.others:
            self._terminal.record({"summary": summary})
            for line in summarise_run(
                tally, seconds, {"left": left, "for other shards": plan.others}
            ):
                self._terminal.say(line)
        try:
            for path in self._views.close(summary):
                self._terminal.say(f"to look at: {path}")
        except RestoreError as error:
            self._terminal.fail(str(error), error)
            self.unshown = error

    def _label(self, number: int, job: Job) -> str:
        place = f"{number}/{len(self._plan.jobs)} " if len(self._plan.jobs) > 1 else ""
        return f"{place}{name_work(self._work, job)}"


def _describe(record: Record) -> str:
    """What was done, what to expect, and what the record proves; nothing, or after a comma."""
    from restore.reports.describe import describe_work  # the tasks, and torch

    parts = [describe_work(record), *describe_proof(record.metrics)]
    return "".join(f", {part}" for part in parts if part)


def _concerns(finding: Mapping[str, JSON], record: Record) -> bool:
    """Whether a finding says something of what was done: how it is enlarged only where it was."""
    if finding["name"] == "reduction":
        return record.size_out != record.size_in
    return finding["name"] != "verdict" or bool(finding["figures"]["sound"])


def name_work(work: Work, job: Job) -> str:
    """What a job is called: by its input, or by the task where that needs none."""
    return job.input.path or work.known.task or ""


def summarise_run(tally: Tally, seconds: float, more: dict[str, int]) -> list[str]:
    """A summary in lines: the counts, and the failures by kind."""
    counts = {**tally.counts(), **more}
    parts = [f"{number} {what}" for what, number in counts.items() if number]
    lines = [f"{', '.join(parts) or 'nothing to do'} in {format_seconds(seconds)}"]
    for row in tally.failures()[:KINDS]:
        lines.append(f"  {row['count']} failed {row['kind']} (first: {row['example']})")
    if len(tally.kinds) > KINDS:
        lines.append(f"  and in {len(tally.kinds) - KINDS} other ways")
    return lines


def _describe_failure(failure: Failure) -> str:
    """The stage that failed and the cause."""
    error = failure.error
    if isinstance(error, RestoreError):
        return f"{failure.stage}: {error}"
    if is_out_of_memory(error):
        cause = f"out of memory ({describe_error(error)}); a smaller --tile needs less"
    else:
        cause = f"internal error: {describe_error(error)}{HINT}"
    return f"{failure.stage}: {cause}"


class Meter:
    """The files of a run, `total` of them: the one in work, how many are done, rate, time left."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal, self._total, self._done = terminal, total, 0
        self._began = self._last = time.monotonic()
        self._bars: Bars | None = None
        self._rows: list[TaskID] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Meter:
        if self._total and not self._terminal.quiet and sys.stderr.isatty():
            self._bars = self._terminal.bars()
            if self._total > 1:
                self._rows.append(self._bars.add_task("all", total=self._total, note=""))
            self._rows.append(self._bars.add_task("", total=None, note=""))
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars:
            self._bars.stop()

    def begin(self, label: str) -> Progress | None:
        """A file's turn; what to call as its windows go through the network."""
        if self._terminal.quiet:
            return None
        if self._bars is None:
            return say_now_and_then(label)
        bars, row = self._bars, self._rows[-1]
        bars.reset(row, description=spell_out(label), total=None, note="")

        def update(done: int, total: int) -> None:
            bars.update(row, completed=done, total=total, note=f"{done / max(total, 1):.0%}")

        return update

    def advance(self) -> None:
        """One more file is done."""
        with self._lock:
            self._done += 1
            if self._bars:
                if self._total > 1:
                    self._bars.update(self._rows[0], completed=self._done, note=self._pace())
                return
            now = time.monotonic()
            if self._total > 1 and self._done < self._total and now - self._last >= LINE_SECONDS:
                self._last = now
                if not self._terminal.quiet:
                    complain(self._pace())

    def _pace(self) -> str:
        """How many are done, how fast, and how long the rest will take."""
        seconds = time.monotonic() - self._began
        rate = self._done / seconds * 60
        left = format_seconds(seconds / self._done * (self._total - self._done))
        return f"{self._done}/{self._total}, {rate:.3g} a minute, about {left} left"


def describe_run(
    model: BCM | UNet,
    checkpoint: Checkpoint | None,
    what: str,
    nfe: int | str,
    how: str,
    seconds: float | None = None,
) -> str:
    """One line on a run: what, on what, and about how long, if `seconds` says so."""
    import torch

    from restore.devices import name_dtype

    assert checkpoint is not None
    threads = torch.get_num_threads()
    parts = [
        what,
        str(model.device),
        f"{threads} thread{'s' if threads > 1 else ''}",
        name_dtype(model.dtype),
        f"{checkpoint.name} ({checkpoint.architecture})",
        f"NFE {nfe}",
        how,
    ]
    return ", ".join(parts) + (f"; about {format_seconds(seconds)}" if seconds else "")


def estimate_seconds(
    model: BCM, sizes: Sequence[tuple[int, int]], nfe: int, tile: Tile
) -> float | None:
    """Seconds that the network needs for images of these (width, height), by a timed call.

    None where that call would take too long: a network that takes its own windows alone is too
    large for a call that nobody asked for.
    """
    import torch

    from restore.tiling import window_count, window_shape

    if not sizes or model.network.receptive_field is None:
        return None
    pixels = 0
    for width, height in sizes:
        rows, columns = window_shape(model, height, width, tile)
        pixels += window_count(model, height, width, tile) * rows * columns
    side = min(PROBE_SIDE, max(max(size) for size in sizes))
    side, _ = window_shape(model, side, side, 0)
    x = torch.zeros(1, 3, side, side, device=model.device)
    with torch.inference_mode():
        for _ in range(2):  # the first call warms up
            began = time.perf_counter()
            float(model.denoise(x, 0.2).mean())  # waits for the device
    seconds = time.perf_counter() - began
    return seconds / side**2 * pixels * nfe
