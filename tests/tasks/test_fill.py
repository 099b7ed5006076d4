"""Fill: the smooth start of a hole."""

import importlib

import numpy as np
import pytest
import torch

from restore import metrics
from restore.holes.fill import fill
from restore.images import Picture, as_picture
from restore.tasks import (
    Inpaint,
    draw_mask,
)
from restore.tasks.masks import thickness

filling = importlib.import_module("restore.holes.fill")  # the function has the module's name


def filled(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture with a hole, whose content was garbage, filled."""
    picture, known = Picture(pixels), torch.from_numpy(~hole)[None, None]
    x = picture.tensor()
    x[:, :, torch.from_numpy(hole)] = 9.0
    wanted = x.clone()
    assert fill(x, known) is x
    assert torch.equal(torch.where(known, x, 0), torch.where(known, wanted, 0))
    assert -1 <= float(x.min()) <= float(x.max()) <= 1
    return picture.with_tensor(x).pixels


@pytest.mark.parametrize("kind", ["half", "scratches"])
def test_thin_holes_are_filled_as_by_the_biharmonic_equation(kind, astronaut):
    from skimage.restoration import inpaint_biharmonic

    hole = draw_mask((96, 96), kind, 1).pixels[..., 0] > 127
    wanted = inpaint_biharmonic(
        Inpaint(hole).degrade(as_picture(astronaut)).pixels, hole, channel_axis=2
    )
    wanted = np.rint(wanted.clip(0, 1) * 255).astype(np.uint8)
    reached = metrics.psnr(filled(astronaut, hole), astronaut, hole)
    assert reached > metrics.psnr(wanted, astronaut, hole) - 0.1
    assert metrics.psnr(filled(astronaut, hole), wanted, hole) > 34


def test_a_smooth_picture_is_filled_across_a_huge_hole():
    ramp = np.linspace(40, 200, 300)
    pixels = np.rint(np.stack([ramp[:, None] + 0 * ramp] * 3, axis=2)).astype(np.uint8)
    hole = np.ones((300, 300), bool)
    hole[:2] = hole[-2:] = hole[:, :2] = hole[:, -2:] = False
    assert metrics.max_error(filled(pixels, hole), pixels) < 40
    flat_grey = np.full_like(pixels, 77)
    assert metrics.max_error(filled(flat_grey, hole), flat_grey) <= 1
    hole[:] = True
    hole[299, 299] = False  # one pixel is known
    assert metrics.max_error(filled(flat_grey, hole), flat_grey) <= 1


def test_strips_and_windows_of_a_fill_leave_no_trace(astronaut, monkeypatch):
    for kind in ("half", "scratches", "block"):
        hole = draw_mask((96, 96), kind, 2).pixels[..., 0] > 127
        whole = filled(astronaut, hole)
        with monkeypatch.context() as patch:
            patch.setattr(filling, "STRIP", 16)
            assert metrics.max_error(filled(astronaut, hole), whole) <= 1  # threads round apart
            patch.setattr(filling, "WINDOW", 48)
            parts = filled(astronaut, hole)
        assert metrics.psnr(parts, whole, hole) > 40
        difference = metrics.psnr(parts, astronaut, hole) - metrics.psnr(whole, astronaut, hole)
        assert abs(difference) < 0.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (53, 1), (2, 3), (31, 64)])
def test_pictures_of_any_shape_are_filled(shape):
    pixels = np.full((*shape, 3), 90, np.uint8)
    hole = np.ones(shape, bool)
    assert np.abs(filled(pixels, hole).astype(int) - 127).max() <= 1  # nothing known: mid-grey
    hole[0, 0] = False
    assert metrics.max_error(filled(pixels, hole), pixels) <= 1
    hole[:] = False
    assert np.array_equal(filled(pixels, hole), pixels)


def test_thickness_is_the_mean_distance_to_what_is_known():
    hole = np.zeros((9, 9), bool)
    hole[4, 4] = True
    assert thickness(hole) == 1
    hole[:, 3:6] = True
    assert thickness(hole) == pytest.approx(4 / 3, abs=0.05)
