"""Summary: the means of rows, a line for each method at each NFE, and who is ahead.

Every picture weighs the same, and so does every seed. A PSNR of equal pictures counts as 100 dB.
Seconds and megapixels a second are medians: a first call is slower than the rest.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from restore.bench.cells import Cell
from restore.bench.exercises import Exercise
from restore.bench.journal import Row
from restore.bench.measures import METRICS

EQUAL_DB = 100.0
WORST = {"known_max_error": max}  # where a mean would hide it
FIELDS = (
    "task", "severity", "method", "mode", "nfe", "pictures", "seeds", *METRICS, "psnr_spread_db",
    "seconds", "megapixels_per_second",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Means over pictures and seeds. `psnr_spread_db` is the deviation of the seeds' means."""

    exercise: Exercise
    method: str
    mode: str | None
    nfe: int
    kind: str
    pictures: int
    seeds: int
    seconds: float
    megapixels_per_second: float
    metrics: dict[str, float] = field(default_factory=dict)
    psnr_spread_db: float | None = None

    @property
    def label(self) -> str:
        return f"{self.method} {self.mode}" if self.mode else self.method

    @property
    def quality(self) -> float:
        """The PSNR that counts, in dB."""
        return self.metrics[self.exercise.quality]

    @property
    def flat(self) -> dict[str, Any]:
        """By the names of FIELDS, None where there is no such figure."""
        known = {**asdict(self), **asdict(self.exercise), **self.metrics}
        return {name: known.get(name) for name in FIELDS}


def summarised(rows: Iterable[Row]) -> list[Line]:
    """In the rows' order."""
    groups: dict[tuple[Exercise, str, str | None, int], list[Row]] = {}
    for row in rows:
        key = Exercise(row.task, row.severity), row.method, row.mode, row.nfe
        groups.setdefault(key, []).append(row)
    return [_line(*key, found) for key, found in groups.items()]


def by_exercise(lines: Iterable[Line]) -> dict[Exercise, list[Line]]:
    """In the lines' order."""
    found: dict[Exercise, list[Line]] = {}
    for line in lines:
        found.setdefault(line.exercise, []).append(line)
    return found


@dataclass(frozen=True)
class Verdict:
    """Ours and the best of the peers at one NFE, and by how many dB ours is ahead."""

    exercise: Exercise
    nfe: int
    ours: Line
    best: Line

    @property
    def ahead_db(self) -> float:
        return self.ours.quality - self.best.quality


def verdicts(lines: Sequence[Line]) -> list[Verdict]:
    """At each NFE of each exercise where bcm in fidelity mode and a peer were measured alike."""
    found = []
    for exercise, some in by_exercise(lines).items():
        for ours in some:
            if (ours.method, ours.mode) != ("bcm", "fidelity"):
                continue
            peers = [
                line for line in some
                if (line.kind, line.nfe) == ("peer", ours.nfe)
                and (line.pictures, line.seeds) == (ours.pictures, ours.seeds)
            ]  # fmt: skip
            if peers:
                best = max(peers, key=lambda line: line.quality)
                found.append(Verdict(exercise, ours.nfe, ours, best))
    return found


def notes_on(lines: Sequence[Line]) -> list[str]:
    """What a reader has to know of these figures."""
    from restore.solvers import CLOSER, PEERS

    methods = {line.method for line in lines}
    dear = [name for name, peer in PEERS.items() if peer.cost > 1 and name in methods]
    notes = []
    if dear:
        cost = PEERS[dear[0]].cost
        notes.append(
            f"{', '.join(dear)}: going back through the network for a gradient is counted as what "
            f"it costs, {cost} network evaluations a level; those left over are levels without"
        )
    if methods & set(CLOSER):
        notes.append(
            "-ccdf: a published method begun at a low level, for few evaluations; without it, at "
            "the levels that it was published with, for many more"
        )
    if any(line.exercise.task == "inpaint" for line in lines):
        notes.append("PSNR of holes is that inside the hole")
    most = max((line.pictures for line in lines), default=0)
    notes += [
        f"{line.exercise.name}, {line.label}, NFE {line.nfe}: {line.pictures} of {most} pictures, "
        "the others failed"
        for line in lines
        if line.pictures < most
    ]
    return notes


def _line(exercise: Exercise, method: str, mode: str | None, nfe: int, rows: list[Row]) -> Line:
    cell = Cell(exercise, method, None, nfe, 0)
    means = {}
    for name in METRICS:
        values = [row.metrics[name] for row in rows if row.metrics and name in row.metrics]
        if name.endswith("_db"):
            values = [EQUAL_DB if value is None else value for value in values]
        known = [value for value in values if value is not None]
        if known:
            means[name] = round(WORST.get(name, statistics.mean)(known), 5)
    seeds = sorted({row.seed for row in rows})
    spread = None
    if len(seeds) > 1:
        each = [
            statistics.mean(_psnr(row, exercise.quality) for row in rows if row.seed == seed)
            for seed in seeds
        ]
        spread = round(statistics.stdev(each), 4)
    speeds = [row.size[0] * row.size[1] / 1e6 / max(row.seconds, 1e-9) for row in rows]
    return Line(
        exercise, method, mode, nfe, cell.kind, len({row.picture for row in rows}), len(seeds),
        round(statistics.median(row.seconds for row in rows), 5),
        round(statistics.median(speeds), 4), means, spread,
    )  # fmt: skip


def _psnr(row: Row, name: str) -> float:
    value = (row.metrics or {}).get(name)
    return EQUAL_DB if value is None else value
