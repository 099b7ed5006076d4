"""Preview: a part of a result, computed for what it depends on alone.

Our own method is run on what the part sees through all evaluations, and the part comes out as it
does of the whole picture, to rounding; the others are run on all of it. A part cannot be degraded
again, so nothing is proved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from restore import metrics
from restore.errors import ImageError
from restore.functions import Box
from restore.images import Picture, as_picture
from restore.images.comparison import compare_to_clean, compare_with_given, match_kinds
from restore.record import Metrics, round_decibels
from restore.result import Result
from restore.settings import DEFAULTS, Settings

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.tasks.task import Problem

MARGIN = 64  # pixels around the part, which what is held to the input reaches at each evaluation
SIDE = 256  # of the part that is shown where none is named
KEPT = ("sigma", "quality", "hole_share", "hole_width", "uncertainty_mean")


def solve_preview(
    problem: Problem, model: BCM | None = None, settings: Settings = DEFAULTS
) -> Result:
    """The part of the result that `settings.preview` names; the rest is as of `solve_problem`.

    ImageError where the part does not lie inside the result.
    """
    from restore.tasks.solving import solve_problem

    assert settings.preview is not None
    box, size = settings.preview, upright_size(problem)
    if box[0] + box[2] > size[0] or box[1] + box[3] > size[1]:
        raise ImageError(
            f"the preview ends at {box[0] + box[2]},{box[1] + box[3]}, beyond the result of "
            f"{size[0]}×{size[1]} pixels"
        )
    plain = replace(settings, preview=None, reference=None)
    whole = solve_problem(replace(problem, wanted=_mark(problem, box)), model, plain)
    picture = crop(whole.picture, box)
    given = crop(problem.task.show_given(problem).upright(), box)
    kept = {name: one for name, one in whole.record.metrics.items() if name in KEPT}
    found = cast(Metrics, kept)
    found["psnr_input_db"] = round_decibels(metrics.psnr(*match_kinds(picture, given)))
    found["consistency_psnr_db"], found["consistency_exact"] = None, False
    if settings.reference is not None:
        clean = crop(as_picture(settings.reference), box)
        found.update(compare_to_clean(picture, clean))
        found.update(compare_with_given(found, given, clean))
    record = replace(whole.record, status="ok", metrics=found, size_out=picture.size)
    left, top, width, height = box
    spread = whole.uncertainty
    spread = None if spread is None else spread[top : top + height, left : left + width]
    return Result(picture, record.updated(preview=list(box)), spread)


def upright_size(problem: Problem) -> tuple[int, int]:
    """(width, height) of a problem's result, as it is seen."""
    width, height = problem.size
    return (width, height) if problem.source.orientation < 5 else (height, width)


def choose_box(size: tuple[int, int]) -> Box:
    """The middle of a result of (width, height)."""
    width, height = (min(SIDE, side) for side in size)
    return (size[0] - width) // 2, (size[1] - height) // 2, width, height


def crop(picture: Picture, box: Box) -> Picture:
    """A part of an upright picture, with all that it carries."""
    left, top, width, height = box
    at = slice(top, top + height), slice(left, left + width)
    alpha = None if picture.alpha is None else np.ascontiguousarray(picture.alpha[at])
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[at]), alpha=alpha)


def _mark(problem: Problem, box: Box) -> np.ndarray:
    """(H, W) bool of the result as stored: the part, and around it what holding it reaches."""
    width, height = upright_size(problem)
    left, top, w, h = box
    marked = np.zeros((height, width, 1), np.uint8)
    marked[max(top - MARGIN, 0) : top + h + MARGIN, max(left - MARGIN, 0) : left + w + MARGIN] = 1
    turned = Picture(marked).turned_back(problem.source.orientation)
    return turned.pixels[..., 0] > 0
