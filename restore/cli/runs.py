"""Run: what a run over many images says, and the code that it ends with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import typer

from restore import batch
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
    find_assigned,
    make_record,
)
from restore.cli.displays import Display
from restore.cli.exits import HINT, code_of, described, is_out_of_memory
from restore.cli.meters import Meter
from restore.cli.options import Conduct, Encoding
from restore.cli.terminal import complain, dumped, emit, escaped, lasting
from restore.errors import RestoreError

if TYPE_CHECKING:
    from restore.images import Picture
    from restore.tasks import Settings

IMMATERIAL = ("tile", "reference", "progress")  # settings that no pixel depends on
KINDS = 10  # of failure, in a summary's words


class Elsewhere(Protocol):
    """What does the jobs of a run in place of this process."""

    def __call__(
        self, *, observer: Observer, manifest: Manifest | None, fail_fast: bool
    ) -> None: ...


def encoder(format: str, encoding: Encoding) -> Callable[[Picture], bytes]:
    """What makes the bytes of a picture's file."""

    def encoded(picture: Picture) -> bytes:
        from restore.images import encode

        return encode(
            picture, format, quality=encoding.quality, depth=encoding.bits, strip=encoding.strip
        )

    return encoded


def decisive(
    known: Mapping[str, Any], format: str, encoding: Encoding, settings: Settings | None, **own: Any
) -> dict[str, Any]:
    """All that an output depends on beside its inputs, `own` being options of the task's own."""
    found = {name: known.get(name) for name in ("task", "model_sha256", "dtype")}
    if settings:
        rows = [field.name for field in fields(settings) if field.name not in IMMATERIAL]
        found |= {name: getattr(settings, name) for name in rows}
    return {**found, "format": format, **vars(encoding), **own}


def manifest_of(plan: Plan, conduct: Conduct) -> Manifest | None:
    """The manifest that is asked for, or that of the folder of all outputs; None for none."""
    if conduct.manifest == "none":
        return None
    if conduct.manifest is not None:
        return Manifest(conduct.manifest, conduct.share)
    if plan.folder is None:
        return None
    return Manifest(os.path.join(plan.folder, batch.MANIFEST), conduct.share)


def resume(plan: Plan, manifest: Manifest | None, work: Work, conduct: Conduct) -> Plan:
    """The plan, with what has to be done again although its output is there, and why it is said."""
    if manifest is None:
        return plan
    plan = batch.resume(plan, manifest, work)
    for job in plan.jobs:
        if job.again:
            conduct.terminal.say(f"again: {work_title(work, job)}: {job.again}")
    return plan


def rehearse(plan: Plan, known: Mapping[str, Any], conduct: Conduct) -> None:
    """Say what a run would do: the outputs, or records of status skipped."""
    for job in plan.jobs:
        note = "the output exists" if job.done else "dry run: nothing was written"
        if conduct.json:
            title = job.input.path, job.output
            conduct.terminal.record(make_record(known, *title, status="skipped", warnings=[note]))
        elif not job.done and job.output != STDOUT:
            emit(escaped(job.output))
    todo = sum(not job.done for job in plan.jobs)
    again = sum(bool(job.again) for job in plan.jobs)
    parts = [f"dry run: {todo} of {len(plan.jobs)} images would be written"]
    parts += [f"{again} of them again"] if again else []
    parts += [f"{plan.others} are for other shards"] if plan.others else []
    conduct.terminal.say(", ".join(parts))


def run(
    plan: Plan,
    work: Work,
    conduct: Conduct,
    display: Display,
    manifest: Manifest | None = None,
    elsewhere: Elsewhere | None = None,
) -> None:
    """Do every job that is not done, here or `elsewhere`, and report on each.

    Ends in typer.Exit with the code of the failures where all failed alike, else 3, if any failed;
    ResourceError where the run could not go on.
    """
    share = None if conduct.share else find_assigned()
    if share and len(plan.jobs) > 1:
        conduct.terminal.say(f"all {len(plan.jobs)} images; --shard auto would take {share}")
    account = _Account(plan, work, conduct, display)
    display.open()
    try:
        if manifest:
            manifest.open()
        with account.meter:
            go = elsewhere or partial(batch.run, plan, work, threads=conduct.codecs)
            go(observer=account, manifest=manifest, fail_fast=conduct.fail_fast)
    finally:
        if manifest:
            manifest.close()
        account.conclude()
    codes = account.codes
    if codes:
        raise typer.Exit(codes.pop() if len(codes) == 1 and not account.tally.count["ok"] else 3)
    if account.unshown:
        raise typer.Exit(code_of(account.unshown))


