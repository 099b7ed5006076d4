"""Inpaint: fill a hole; the known pixels, y = m x, stay bit for bit."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final, get_args

import numpy as np
import torch
from torch import Tensor

from restore import metrics
from restore.defaults import DEFAULT_NFE, FOUND, SENSITIVITY, Find
from restore.defects import find_defects
from restore.degradations import Mask
from restore.diagnosis import measure_hole
from restore.errors import RequestError
from restore.holes import (
    How,
    fill,
    fill_by_patches,
    find_patched,
    patches_available,
    split_hole,
    thick_holes,
)
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.networks import Network
from restore.record import JSON, Metrics, Record, name_of, round_decibels
from restore.result import ImageLike
from restore.tasks.masks import hole_of, thickness
from restore.tasks.task import Problem, Task
from restore.tasks.trust import Trust, compare_neighbours, count_colours

ALPHA, AUTO = "alpha", "auto"  # masks that are no file
WIDE = 12  # pixels: of wider holes nothing around tells what was there
FEW, HALF = 16, 0.5  # colours, and the share of equal neighbours, of drawings
MANY, MOSAIC, APART = 256, 0.45, 0.19  # of mosaics, and how far neighbours in them are apart
FLOOR = 1.25  # levels: a change that is not to be told from rounding
MOST, FLAT = 8.0, 1.5  # times the detail around: a change that is believed; and what is no detail
NOTHING = "nothing found: the picture stays as it is"
LESS_CERTAIN = "; a higher sensitivity marks what is less certain"
NO_PATCHES = (
    "a thick hole was filled smoothly: the library pypatchmatch does not load here; "
    "pip install --force-reinstall pypatchmatch"
)


@final
@dataclass(frozen=True)
class Inpaint(Task):
    """Fill the white pixels of a mask.

    mask: a picture (path, bytes, PIL image, array) of the image's size, white where to restore; an
    (H, W) bool array; "alpha", the image's fully transparent pixels; or "auto", the defects that
    are found in it. In a batch it may be a folder of masks by name. invert_mask: restore the black
    pixels instead. dilate: grow the hole by so many pixels to each side, 0 or more. fill: the first
    guess: "smooth"; "patch", from elsewhere in the picture; "auto", holes deeper than 8 pixels by
    patches and the others smoothly. find, sensitivity: of the mask "auto", as for `find_defects`.
    """

    name: ClassVar[str] = "inpaint"
    default_nfe: ClassVar[int] = DEFAULT_NFE["inpaint"]
    drawn: ClassVar[bool] = True
    input_title: ClassVar[str] = "Given, with its hole"
    result_title: ClassVar[str] = "Filled"
    mask: ImageLike | None = field(default=None, compare=False)
    invert_mask: bool = False
    dilate: int = 0
    fill: How = "auto"
    find: tuple[Find, ...] = FOUND
    sensitivity: float = SENSITIVITY

    def __post_init__(self) -> None:
        if self.fill not in get_args(How):
            raise RequestError(f"fill is {self.fill!r}, expected one of {', '.join(get_args(How))}")
        for kind in self.find:
            if kind not in get_args(Find):
                raise RequestError(
                    f"find is {kind!r}, expected some of {', '.join(get_args(Find))}"
                )
        if not 0 <= self.sensitivity <= 1:
            raise RequestError(f"sensitivity is {self.sensitivity}, expected 0 to 1")

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> Problem:
        source = as_picture(image, max_pixels=max_pixels)
        hole, warnings = self.find_hole(source)
        if self.fill == "auto" and not patches_available() and thick_holes(hole).any():
            warnings = (*warnings, NO_PATCHES)
        measured = measure_hole(hole)
        if measured.beyond and (self.fill == "smooth" or not patches_available()):
            warnings = (*warnings, measured.sentence)
        return Problem(
            task=self,
            source=source,
            size=source.size,
            severity=thickness(hole) if hole.any() else 1.0,
            degradation=Mask(torch.from_numpy(~hole)[None, None]),
            name=name_of(image),
            warnings=warnings,
            hole=hole,
        )

    def find_hole(self, source: Picture) -> tuple[np.ndarray, tuple[str, ...]]:
        """The hole of a picture by the mask, and what is to be said of it; errors as of `open`."""
        if self.mask is None:
            raise RequestError("inpaint needs a mask: white is restored")
        if not (isinstance(self.mask, str) and self.mask == AUTO):
            return hole_of(self.mask, source, invert=self.invert_mask, dilate=self.dilate)
        if self.invert_mask:
            raise RequestError("the mask is found: there is nothing to invert")
        found = find_defects(source, self.find, self.sensitivity)
        if not found.mask.any():
            return found.mask, (NOTHING + (LESS_CERTAIN if self.sensitivity < 1 else ""),)
        counts = ", ".join(f"{count} {kind}" for kind, count in found.counts.items())
        said = (f"the mask was found: {counts}; {found.share:.2%} of the pixels",)
        if not self.dilate:
            return found.mask, said
        return hole_of(found.mask, source, dilate=self.dilate)[0], said

    def split(self, problem: Problem, network: Network) -> Sequence[Problem]:
        """Thin and thick holes apart, each in crops of the picture that hold all it depends on."""
        assert problem.hole is not None
        if not problem.hole.any():
            return (replace(problem, region=problem.hole),)
        found = []
        sees, pixels = (network.receptive_field, network.stride), problem.source.pixels
        for part in split_hole(problem.hole, self.fill, *sees, pixels):
            (top, bottom), (left, right) = part.place
            place = slice(top, bottom), slice(left, right)
            hole = np.ascontiguousarray(problem.hole[place])
            found.append(
                replace(
                    problem,
                    source=_crop(problem.source, *place),
                    size=(right - left, bottom - top),
                    severity=part.depth,
                    degradation=Mask(torch.from_numpy(~hole)[None, None]),
                    hole=hole,
                    origin=(top, left),
                    region=part.region,
                    kind="patch" if part.patch or problem.start is not None else "",
                    start=problem.start and _crop(problem.start, *place),
                )
            )
        return found

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Tensor:
        """Smooth, and by patches where the problem is of that kind, or nobody split it."""
        assert problem.hole is not None
        source, known = problem.source, torch.from_numpy(~problem.hole)[None, None]
        usable = None if source.alpha is None else source.alpha > 0
        if problem.region is None:
            how: How = "patch" if self.fill == "patch" else "smooth"
            return fill(source.tensor(), known, how, seed, usable)
        x = fill(source.tensor(), known)
        if problem.kind == "patch":
            fill_by_patches(x, known, problem.region, seed, usable)
        return x

    def guess(self, problem: Problem, y: object, *, seed: int) -> Tensor:
        """As `start`, with the parts by patches that the fill has so."""
        assert problem.hole is not None
        thick = find_patched(problem.hole, self.fill, problem.source.pixels)
        if thick.any():
            problem = replace(problem, region=thick, kind="patch")
        return self.start(problem, y, published=False, seed=seed)

    def trust(self, problem: Problem) -> Trust | None:
        """Nothing of the change in drawings that patches go on with, nor in two-tone patterns and
        mosaics of unrelated colours, which are as likely to be anything.
        """
        assert problem.hole is not None
        pixels, known = problem.source.pixels, ~problem.hole
        equal, step = compare_neighbours(pixels, known)
        if problem.kind == "patch":
            drawn = equal > HALF or count_colours(pixels, FEW, known) <= FEW
        else:
            mosaic = equal > MOSAIC and step > APART and count_colours(pixels, MANY, known) > MANY
            drawn = mosaic or count_colours(pixels, 2, known) <= 2
        share = 0.0 if drawn else 1.0
        return Trust(FLOOR, MOST, FLAT, luma=share, colour=share)

    def finish(self, problem: Problem, restored: Picture) -> Picture:
        """The known pixels are the source's own; what is restored comes out opaque."""
        assert problem.hole is not None
        pixels, alpha = problem.source.pixels.copy(), problem.source.alpha
        pixels[problem.hole] = restored.pixels[problem.hole]
        if alpha is not None:
            alpha = alpha.copy()
            alpha[problem.hole] = np.iinfo(alpha.dtype).max
        return replace(restored, pixels=pixels, alpha=alpha)

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        """The error of all pixels and of the known ones, whose own is looked at byte by byte."""
        assert problem.hole is not None
        a, b, hole = result.pixels, problem.source.pixels, problem.hole
        if not ((a != b) & ~hole[..., None]).any():  # then the hole's error is all there is
            psnr = math.inf
            if hole.any():
                inside = metrics.psnr(a[hole][None], b[hole][None])
                psnr = inside + 10 * math.log10(hole.size / hole.sum())
            known_psnr, worst = math.inf, 0
        else:
            psnr, known_psnr = metrics.psnr(a, b), metrics.psnr(a, b, ~hole)
            worst = metrics.max_error(a, b, ~hole)
        return {
            "psnr_input_db": round_decibels(psnr),
            "consistency_psnr_db": round_decibels(known_psnr),
            "consistency_exact": worst == 0,
            "known_max_error": worst,
            "hole_share": round(float(hole.mean()), 6),
            "hole_width": measure_hole(hole).width,
        }

    @classmethod
    def describe(cls, record: Record) -> str:
        share, width = record.metrics["hole_share"], record.metrics["hole_width"]
        if not share:
            return "nothing to fill"
        guess = "made up from what lies around" if width > WIDE else "as what lies around has it"
        return f"{share:.2%} filled, {width:.0f} pixels wide at most, {guess}"

    def sidecars(self) -> dict[str, str]:
        if isinstance(self.mask, str | os.PathLike) and self.mask not in (ALPHA, AUTO):
            return {"mask": os.fspath(self.mask)}
        return {}

    def with_sidecars(self, found: Mapping[str, Picture]) -> Inpaint:
        return replace(self, mask=found["mask"]) if found else self

    def settings(self) -> dict[str, JSON]:
        """The options; of the mask only whether it is the image's own, for files are compared."""
        alpha = isinstance(self.mask, str) and self.mask == ALPHA
        return {
            "mask": AUTO if isinstance(self.mask, str) and self.mask == AUTO else alpha,
            "invert_mask": self.invert_mask,
            "dilate": self.dilate,
            "fill": self.fill,
            "find": list(self.find),
            "sensitivity": self.sensitivity,
        }

    def degrade(self, clean: Picture, seed: int = 0) -> Picture:
        """The picture with mid-grey where the mask is white."""
        if self.mask is None:
            raise RequestError("inpaint needs a mask to degrade by: white becomes grey")
        hole, _ = hole_of(self.mask, clean, invert=self.invert_mask, dilate=self.dilate)
        pixels = clean.pixels.copy()
        pixels[hole] = np.iinfo(pixels.dtype).max // 2
        return replace(clean, pixels=pixels)


def _crop(picture: Picture, rows: slice, columns: slice) -> Picture:
    """The pixels alone of a part of a picture, with their transparency."""
    alpha = None if picture.alpha is None else np.ascontiguousarray(picture.alpha[rows, columns])
    return Picture(np.ascontiguousarray(picture.pixels[rows, columns]), alpha)
