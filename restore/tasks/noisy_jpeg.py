"""Noisy JPEG: a JPEG file of a noisy picture, y = round(DCT(x + σ z) / q), in one solve.

The file's box is for the noisy picture, not for the clean one: it counts with the noise's weight
(`degradations/jpeg.py`, `posterior_mean`), and every estimate is at the noise's own level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch

from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.errors import RequestError
from restore.images import MAX_PIXELS, Picture
from restore.presets import Preset
from restore.record import Metrics, Record
from restore.result import ImageLike
from restore.settings import Mode
from restore.tasks.jpeg import Jpeg
from restore.tasks.task import LEVELS, Problem, Task, choose_estimator

TRUST = 0.5  # of the noise: what the estimates leave of it is less (as in `tasks/deblur.py`)
SHARE = 0.3  # of fresh noise, in perceptual mode and for draws


@final
@dataclass(frozen=True)
class NoisyJpeg(Task):
    """Remove the artefacts of a JPEG file and the noise of the picture that it was made of.

    sigma: of that noise, as the file shows it, in levels of 8 bits, above 0.
    """

    name: ClassVar[str] = "noisy-jpeg"
    default_nfe: ClassVar[int] = 2
    noisy: ClassVar[bool] = True
    input_title: ClassVar[str] = Jpeg.input_title
    check: ClassVar[str] = Jpeg.check
    sigma: float

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Problem:
        problem = Jpeg().open(image, max_pixels=max_pixels)
        box = problem.degradation.with_noise(TRUST * self.sigma / LEVELS)
        return replace(problem, task=self, severity=self.sigma, degradation=box)

    def observe(self, problem: Problem, device: torch.device) -> object:
        return Jpeg().observe(problem, device)

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Picture:
        return problem.source

    def prove(self, problem: Problem, result: Picture) -> Metrics:
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
