"""Noisy JPEG: a JPEG file of a noisy picture, y = round(DCT(x + σ z) / q), in one solve.

The file's box is for the noisy picture, not for the clean one: it counts with the noise's weight
(`degradations/jpeg.py`, `posterior_mean`), and every estimate is at a level a little below it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch

from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.degradations.noise import ROUNDING, check_sigma
from restore.diagnosis.diagnosis import examine
from restore.errors import RequestError
from restore.images import MAX_PIXELS, Picture
from restore.presets import Preset
from restore.record import Metrics, Record
from restore.result import ImageLike
from restore.settings import Mode
from restore.tasks.jpeg import Jpeg, JpegProblem
from restore.tasks.task import (
    LEVELS,
    Problem,
    Task,
    choose_estimator,
    read_once,
)

NO_NOISE = (
    "No noise was found under the compression, so the picture is left as it is: jpeg mends the "
    "compression alone."
)
TRUST = 0.5  # of the noise: what the estimates leave of it is less (as in `tasks/deblur.py`)
LEVEL = 0.8  # of the noise: the best one to denoise by, since the steps have taken some of it
SHARE = 0.3  # of fresh noise, in perceptual mode and for draws


@final
@dataclass(frozen=True)
class NoisyJpeg(Task):
    """Remove the artefacts of a JPEG file and the noise of the picture that it was made of.

    sigma: of that noise before it was compressed, in levels of 8 bits, above 0; None measures it in
    the file, and leaves alone what shows none.
    """

    name: ClassVar[str] = "noisy-jpeg"
    default_nfe: ClassVar[int] = 2
    noisy: ClassVar[bool] = True
    input_title: ClassVar[str] = Jpeg.input_title
    check: ClassVar[str] = Jpeg.check
    sigma: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", check_sigma(self.sigma))

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Problem:
        image, data = read_once(image, max_pixels)
        problem = Jpeg().open(image, max_pixels=max_pixels)
        sigma = self._measure(problem) if self.sigma is None else self.sigma
        sound = NO_NOISE if sigma is None else None
        sigma = ROUNDING if sigma is None else sigma
        level = LEVEL * sigma
        box = problem.degradation.with_noise(TRUST * level / LEVELS)
        task = replace(self, sigma=sigma)
        return replace(
            problem,
            task=task,
            severity=level,
            degradation=box,
            sound=sound,
            data=data if sound else None,
        )

    def _measure(self, problem: JpegProblem) -> float | None:
        """The noise that an opened file shows, None where it shows none."""
        found = examine(problem.source, problem.file, history=problem.file is None)
        return found.noise.before if found.noisy and found.noise is not None else None

    def observe(self, problem: Problem, device: torch.device) -> object:
        return Jpeg().observe(problem, device)

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Picture:
        return problem.source

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        assert self.sigma is not None  # of an opened problem
        return {**Jpeg().prove(problem, result), "sigma": round(self.sigma, 3)}

    @classmethod
    def describe(cls, record: Record) -> str:
        sigma = record.metrics["sigma"]
        return f"{Jpeg.describe(record)}; with it noise of {sigma:.1f} levels"

    @classmethod
    def derive_preset(cls, mode: Mode, nfe: int, severity: float, draws: bool) -> Preset:
        t = min(max(severity / LEVELS, SIGMA_MIN), SIGMA_MAX)
        noise = SHARE if draws or mode == "perceptual" else 0.0
        return Preset((t,) * nfe, choose_estimator(mode), noise)

    def degrade(self, clean: Picture, seed: int = 0) -> bytes:
        raise RequestError("degrade by denoise, and the result by jpeg")
