"""Composition: what was not asked for stays."""

import pytest
import torch
from torch import Tensor

from restore.editing.composition import (
    change_within,
    choose_working_size,
    feather,
    keep_unchanged,
    resize,
    shrink_mask,
    smoothstep,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((512, 512), 512, (512, 512)),
        ((4000, 4000), 512, (512, 512)),
        ((17, 17), 512, (512, 512)),
        ((1500, 1000), 512, (576, 384)),
        ((1000, 1500), 512, (384, 576)),
        ((1280, 960), 512, (576, 448)),
        ((1024, 1024), 1024, (1024, 1024)),
        ((300, 200), 64, (64, 64)),
    ],
)
def test_the_working_size(size, side, expected) -> None:
    assert choose_working_size(size, side) == expected


@pytest.mark.parametrize("size", [(1, 5000), (1920, 1080), (777, 333), (50, 60)])
def test_sides_are_multiples_of_64_within_the_area_and_near_the_aspect(size) -> None:
    for side in (128, 512, 1000):
        width, height = choose_working_size(size, side)
        assert width % 64 == height % 64 == 0
        assert 0 < width * height <= side**2
    width, height = choose_working_size((1920, 1080), 512)
    assert width / height == pytest.approx(16 / 9, rel=0.1)


def test_where_words_changed_nothing_the_pictures_bits_stay() -> None:
    image, reconstruction = noise(1, 3, 40, 60), noise(1, 3, 64, 64, seed=1)
    assert torch.equal(keep_unchanged(image, reconstruction.clone(), reconstruction), image)


def test_where_words_changed_much_it_is_the_edit_and_elsewhere_the_picture() -> None:
    image = noise(1, 3, 96, 96) / 4
    reconstruction = image + noise(1, 3, 96, 96, seed=1) / 20  # what the way there and back lost
    edit = reconstruction.clone()
    edit[..., :48] += 1
    made = keep_unchanged(image, edit, reconstruction)
    assert torch.allclose(made[..., :40], edit[..., :40], atol=1e-5)
    assert torch.allclose(made[..., 60:], image[..., 60:], atol=1e-5)


def test_a_change_keeps_its_place_at_another_size() -> None:
    image, reconstruction = torch.zeros(1, 3, 200, 100), torch.zeros(1, 3, 128, 64)
    edit = reconstruction.clone()
    edit[..., :64, :] = 1
    made = keep_unchanged(image, edit, reconstruction)
    assert float(made[..., :85, :].min()) > 0.9
    assert float(made[..., 115:, :].abs().max()) < 0.1


def test_outside_a_mask_nothing_moves_and_the_feather_lies_inside() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    image, changed = noise(1, 3, 64, 64), noise(1, 3, 64, 64, seed=1)
    made = change_within(mask, image, changed)
    assert torch.equal(made[..., mask[0, 0] == 0], image[..., mask[0, 0] == 0])
    assert torch.allclose(made[..., 28:36, 28:36], changed[..., 28:36, 28:36])


def test_the_feather_rises_from_0_to_1_and_ignores_the_pictures_edge() -> None:
    mask = torch.zeros(1, 1, 32, 64)
    mask[..., 32:] = 1
    weights = feather(mask, 8)[0, 0, 0]
    assert torch.equal(weights[:32], torch.zeros(32))
    assert bool((weights[32:].diff() >= 0).all())
    assert torch.allclose(weights[42:], torch.ones(22))
    assert torch.allclose(feather(torch.ones(1, 1, 8, 8), 2), torch.ones(1, 1, 8, 8))


def test_a_mask_that_shrinks_loses_no_pixel() -> None:
    mask = torch.zeros(1, 1, 100, 100)
    mask[..., 99, 0] = 1
    small = shrink_mask(mask, (64, 64))
    assert small.sum() >= 1
    assert set(small.unique().tolist()) == {0.0, 1.0}
    assert small[0, 0, 63, 0] == 1


def test_resizing_to_its_own_size_changes_no_bit() -> None:
    x = noise(1, 3, 8, 9)
    assert resize(x, (9, 8)) is x
    assert smoothstep(torch.tensor([-1.0, 0, 0.5, 1, 2])).tolist() == [0, 0, 0.5, 1, 1]
