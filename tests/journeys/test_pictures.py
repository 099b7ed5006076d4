"""Journeys of pictures: frames, samples, and there and back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore.bcm import BCM
from restore.checkpoints import load
from restore.errors import ImageError, RequestError
from restore.images import Picture
from restore.journeys.interpolate import mix_pictures
from restore.journeys.series import Series, make_mosaic
from restore.networks import build
from tests.support.networks import ADM_TINY


def test_more_evaluations_bring_a_picture_back_nearer(photograph):
    model = load("default", "cpu")
    found = [
        restore.invert(photograph(width=48, height=48), model=model, nfe=nfe, level=1).report
        for nfe in (1, 2, 4, 8)
    ]
    figures = [report["metrics"]["round_trip_psnr_db"] for report in found]
    assert figures == sorted(figures)


def test_a_cross_fade_lies_below_its_frames_where_it_is_asked_for(exact, photograph):
    a, b = photograph(), photograph("coffee")
    frames, both = (
        restore.interpolate(a, b, 3, model=exact, level=2, cross_fade=asked).images
        for asked in (False, True)
    )
    for number, (frame, pair) in enumerate(zip(frames, both, strict=True)):
        assert np.array_equal(pair[:32], frame)
        fade = mix_pictures(Picture(a), Picture(b), number / 2).pixels
        assert np.array_equal(pair[32:], fade)


def test_the_ends_of_an_interpolation_are_the_reconstructions(model, photograph):
    a, b = photograph(), photograph("coffee")
    series = restore.interpolate(a, b, 3, model=model, nfe=2, level=2, seed=5)
    for image, pixels in ((a, series.images[0]), (b, series.images[-1])):
        latent = restore.invert(image, model=model, nfe=2, level=2, seed=5)
        assert np.array_equal(restore.reconstruct(latent, model=model).image, pixels)
    assert len(series) == series.report["frames"] == 3
    assert {"round_trip_psnr_db", "cross_fade_round_trip_psnr_db"} <= series.report[
        "metrics"
    ].keys()


def test_frames_along_a_known_ode_begin_and_end_with_the_pictures(exact, photograph):
    a, b = photograph(), photograph("coffee")
    series = restore.interpolate(a, b, 4, model=exact, level=80)
    assert np.abs(series.images[0].astype(int) - a).max() <= 1
    assert np.abs(series.images[-1].astype(int) - b).max() <= 1


def test_two_sizes_have_no_frames_between_them(exact, photograph):
    with pytest.raises(ImageError, match="48×32 and 40×32"):
        restore.interpolate(photograph(), photograph(width=40), model=exact)
    with pytest.raises(RequestError, match="2 or more"):
        restore.interpolate(photograph(), photograph(), 1, model=exact)


def test_frames_are_of_the_larger_depth_and_grey_only_where_both_are(exact, photograph):
    rgb = photograph()
    grey = rgb[..., :1].astype(np.uint16) * 257
    mixed = restore.interpolate(rgb, grey, 2, model=exact)
    assert mixed.images[0].shape == (32, 48, 3)
    assert mixed.images[0].dtype == np.uint16
    assert restore.interpolate(grey, grey, 2, model=exact).images[1].shape == (32, 48)
    clear = np.dstack([rgb, np.zeros((32, 48), np.uint8)])
    halfway = mix_pictures(Picture(rgb), Picture(clear[..., :3], clear[..., 3]), 0.5)
    assert (halfway.alpha == 128).all()


@pytest.mark.parametrize(("name", "frames"), [("f.gif", 3), ("f.webp", 3), ("f.png", 1)])
def test_a_series_is_saved_by_its_name(exact, photograph, tmp_path: Path, name, frames):
    series = restore.interpolate(photograph(), photograph("coffee"), 3, model=exact)
    series.save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert getattr(image, "n_frames", 1) == frames
        assert image.size == ((48, 32) if frames > 1 else (144, 32))
    series.save(tmp_path / "folder")
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == ["0.png", "1.png", "2.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "folder" / "2.png")), series.images[2])


def test_a_series_that_its_file_cannot_hold_is_refused(photograph, tmp_path: Path):
    clear = Picture(photograph(), np.zeros((32, 48), np.uint8))
    with pytest.raises(RequestError, match="GIF holds no partial"):
        Series((clear, clear), 2, {}).save(tmp_path / "a.gif")
    with pytest.raises(RequestError, match="ends in none of"):
        Series((clear,), 1, {}).save(tmp_path / "a.xyz")


def test_a_grid_has_its_samples_in_rows():
    pictures = [Picture(np.full((2, 3, 3), n, np.uint8)) for n in range(1, 4)]
    grid = make_mosaic(pictures, 2).pixels[..., 0]
    assert grid[:, [0, 3]].tolist() == [[1, 2], [1, 2], [3, 0], [3, 0]]


def test_a_sample_is_that_of_its_seed_however_many_are_drawn(model):
    many = restore.generate(3, model=model, size=(32, 24), seed=4).images
    assert np.array_equal(many[2], restore.generate(model=model, size=(32, 24), seed=6).images[0])
    assert not np.array_equal(many[0], many[1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"recipe": "two-step"}, "recipe is 'two-step', expected one of one-step"),
        ({"n": 0}, "0 samples"),
        ({"size": (10**5, 10**5)}, "more than the 64000000 pixels"),
        ({"label": 3}, "has no classes"),
    ],
)
def test_samples_that_cannot_be_are_refused(model, arguments, sentence):
    with pytest.raises(RequestError, match=sentence):
        restore.generate(model=model, **arguments)


def test_a_class_conditional_network_goes_there_and_back_on_its_own_windows(photograph):
    torch.manual_seed(0)
    network = build("adm", ADM_TINY).eval().requires_grad_(False)
    for p in network.parameters():
        p.add_(0.02 * torch.randn(p.shape))
    model = BCM(network)
    assert restore.generate(model=model, label=3).report["size_out"] == [64, 64]
    one, other = (
        restore.generate(model=model, label=label, size=(80, 64)).images[0] for label in (3, 4)
    )
    assert one.shape == (64, 80, 3)
    assert not np.array_equal(one, other)
    with pytest.raises(RequestError, match="class-conditional: give a label from 0 to 9"):
        restore.generate(model=model)
    image = photograph(width=64, height=64)
    latent = restore.invert(image, model=model, label=3, level=0.07)
    assert np.array_equal(restore.reconstruct(latent, model=model).image, image)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"level": 0.01}, "expected 0.002 <= start <= level"),
        ({"level": 90}, "<= 80"),
        ({"start": 0.0}, "expected 0.002"),
        ({"refine": -1}, "refine is -1"),
        ({"nfe": 0}, "nfe is 0"),
    ],
)
def test_inversions_that_cannot_be_are_refused(exact, photograph, arguments, sentence):
    with pytest.raises(RequestError, match=sentence):
        restore.invert(photograph(), model=exact, **arguments)
