"""Describe: a record in sentences and figures that need no manual."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from restore.record import JSON, Metrics, Record
from restore.tasks import TASKS, Task

JOURNEYS = {
    "generate": "Samples", "interpolate": "Frames", "invert": "There and back",
    "reconstruct": "Brought back",
}  # fmt: skip
DEGRADE = "degrade "  # how the tasks begin that make something worse
MADE = ("ok", "doubtful")  # statuses of a record that has a result
NOTHING_HOLDS = (
    "Nothing holds this result to the given picture: what was lost is not known exactly, "
    "as the notes say."
)


@dataclass(frozen=True)
class Figure:
    """A number worth a second look: what it is, the number in words, and what to compare it to."""

    title: str
    value: str
    note: str = ""


def name_pictures(record: Record) -> dict[str, str]:
    """What the pictures of a record are called, by their names in a preview."""
    name = record.task or ""
    if name.startswith(DEGRADE):
        return {"before": "Clean", "after": "Degraded", "reference": "Original"}
    task = TASKS.get(name, Task)
    after = JOURNEYS.get(name, task.result_title)
    return {"before": task.input_title, "after": after, "reference": "Original"}


def name_record(record: Record) -> str:
    """What a record is about: the input's name, or the task where it had none."""
    return record.input or record.task or ""


def list_figures(record: Record, psnr_before_db: float | None = None) -> list[Figure]:
    """The figures of a record that are shown large, the proof apart."""
    found, measured = [], record.metrics
    if "psnr_db" in measured:
        before = measured.get("psnr_given_db", psnr_before_db)
        note = "" if before is None else f"given: {_db(before)}"
        found.append(Figure("PSNR to the original", _db(measured["psnr_db"]), note))
    if measured.get("ssim") is not None:
        found.append(Figure("SSIM to the original", f"{measured['ssim']:.4f}"))
    if "masked_psnr_db" in measured:
        found.append(Figure("PSNR inside the hole", _db(measured["masked_psnr_db"])))
    if "round_trip_psnr_db" in measured:
        found.append(Figure("comes back at", _db(measured["round_trip_psnr_db"])))
    if record.nfe is not None:
        mode = f", {record.mode}" if record.mode else ""
        found.append(Figure("network evaluations", f"{record.nfe}", f"{record.method}{mode}"))
    if record.size_out:
        given = record.size_in
        note = f"from {_size(given)}" if given and given != record.size_out else ""
        found.append(Figure("pixels", _size(record.size_out), note))
    found.append(Figure("time", f"{record.seconds:.1f} s", record.device or ""))
    return found


def describe_outcome(record: Record) -> str:
    """What came of a record in a few words, the best that is known of it."""
    if record.status not in MADE:
        return describe_failure(record)
    measured = record.metrics
    parts: list[str] = []
    if measured.get("psnr_db") is not None:
        parts.append(f"PSNR {_db(measured['psnr_db'])}")
    if measured.get("round_trip_psnr_db") is not None:
        parts.append(f"comes back at {_db(measured['round_trip_psnr_db'])}")
    if "known_max_error" in measured:
        parts.append(f"known pixels changed by {measured['known_max_error']} at most")
    elif measured.get("coefficients_kept") is not None:
        parts.append(f"{_percent(measured['coefficients_kept'])} of the coefficients kept")
    elif measured.get("consistency_psnr_db") is not None:
        parts.append(f"consistent to {_db(measured['consistency_psnr_db'])}")
    return ", ".join(parts)


def describe_work(record: Record) -> str:
    """What was done with a picture and what to expect of it; "" where nobody can say."""
    task = TASKS.get(record.task or "")
    if task is None or record.status not in MADE:
        return ""
    if "preview" in record.more:
        return "a preview: the rest is not made, and nothing is proved"
    strength = record.more.get("strength", 1.0)
    if record.method == "hold":
        words = "held to what was given, no network asked"
    elif record.nfe == 0:
        return "what was given, as it is" if strength == 0 else "left as it is"
    else:
        words = task.describe(record)
    return words if strength == 1 or not words else f"{words}; mixed in by {strength:g}"


