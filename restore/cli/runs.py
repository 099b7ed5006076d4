"""Run: jobs, one after the other; what fails is named and the rest goes on."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from restore.cli.exits import HINT, code_of, described, is_out_of_memory
from restore.cli.jobs import STDOUT, Job, Plan
from restore.cli.options import Conduct, Encoding
from restore.cli.terminal import Progress, complain, dumped, emit, escaped, lasting
from restore.errors import ResourceError, RestoreError

if TYPE_CHECKING:
    from restore.images import Picture

KEYS = (
    "schema", "status", "task", "input", "output", "model", "model_sha256", "method", "mode", "nfe",
    "seed", "device", "dtype", "tile", "size_in", "size_out", "seconds", "metrics", "warnings",
    "error",
)  # fmt: skip


Made: TypeAlias = "Picture | bytes | dict[str, bytes]"


@dataclass(frozen=True)
class Work:
    """What is done with each job: `make` gets what `read` gave.

    It gives the picture, the bytes of a file, or those of all files of a folder by their names, and
    its record. `known` is what a record says without any result, the task at least.
    """

    known: dict[str, Any]
    read: Callable[[Job], Any]
    make: Callable[[Job, Any, Progress | None], tuple[Made, dict[str, Any]]]

    def title(self, job: Job) -> str:
        """What a job is called: by its input, or by the task where that needs none."""
        return job.input.path or self.known["task"]


def probe(plan: Plan, more: Iterable[str] = ()) -> None:
    """Make the folders of the outputs, and of `more`, and try to write into each.

    ResourceError where that fails.
    """
    outputs = [job.output for job in plan.jobs if not job.done and job.output != STDOUT]
    outputs += more
    for folder in dict.fromkeys(os.path.dirname(os.path.abspath(output)) for output in outputs):
        try:
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(4096))
                file.flush()
        except OSError as error:
            raise ResourceError(f"cannot write into {folder!r}: {error.strerror}") from error


def rehearse(plan: Plan, known: dict[str, Any], conduct: Conduct) -> None:
    """Say what a run would do: the outputs, or records of status skipped."""
    for job in plan.jobs:
        note = "the output exists" if job.done else "dry run: nothing was written"
        if conduct.json:
            conduct.terminal.record(blank(known, job, status="skipped", warnings=[note]))
        elif not job.done and job.output != STDOUT:
            emit(escaped(job.output))
    todo = sum(not job.done for job in plan.jobs)
    conduct.terminal.say(f"dry run: {todo} of {len(plan.jobs)} images would be written")


def run(plan: Plan, work: Work, encoding: Encoding, conduct: Conduct) -> None:
    """Do every job that is not done and report on each.

    Ends in typer.Exit with the code of the failures where all failed alike, else 3, if any failed.
    """
    began = time.perf_counter()
    terminal = conduct.terminal
    count = {"ok": 0, "skipped": 0, "failed": 0}
    codes: set[int] = set()
    try:
        for number, job in enumerate(plan.jobs, 1):
            place = f"{number}/{len(plan.jobs)} " if len(plan.jobs) > 1 else ""
            label = f"{place}{work.title(job)}"
            if job.done:
                record = blank(work.known, job, status="skipped", warnings=["the output exists"])
                terminal.say(f"{label}: skipped, {job.output} exists")
            else:
                record, error = _attempt(plan, job, work, encoding, conduct, label)
                if error:
                    codes.add(code_of(error))
            count[record["status"]] += 1
            terminal.record(record)
            if codes and conduct.fail_fast:
                break
    finally:
        _conclude(plan, count, time.perf_counter() - began, conduct)
    if codes:
        raise typer.Exit(codes.pop() if len(codes) == 1 and not count["ok"] else 3)


def blank(known: dict[str, Any], job: Job, **more: Any) -> dict[str, Any]:
    """The record of a job, what no one says being null."""
    record: dict[str, Any] = dict.fromkeys(KEYS)
    record.update(schema=1, status="ok", seconds=0.0, metrics={}, warnings=[])
    named = {"input": job.input.path or None, "output": job.output}
    return {**record, **known, **more, **named}


def _attempt(
    plan: Plan, job: Job, work: Work, encoding: Encoding, conduct: Conduct, label: str
) -> tuple[dict[str, Any], Exception | None]:
    """Read, make and write one job: its record, and what failed if anything did."""
    from restore.images import encode, write_atomically

    began, terminal = time.perf_counter(), conduct.terminal
    stage = "reading"
    try:
        given = work.read(job)
        stage = "restoring"
        with terminal.progress(label) as progress:
            made, record = work.make(job, given, progress)
        stage = "writing"
        if not isinstance(made, bytes | dict):
            made = encode(
                made, plan.format, quality=encoding.quality, depth=encoding.bits,
                strip=encoding.strip,
            )  # fmt: skip
        if isinstance(made, dict):
            for name, data in made.items():
                write_atomically(os.path.join(job.output, name), data)
        elif job.output == STDOUT:
            emit(made)
        else:
            write_atomically(job.output, made)
    except Exception as error:
        terminal.fail(f"{work.title(job)}: {stage}: {_cause(error)}", error)
        failure = {"type": type(error).__name__, "message": str(error)}
        seconds = round(time.perf_counter() - began, 3)
        return blank(work.known, job, status="failed", seconds=seconds, error=failure), error
    record = blank(work.known, job, **record)
    for warning in record["warnings"]:
        complain(f"warning: {work.title(job)}: {warning}")
    terminal.say(f"{label}: {lasting(record['seconds'])}{_proof(record['metrics'])}")
    terminal.detail(f"{work.title(job)}: {dumped(record['metrics'])}")
    if job.output != STDOUT and not conduct.json:
        emit(escaped(job.output))
    return record, None


def _cause(error: Exception) -> str:
    if isinstance(error, RestoreError):
        return str(error)
    if is_out_of_memory(error):
        return f"out of memory ({described(error)}); a smaller --tile needs less"
    return f"internal error: {described(error)}{HINT}"


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


def _conclude(plan: Plan, count: dict[str, int], seconds: float, conduct: Conduct) -> None:
    """The last line after several images, also after an interrupt."""
    left = len(plan.jobs) - sum(count.values())
    if plan.passed:
        complain(f"{plan.passed} FIFOs or devices were passed over")
    if plan.earlier:
        conduct.terminal.say(f"{plan.earlier} outputs of an earlier run were left alone")
    if len(plan.jobs) == 1:
        return
    summary = {**count, "left": left, "passed": plan.passed, "seconds": round(seconds, 3)}
    conduct.terminal.record({"summary": summary})
    parts = [f"{number} {what}" for what, number in {**count, "left": left}.items() if number]
    conduct.terminal.say(f"{', '.join(parts)} in {lasting(seconds)}")
