"""Trust: a good start is not made worse, and a photograph is restored as before."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import restore
from restore import metrics
from restore.bcm import BCM
from restore.bench import load_public13
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Inpaint, Jpeg, Superres, solve_problem
from restore.tasks.trust import (
    Trust,
    compare_neighbours,
    count_colours,
    is_mosaic,
    is_noise,
    weigh_,
)
from tests.support.networks import seeded_patch

SIDE = 64
WHOLLY = Trust(0.0)


def ramp(side: int = SIDE) -> np.ndarray:
    y, x = np.mgrid[:side, :side] * (200 / side)
    return np.rint(np.dstack([x + 20, y + 20, (x + y) / 2])).astype(np.uint8)


def chessboard(side: int = SIDE) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] // 8
    return np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)


def photograph() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:128, 150:278])


def as_jpeg(pixels: np.ndarray, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def gain(task, given, clean) -> float:
    """dB of the result over the start, in the hole if there is one."""
    problem = task.open(given)
    start, result = (
        solve_problem(problem, restore.load("default"), Settings(strength=strength)).image
        for strength in (0.0, 1.0)
    )
    before, after = (min(metrics.psnr(image, clean, problem.hole), 99) for image in (start, result))
    return after - before


def squares(side: int, related: bool) -> np.ndarray:
    """Of `side` pixels each, random, or the means of a photograph."""
    count = 128 // side
    if related:
        cells = photograph().reshape(count, side, count, side, 3).mean(axis=(1, 3)).astype(np.uint8)
    else:
        cells = np.random.default_rng(0).integers(0, 256, (count, count, 3), dtype=np.uint8)
    return np.kron(cells, np.ones((side, side, 1), np.uint8))


def decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


@pytest.mark.parametrize("quality", [5, 10, 40, 80])
def test_squares_on_the_grid_are_a_mosaic_and_no_photograph_is(quality):
    def found(clean: np.ndarray) -> bool:
        return is_mosaic(decode(as_jpeg(clean, quality)), quality)

    assert found(squares(8, related=False))
    assert found(squares(8, related=True))
    assert found(squares(4, related=False)) is (quality <= 10)
    assert not found(squares(4, related=True))
    assert not found(photograph())


def test_of_a_large_picture_the_middle_is_looked_at_on_the_same_grid():
    small = decode(as_jpeg(squares(8, related=True), 40))
    assert is_mosaic(np.tile(small, (9, 9, 1))[:1100, :1131], 40)


@pytest.mark.parametrize(("side", "related"), [(4, False), (8, True), (16, False)])
def test_a_mosaic_is_left_as_its_file_has_it(side, related):
    clean = squares(side, related)
    assert gain(Jpeg(), as_jpeg(clean, 10), clean) >= -0.01


def scratch(side: int) -> np.ndarray:
    hole = np.zeros((side, side), bool)
    hole[20:24, 5:-5] = hole[5:-5, 40:43] = True
    return hole


@pytest.mark.parametrize("clean", [ramp(), chessboard()], ids=["ramp", "chessboard"])
@pytest.mark.parametrize("quality", [10, 80, 100])
def test_a_jpeg_of_no_photograph_is_not_made_worse(clean, quality):
    assert gain(Jpeg(), as_jpeg(clean, quality), clean) > -0.1


@pytest.mark.parametrize("clean", [ramp(), chessboard()], ids=["ramp", "chessboard"])
def test_a_hole_in_no_photograph_is_not_filled_worse_than_smoothly(clean):
    task = Inpaint(mask=scratch(SIDE))
    assert gain(task, clean, clean) > -0.1


def test_an_enlarged_gradient_is_not_made_worse():
    clean = ramp(96)
    small = Superres(scale=4.0).degrade(Picture(clean))
    assert gain(Superres(scale=4.0, sigma=0), small, clean) > -0.1


def test_a_photograph_gains_what_it_gained(monkeypatch):
    clean, hole = photograph(), scratch(128)
    cases = [(Jpeg(), as_jpeg(clean, 20)), (Inpaint(mask=hole), clean)]
    with_trust = [gain(task, given, clean) for task, given in cases]
    for kind in (Jpeg, Inpaint):
        monkeypatch.setattr(kind, "trust", lambda self, problem: None)
    without = [gain(task, given, clean) for task, given in cases]
    assert min(with_trust) > 0.3
    assert np.subtract(with_trust, without) == pytest.approx(0, abs=0.1)


def test_what_goes_on_across_squares_is_believed(monkeypatch):
    clean = next(one.pixels for one in load_public13(96).clean if one.name == "coffee")
    rows, columns = np.mgrid[:96, :96] % 48
    hole = (abs(rows - 11.5) < 6) & (abs(columns - 11.5) < 6)
    with_trust = gain(Inpaint(mask=hole), clean, clean)
    monkeypatch.setattr(Inpaint, "trust", lambda self, problem: None)
    assert with_trust > gain(Inpaint(mask=hole), clean, clean) - 1.5  # of 16; 8 where m is 1.5


def test_perceptual_results_and_peers_stay_as_they_are(monkeypatch):
    model, clean = BCM(seeded_patch()), ramp()
    task = Inpaint(mask=scratch(SIDE))
    others = [Settings(nfe=2, mode="perceptual"), Settings(nfe=2, method="ddnm")]
    before = [task.restore(clean, model, settings).image for settings in others]
    monkeypatch.setattr(Inpaint, "trust", lambda self, problem: None)
    for image, settings in zip(before, others, strict=True):
        assert np.array_equal(image, task.restore(clean, model, settings).image)


@pytest.mark.parametrize("kind", ["whole", "hole"])
def test_strips_give_the_pixels_of_the_whole(kind, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    start = torch.rand((1, 3, 150, 40), generator=generator) - 0.5
    start[:, :, 60:] = start[:, :, 60:].cumsum(3) / 40
    x = start + 0.05 * torch.randn(start.shape, generator=generator)
    hole = np.random.default_rng(0).random((150, 40)) < 0.5 if kind == "hole" else None
    trust, whole, parts = Trust(2.0, most=1.5), x.clone(), x.clone()
    share = weigh_(whole, start, trust, hole)
    monkeypatch.setattr("restore.tasks.trust.STRIP", 16)
    assert weigh_(parts, start, trust, hole) == pytest.approx(share, abs=1e-5)
    assert 0 < share < 1
    assert torch.allclose(whole, parts, atol=1e-5)


def test_luma_and_colour_are_taken_apart():
    start = torch.zeros(1, 3, 20, 20)
    change = torch.tensor([0.3, -0.2, 0.5]).view(1, 3, 1, 1).expand_as(start)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    results = {}
    for name, trust in {
        "all": WHOLLY, "grey": Trust(0.0, colour=0.0), "colour": Trust(0.0, luma=0.0),
        "none": Trust(0.0, luma=0.0, colour=0.0),
    }.items():  # fmt: skip
        results[name] = change.clone()
        weigh_(results[name], start, trust)
    assert torch.allclose(results["all"], change)
    assert torch.equal(results["none"], start)
    assert torch.allclose(results["grey"] + results["colour"], change)
    assert (results["colour"] * luma).sum(1).abs().max() < 1e-6


def test_a_grey_picture_in_three_channels_gets_no_colour():
    grey = np.repeat(photograph()[..., :1], 3, axis=2)
    result = Jpeg().restore(as_jpeg(grey, 20)).image
    assert np.array_equal(result[..., 0], result[..., 1])
    assert np.array_equal(result[..., 0], result[..., 2])
    assert not np.array_equal(result, np.asarray(Image.open(io.BytesIO(as_jpeg(grey, 20)))))


def test_the_colours_and_neighbours_that_say_what_a_picture_is():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    known = np.ones((40, 40), bool)
    assert count_colours(chessboard(), 16) == 2
    assert count_colours(noise, 16) > 16
    assert is_noise(noise)
    assert not is_noise(photograph())
    assert not is_noise(ramp())
    equal, step = compare_neighbours(chessboard()[:40, :40], known)
    assert equal == pytest.approx(1 - 4 / 39, abs=0.01)
    assert step == 1
    assert compare_neighbours(noise, known)[0] < 0.01


@pytest.mark.parametrize("side", [64, 72])
def test_the_share_of_coefficients_that_are_counted_is_said_where_it_is_not_all(side):
    proof = Jpeg().restore(as_jpeg(ramp(side), 80)).record.metrics
    assert proof["coefficients_kept"] == 1
    assert proof.get("coefficients_counted", 1) == (
        1 if side == 64 else pytest.approx(113 / 131, abs=1e-5)
    )
