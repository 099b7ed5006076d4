"""Region: what matters of the result alone is computed, to the same pixels."""

import numpy as np
import pytest
import torch

from restore.bcm import BCM
from restore.networks import ADM
from restore.tiling import TiledBCM, window_count
from restore.tiling.cover import cover
from restore.tiling.windows import find_windows, shape_of
from tests.support.networks import seeded_patch as seeded

SIZE = (401, 530)


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(3))


def marked(*boxes: tuple[int, int, int, int]) -> torch.Tensor:
    region = torch.zeros(SIZE, dtype=torch.bool)
    for top, bottom, left, right in boxes:
        region[top:bottom, left:right] = True
    return region


REGIONS = {
    "inside": [(203, 215, 300, 312)],
    "at the corners": [(0, 9, 0, 9), (395, 401, 520, 530)],
    "a line": [(100, 101, 3, 527)],
    "a frame": [(0, 401, 0, 2), (0, 401, 528, 530), (0, 2, 0, 530), (399, 401, 0, 530)],
    "all": [(0, 401, 0, 530)],
}


@pytest.mark.parametrize("tile", ["auto", 0, 64])
@pytest.mark.parametrize("boxes", REGIONS.values(), ids=REGIONS)
def test_pixels_of_the_region_are_those_of_the_full_run(model, x, boxes, tile):
    region = marked(*boxes)
    full = TiledBCM(model, tile).denoise(x, 0.4)
    part = TiledBCM(model, tile, region=region).denoise(x, 0.4)
    assert torch.allclose(part[:, :, region], full[:, :, region], atol=1e-5)


def test_two_evaluations_in_a_row_need_what_the_second_sees(model, x):
    region = marked((203, 215, 300, 312))
    full, part = TiledBCM(model, 64), TiledBCM(model, 64, region=region)
    twice = full.denoise(full.jump(x, 0.1, 0.4), 0.4)
    found = part.denoise(part.jump(x, 0.1, 0.4, ahead=1), 0.4)
    assert torch.allclose(found[:, :, region], twice[:, :, region], atol=1e-5)
    blind = part.denoise(part.jump(x, 0.1, 0.4), 0.4)
    assert not torch.allclose(blind[:, :, region], twice[:, :, region], atol=1e-5)


def test_a_small_region_takes_one_small_window_whatever_the_picture(model):
    halo = 8 * -(-model.network.receptive_field // 8)
    for size in [(2000, 3000), (1000, 1000)]:
        region = torch.zeros(size, dtype=torch.bool)
        region[800:812, 600:612] = True
        (window,) = find_windows(model, *size, "auto", region)
        assert max(shape_of(window)) <= 16 + 2 * halo


def test_a_region_is_never_dearer_than_everything(model):
    generator = torch.Generator().manual_seed(0)
    for share in (1e-5, 1e-3, 0.5):
        region = torch.rand(900, 1300, generator=generator) < share
        some = find_windows(model, 900, 1300, 128, region)
        every = find_windows(model, 900, 1300, 128)
        assert sum(np.prod([shape_of(w) for w in some], axis=1)) <= sum(
            np.prod([shape_of(w) for w in every], axis=1)
        )


def test_an_empty_region_calls_no_network(model, x):
    def call(windows, places):
        raise AssertionError("nothing matters")

    assert torch.equal(TiledBCM(model, region=marked()).over(call, x), x)


def test_progress_counts_the_windows_of_the_region(model, x):
    region, calls = marked(*REGIONS["at the corners"]), []
    denoiser = TiledBCM(model, 64, progress=lambda: calls.append(1), region=region)
    denoiser.denoise(x, 0.4)
    assert len(calls) == denoiser.window_count(*SIZE) < window_count(model, *SIZE, 64)


def test_a_network_with_attention_leaves_out_windows_without_a_region():
    torch.manual_seed(0)
    model = BCM(ADM(64, 1, (1, 1), (2,), 16, num_classes=None).eval().requires_grad_(False))
    x = torch.randn(1, 3, 70, 300, generator=torch.Generator().manual_seed(3))
    region = torch.zeros(70, 300, dtype=torch.bool)
    region[5:60, 3:20] = True
    part = TiledBCM(model, region=region)
    found = part.denoise(x, 0.4)
    assert torch.equal(found[:, :, region], TiledBCM(model).denoise(x, 0.4)[:, :, region])
    assert torch.equal(found[..., 100:], x[..., 100:])
    assert part.window_count(70, 300) == 2 < window_count(model, 70, 300, "auto")
    assert part.window_count(70, 300, ahead=1) > 2


# Covers


def painted(boxes, shape):
    count = np.zeros(shape, int)
    for top, bottom, left, right in boxes:
        count[top:bottom, left:right] += 1
    return count


@pytest.mark.parametrize("share", [0.0, 0.002, 0.05, 0.6, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 21), (90, 120)])
def test_a_cover_holds_every_mark_and_no_cell_twice(shape, share):
    marks = np.random.default_rng(1).random(shape) < share
    boxes = cover(marks, 14, lambda height, width: height * width <= 300)
    count = painted(boxes, shape)
    assert count.max() <= 1
    assert (count[marks] == 1).all()
    assert all((b.bottom - b.top) * (b.right - b.left) <= 300 for b in boxes)


def test_marks_far_apart_get_rectangles_of_their_own_and_near_ones_share():
    marks = np.zeros((100, 100), bool)
    marks[[3, 5, 90], [4, 6, 95]] = True
    assert cover(marks, 14, lambda height, width: True) == [(3, 6, 4, 7), (90, 91, 95, 96)]


def test_a_long_diagonal_is_covered_in_steps():
    marks = np.eye(200, dtype=bool)
    boxes = cover(marks, 14, lambda height, width: True)
    cost = sum((b.bottom - b.top + 28) * (b.right - b.left + 28) for b in boxes)
    assert cost < (200 + 28) ** 2 / 2