class _Account:
    """What is said of a run while it goes on, and what came of it."""

    def __init__(self, plan: Plan, work: Work, conduct: Conduct, display: Display) -> None:
        todo = sum(not job.done for job in plan.jobs)
        self.meter = Meter(conduct.terminal, todo)
        self.tally = Tally()
        self.codes: set[int] = set()
        self.unshown: RestoreError | None = None  # why there is no page or no sheet
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
            self._terminal.fail(f"{title}: {_told(outcome.failure)}", outcome.failure.error)
            self.codes.add(code_of(outcome.failure.error))
        elif record["status"] == "skipped":
            say = self._terminal.detail if len(self._plan.jobs) > 1 else self._terminal.say
            say(f"{label}: skipped, {job.output} exists")
            for warning in record["warnings"][1:]:
                complain(f"warning: {title}: {warning}")
        else:
            for warning in record["warnings"]:
                complain(f"warning: {title}: {warning}")
            seconds = lasting(record["seconds"])
            self._terminal.say(f"{label}: {seconds}{_proof(record['metrics'])}")
            self._terminal.detail(f"{title}: {dumped(record['metrics'])}")
            if job.output != STDOUT and not self._conduct.json:
                emit(escaped(job.output))
        if not job.done:
            self.meter.advance()
        self._terminal.record(record)
        self._display.add(job, record)

    def conclude(self) -> None:
        """The last lines after several images, also after an interrupt."""
        plan, tally = self._plan, self.tally
        left = len(plan.jobs) - sum(tally.count.values())
        if plan.passed:
            complain(f"{plan.passed} FIFOs or devices were passed over")
        if plan.unread:
            number, kinds = sum(plan.unread.values()), batch.count_endings(plan.unread)
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
            for line in told(tally, seconds, {"left": left, "for other shards": plan.others}):
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


def work_title(work: Work, job: Job) -> str:
    """What a job is called: by its input, or by the task where that needs none."""
    return job.input.path or work.known["task"]


def told(tally: Tally, seconds: float, more: dict[str, int]) -> list[str]:
    """A summary in lines: the counts, and the failures by kind."""
    counts = {**tally.counts(), **more}
    parts = [f"{number} {what}" for what, number in counts.items() if number]
    lines = [f"{', '.join(parts) or 'nothing to do'} in {lasting(seconds)}"]
    for row in tally.failures()[:KINDS]:
        lines.append(f"  {row['count']} failed {row['kind']} (first: {row['example']})")
    if len(tally.kinds) > KINDS:
        lines.append(f"  and in {len(tally.kinds) - KINDS} other ways")
    return lines


def _told(failure: Failure) -> str:
    """The stage that failed and the cause."""
    error = failure.error
    if isinstance(error, RestoreError):
        return f"{failure.stage}: {error}"
    if is_out_of_memory(error):
        cause = f"out of memory ({described(error)}); a smaller --tile needs less"
    else:
        cause = f"internal error: {described(error)}{HINT}"
    return f"{failure.stage}: {cause}"


def _proof(metrics: dict[str, Any]) -> str:
    """What a record's metrics prove, in a few words."""
    parts = []
    if metrics.get("coefficients_kept") is not None:
        parts.append(f"{metrics['coefficients_kept']:.2%} of the coefficients kept")
    elif metrics.get("consistency_exact"):
        parts.append("consistent to the last bit")
    elif metrics.get("consistency_psnr_db") is not None:
        parts.append(f"consistent to {metrics['consistency_psnr_db']:.1f} dB")
    if metrics.get("round_trip_psnr_db") is not None:
        parts.append(f"comes back at {metrics['round_trip_psnr_db']:.2f} dB")
    if metrics.get("psnr_db") is not None:
        parts.append(f"PSNR {metrics['psnr_db']:.2f} dB")
    return "".join(f", {part}" for part in parts)
