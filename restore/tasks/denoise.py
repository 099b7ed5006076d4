"""Denoise: remove white noise, y = x + σ z, of a level that is known or estimated.

One level, that of the noise itself, where D(y, σ) is the mean of what the clean picture may be and
f(y, σ, 0.002) one of these; more evaluations are the mean over the picture's orientations, of which
there are eight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from restore import metrics
from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.defaults import DEFAULT_NFE
from restore.degradations import AnyDegradation, Free, Noise, estimate_sigma
from restore.degradations.noise import ROUNDING, check_sigma, noisy
from restore.diagnosis.diagnosis import examine
from restore.diagnosis.noise import FEWEST, NOISY
from restore.errors import RequestError
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.presets import Preset
from restore.record import Metrics, Record, name_of, round_decibels
from restore.result import ImageLike
from restore.settings import Mode
from restore.solvers import ORIENTATIONS
from restore.tasks.task import (
    LEVELS,
    Problem,
    Task,
    choose_estimator,
    read_once,
)

DRAW_NOISE = 0.6  # of the noise that is there, more for each draw
NO_NOISE = "No noise was found, so the picture is left as it is; --sigma S denoises it anyway."
ADDED = 25.0  # levels of 8 bits, of a degraded input


@dataclass(frozen=True, eq=False)
class NoisyProblem(Problem):
    """sigma: the noise that is assumed, in levels of 8 bits."""

    sigma: float = 0.0


@final
@dataclass(frozen=True)
class Denoise(Task):
    """Remove white noise.

    sigma: its standard deviation in levels of 8 bits, above 0, at most 255; None to estimate it
    from the picture, and 25 where a degraded input is made.

    This is what the network was trained for; its other tasks are zero-shot. Our own method takes
    the picture for an image at its noise's level; the result is held to nothing else. Begun from
    another's result, it takes the mean of both for an image at half the noise's variance. The noise
    of a grey picture is the same in all three channels, √3 times as strong along grey as the
    network expects of it, and is told so.
    """

    name: ClassVar[str] = "denoise"
    default_nfe: ClassVar[int] = DEFAULT_NFE["denoise"]
    noisy: ClassVar[bool] = True
    holds: ClassVar[bool] = False
    input_title: ClassVar[str] = "Given, noisy"
    result_title: ClassVar[str] = "Denoised"
    sigma: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", check_sigma(self.sigma))

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> NoisyProblem:
        given, data = read_once(image, max_pixels)
        source = as_picture(given, max_pixels=max_pixels)
        sigma, level, sound = self._measure(source)
        return NoisyProblem(
            task=self,
            source=source,
            size=source.size,
            severity=level,
            degradation=Noise(sigma / LEVELS),
            name=name_of(image),
            sigma=sigma,
            sound=sound,
            data=data if sound else None,
        )

    def _measure(self, source: Picture) -> tuple[float, float, str | None]:
        """The noise's level, that of white noise in colour it is taken for, and why it is none."""
        height, width = source.pixels.shape[:2]
        few = (height // 8) * (width // 8) < FEWEST
        if self.sigma is not None or few:  # too small to tell what is noise
            sigma = max(estimate_sigma(source), ROUNDING) if self.sigma is None else self.sigma
            return sigma, sigma * math.sqrt(3) if _is_grey(source.pixels) else sigma, None
        diagnosis = examine(source, None)  # a JPEG file shows in its pixels as well
        kind, found = diagnosis.kind, diagnosis.noise
        if found is not None and found.sigma >= NOISY:
            return found.sigma, max(found.effective, ROUNDING), None
        return ROUNDING, ROUNDING, NO_NOISE if kind.photographic else f"{kind.sentence} {NO_NOISE}"

    def operator(self, problem: Problem, preset: Preset, *, published: bool) -> AnyDegradation:
        if published:
            return problem.degradation
        return Free() if problem.start is None else Noise(preset.levels[0])  # the mean of both

    def begin_from(self, problem: Problem, start: Picture) -> Problem:
        return super().begin_from(replace(problem, severity=problem.severity / math.sqrt(2)), start)

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        assert isinstance(problem, NoisyProblem)
        source = problem.source
        removed = metrics.mean_squared_error(result.pixels, source.pixels) ** 0.5
        return {
            "psnr_input_db": round_decibels(metrics.psnr(result.pixels, source.pixels)),
            "consistency_psnr_db": None,
            "consistency_exact": False,
            "sigma": round(problem.sigma, 3),
            "residual_sigma": round(removed * 255 / metrics.data_range(source.pixels), 3),
        }

    @classmethod
    def describe(cls, record: Record) -> str:
        sigma = record.metrics["sigma"]
        return f"noise of {sigma:.1f} levels taken out: texture that is weaker goes with it"

    @classmethod
    def derive_preset(cls, mode: Mode, nfe: int, severity: float, draws: bool) -> Preset:
        if nfe > len(ORIENTATIONS):
            raise RequestError(
                f"nfe is {nfe}, and denoising takes one evaluation for each orientation of the "
                f"picture: give {len(ORIENTATIONS)} at most"
            )
        t = min(max(severity / LEVELS, SIGMA_MIN), SIGMA_MAX)
        noise = DRAW_NOISE if draws else 0.0
        return Preset(
            (t,), choose_estimator(mode), noise, flips=nfe, delta=math.hypot(1, noise) - 1
        )

    def degrade(self, clean: Picture, seed: int = 0) -> Picture:
        return noisy(clean, ADDED if self.sigma is None else self.sigma, seed)


def _is_grey(pixels: np.ndarray) -> bool:
    """Whether all channels are the same."""
    return all(np.array_equal(pixels[..., 0], pixels[..., i]) for i in range(pixels.shape[2]))
