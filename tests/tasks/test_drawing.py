"""Superres by a network of functions: one evaluation, drawn at the output's size, then held."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restore
from restore.images import Picture


@pytest.fixture
def small(photograph: Callable[..., np.ndarray]) -> np.ndarray:
    return photograph(width=24, height=20)


@pytest.mark.parametrize("scale", [1.3, 2, 3.7, 8])
def test_a_picture_is_enlarged_by_one_evaluation(small, tiny_function: Path, scale) -> None:
    told: list[tuple[int, int]] = []
    result = restore.superres(
        small,
        scale=scale,
        sigma=0,
        model=str(tiny_function),
        progress=lambda *done: told.append(done),
    )
    assert result.picture.size == (round(24 * scale), round(20 * scale))
    report = result.report
    assert report["nfe"] == 1
    assert report["function"] == {"cells": 64, "numbers": 64 * 83, "window": 16}
    assert told == [(n, 4) for n in range(1, 5)]  # windows over the small picture
    metrics = report["metrics"]  # of a network of random weights, whose pixels clip
    assert metrics["consistency_exact"] or metrics["consistency_psnr_db"] > 36


def test_it_is_what_the_function_draws_held_to_the_picture(small, tiny_function: Path) -> None:
    model = restore.load(str(tiny_function), "cpu", "fp32")
    x = Picture(small).tensor()
    drawn = model.draw(x, 0.002, None, 40, 48)
    found = restore.superres(small, scale=2, sigma=0, model=model).image
    held = restore.superres(small, scale=2, sigma=0, model=model, nfe=0).image
    wanted = drawn.clamp(-1, 1)[0].permute(1, 2, 0).numpy() * 127.5 + 127.5
    assert np.abs(found - wanted).mean() < np.abs(held.astype(float) - wanted).mean()
    assert (model.function(x, 0.002, None).render(40, 48) - drawn).abs().max() < 1e-5


def test_more_evaluations_are_those_of_the_solver(small, tiny_function: Path) -> None:
    result = restore.superres(small, scale=2, nfe=2, model=str(tiny_function))
    assert result.report["nfe"] == 2
    assert "function" not in result.report


def test_strength_0_leaves_the_start(small, tiny_function: Path) -> None:
    start = np.asarray(Image.fromarray(small).resize((48, 40)))
    one = restore.superres(small, scale=2, start=start, strength=0, model=str(tiny_function))
    assert np.array_equal(one.image, start)
