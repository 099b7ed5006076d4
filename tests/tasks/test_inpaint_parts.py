"""Inpaint in parts: what holes reach is computed, to the pixels of the full run."""

import numpy as np
import pytest

from restore.bcm import BCM
from restore.errors import RequestError
from restore.holes import split_hole
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Inpaint
from tests.support.cases import case
from tests.support.networks import seeded_patch

SIZE = (700, 900)


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded_patch())


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 13)], axis=2)
    noise = np.random.default_rng(0).normal(0, 0.1, waves.shape)
    return np.rint((waves + noise).clip(-1, 1) * 120 + 128).astype(np.uint8)


def holes(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    hole = np.zeros(SIZE, bool)
    for top, bottom, left, right in boxes:
        hole[top:bottom, left:right] = True
    return hole


HOLES = {
    "a speck": holes((400, 412, 500, 512)),
    "specks in corners": holes((0, 5, 0, 5), (694, 700, 893, 900), (300, 303, 2, 9)),
    "a scratch": holes((0, 700, 450, 453)),
    "a scratch and a speck": holes((10, 13, 20, 880), (600, 606, 100, 105)),
}


@pytest.mark.parametrize(
    "settings",
    [Settings(nfe=2), Settings(nfe=4, mode="perceptual", seed=3), Settings(nfe=2, samples=3)],
    ids=["fidelity", "perceptual", "draws"],
)
@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_parts_give_the_pixels_of_the_full_run(model, picture, hole, settings, monkeypatch):
    task = Inpaint(mask=hole)
    parts = task.restore(picture, model, settings)
    monkeypatch.setattr(Inpaint, "split", lambda self, problem, network: (problem,))
    full = task.restore(picture, model, settings)
    differ = np.abs(parts.image.astype(int) - full.image)
    assert differ.max() <= 1  # where two sums round apart
    assert (differ > 0).mean() < 1e-4
    assert parts.record.metrics == pytest.approx(full.record.metrics, abs=0.05)
    if settings.samples > 1:
        assert np.allclose(parts.uncertainty, full.uncertainty, atol=0.05)


def test_a_small_hole_takes_little_of_the_picture(model):
    network = model.network
    parts = split_hole(HOLES["specks in corners"], "auto", network.receptive_field, network.stride)
    sizes = [part.region.size for part in parts]
    assert len(parts) >= 2
    assert sum(sizes) < SIZE[0] * SIZE[1] / 2


@pytest.mark.parametrize("how", ["smooth", "patch", "auto"])
def test_parts_hold_every_pixel_of_the_hole_once(how, model):
    hole = holes((300, 360, 300, 400), (10, 13, 20, 880), (600, 606, 100, 105))
    count = np.zeros(SIZE, int)
    for part in split_hole(hole, how, model.network.receptive_field, model.network.stride):
        (top, bottom), (left, right) = part.place
        count[top:bottom, left:right] += part.region
        assert part.patch == (how == "patch" or (how == "auto" and part.region.sum() == 6000))
    assert np.array_equal(count, hole.astype(int))


def test_a_network_that_sees_everything_gets_the_whole_picture():
    (part,) = split_hole(HOLES["a speck"], "auto", None, 8)
    assert np.array_equal(part.region, HOLES["a speck"])


def test_progress_counts_what_is_called(model, picture):
    hole, told = holes((300, 360, 300, 400), (600, 606, 100, 105)), []
    settings = Settings(nfe=4, mode="perceptual", progress=lambda *done: told.append(done))
    Inpaint(mask=hole).restore(picture, model, settings)
    assert told[-1][0] == told[-1][1] == len(told)


def test_thick_holes_are_filled_by_patches_unless_smooth_is_asked_for(model, picture):
    hole = holes((300, 360, 300, 400))
    smooth, auto, patch = (
        Inpaint(mask=hole, fill=how).restore(picture, model, Settings(nfe=1)).image
        for how in ("smooth", "auto", "patch")
    )
    assert np.array_equal(auto, patch)
    assert not np.array_equal(auto, smooth)
    assert np.array_equal(auto[~hole], picture[~hole])


def test_another_seed_gives_another_fill(model, picture):
    hole = holes((300, 360, 300, 400))
    first, again, other = (
        Inpaint(mask=hole).restore(picture, model, Settings(nfe=1, seed=seed)).image
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_transparent_pixels_are_not_taken_and_sixteen_bits_stay(model, picture):
    deep = picture.astype(np.uint16) * 257
    alpha = np.full(SIZE, 65535, np.uint16)
    alpha[:, :200] = 0
    hole = holes((300, 340, 300, 340))
    result = Inpaint(mask=hole).restore(Picture(deep, alpha), model, Settings(nfe=1))
    assert result.image.dtype == np.uint16
    assert np.array_equal(result.image[~hole][:, :3], deep[~hole])
    assert np.array_equal(result.image[..., 3], alpha)


def test_a_way_to_fill_that_is_none_is_refused():
    with pytest.raises(RequestError, match="fill is 'magic'"):
        Inpaint(mask="m.png", fill="magic")


def test_a_case_of_a_narrow_hole_takes_little_work(model):
    """Counted in pixels that the network sees, not in seconds."""
    seen = []
    hook = model.network.register_forward_pre_hook(
        lambda network, given: seen.append(given[0].shape[-2] * given[0].shape[-1])
    )
    mask = str(case("23-mask-12-pixels-wide.png"))
    photo = case("23-photo-1.7-megapixels.png")
    result = Inpaint(mask=mask).restore(photo, model, Settings(nfe=4))
    hook.remove()
    width, height = result.record.size_out
    assert 0 < sum(seen) < 4 * width * height / 10
