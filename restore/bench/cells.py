"""Cell: what one figure is a measurement of: a method, at so many evaluations, on an exercise.

Methods are compared at equal NFE. One that takes a gradient through the network is counted by what
that costs, as its `Method` says, so that it visits fewer levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from restore.bench.exercises import TASKS, Exercise
from restore.bench.pictures import Pictures
from restore.checkpoints import Checkpoint
from restore.errors import RequestError
from restore.settings import Mode
from restore.solvers import METHODS, PEERS
from restore.tasks import Settings
from restore.tasks.schedule import schedule

OURS = ("bcm", "inversion")
CLASSICAL = tuple(name for task in TASKS.values() for name in task.baselines)
GROUPS = {
    "ours": OURS,
    "peers": tuple(PEERS),
    "classical": CLASSICAL,
    "all": (*OURS, *PEERS, *CLASSICAL),
}
FORMLESS = "no form of it for the task"
LeftOut = dict[str, dict[str, dict[str, None]]]  # by reason and method, where
SLOW_PIXELS = 2**18  # of a picture; larger ones are spared the methods that are `slow`


@dataclass(frozen=True)
class Cell:
    """nfe is 0 of a classical method, and mode None where a method knows none."""

    exercise: Exercise
    method: str
    mode: Mode | None
    nfe: int
    seed: int

    @property
    def label(self) -> str:
        return f"{self.method} {self.mode}" if self.mode else self.method

    @property
    def kind(self) -> str:
        """Whose the method is: ours, of peers, or classical."""
        if self.method in OURS:
            return "ours"
        return "peer" if self.method in PEERS else "classical"

    @property
    def settings(self) -> Settings:
        assert self.nfe, "a classical method has none"
        return Settings(
            nfe=self.nfe, method=self.method, mode=self.mode or "fidelity", seed=self.seed
        )


def methods_of(names: Sequence[str]) -> list[str]:
    """Methods by name, or by that of a group. RequestError for a name that is none."""
    found: dict[str, None] = {}
    for name in names:
        if name not in GROUPS and name not in GROUPS["all"]:
            raise RequestError(
                f"--methods {name!r}: expected {', '.join(GROUPS)}, or any of "
                f"{', '.join(GROUPS['all'])}"
            )
        found |= dict.fromkeys(GROUPS.get(name, (name,)))
    return list(found)


def cells(
    exercises: Sequence[Exercise],
    methods: Sequence[str],
    modes: Sequence[Mode],
    nfe: Sequence[int],
    seeds: int,
    *,
    pictures: Pictures,
    checkpoint: Checkpoint | None,
) -> tuple[list[Cell], list[str]]:
    """All that can be measured, exercise by exercise, and notes on what cannot.

    RequestError where nothing can.
    """
    found: list[Cell] = []
    left_out: LeftOut = {}
    for exercise in exercises:
        for method in methods:
            if method in CLASSICAL:
                found += _classical(exercise, method, seeds, pictures, left_out)
                continue
            for cell in _networked(exercise, method, modes, nfe, seeds):
                if reason := _impossible(cell, checkpoint):
                    where = cell.exercise.task if reason == FORMLESS else f"NFE {cell.nfe}"
                    left_out.setdefault(reason, {}).setdefault(cell.label, {})[where] = None
                else:
                    found.append(cell)
    notes = [f"left out: {reason}: {_listed(who)}" for reason, who in left_out.items()]
    if not found:
        raise RequestError("; ".join(["nothing can be measured", *notes]))
    return found, notes


def _networked(
    exercise: Exercise, method: str, modes: Sequence[Mode], nfe: Sequence[int], seeds: int
) -> Iterator[Cell]:
    for mode in modes if method in OURS else (None,):
        for n in nfe:
            for seed in range(seeds):
                yield Cell(exercise, method, mode, n, seed)


def _classical(
    exercise: Exercise,
    method: str,
    seeds: int,
    pictures: Pictures,
    left_out: LeftOut,
) -> Iterator[Cell]:
    """Once where no seed decides what is given."""
    task = TASKS[exercise.task]
    if method not in task.baselines:
        return
    if method in task.slow and max(one.pixels[..., 0].size for one in pictures.clean) > SLOW_PIXELS:
        reason = f"it would take hours, a picture having over {SLOW_PIXELS} pixels"
        left_out.setdefault(reason, {}).setdefault(method, {})[exercise.task] = None
        return
    for seed in range(seeds if task.random else 1):
        yield Cell(exercise, method, None, 0, seed)


def _impossible(cell: Cell, checkpoint: Checkpoint | None) -> str:
    """Why a cell cannot be measured, "" where it can."""
    method, task = METHODS[cell.method], cell.exercise.task
    if method.supports(task) is not None:
        return FORMLESS
    if reason := method.supports(task, cell.nfe):
        return reason
    try:
        schedule(checkpoint, task, cell.settings, cell.exercise.strength)
    except RequestError as error:
        return str(error)
    return ""


def _listed(who: Mapping[str, Mapping[str, None]]) -> str:
    """Methods and where they are left out, those of one place together."""
    places: dict[tuple[str, ...], list[str]] = {}
    for label, where in who.items():
        places.setdefault(tuple(where), []).append(label)
    return "; ".join(f"{', '.join(labels)} ({', '.join(at)})" for at, labels in places.items())
