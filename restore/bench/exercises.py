"""Exercise: a task at a severity, "jpeg-10", and how a clean picture is degraded for it.

`TASKS` says of each task what can be known without a network: how to degrade, how to restore, what
classical methods there are, and which figure counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from restore import tasks
from restore.bcm import BCM
from restore.bench import baselines
from restore.bench.given import Given
from restore.bench.pictures import Clean
from restore.degradations.kernels import make_kernel
from restore.errors import RequestError
from restore.images import encode
from restore.tasks import Result, Settings

BLUR_SIGMA = 2.55  # levels of 8 bits, a hundredth of the range, as published comparisons have it
ANOTHER = 1_000_003  # from the mask or noise of one seed to that of the next


@dataclass(frozen=True)
class Task:
    """What the bench knows of a task.

    severities: of them all, the first is the usual one. baselines: by name, the strongest last.
    title: of a severity. random: whether a seed decides what is lost. slow: baselines that large
    pictures go without.
    """

    severities: tuple[str, ...]
    degrade: Callable[[Clean, str, int], Given]
    restore: Callable[[Given, BCM, Settings], Result]
    baselines: Mapping[str, Callable[[Given], np.ndarray]]
    title: str
    random: bool = False
    slow: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, order=True)
class Exercise:
    """A task at a severity."""

    task: str
    severity: str

    @property
    def name(self) -> str:
        return f"{self.task}-{self.severity}"

    @property
    def title(self) -> str:
        return TASKS[self.task].title.format(self.severity)

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
        return "masked_psnr_db" if self.task == "inpaint" else "psnr_db"

    def given(self, clean: Clean, seed: int) -> Given:
        """The picture degraded; the seed decides what is random in that."""
        seed = clean.number + ANOTHER * seed if TASKS[self.task].random else 0
        return TASKS[self.task].degrade(clean, self.severity, seed)


def exercises(names: Sequence[str]) -> list[Exercise]:
    """Those of names such as "jpeg-10", "jpeg" (all its severities) or "all".

    RequestError for a name that is none, or a severity that cannot be.
    """
    found: dict[Exercise, None] = {}
    for name in names:
        task, dash, severity = name.partition("-")
        if name == "all":
            found |= {Exercise(t, s): None for t, known in TASKS.items() for s in known.severities}
        elif task not in TASKS:
            raise RequestError(
                f"--tasks {name!r}: expected all, or one of {', '.join(TASKS)}, alone or with a "
                "severity, as in jpeg-10"
            )
        elif dash:
            found[_checked(Exercise(task, severity))] = None
        else:
            found |= {Exercise(task, s): None for s in TASKS[task].severities}
    return list(found)


def usual() -> list[Exercise]:
    """One severity of each task, for a first look."""
    return [Exercise(task, known.severities[0]) for task, known in TASKS.items()]


def names_in(text: str) -> list[str]:
    """The names in a list with commas; one that a number follows belongs to a severity."""
    return [name for part in re.split(r",(?=\s*[A-Za-z])", text) if (name := part.strip(" ,"))]


def _checked(exercise: Exercise) -> Exercise:
    """RequestError where a small picture cannot be degraded so."""
    probe = Clean("probe", np.full((64, 64, 3), 128, np.uint8), 0)
    try:
        exercise.given(probe, 0)
    except (ValueError, RequestError) as error:
        raise RequestError(f"--tasks {exercise.name!r}: {error}") from error
    return exercise


def _compressed(clean: Clean, severity: str, seed: int) -> Given:
    return Given(tasks.compressed(clean.pixels, int(severity)), clean.size)


def _reduced(clean: Clean, severity: str, seed: int) -> Given:
    return Given(encode(tasks.reduced(clean.pixels, float(severity))), clean.size)


def _holed(clean: Clean, severity: str, seed: int) -> Given:
    mask = tasks.random_mask(clean.size, severity, seed)
    hole = mask.pixels[..., 0] > 127
    return Given(encode(tasks.holed(clean.pixels, mask)), clean.size, hole=hole)


def _noisy(clean: Clean, severity: str, seed: int) -> Given:
    sigma = float(severity)
    return Given(encode(tasks.noisy(clean.pixels, sigma, seed)), clean.size, sigma=sigma)


def _blurred(clean: Clean, severity: str, seed: int) -> Given:
    kernel = make_kernel(severity)
    picture = tasks.noisy(tasks.blurred(clean.pixels, kernel), BLUR_SIGMA, seed)
    return Given(encode(picture), clean.size, sigma=BLUR_SIGMA, kernel=kernel)


TASKS: dict[str, Task] = {
    "jpeg": Task(
        ("10", "20", "40"),
        _compressed,
        lambda given, model, settings: tasks.jpeg(given.data, model, settings),
        {"decoded": baselines.untouched},
        "JPEG at quality {}, 4:2:0",
    ),
    "superres": Task(
        ("4", "2"),
        _reduced,
        lambda given, model, settings: tasks.superres(
            given.data, model=model, settings=settings, size=given.size
        ),
        {
            "bicubic": baselines.bicubic,
            "lanczos": baselines.lanczos,
            "back-projection": baselines.back_projection,
        },
        "enlarged ×{}",
    ),
    "inpaint": Task(
        ("half", "scratches", "block"),
        _holed,
        lambda given, model, settings: tasks.inpaint(given.data, given.hole, model, settings),
        {
            "telea": baselines.telea,
            "navier-stokes": baselines.navier_stokes,
            "biharmonic": baselines.biharmonic,
        },
        "holes: {}",
        random=True,
        slow=frozenset({"biharmonic"}),
    ),
    "denoise": Task(
        ("25", "15", "50"),
        _noisy,
        lambda given, model, settings: tasks.denoise(
            given.data, model, settings, sigma=given.sigma
        ),
        {
            "noisy": baselines.untouched,
            "total-variation": baselines.total_variation,
            "nonlocal-means": baselines.nonlocal_means,
        },
        "noise of sigma {}/255",
        random=True,
    ),
    "deblur": Task(
        ("gaussian:2", "motion:15,30", "disk:3"),
        _blurred,
        lambda given, model, settings: tasks.deblur(
            given.data, given.kernel, model, settings, sigma=given.sigma
        ),
        {
            "blurred": baselines.untouched,
            "richardson-lucy": baselines.richardson_lucy,
            "wiener": baselines.wiener,
        },
        f"blurred by {{}}, noise of sigma {BLUR_SIGMA}/255",
        random=True,
    ),
}
