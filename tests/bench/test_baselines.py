"""Classical methods restore something."""

import numpy as np
import pytest

from restore import bench, metrics
from restore.bench import baselines
from restore.bench.cases import SETUPS, Case
from restore.bench.pictures import Clean


@pytest.mark.parametrize("case", bench.choose_usual_cases(), ids=lambda one: one.task)
def test_classical_methods_do_better_than_nothing(case: Case, photo: np.ndarray) -> None:
    given = case.degrade(Clean("a", photo, 0), 0)
    psnr = {}
    for name, method in SETUPS[case.task].baselines.items():
        pixels = method(given)
        assert (pixels.shape, pixels.dtype) == (photo.shape, photo.dtype)
        psnr[name] = metrics.psnr(pixels, photo, given.problem.hole)
    if case.task in ("denoise", "deblur", "superres"):
        first, *rest = psnr.values()
        assert min(rest) > first
    if given.problem.hole is not None:
        grey = metrics.psnr(given.picture.pixels, photo, given.problem.hole)
        assert min(psnr.values()) > grey + 5


def test_back_projection_shrinks_to_what_was_given(photo: np.ndarray) -> None:
    case = Case("superres", "2")
    clean = Clean("a", photo, 0)
    given = case.degrade(clean, 0)
    held = [
        bench.measure(method(given), clean, given).consistency_psnr_db
        for method in (baselines.bicubic, baselines.back_projection)
    ]
    assert held[1] > held[0] + 15
