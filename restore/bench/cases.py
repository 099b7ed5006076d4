"""Cases: what a bench measures. A case is a task at a severity, a cell one method on a case.

Of each task, `SETUPS` holds what can be known without a network: how a clean picture is degraded,
how it is restored, what classical methods there are. Methods are compared at equal NFE. A gradient
through the network costs several evaluations, as the `Method` says, and a method that takes them
visits fewer levels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from restore.bench import baselines
from restore.bench.pictures import Clean, Degraded, Pictures
from restore.checkpoints import Checkpoint
from restore.errors import RequestError
from restore.images import Picture, encode
from restore.settings import Mode
from restore.solvers import METHODS, PEERS
from restore.tasks import (
    TASKS,
    Deblur,
    Denoise,
    Inpaint,
    Jpeg,
    Settings,
    Superres,
    Task,
    draw_mask,
)
from restore.tasks.schedule import schedule

BLUR_SIGMA = 2.55  # levels of 8 bits, a hundredth of the range, as published comparisons have it
ANOTHER = 1_000_003  # from the mask or noise of one seed to that of the next


@dataclass(frozen=True)
class Setup:
    """What the bench knows of a task.

    severities: of them all, the first is the usual one. make: the task at a severity, for a picture
    of a (width, height), with a seed. baselines: by name, the strongest last.
    title: of a severity. quality: the measure that counts. random: whether a seed decides
    what is lost. slow: baselines that large pictures go without.
    """

    severities: tuple[str, ...]
    make: Callable[[str, tuple[int, int], int], Task]
    baselines: Mapping[str, Callable[[Degraded], np.ndarray]]
    title: str
    quality: str = "psnr_db"
    random: bool = False
    slow: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, order=True)
class Case:
    """A task at a severity."""

    task: str
    severity: str

    @property
    def name(self) -> str:
        return f"{self.task}-{self.severity}"

    @property
    def title(self) -> str:
        return SETUPS[self.task].title.format(self.severity)

    @property
    def strength(self) -> float:
        """The severity as a number, 1 where it is none."""
        try:
            return float(self.severity)
        except ValueError:
            return 1.0

    @property
    def quality(self) -> str:
        """The metric that counts: PSNR, of a hole inside it."""
        return SETUPS[self.task].quality

    def degrade(self, clean: Clean, seed: int) -> Degraded:
        """The picture degraded; the seed decides what is random in that."""
        setup = SETUPS[self.task]
        seed = clean.number + ANOTHER * seed if setup.random else 0
        task = setup.make(self.severity, clean.size, seed)
        made = task.degrade(Picture(clean.pixels), seed)
        data = made if isinstance(made, bytes) else encode(made)
        if isinstance(task, Superres):
            # A rounded size is not the scale's own, and the reduction is exact.
            task = Superres(size=clean.size, sigma=0)
        return Degraded(data, clean.size, task)


def choose_cases(names: Sequence[str]) -> list[Case]:
    """Those of names such as "jpeg-10", "jpeg" (all its severities) or "all".

    RequestError for a name that is none, or a severity that cannot be.
    """
    found: dict[Case, None] = {}
    for name in names:
        task, dash, severity = name.partition("-")
        if name == "all":
            found |= {Case(t, s): None for t, known in SETUPS.items() for s in known.severities}
        elif task not in SETUPS:
            raise RequestError(
                f"--tasks {name!r}: expected all, or one of {', '.join(SETUPS)}, alone or with a "
                "severity, as in jpeg-10"
            )
        elif dash:
            found[_check(Case(task, severity))] = None
        else:
            found |= {Case(task, s): None for s in SETUPS[task].severities}
    return list(found)


def choose_usual_cases() -> list[Case]:
    """One severity of each task, for a first look."""
    return [Case(task, known.severities[0]) for task, known in SETUPS.items()]


def split_list(text: str) -> list[str]:
    """The names in a list with commas; one that a number follows belongs to a severity."""
    return [name for part in re.split(r",(?=\s*[A-Za-z])", text) if (name := part.strip(" ,"))]


def _check(case: Case) -> Case:
    """RequestError where a small picture cannot be degraded so."""
    probe = Clean("probe", np.full((64, 64, 3), 128, np.uint8), 0)
    try:
        case.degrade(probe, 0)
    except (ValueError, RequestError) as error:
        raise RequestError(f"--tasks {case.name!r}: {error}") from error
    return case


def _holes(severity: str, size: tuple[int, int], seed: int) -> Task:
    return Inpaint(draw_mask(size, severity, seed))


SETUPS: dict[str, Setup] = {
    "jpeg": Setup(
        ("10", "20", "40"),
        lambda severity, size, seed: Jpeg(int(severity)),
        {"decoded": baselines.untouched},
        "JPEG at quality {}, 4:2:0",
    ),
    "superres": Setup(
        ("4", "2"),
        lambda severity, size, seed: Superres(float(severity)),
        {
            "bicubic": baselines.bicubic,
            "lanczos": baselines.lanczos,
            "back-projection": baselines.back_projection,
        },
        "enlarged ×{}",
    ),
    "inpaint": Setup(
        ("half", "scratches", "block"),
        _holes,
        {
            "telea": baselines.telea,
            "navier-stokes": baselines.navier_stokes,
            "biharmonic": baselines.biharmonic,
        },
        "holes: {}",
        quality="masked_psnr_db",
        random=True,
        slow=frozenset({"biharmonic"}),
    ),
    "denoise": Setup(
        ("25", "15", "50"),
        lambda severity, size, seed: Denoise(float(severity)),
        {
            "noisy": baselines.untouched,
            "total-variation": baselines.total_variation,
            "nonlocal-means": baselines.nonlocal_means,
        },
        "noise of sigma {}/255",
        random=True,
    ),
    "deblur": Setup(
        ("gaussian:2", "motion:15,30", "disk:3"),
        lambda severity, size, seed: Deblur(severity, BLUR_SIGMA),
        {
            "blurred": baselines.untouched,
            "richardson-lucy": baselines.richardson_lucy,
            "wiener": baselines.wiener,
        },
        f"blurred by {{}}, noise of sigma {BLUR_SIGMA}/255",
        random=True,
    ),
}

OURS = ("bcm", "inversion")
CLASSICAL = tuple(name for task in SETUPS.values() for name in task.baselines)
GROUPS = {
    "ours": OURS,
    "peers": tuple(PEERS),
    "classical": CLASSICAL,
    "all": (*OURS, *PEERS, *CLASSICAL),
}
MethodKind = Literal["ours", "peer", "classical"]
FORMLESS = "no form of it for the task"
LeftOut = dict[str, dict[str, dict[str, None]]]  # by reason and method, where
SLOW_PIXELS = 2**18  # of a picture; larger ones are spared the methods that are `slow`


@dataclass(frozen=True)
class Cell:
    """nfe is 0 of a classical method, and mode None where a method knows none."""

    case: Case
    method: str
    mode: Mode | None
    nfe: int
    seed: int

    @property
    def label(self) -> str:
        return f"{self.method} {self.mode}" if self.mode else self.method

    @property
    def kind(self) -> MethodKind:
        """Whose the method is."""
        return kind_of(self.method)

    @property
    def settings(self) -> Settings:
        assert self.nfe, "a classical method has none"
        return Settings(
            nfe=self.nfe, method=self.method, mode=self.mode or "fidelity", seed=self.seed
        )


def kind_of(method: str) -> MethodKind:
    """Whose a method is: ours, of peers, or classical."""
    if method in OURS:
        return "ours"
    return "peer" if method in PEERS else "classical"


def choose_methods(names: Sequence[str]) -> list[str]:
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


def make_grid(
    cases: Sequence[Case],
    methods: Sequence[str],
    modes: Sequence[Mode],
    nfe: Sequence[int],
    seeds: int,
    *,
    pictures: Pictures,
    checkpoint: Checkpoint | None,
) -> tuple[list[Cell], list[str]]:
    """All that can be measured, case by case, and notes on what cannot.

    RequestError where nothing can.
    """
    found: list[Cell] = []
    left_out: LeftOut = {}
    for case in cases:
        for method in methods:
            if method in CLASSICAL:
                found += _list_classical_cells(case, method, seeds, pictures, left_out)
                continue
            for cell in _list_network_cells(case, method, modes, nfe, seeds):
                if reason := _find_obstacle(cell, checkpoint):
                    where = cell.case.task if reason == FORMLESS else f"NFE {cell.nfe}"
                    left_out.setdefault(reason, {}).setdefault(cell.label, {})[where] = None
                else:
                    found.append(cell)
    notes = [f"left out: {reason}: {_list_places(who)}" for reason, who in left_out.items()]
    if not found:
        raise RequestError("; ".join(["nothing can be measured", *notes]))
    return found, notes


def _list_network_cells(
    case: Case, method: str, modes: Sequence[Mode], nfe: Sequence[int], seeds: int
) -> Iterator[Cell]:
    for mode in modes if method in OURS else (None,):
        for n in nfe:
            for seed in range(seeds):
                yield Cell(case, method, mode, n, seed)


def _list_classical_cells(
    case: Case,
    method: str,
    seeds: int,
    pictures: Pictures,
    left_out: LeftOut,
) -> Iterator[Cell]:
    """Once where no seed decides what is lost."""
    task = SETUPS[case.task]
    if method not in task.baselines:
        return
    if method in task.slow and max(one.pixels[..., 0].size for one in pictures.clean) > SLOW_PIXELS:
        reason = f"it would take hours, a picture having over {SLOW_PIXELS} pixels"
        left_out.setdefault(reason, {}).setdefault(method, {})[case.task] = None
        return
    for seed in range(seeds if task.random else 1):
        yield Cell(case, method, None, 0, seed)


def _find_obstacle(cell: Cell, checkpoint: Checkpoint | None) -> str:
    """Why a cell cannot be measured, "" where it can."""
    method, task = METHODS[cell.method], cell.case.task
    if method.supports(task) is not None:
        return FORMLESS
    if reason := method.supports(task, cell.nfe):
        return reason
    try:
        schedule(checkpoint, TASKS[task], cell.settings, cell.case.strength)
    except RequestError as error:
        return str(error)
    return ""


def _list_places(who: Mapping[str, Mapping[str, None]]) -> str:
    """Methods and where they are left out, those of one place together."""
    places: dict[tuple[str, ...], list[str]] = {}
    for label, where in who.items():
        places.setdefault(tuple(where), []).append(label)
    return "; ".join(f"{', '.join(labels)} ({', '.join(at)})" for at, labels in places.items())
