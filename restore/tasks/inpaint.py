"""Inpaint: fill a hole; the known pixels, y = m x, stay bit for bit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from restore import metrics
from restore.defaults import DEFAULT_NFE
from restore.degradations import Mask
from restore.errors import RequestError
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.record import JSON, Metrics, name_of, round_decibels
from restore.tasks.fill import fill
from restore.tasks.masks import hole_of, thickness
from restore.tasks.task import ImageLike, Problem, Task

ALPHA = "alpha"


@final
@dataclass(frozen=True)
class Inpaint(Task):
    """Fill the white pixels of a mask.

    mask: a picture (path, bytes, PIL image, array) of the image's size, white where to restore; an
    (H, W) bool array; or "alpha", the image's fully transparent pixels. In a batch it may be a
    folder of masks by name. invert_mask: restore the black pixels instead. dilate: grow the hole by
    so many pixels to each side, 0 or more.
    """

    name: ClassVar[str] = "inpaint"
    default_nfe: ClassVar[int] = DEFAULT_NFE["inpaint"]
    drawn: ClassVar[bool] = True
    input_title: ClassVar[str] = "Given, with its hole"
    result_title: ClassVar[str] = "Filled"
    mask: ImageLike | None = field(default=None, compare=False)
    invert_mask: bool = False
    dilate: int = 0

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Problem:
        if self.mask is None:
            raise RequestError("inpaint needs a mask: white is restored")
        source = as_picture(image, max_pixels=max_pixels)
        hole, warnings = hole_of(self.mask, source, invert=self.invert_mask, dilate=self.dilate)
        return Problem(
            task=self,
            source=source,
            size=source.size,
            severity=thickness(hole),
            degradation=Mask(torch.from_numpy(~hole)[None, None]),
            name=name_of(image),
            warnings=warnings,
            hole=hole,
        )

    def start(self, problem: Problem, y: Any, *, published: bool = False) -> Tensor:
        assert problem.hole is not None
        return fill(problem.source.tensor(), torch.from_numpy(~problem.hole)[None, None])

    def finish(self, problem: Problem, restored: Picture) -> Picture:
        """The known pixels are the source's own; what is restored comes out opaque."""
        assert problem.hole is not None
        pixels, alpha = restored.pixels, problem.source.alpha
        np.copyto(pixels, problem.source.pixels, where=~problem.hole[..., None])
        if alpha is not None:
            alpha = alpha.copy()
            alpha[problem.hole] = np.iinfo(alpha.dtype).max
        return replace(restored, pixels=pixels, alpha=alpha)

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        assert problem.hole is not None
        a, b, known = result.pixels, problem.source.pixels, ~problem.hole
        worst = metrics.max_error(a, b, known)
        return {
            "psnr_input_db": round_decibels(metrics.psnr(a, b)),
            "consistency_psnr_db": round_decibels(metrics.psnr(a, b, known)),
            "consistency_exact": worst == 0,
            "known_max_error": worst,
        }

    def sidecars(self) -> dict[str, str]:
        if isinstance(self.mask, str | os.PathLike) and self.mask != ALPHA:
            return {"mask": os.fspath(self.mask)}
        return {}

    def with_sidecars(self, found: Mapping[str, Picture]) -> Inpaint:
        return replace(self, mask=found["mask"]) if found else self

    def settings(self) -> dict[str, JSON]:
        """The options; of the mask only whether it is the image's own, for files are compared."""
        alpha = isinstance(self.mask, str) and self.mask == ALPHA
        return {"mask": alpha, "invert_mask": self.invert_mask, "dilate": self.dilate}

    def degrade(self, clean: Picture, seed: int = 0) -> Picture:
        """The picture with mid-grey where the mask is white."""
        if self.mask is None:
            raise RequestError("inpaint needs a mask to degrade by: white becomes grey")
        hole, _ = hole_of(self.mask, clean, invert=self.invert_mask, dilate=self.dilate)
        pixels = clean.pixels.copy()
        pixels[hole] = np.iinfo(pixels.dtype).max // 2
        return replace(clean, pixels=pixels)
