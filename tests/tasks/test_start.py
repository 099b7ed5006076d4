"""Start and strength: another's result begun from, held to what is given, or mixed with it."""

import io

import numpy as np
import pytest
from PIL import Image

import restore
from restore import metrics
from restore.degradations import Composed, JpegBox, Resize
from restore.errors import ImageError, RequestError
from restore.images import Picture
from restore.jpegfile import read_jpeg
from restore.settings import Settings
from restore.tasks import Deblur, Denoise, Inpaint, Superres
from tests.support.tasks import TASKS, jpeg_bytes, scratched

HELD = Settings(nfe=0)


def smoothed(pixels: np.ndarray) -> np.ndarray:
    """What another program might make of a picture."""
    image = Image.fromarray(pixels)
    width, height = image.size
    return np.asarray(image.resize((width // 2, height // 2)).resize(image.size))


def test_an_enlargement_is_held_to_the_small_picture(clean):
    small = Superres(2).degrade(Picture(clean[:, :40]))
    other = smoothed(clean[:, :40])
    result = restore.hold(other, small, reference=clean[:, :40])
    held = result.record.metrics
    assert restore.compare(other, other, small)["consistency_psnr_db"] < 40
    assert held["consistency_exact"] or held["consistency_psnr_db"] > 55
    assert metrics.psnr(result.image, clean[:, :40]) > metrics.psnr(other, clean[:, :40]) + 1
    assert (result.record.method, result.record.nfe, result.record.model) == ("hold", 0, None)


def test_an_enlargement_is_held_to_a_small_jpeg(astronaut):
    data = jpeg_bytes(np.asarray(Image.fromarray(astronaut).resize((48, 48))), quality=50)
    result = restore.hold(smoothed(astronaut), data)
    assert result.record.metrics["coefficients_kept"] > 0.999


def test_an_enlargement_of_other_proportions_is_held_too(clean):
    small = clean[:20, :29]
    result = restore.hold(np.asarray(Image.fromarray(small).resize((60, 43))), small, sigma=0)
    assert result.picture.size == (60, 43)
    held = result.record.metrics
    assert held["consistency_exact"] or held["consistency_psnr_db"] > 50


def test_a_cleaned_jpeg_is_held_to_its_coefficients(astronaut):
    data = jpeg_bytes(astronaut, quality=20)
    other = smoothed(astronaut)
    before = restore.compare(other, astronaut, data)["coefficients_kept"]
    assert restore.hold(other, data).record.metrics["coefficients_kept"] > max(0.998, before)


def test_a_jpeg_that_lies_on_its_side_is_held_upright(astronaut):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg_bytes(astronaut[:64], exif=exif)
    other = np.asarray(Image.fromarray(astronaut[:64]).transpose(Image.Transpose.ROTATE_270))
    result = restore.hold(other, data)
    assert result.record.metrics["coefficients_kept"] == 1
    assert metrics.psnr(result.image, other) > 30


def test_a_filled_hole_keeps_the_known_pixels(clean):
    hole = scratched(clean)
    other = 255 - clean
    result = restore.hold(other, clean, mask=hole)
    assert np.array_equal(result.image, np.where(hole[..., None], other, clean))
    assert result.record.metrics["known_max_error"] == 0


def test_a_clean_start_leaves_little_to_denoise(astronaut, real):
    """The mean of it and what is given has half the noise, and is told so."""
    pixels = astronaut[:48, :48]
    noisy = Denoise(25).degrade(Picture(pixels))
    plain, begun = (
        Denoise(25).restore(noisy, real, Settings(nfe=1, start=start)) for start in (None, pixels)
    )
    assert metrics.psnr(begun.image, pixels) > metrics.psnr(plain.image, pixels) + 1


def test_noise_sets_how_far_a_start_is_brought(clean):
    small = Superres(2).degrade(Picture(clean))
    other = smoothed(clean)
    exact, near, none = (
        restore.hold(other, small, sigma=sigma).record.metrics["consistency_psnr_db"] or 99
        for sigma in (0, 3, 100)
    )
    assert exact > near > none
    assert none == restore.compare(other, other, small)["consistency_psnr_db"]


def test_what_is_within_the_noise_stays(clean):
    given = Superres(2).degrade(Picture(clean)).tensor()
    x = Picture(clean).tensor()
    resize = Resize(clean.shape[:2], tuple(given.shape[-2:])).with_noise(0.05)
    assert (resize.hold(x, given) - x).abs().max() == 0
    far = x * 0.5
    residual = float((resize(resize.hold(far, given)) - given).square().mean() ** 0.5)
    assert residual < 0.3 * float((resize(far) - given).square().mean() ** 0.5)


def test_a_composed_observation_with_noise_holds_too(astronaut):
    small = np.asarray(Image.fromarray(astronaut).resize((48, 48)))
    data = jpeg_bytes(small, quality=92)
    file = read_jpeg(data)
    both = Composed(JpegBox.from_file(file), Resize((96, 96), (48, 48))).with_noise(0.01)
    x, y = Picture(astronaut).tensor() * 0.8, JpegBox.observe(file)
    before, after = (
        float((both.outer.project(both.inner(one), y) - both.inner(one)).square().mean())
        for one in (x, both.hold(x, y))
    )
    assert after < 0.1 * before


@pytest.mark.parametrize("task", [Denoise(10), Deblur("gaussian:1", sigma=2)])
def test_noise_holds_nothing(task, clean):
    with pytest.raises(RequestError, match=f"nfe is 0, and {task.name} holds no result: the noise"):
        restore.hold(clean, clean, task)


def test_where_no_jpeg_shows_there_is_nothing_to_hold_to(photograph):
    with pytest.raises(ImageError, match="nothing is known of what this picture was"):
        restore.hold(photograph(width=80, height=80), photograph(width=80, height=80))


@pytest.mark.parametrize("nfe", [0, 1])
def test_a_start_of_another_size_is_refused(nfe, clean, model):
    settings = Settings(nfe=nfe, start=clean[1:])
    with pytest.raises(ImageError, match="the start has 56×39 pixels, the result 56×40"):
        Inpaint(scratched(clean)).restore(clean, model, settings)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_begins_from_a_start(task, run, astronaut, real):
    pixels = astronaut[:48, :48]
    size = (96, 96) if task == "superres" else (48, 48)
    good = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    plain, begun, far = (
        run(task, pixels, Settings(start=start), real) for start in (None, good, good[::-1])
    )
    assert not np.array_equal(begun.image, plain.image)
    assert not np.array_equal(begun.image, far.image)
    assert "start" in begun.report
    if task != "superres":  # there the good one is no truth
        assert metrics.psnr(begun.image, good) > metrics.psnr(plain.image, good)


@pytest.mark.parametrize("task", TASKS)
def test_strength_goes_from_what_is_given_to_the_result(task, run, astronaut, real):
    pixels = astronaut[:48, :48]
    none, half, whole = (
        run(task, pixels, Settings(nfe=1, strength=share), real) for share in (0, 0.5, 1)
    )
    plain = run(task, pixels, Settings(nfe=1), real)
    assert np.array_equal(whole.image, plain.image)
    middle = (none.image.astype(int) + whole.image) / 2
    assert np.abs(half.image - middle).max() <= 1
    assert (none.record.nfe, half.record.more["strength"]) == (0, 0.5)
    if task in ("jpeg", "denoise", "deblur"):
        assert none.record.metrics["psnr_input_db"] is None  # the very pixels
    for kept in ("coefficients_kept", "known_max_error"):
        assert half.record.metrics.get(kept) == whole.record.metrics.get(kept)


def test_strength_begins_at_the_start(clean, model):
    hole = scratched(clean)
    other = 255 - clean
    settings = Settings(nfe=1, start=other, strength=0)
    found = Inpaint(hole).restore(clean, model, settings)
    assert np.array_equal(found.image, np.where(hole[..., None], other, clean))
    assert restore.hold(other, clean, mask=hole).record.nfe == 0


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), "much"])
def test_a_strength_is_a_share(strength):
    with pytest.raises(RequestError, match="strength is"):
        Settings(strength=strength)