def describe_check(record: Record) -> str:
    """What the result was held to, how that was checked and what came of it; "" where nothing."""
    measured = record.metrics
    if record.status not in MADE or (record.task or "").startswith(DEGRADE):
        return ""
    if "known_max_error" in measured:
        worst = measured["known_max_error"]
        kept = "every one has its given value, to the last bit" if worst == 0 else "some changed"
        return f"The known pixels were compared with the given ones: {kept}; largest error {worst}."
    if "round_trip_psnr_db" in measured:
        return _journey(record)
    taken, level = measured.get("residual_sigma"), measured.get("sigma")
    held = measured.get("consistency_psnr_db") is not None or measured.get("consistency_exact")
    if taken is not None and level is not None and not held:
        return (
            f"What was taken away has a standard deviation of {taken:g} levels in 255; the noise "
            f"was taken to have {level:g}."
        )
    if record.size_in is None:
        return "Drawn from noise alone: there is no given picture to hold the samples to."
    if not held:
        return NOTHING_HOLDS
    return f"{_again(record)} and compared with the given one: {_agreement(measured)}"


def flatten_record(record: Mapping[str, JSON]) -> Iterator[tuple[str, str]]:
    """A whole record in (name, value), the names of what is nested joined by a dot."""
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            yield from ((f"{name}.{inner}", words) for inner, words in flatten_record(value))
        elif name == "warnings" and value:
            yield from ((f"warnings.{number}", line) for number, line in enumerate(value, 1))
        elif isinstance(value, str):
            yield name, value
        else:
            yield name, json.dumps(value, ensure_ascii=False)


def describe_failure(record: Record) -> str:
    """Why there is no result, in a sentence; "" where there is one."""
    if record.status == "skipped":
        return "; ".join(record.warnings)
    error = record.error or {}
    stage = f"{error['stage']}: " if error.get("stage") else ""
    return f"{stage}{error.get('message') or error.get('type') or ''}"


def _again(record: Record) -> str:
    """How the result was degraded a second time."""
    check = TASKS.get(record.task or "", Task).check
    return f"The result was {check.format(size=_size(record.size_in or (0, 0)))}"


def _agreement(measured: Metrics) -> str:
    parts = []
    if measured.get("coefficients_kept") is not None:
        parts.append(
            f"{_percent(measured['coefficients_kept'])} of the known DCT coefficients are equal"
        )
        if (counted := measured.get("coefficients_counted")) is not None:
            parts.append(f"{_percent(counted)} of all are known, the rest reaching beyond the edge")
    decibels = measured.get("consistency_psnr_db")
    if decibels is None:
        parts.append("both are the same to the last bit")
    else:
        root = 255 * 10 ** (-decibels / 20)
        parts.append(
            f"they agree to {decibels:.2f} dB, a root mean square difference of {root:.2g} in 255"
        )
    if (sigma := measured.get("sigma")) is not None:
        parts[-1] += f", its noise being taken to be {sigma:g}"
    return ", and ".join(parts) + "."


def _journey(record: Record) -> str:
    measured = record.metrics
    back = _db(measured["round_trip_psnr_db"])
    parts = [f"Sent up to noise and down again, the given picture comes back at {back}"]
    if measured.get("middle_round_trip_psnr_db") is not None:
        parts.append(f"the frame in the middle at {_db(measured['middle_round_trip_psnr_db'])}")
    if measured.get("cross_fade_round_trip_psnr_db") is not None:
        fade = _db(measured["cross_fade_round_trip_psnr_db"])
        parts.append(f"a plain cross-fade in its place at {fade}")
    return ", ".join(parts) + "."


def _percent(share: float) -> str:
    """A share in percent that says 100 % of all alone."""
    return "100 %" if share == 1 else f"{min(share * 100, 99.9999):.4f} %"


def _db(value: float | None) -> str:
    return "exact" if value is None else f"{value:.2f} dB"


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}×{size[1]}"
