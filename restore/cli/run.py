"""Run: what a run over many images says, and the code that it ends with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import typer

from restore.batch import (
    STDOUT,
    Failure,
    Job,
    Manifest,
    Observer,
    Outcome,
    Plan,
    Progress,
    Tally,
    Work,
    count_endings,
    find_assigned,
)
from restore.batch.pipeline import Steps
from restore.batch.run import exhaust, keep_open, run_stepwise
from restore.cli.exits import HINT, code_of, describe_error, is_out_of_memory
from restore.cli.options import RunOptions
from restore.cli.progress import Meter
from restore.cli.terminal import complain, emit, escape, format_json, format_seconds
from restore.cli.views import Views
from restore.errors import ImageError, RestoreError
from restore.record import JSON, Record, describe_proof

KINDS = 10  # of failure, in a summary's words


def say_again(plan: Plan, work: Work, conduct: RunOptions) -> None:
    """Say what is done again although its output is there, and why."""
    for job in plan.jobs:
        if job.again:
            conduct.terminal.say(f"again: {work_title(work, job)}: {job.again}")


def choose_manifest(plan: Plan, conduct: RunOptions) -> Manifest | None:
    """The manifest that is asked for, or that of the folder of all outputs; None for none."""
    from restore.batch.prepare import open_manifest

    return open_manifest(plan, conduct.manifest_path, conduct.share)


def say_rehearsal(plan: Plan, records: Sequence[Record], conduct: RunOptions) -> None:
    """Say what a run would do: the outputs, or the records. Ends in code 3 where any would fail."""
    for job, record in zip(plan.jobs, records, strict=True):
        if record.error:
            error = ImageError(record.error["message"])
            conduct.terminal.fail(f"{job.input.path}: reading: {error}", error)
        if conduct.json:
            conduct.terminal.record(record.as_dict())
        elif not job.done and not job.refusal and job.output != STDOUT:
            emit(escape(job.output))
    todo = sum(not job.done and not job.refusal for job in plan.jobs)
    again = sum(bool(job.again) for job in plan.jobs)
    parts = [f"dry run: {todo} of {len(plan.jobs)} images would be written"]
    parts += [f"{again} of them again"] if again else []
    parts += [f"{plan.others} are for other shards"] if plan.others else []
    conduct.terminal.say(", ".join(parts))
    if any(job.refusal for job in plan.jobs):
        raise typer.Exit(3)


def run(
    plan: Plan,
    work: Work,
    conduct: RunOptions,
    display: Views,
    go: Callable[[Observer], Steps],
) -> None:
    """Take all steps of a run, and report on each job.

    go: begins the run, of which the observer is told.
    Ends in typer.Exit with the code of the failures where all failed alike, else 3, if any failed;
    ResourceError where the run could not go on.
    """
    share = None if conduct.share else find_assigned()
    if share and len(plan.jobs) > 1:
        conduct.terminal.say(f"all {len(plan.jobs)} images; --shard auto would take {share}")
    account = RunLog(plan, work, conduct, display)
    display.open()
    try:
        with account.meter:
            exhaust(go(account))
    finally:
        account.conclude()
    codes = account.codes
    if codes:
        raise typer.Exit(codes.pop() if len(codes) == 1 and not account.tally.count["ok"] else 3)
    if account.unshown:
        raise typer.Exit(code_of(account.unshown))


def run_here(
    plan: Plan, work: Work, conduct: RunOptions, display: Views, manifest: Manifest | None = None
) -> None:
    """Do every job that is not done in this process; the rest is as of `run`."""

    def go(observer: Observer) -> Steps:
        steps = run_stepwise(
            plan, work, observer, manifest=manifest, threads=conduct.codecs,
            fail_fast=conduct.fail_fast,
        )  # fmt: skip
        return keep_open(manifest, steps)

    run(plan, work, conduct, display, go)


class RunLog:
    """What is said of a run while it goes on, and what came of it."""

    def __init__(self, plan: Plan, work: Work, conduct: RunOptions, display: Views) -> None:
        todo = sum(not job.done for job in plan.jobs)
        self.meter = Meter(conduct.terminal, todo)
        self.tally = Tally()
        self.codes: set[int] = set()
        self.unshown: RestoreError | None = None  # why there is no page or no sheet
        self._noted: set[str] = set()  # what is said once
        self._display = display
        self._plan, self._work, self._conduct = plan, work, conduct
        self._terminal = conduct.terminal
        self._began = time.perf_counter()

    def begin(self, number: int, job: Job) -> Progress | None:
        return self.meter.begin(self._label(number, job))

    def emit(self, data: bytes) -> None:
        emit(data)

    def end(self, number: int, job: Job, outcome: Outcome) -> None:
        record, label, title = outcome.record, self._label(number, job), work_title(self._work, job)
        self.tally.add(record)
        if outcome.failure:
            self._terminal.fail(
                f"{title}: {_describe_failure(outcome.failure)}", outcome.failure.error
            )
            self.codes.add(code_of(outcome.failure.error))
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
            self._terminal.detail(f"{title}: {format_json(record.metrics)}")
            if job.output != STDOUT and not self._conduct.json:
                emit(escape(job.output))
        if not job.done:
            self.meter.advance()
        self._terminal.record(record.as_dict())
        self._display.add(job, record)

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
            for line in summarise(tally, seconds, {"left": left, "for other shards": plan.others}):
                self._terminal.say(line)
        try:
            for path in self._display.close(summary):
                self._terminal.say(f"to look at: {path}")
        except RestoreError as error:
            self._terminal.fail(str(error), error)
            self.unshown = error

    def _label(self, number: int, job: Job) -> str:
        place = f"{number}/{len(self._plan.jobs)} " if len(self._plan.jobs) > 1 else ""
        return f"{place}{work_title(self._work, job)}"


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


def work_title(work: Work, job: Job) -> str:
    """What a job is called: by its input, or by the task where that needs none."""
    return job.input.path or work.known.task or ""


def summarise(tally: Tally, seconds: float, more: dict[str, int]) -> list[str]:
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
