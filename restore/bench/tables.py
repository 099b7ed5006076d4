"""Tables: a bench in words: JSON, CSV, Markdown, and the cells of a terminal and a page.

The Markdown has one table for all, a row for each method and a column for each task.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from restore.bench.cases import Case
from restore.bench.harness import PROOFS, Facts
from restore.bench.summary import FIELDS, Comparison, Line, compare_with_peers, group_by_case
from restore.jsonlines import to_json

GAP = " / "  # between the figures at each NFE
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
    """One case: a row for each method, its PSNR at each NFE, the rest at the largest.

    `best` marks the cells (row, column) that are the highest of their column, among the networks.
    """

    case: Case
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]]
    kinds: Sequence[str]

    @property
    def title(self) -> str:
        where = "in the hole, " if self.case.quality == "masked_psnr_db" else ""
        return f"{self.case.title}: PSNR in dB, {where}by network evaluations"


def make_tables(lines: Iterable[Line]) -> list[Table]:
    """One for each case, in the lines' order."""
    return [_table(case, some) for case, some in group_by_case(lines).items()]


def _table(case: Case, lines: Sequence[Line]) -> Table:
    columns = sorted({line.nfe for line in lines})
    measures = [
        name
        for name in (
            "ssim",
            "lpips",
            "sharpness",
            "blur",
            "texture_error",
            *PROOFS,
        )
        if any(getattr(line.metrics, name) is not None for line in lines)
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
            *(format_metric(name, last) for name in measures),
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
    return Table(case, head, rows, best, kinds)


def format_metric(name: str, line: Line) -> str:
    """A metric of a line, "" where it has none."""
    value = getattr(line.metrics, name)
    return "" if value is None else NAMES[name][1].format(value)


def format_json(lines: Sequence[Line], facts: Facts, notes: Sequence[str]) -> str:
    """All figures, what they rest on, who is ahead, and the notes, as one object of JSON."""
    ahead = [
        {"exercise": one.case.name, "nfe": one.nfe, "best_peer": one.best.method,
         "ahead_db": round(one.ahead_db, 4)}
        for one in compare_with_peers(lines)
    ]  # fmt: skip
    figures = [{**line.as_dict(), "kind": line.kind} for line in lines]
    whole = {"schema": 1, "bench": vars(facts), "lines": figures, "verdicts": ahead}
    return f"{to_json({**whole, 'notes': [*notes]})}\n"


def format_csv(lines: Iterable[Line]) -> str:
    """All lines with all figures, under their names."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line.as_dict() for line in lines)
    return stream.getvalue()


def describe_comparison(comparison: Comparison) -> str:
    """A comparison in a sentence."""
    ahead, best = comparison.ahead_db, comparison.best
    how = f"{abs(ahead):.2f} dB {'above' if ahead >= 0 else 'below'}"
    return (
        f"{comparison.case.name}, NFE {comparison.nfe}: bcm {comparison.ours.quality:.2f} dB, "
        f"{how} the best peer, {best.method}"
    )


def format_markdown(lines: Sequence[Line], facts: Facts) -> str:
    """The table, what it rests on and who is ahead, for a README. `facts` as for the page."""
    tasks: dict[str, dict[Case, None]] = {}
    methods: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: line.kind == "classical"):
        tasks.setdefault(line.case.task, {})[line.case] = None
        methods.setdefault(line.label, []).append(line)
    nfe = sorted({line.nfe for line in lines if line.nfe})
    quality = {
        label: {task: _average_by_nfe(some, cases) for task, cases in tasks.items()}
        for label, some in methods.items()
    }
    best = {
        (task, n): max(found[task][n] for found in quality.values() if n in found[task])
        for task in tasks
        for n in nfe
        if any(n in found[task] for found in quality.values())
    }

    def cell(label: str, task: str) -> str:
        found = quality[label][task]
        if 0 in found or not found:
            return "".join(f"{value:.2f}" for value in found.values())
        texts = [f"{found[n]:.2f}" if n in found else "–" for n in nfe]
        return GAP.join(
            f"**{text}**" if n in found and found[n] == best[task, n] else text
            for n, text in zip(nfe, texts, strict=True)
        )

    head = ["method", *(_title(task, some) for task, some in tasks.items()), "texture error", "s"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for label, some in methods.items():
        last = [line for line in some if line.nfe == max(one.nfe for one in some)]
        texture = _mean(last, lambda line: line.metrics.texture_error or 0.0)
        seconds = _mean(last, lambda line: line.seconds)
        rows.append([label, *(cell(label, task) for task in tasks), texture, seconds])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    judged = _judge(compare_with_peers(lines))
    return "\n\n".join([table, _explain(nfe, lines, facts), *judged]) + "\n"


def _average_by_nfe(lines: Iterable[Line], cases: Mapping[Case, None]) -> dict[int, float]:
    """The mean over a task's cases at each NFE at which all of them were measured."""
    found: dict[int, list[float]] = {}
    for line in lines:
        if line.case in cases:
            found.setdefault(line.nfe, []).append(line.quality)
    whole = {nfe: values for nfe, values in found.items() if len(values) == len(cases)}
    return {nfe: statistics.mean(whole[nfe]) for nfe in sorted(whole)}


def _title(task: str, cases: Iterable[Case]) -> str:
    return f"{task} {'; '.join(one.severity for one in cases)}"


def _mean(lines: Sequence[Line], figure: Callable[[Line], float]) -> str:
    return f"{statistics.mean(map(figure, lines)):.2f}"


def _explain(nfe: Sequence[int], lines: Sequence[Line], facts: Facts) -> str:
    at = f"PSNR in dB at {GAP.join(map(str, nfe))} network evaluations" if nfe else "PSNR in dB"
    last = f" at {nfe[-1]}" if nfe else ""
    inside = any(line.case.quality == "masked_psnr_db" for line in lines)
    holes = ", of holes inside them" if inside else ""
    return (
        f"{at}, mean over {facts.pictures}, and over each task's severities{holes}; the best "
        "that a network does in bold. Texture error: how far gradients are from the clean ones, "
        f"block by block; s: seconds a picture ({facts.machine}); both{last}, over all tasks."
    )


def _judge(found: Sequence[Comparison]) -> list[str]:
    """Where bcm in fidelity mode is ahead of every peer, and where it is not."""
    if not found:
        return []
    ahead = [one.ahead_db for one in found]
    behind = [
        f"{one.case.name} at NFE {one.nfe} ({one.best.method}, by {-one.ahead_db:.2f} dB)"
        for one in found
        if one.ahead_db < 0
    ]
    text = (
        f"bcm in fidelity mode is at or above the best peer in {len(found) - len(behind)} of "
        f"{len(found)} comparisons, by {min(ahead):+.2f} to {max(ahead):+.2f} dB"
    )
    return [f"{text}; behind in {', '.join(behind)}." if behind else f"{text}."]
