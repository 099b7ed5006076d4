"""Table: a bench in words: CSV, and the cells that a terminal and a page show."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from restore.bench.exercises import Exercise
from restore.bench.measures import CONSISTENCY
from restore.bench.summary import FIELDS, Line, Verdict, by_exercise

NAMES = {
    "ssim": ("SSIM", "{:.4f}"),
    "lpips": ("LPIPS", "{:.4f}"),
    "sharpness": ("sharpness", "{:.2f}"),
    "blur": ("blur", "{:+.3f}"),
    "texture_error": ("texture error", "{:.3f}"),
    "coefficients_kept": ("coefficients kept", "{:.5f}"),
    "consistency_psnr_db": ("consistency dB", "{:.1f}"),
    "known_max_error": ("known error", "{:.0f}"),
    "residual_sigma": ("residual sigma", "{:.2f}"),
}


@dataclass(frozen=True)
class Table:
    """One exercise: a row for each method, its PSNR at each NFE, the rest at the largest.

    `best` marks the cells (row, column) that are the highest of their column, among the networks.
    """

    exercise: Exercise
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]]
    kinds: Sequence[str]

    @property
    def title(self) -> str:
        where = "in the hole, " if self.exercise.quality == "masked_psnr_db" else ""
        return f"{self.exercise.title}: PSNR in dB, {where}by network evaluations"


def tables(lines: Iterable[Line]) -> list[Table]:
    """One for each exercise, in the lines' order."""
    return [_table(exercise, some) for exercise, some in by_exercise(lines).items()]


def _table(exercise: Exercise, lines: Sequence[Line]) -> Table:
    columns = sorted({line.nfe for line in lines})
    measures = [
        name
        for name in (
            "ssim",
            "lpips",
            "sharpness",
            "blur",
            "texture_error",
            CONSISTENCY[exercise.task],
        )
        if any(name in line.metrics for line in lines)
    ]
    methods: dict[str, dict[int, Line]] = {}
    for line in lines:
        methods.setdefault(line.label, {})[line.nfe] = line
    rows, kinds = [], []
    highest: dict[int, tuple[float, int]] = {}
    for number, (label, found) in enumerate(methods.items()):
        last = found[max(found)]
        kinds.append(last.kind)
        for column, nfe in enumerate(columns):
            if nfe and nfe in found:
                mark = found[nfe].quality, number
                highest[column] = max(highest.get(column, mark), mark)
        rows.append([
            label,
            *(f"{found[nfe].quality:.2f}" if nfe in found else "" for nfe in columns),
            *(worded(name, last) for name in measures),
            f"{last.seconds:.3g}",
            f"{last.megapixels_per_second:.3g}",
        ])  # fmt: skip
    head = [
        "method",
        *(str(nfe) if nfe else "none" for nfe in columns),
        *(NAMES[name][0] for name in measures),
        "s",
        "MP/s",
    ]
    best = frozenset((row, column + 1) for column, (_, row) in highest.items())
    return Table(exercise, head, rows, best, kinds)


def worded(name: str, line: Line) -> str:
    """A metric of a line, "" where it has none."""
    return NAMES[name][1].format(line.metrics[name]) if name in line.metrics else ""


def as_csv(lines: Iterable[Line]) -> str:
    """All lines with all figures, under their names."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line.flat for line in lines)
    return stream.getvalue()


def said(verdict: Verdict) -> str:
    """A verdict in a sentence."""
    ahead, best = verdict.ahead_db, verdict.best
    how = f"{abs(ahead):.2f} dB {'above' if ahead >= 0 else 'below'}"
    return (
        f"{verdict.exercise.name}, NFE {verdict.nfe}: bcm {verdict.ours.quality:.2f} dB, "
        f"{how} the best peer, {best.method}"
    )
