"""Deblur: undo a blur whose kernel is known, y = k * x + σ z.

Falling levels, evenly spaced in their logarithm, down to about twice the noise. Before each
estimate the picture is brought to the observation, weighed by both, the noise being taken for √λ of
what it is (plug-and-play, as in DPIR: Zhang et al. 2021, arXiv 2008.13751, section 4.2, where λ is
0.23): the estimate takes away what is too much of it, and comes last. It is a jump in both modes:
what a blur took has to come back, and of that a mean brings less.

What lies around the picture is not known: it is taken to be what fits best, and the proof is
measured where the kernel stays inside.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast, final

import cv2
import numpy as np
import torch
from torch import Tensor

from restore import metrics
from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.defaults import DEFAULT_NFE
from restore.degradations import (
    AnyDegradation,
    Blur,
    estimate_sigma,
    make_kernel,
    pad_periodic,
)
from restore.degradations.noise import ROUNDING, check_sigma, noisy
from restore.errors import RequestError
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.presets import Preset
from restore.record import Metrics, Record, name_of, round_decibels
from restore.result import ImageLike
from restore.settings import Mode
from restore.tasks.task import LEVELS, Problem, Task

HIGHEST, LOWEST = 0.5, 2.0  # a level, and times the noise
LAMBDA = 0.3
DOUBTFUL = 3.0  # times the noise: a residual that the kernel does not explain
UNEXPLAINED = 1.5  # times the noise: more noise than was found, or another kernel
RAISED = 2.0  # times the residual, a level that is best or nearly so
HOPELESS = 10.0  # times the noise: undone, the blur would be worse
WRONG_KERNEL = (
    "The picture is left as it is, since undoing this kernel would make it worse; --sigma S undoes "
    "it anyway."
)
SHARE = 0.3  # of fresh noise, in perceptual mode and for draws


@dataclass(frozen=True, eq=False)
class BlurredProblem(Problem):
    """sigma: the noise that is assumed, in levels of 8 bits. kernel: (height, width) of it."""

    sigma: float = 0.0
    kernel: tuple[int, int] = (1, 1)


@final
@dataclass(frozen=True)
class Deblur(Task):
    """Undo a blur.

    kernel: a name such as "gaussian:2" or "motion:15,30", a file, or an array (h, w); kept as its
    samples, rows of numbers that sum to 1. sigma: the picture's noise in levels of 8 bits, which
    says how far the blur can be undone; None to estimate it, and no noise in a degraded input.
    """

    name: ClassVar[str] = "deblur"
    default_nfe: ClassVar[int] = DEFAULT_NFE["deblur"]
    noisy: ClassVar[bool] = True
    holds: ClassVar[bool] = False
    input_title: ClassVar[str] = "Given, blurred"
    result_title: ClassVar[str] = "Deblurred"
    check: ClassVar[str] = "blurred again, with the kernel,"
    kernel: str | os.PathLike[str] | np.ndarray | Sequence[Sequence[float]] | None = None
    sigma: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", check_sigma(self.sigma))
        if self.kernel is not None and not isinstance(self.kernel, tuple):
            samples = make_kernel(self.kernel).tolist()
            object.__setattr__(self, "kernel", tuple(map(tuple, samples)))

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> BlurredProblem:
        source = as_picture(image, max_pixels=max_pixels)
        k = torch.from_numpy(self._samples()).float()
        # Rounding is noise too, and the least that there is.
        sigma = max(estimate_sigma(source) if self.sigma is None else self.sigma, ROUNDING)
        shape = (k.shape[0], k.shape[1])
        canvas = pad_periodic(torch.empty(1, 1, *source.pixels.shape[:2]), shape).shape[2:]
        return BlurredProblem(
            task=self,
            source=source,
            size=source.size,
            severity=sigma,
            degradation=Blur(k, (canvas[0], canvas[1]), sigma / LEVELS),
            name=name_of(image),
            canvas=(canvas[1], canvas[0]),
            sigma=sigma,
            kernel=shape,
        )

    def operator(self, problem: Problem, preset: Preset, *, published: bool) -> AnyDegradation:
        blur = cast(Blur, problem.degradation)
        return blur if published else blur.with_noise_scaled(LAMBDA)

    def observe(self, problem: Problem, device: torch.device) -> Tensor:
        assert isinstance(problem, BlurredProblem)
        y = pad_periodic(problem.source.tensor(), problem.kernel).to(device)
        height, width = problem.source.pixels.shape[:2]
        return cast(Blur, problem.degradation).extrapolate(y, (height, width))

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Tensor:
        assert isinstance(y, Tensor)
        return problem.degradation.posterior_mean(y, y, HIGHEST) if published else y.clone()

    def take_up(self, problem: Problem, start: Picture) -> Tensor:
        assert isinstance(problem, BlurredProblem)
        return pad_periodic(start.tensor(), problem.kernel)

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        assert isinstance(problem, BlurredProblem)
        source, shape = problem.source, problem.kernel
        height, width = source.pixels.shape[:2]
        again = problem.degradation(pad_periodic(result.tensor(), shape))[:, :, :height, :width]
        inside = tuple(
            slice(side - 1 - side // 2, length - side // 2)
            for side, length in zip(shape, (height, width), strict=True)
        )
        a, b = source.with_tensor(again).pixels[inside], source.pixels[inside]
        found: Metrics = {
            "psnr_input_db": round_decibels(metrics.psnr(result.pixels, source.pixels)),
            "consistency_psnr_db": None,
            "consistency_exact": False,
            "sigma": round(problem.sigma, 3),
            "residual_sigma": None,
        }
        if a.size:
            error = metrics.mean_squared_error(a, b) ** 0.5 * 255 / metrics.data_range(b)
            found["consistency_psnr_db"] = round_decibels(metrics.psnr(a, b))
            found["consistency_exact"] = error == 0
            found["residual_sigma"] = round(error, 3)
        return found

    def doubt(self, problem: Problem, found: Metrics) -> str | None:
        residual, sigma = found.get("residual_sigma"), found["sigma"]
        if residual is None or residual < DOUBTFUL * sigma:
            return None
        return (
            f"the kernel does not explain the picture: blurred again, the result is off by "
            f"{residual:.1f} levels, {residual / sigma:.0f} times the noise of {sigma:.1f}; expect "
            "ringing, and try another kernel"
        )

    def restate(self, problem: Problem, found: Metrics) -> Problem | None:
        """With the noise that the result leaves, as that of a JPEG, where its level was estimated.

        Where that is far more than noise would be, the blur is left as it is.
        """
        residual = found.get("residual_sigma")
        if self.sigma is not None or residual is None or residual < UNEXPLAINED * found["sigma"]:
            return None
        assert isinstance(problem, BlurredProblem)
        if residual > HOPELESS * found["sigma"]:
            return replace(problem, sound=WRONG_KERNEL)
        sigma = RAISED * residual
        blur = problem.degradation.with_noise(sigma / LEVELS)
        return replace(problem, severity=sigma, degradation=blur, sigma=sigma)

    @classmethod
    def describe(cls, record: Record) -> str:
        if record.status == "doubtful":
            return "doubtful: the kernel does not explain the picture"
        return f"blur undone as far as noise of {record.metrics['sigma']:.1f} levels lets"

    @classmethod
    def derive_preset(cls, mode: Mode, nfe: int, severity: float, draws: bool) -> Preset:
        last = min(max(LOWEST * severity / LEVELS, SIGMA_MIN), min(HIGHEST, SIGMA_MAX))
        levels = np.geomspace(HIGHEST, last, 2 * nfe + 1)[1::2]  # in the middle of as many parts
        noise = SHARE if draws or mode == "perceptual" else 0.0
        return Preset(tuple(map(float, levels)), "jump", noise, turns=True)

    def degrade(self, clean: Picture, seed: int = 0) -> Picture:
        """The picture convolved with the kernel, its edges mirrored, and noisy if sigma says so."""
        k = self._samples()
        pixels = cv2.filter2D(
            clean.pixels.astype(np.float32),
            -1,
            np.ascontiguousarray(k[::-1, ::-1]),  # OpenCV correlates
            anchor=(k.shape[1] - 1 - k.shape[1] // 2, k.shape[0] - 1 - k.shape[0] // 2),
            borderType=cv2.BORDER_REFLECT,
        ).reshape(clean.pixels.shape)
        most = np.iinfo(clean.pixels.dtype).max
        rounded = np.rint(pixels.clip(0, most)).astype(clean.pixels.dtype)
        made = replace(clean, pixels=rounded)
        return made if self.sigma is None else noisy(made, self.sigma, seed)

    def _samples(self) -> np.ndarray:
        if self.kernel is None:
            raise RequestError("deblur needs a kernel, such as gaussian:2")
        return np.array(self.kernel)