def test_solve_holds_the_first_guess_to_any_degradation(clean):
    resize = Resize(clean.shape[:2], (20, 28))
    x = Picture(clean).tensor()
    found = restore.solve(resize(x), resize, start=x * 0.9, settings=HELD)
    assert found.record.metrics["consistency_psnr_db"] > 50


def test_a_spread_of_nothing_drawn_is_none(clean):
    stream = io.BytesIO()
    Image.fromarray(clean).save(stream, "JPEG", quality=30)
    found = restore.jpeg(stream.getvalue(), nfe=0, samples=2)
    assert found.record.metrics["uncertainty_mean"] == 0


def test_without_a_network_a_thick_hole_is_filled_by_patches_and_a_thin_one_smoothly():
    pytest.importorskip("patchmatch")
    tile = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    pixels, hole = np.tile(tile, (10, 12, 1)), np.zeros((160, 192), bool)
    hole[50:100, 60:110] = hole[20:23, 10:40] = True
    auto, smooth = (
        restore.inpaint(pixels, hole, nfe=0, fill=fill, device="cpu").image.astype(int)
        for fill in ("auto", "smooth")
    )
    thick = np.s_[50:100, 60:110]
    errors = [np.abs(one[thick] - pixels[thick]).mean() for one in (auto, smooth)]
    assert errors[0] < errors[1] / 4
    assert np.array_equal(auto[20:23, 10:40], smooth[20:23, 10:40])
