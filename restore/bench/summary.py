"""Summary: the means of rows, a line for each method at each NFE, and who is ahead.

Every picture weighs the same, and so does every seed. A PSNR of equal pictures counts as 100 dB.
Seconds and megapixels a second are medians: a first call is slower than the rest.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from restore.bench.cases import Case, MethodKind, kind_of
from restore.bench.journal import METRICS, Measures, Row
from restore.solvers import CLOSER, PEERS

EQUAL_DB = 100.0
WORST = {"known_max_error": max}  # where a mean would hide it
FIELDS = (
    "task", "severity", "method", "mode", "nfe", "pictures", "seeds", *METRICS, "psnr_spread_db",
    "seconds", "megapixels_per_second",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Means over pictures and seeds of one method at one NFE on a case.

    kind: whose the method is, as `Cell.kind`. pictures, seeds: how many there are. seconds,
    megapixels_per_second: medians. psnr_spread_db: the deviation of the seeds' means.
    """

    case: Case
    method: str
    mode: str | None
    nfe: int
    kind: MethodKind
    pictures: int
    seeds: int
    seconds: float
    megapixels_per_second: float
    metrics: Measures = field(default_factory=Measures)
    psnr_spread_db: float | None = None

    @property
    def label(self) -> str:
        return f"{self.method} {self.mode}" if self.mode else self.method

    @property
    def quality(self) -> float:
        """The PSNR that counts, in dB."""
        value = getattr(self.metrics, self.case.quality)
        assert value is not None, self.case
        return value

    def as_dict(self) -> dict[str, str | float | None]:
        """By the names of FIELDS, None where there is no such figure."""
        known = {**vars(self), **vars(self.case), **vars(self.metrics)}
        return {name: known[name] for name in FIELDS}


def summarize(rows: Iterable[Row]) -> list[Line]:
    """The means of rows, in their order."""
    groups: dict[tuple[Case, str, str | None, int], list[Row]] = {}
    for row in rows:
        key = Case(row.task, row.severity), row.method, row.mode, row.nfe
        groups.setdefault(key, []).append(row)
    return [_average(*key, found) for key, found in groups.items()]


def group_by_case(lines: Iterable[Line]) -> dict[Case, list[Line]]:
    """The lines of each case, in their order."""
    found: dict[Case, list[Line]] = {}
    for line in lines:
        found.setdefault(line.case, []).append(line)
    return found


@dataclass(frozen=True)
class Comparison:
    """Ours and the best of the peers at one NFE, and by how many dB ours is ahead."""

    case: Case
    nfe: int
    ours: Line
    best: Line

    @property
    def ahead_db(self) -> float:
        return self.ours.quality - self.best.quality


def compare_with_peers(lines: Sequence[Line]) -> list[Comparison]:
    """Ours against the best peer, at each NFE of each case.

    They are compared where bcm in fidelity mode and a peer were measured on the same pictures.
    """
    found = []
    for case, some in group_by_case(lines).items():
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
                found.append(Comparison(case, ours.nfe, ours, best))
    return found


def write_notes(lines: Sequence[Line]) -> list[str]:
    """What a reader has to know of these figures."""
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
            "-ccdf: a published method begun at a low level, for few evaluations, its levels and "
            "noise found by a search of as many trials as ours, on photographs apart (so are "
            "cm4ir's); without it, at the levels that it was published with, for many more"
        )
    if any(line.case.quality == "masked_psnr_db" for line in lines):
        notes.append("PSNR of holes is that inside the hole")
    most = max((line.pictures for line in lines), default=0)
    notes += [
        f"{line.case.name}, {line.label}, NFE {line.nfe}: {line.pictures} of {most} pictures, "
        "the others failed"
        for line in lines
        if line.pictures < most
    ]
    return notes


def _average(case: Case, method: str, mode: str | None, nfe: int, rows: Sequence[Row]) -> Line:
    seeds = sorted({row.seed for row in rows})
    spread = None
    if len(seeds) > 1:
        each = [
            statistics.mean(_list_values(case.quality, (r for r in rows if r.seed == seed)))
            for seed in seeds
        ]
        spread = round(statistics.stdev(each), 4)
    means: dict[str, float] = {}
    for name in METRICS:
        if values := _list_values(name, rows):
            means[name] = round(WORST.get(name, statistics.mean)(values), 5)
    speeds = [row.size[0] * row.size[1] / 1e6 / max(row.seconds, 1e-9) for row in rows]
    return Line(
        case,
        method,
        mode,
        nfe,
        kind=kind_of(method),
        pictures=len({row.picture for row in rows}),
        seeds=len(seeds),
        seconds=round(statistics.median(row.seconds for row in rows), 5),
        megapixels_per_second=round(statistics.median(speeds), 4),
        metrics=Measures(**means),
        psnr_spread_db=spread,
    )


def _list_values(name: str, rows: Iterable[Row]) -> list[float]:
    """A measure of the rows that have it; equal pictures count as EQUAL_DB."""
    values = [getattr(row.metrics, name) for row in rows]
    return [min(v, EQUAL_DB) if name.endswith("_db") else v for v in values if v is not None]
