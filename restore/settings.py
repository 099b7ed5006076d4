"""Settings: how a task is run, checked before anything runs."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, SupportsIndex

from restore.defaults import METHODS
from restore.errors import RequestError

Mode = Literal["fidelity", "perceptual"]
Tile = int | Literal["auto"]
"""Side of a window in pixels, "auto" (by memory) or 0 (the whole image in one window)."""
Progress = Callable[[int, int], object]
"""Called as progress(done, total) in network calls, a call being one window at one level."""

MOST_SAMPLES = 1024


@dataclass(frozen=True)
class Settings:
    """How a task is run; one field an option of the command line.

    nfe: network evaluations that every pixel goes through, in each draw; None is the task's best
    measured; 0 asks no network, and only holds the start to what is given. method: the solver, one
    of METHODS. seed: of the noise, any integer. tile: side of a window in pixels, "auto" or 0 (one
    window). label: class of a class-conditional network. reference: the clean picture, for metrics
    alone. progress: called as progress(done, total) after each network call; what it raises ends
    the run. samples: how many draws, of seed, seed + 1, …, the result is the mean of. blend: from
    0, the fidelity result, to 1, the perceptual one; None where `mode` says which. start: another
    result to begin from, an image of the result's size; in a batch the path of one, or of a folder
    of them by the inputs' names. strength: from 0, the start, to 1, the result: the two mixed.
    varied: the result is one of several variants, which noise must tell apart. preview: (left, top,
    width, height) in pixels of the result, the part of it that is wanted; None for all of it.
    Raises RequestError for values that cannot be.
    """

    nfe: int | None = None
    mode: Mode = "fidelity"
    method: str = "bcm"
    seed: int = 0
    tile: Tile = "auto"
    label: int | None = None
    reference: object = None
    progress: Progress | None = None
    samples: int = 1
    blend: float | None = None
    start: object = None
    strength: float = 1.0
    varied: bool = False
    preview: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("nfe", "seed", "tile", "label", "samples"):
            value = getattr(self, name)
            if (value is None and name in ("nfe", "label")) or (name == "tile" and value == "auto"):
                continue
            try:  # a number of NumPy's has no place in a record
                object.__setattr__(self, name, operator.index(value))
            except TypeError as error:
                raise RequestError(f"{name} is {value!r}, expected a whole number") from error
        if self.nfe is not None and self.nfe < 0:
            raise RequestError(f"nfe is {self.nfe}, expected 0 or more network evaluations")
        if self.mode not in ("fidelity", "perceptual"):
            raise RequestError(f"mode is {self.mode!r}, expected 'fidelity' or 'perceptual'")
        if self.method not in METHODS:
            raise RequestError(f"method is {self.method!r}, expected one of {', '.join(METHODS)}")
        if self.tile != "auto" and self.tile < 0:
            raise RequestError(f"tile is {self.tile}, expected 'auto', 0 or a side in pixels")
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise RequestError(f"samples is {self.samples}, expected 1 to {MOST_SAMPLES} draws")
        if self.preview is not None:
            self._check_preview(self.preview)
        self._check_share("strength", "0 (what is given) to 1 (the result)")
        if self.blend is not None:
            self._check_share("blend", "0 (fidelity) to 1 (perceptual)")
            if self.mode == "perceptual":
                raise RequestError(
                    "blend goes from fidelity to perceptual by itself: leave mode out"
                )

    def _check_preview(self, preview: Iterable[SupportsIndex]) -> None:
        try:
            left, top, width, height = box = tuple(map(operator.index, preview))
        except (TypeError, ValueError) as error:
            raise RequestError(
                f"preview is {preview!r}, expected left, top, width and height in pixels"
            ) from error
        if min(left, top) < 0 or min(width, height) < 1:
            raise RequestError(f"preview is {box}, expected 0 or more, and a size of 1 or more")
        object.__setattr__(self, "preview", box)

    def _check_share(self, name: str, expected: str) -> None:
        value = getattr(self, name)
        try:
            share = float(value)
        except (TypeError, ValueError) as error:
            raise RequestError(f"{name} is {value!r}, expected a number from 0 to 1") from error
        if not (math.isfinite(share) and 0 <= share <= 1):
            raise RequestError(f"{name} is {share:g}, expected {expected}")
        object.__setattr__(self, name, share)


DEFAULTS = Settings()


def count_calls(progress: Progress | None, total: int) -> Callable[[], None] | None:
    """What to call after each of `total` network calls; None where nobody listens."""
    if progress is None:
        return None
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        progress(min(done, total), total)

    return count
