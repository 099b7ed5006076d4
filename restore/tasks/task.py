"""Task: one kind of restoration as data, with its options, and the problem it makes of a file.

A task opens a picture once, states the problem y = A(x), and says what proves a result; `solve`
does the rest, alike for all. Every part of the program reads `TASKS` and asks the task itself.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from restore.degradations import AnyDegradation
from restore.images import MAX_PIXELS, Picture, file_bytes
from restore.images.picture import strips
from restore.images.transfer import send_pixels
from restore.networks import Network
from restore.presets import Estimator, Preset
from restore.record import JSON, Metrics, Record
from restore.result import ImageLike
from restore.settings import DEFAULTS, Mode, Settings
from restore.tasks.trust import Trust

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.result import Result

LEVELS = 127.5  # of 8 bits in a unit of the network's range


@dataclass(frozen=True, eq=False)
class Problem:
    """A picture to restore and what is known of how it was degraded; it pickles.

    task: what opened it. source: its picture, as stored. size: (width, height) of the result, as
    stored. severity: how badly it was degraded, in the unit of the task's presets. degradation: A.
    name: of the input's file. warnings: for the record. notes: too, what is so of most files. hole:
    (H, W) bool, True where nothing is known, as stored. canvas: (width, height) of what is worked
    on, where that is larger than the result, its top left part. sound: why there is nothing to
    restore, in a sentence; then the result is the source, and no network is asked. data: then, the
    file that the source came in, if any. start: another result to begin from, as stored.

    Of a part of a larger problem: origin, its first row and column there. region: (H, W) bool, the
    pixels that it is solved for, None for all. wanted: (H, W) bool, as stored, the part of the
    result that anyone looks at, None for all; the rest may come out as it was. kind: which of the
    task's presets it takes, "" for those of its name.
    """

    task: Task
    source: Picture
    size: tuple[int, int]
    severity: float
    degradation: AnyDegradation
    name: str | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hole: np.ndarray | None = None
    canvas: tuple[int, int] | None = None
    sound: str | None = None
    data: bytes | None = None
    start: Picture | None = None
    origin: tuple[int, int] = (0, 0)
    region: np.ndarray | None = None
    wanted: np.ndarray | None = None
    kind: str = ""

    @property
    def grey(self) -> bool:
        """Whether what is known has no colour, as a grey picture stored in three channels has none.

        A result then gets none either, which a network might give it.
        """
        pixels, hole = self.source.pixels, self.hole
        for rows in strips(self.source.size):
            part = pixels[rows] if hole is None else pixels[rows][~hole[rows]]
            if (part != part[..., :1]).any():
                return False
        return True

    @property
    def working_size(self) -> tuple[int, int]:
        """(width, height) of what goes through the network."""
        return self.canvas or self.size


@dataclass(frozen=True)
class Task(ABC):
    """One kind of restoration: its fields are its options. Subclasses are final.

    name: the command's, and the presets'. default_nfe: the best measured number of network
    evaluations. noisy: the severity is the observation's noise, in levels of 8 bits. drawn: the
    perceptual mode draws what it fills anew. holds: a result can be held to the input, whose noise
    does not leave every image possible. planned: which evaluations it takes follows from the
    picture; then `default_nfe` is the most of a step. input_title, result_title: what a report
    calls the pictures. check: what was done with the result to prove it, "The result was …", in
    which {size} is the input's.
    """

    name: ClassVar[str]
    default_nfe: ClassVar[int]
    noisy: ClassVar[bool] = False
    drawn: ClassVar[bool] = False
    holds: ClassVar[bool] = True
    planned: ClassVar[bool] = False
    input_title: ClassVar[str] = "Given"
    result_title: ClassVar[str] = "Restored"
    check: ClassVar[str] = "degraded again in the same way"

    @abstractmethod
    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Problem:
        """Decode an image, once, and state its problem.

        Args:
            image: a path, bytes, a PIL image, an array or a Picture.
            max_pixels: of the picture and of the result, at most.

        Raises:
            ImageError: what cannot be read or makes no sense.
            RequestError: options that cannot be honoured.
        """

    @abstractmethod
    def prove(self, problem: Problem, result: Picture) -> Metrics:
        """How near a finished picture, as stored, comes to what was given, degraded again."""

    def doubt(self, problem: Problem, found: Metrics) -> str | None:
        """Why the assumption does not fit the picture, in a sentence, by what `prove` found.

        The result is made all the same; its status is "doubtful".
        """
        return None

    def restate(self, problem: Problem, found: Metrics) -> Problem | None:
        """The problem stated anew, by what `prove` found of its result; None where it stands.

        It is solved once more, in place of the first.
        """
        return None

    @abstractmethod
    def degrade(self, clean: Picture, seed: int = 0) -> Picture | bytes:
        """A degraded input of the task's kind, or the bytes of its file, made of a clean picture.

        Args:
            clean: the picture to degrade.
            seed: of what is random.

        Raises:
            RequestError: the task's options do not say how.
        """

    def show_given(self, problem: Problem) -> Picture:
        """What was given, as stored, at the size of the result."""
        return problem.source

    @classmethod
    def describe(cls, record: Record) -> str:
        """What was done, by the record of a result, and what to expect of it, in a few words."""
        return ""

    def split(self, problem: Problem, network: Network) -> Sequence[Problem]:
        """The parts that a problem is solved in, for a network: their regions do not overlap."""
        return (problem,)

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Tensor | Picture:
        """A first guess from the observation y: (1, 3, H, W) or a picture.

        `seed` matters only to a problem whose kind draws something at random.
        """
        assert isinstance(y, Tensor)
        return y.clone()

    def guess(self, problem: Problem, y: object, *, seed: int) -> Tensor | Picture:
        """The start where no network is asked, arguments as of `start`."""
        return self.start(problem, y, published=False, seed=seed)

    def begin_from(self, problem: Problem, start: Picture) -> Problem:
        """The problem, another's result (as stored) given to begin from."""
        return replace(problem, start=start)

    def take_up(self, problem: Problem, start: Picture) -> Tensor:
        """Another's result as the first guess, (1, 3, H, W) of the working size."""
        return start.tensor()

    def trust(self, problem: Problem) -> Trust | None:
        """What of a solver's change of the start is taken in fidelity mode; None for all of it."""
        return None

    def observe(self, problem: Problem, device: torch.device) -> object:
        """The observation y on a device."""
        return send_pixels(problem.source, device)

    def operator(self, problem: Problem, preset: Preset, *, published: bool) -> AnyDegradation:
        """A, as a preset wants it; `published` methods take it as it is."""
        return problem.degradation

    def finish(self, problem: Problem, restored: Picture) -> Picture:
        """The restored picture, as stored, with what must be exact put back."""
        return restored

    def check_options(self) -> None:  # noqa: B027
        """RequestError where the options cannot be, whatever the image."""

    def size_out(self, size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
        """The result's (width, height), from the input's. RequestError where there is none."""
        return size

    def sidecars(self) -> dict[str, str]:
        """Options that name a file, or a folder of files by the inputs' names: their paths."""
        return {}

    def with_sidecars(self, found: Mapping[str, Picture]) -> Task:
        """The task with the pictures of its sidecars, for one input, in place of their paths."""
        return self

    def settings(self) -> dict[str, JSON]:
        """The options on which the result's pixels depend, as a manifest keeps them."""
        return asdict(self)

    @classmethod
    def derive_preset(cls, mode: Mode, nfe: int, severity: float, draws: bool) -> Preset | None:
        """The preset that follows from the severity, for a task that nobody tuned, else None.

        Args:
            mode: "fidelity" or "perceptual".
            nfe: network evaluations, 1 or more.
            severity: of the problem, in the task's unit.
            draws: the result is the mean of several draws.

        Raises:
            RequestError: the task cannot take so many evaluations.
        """
        return None

    def restore(
        self,
        image: ImageLike,
        model: BCM | None = None,
        settings: Settings = DEFAULTS,
        *,
        max_pixels: int = MAX_PIXELS,
    ) -> Result:
        """Open an image and solve its problem; arguments and errors as of `open` and `solve`."""
        return self.solve(self.open(image, max_pixels=max_pixels), model, settings)

    def solve(
        self, problem: Problem, model: BCM | None = None, settings: Settings = DEFAULTS
    ) -> Result:
        """Solve a problem that `open` gave; arguments and errors as of `solve_problem`.

        Where the settings name a part of the result, that alone, as of `solve_preview`.
        """
        from restore.tasks.preview import solve_preview
        from restore.tasks.solving import solve_problem

        solve = solve_problem if settings.preview is None else solve_preview
        return solve(problem, model, settings)


def read_once(image: ImageLike, max_pixels: int) -> tuple[ImageLike, bytes | None]:
    """The image, of a path the bytes of its file, and these bytes; None of what is no file."""
    if isinstance(image, str | os.PathLike) or callable(getattr(image, "read", None)):
        image = file_bytes(image, max_pixels=max_pixels)
    return image, image if isinstance(image, bytes) else None


def choose_estimator(mode: Mode) -> Estimator:
    """The mean, of which fidelity is best, or the end of the ODE's path, a sample."""
    return "denoise" if mode == "fidelity" else "jump"
