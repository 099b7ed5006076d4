"""Jpeg: a file's coefficients, its box, and what outlasts 8 bits."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from restore.degradations import Composed, Crop, Degradation, JpegBox
from restore.degradations.jpeg import mean_within
from restore.errors import RequestError
from restore.jpegfile import coefficients_kept, read_jpeg, write_jpeg
from tests.support.degradations import S420, box, distance, encode, image, tables


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [5, 30, 60])
def test_a_jpeg_file_is_what_its_degradation_observes(subsampling, quality):
    pixels = np.ascontiguousarray(data.chelsea()[60:136, 90:181])
    stream = encode(pixels, quality=quality, subsampling=subsampling)
    file = read_jpeg(stream)
    degradation = JpegBox.from_file(file)
    y = degradation.observe(file)
    clean = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    same = [(a == b).double().mean() for a, b in zip(degradation(clean), y, strict=True)]
    assert min(same) > 0.995  # the encoder rounds its planes to 8 bits first
    assert [tuple(k.shape[1:3]) for k in y] == [part.known.shape for part in file.components]


def test_coefficients_of_nothing_are_the_decoder_s_mid_grey():
    degradation = box((16, 16), 10, S420)
    y = tuple(torch.zeros_like(k) for k in degradation(image(1, 3, 16, 16)))
    grey = torch.full((1, 3, 16, 16), 128 / 127.5 - 1)
    assert torch.allclose(degradation.pinv(y), grey, atol=1e-5)


def test_luma_alone_leaves_the_differences_of_channels():
    degradation = box((40, 40), 10, [(1, 1)])
    x, y = image(1, 3, 40, 40, seed=1), degradation(image(1, 3, 40, 40, seed=2))
    change = degradation.project(x, y) - x
    assert change.abs().max() > 0.1
    assert torch.allclose(change[:, 0], change[:, 1], atol=1e-6)
    assert torch.allclose(change[:, 0], change[:, 2], atol=1e-6)


def test_chroma_changes_all_pixels_of_a_sample_alike():
    degradation = box((32, 32), 10, S420)
    x, y = image(1, 3, 32, 32, seed=1), degradation(image(1, 3, 32, 32, seed=2))
    change = degradation.project(x, y) - x
    chroma = change[:, 0] - change[:, 2]
    assert torch.allclose(
        chroma, chroma[:, ::2, ::2].repeat_interleave(2, 1).repeat_interleave(2, 2), atol=1e-6
    )


def test_unknown_blocks_are_free():
    known = [np.ones((5, 5), bool)]
    known[0][1, 2] = known[0][3] = False
    degradation = JpegBox((40, 40), tables(10, 1), [(1, 1)], known)
    x = image(1, 3, 40, 40, seed=1)
    y = degradation(image(1, 3, 40, 40, seed=2))
    change = (degradation.project(x, y) - x).abs().unflatten(2, (5, 8)).unflatten(4, (5, 8))
    changed = change.amax((0, 1, 3, 5)) > 0
    assert torch.equal(changed, torch.from_numpy(known[0]))
    assert not y[0][0, ~torch.from_numpy(known[0])].any()


@pytest.mark.parametrize(("margin", "shrink"), [(1.5, 0.5), (0, 0.3), (4, 0.25), (50, 0.5)])
def test_margin_and_shrink_keep_coefficients_off_the_walls(margin, shrink):
    q = 20
    steps = [np.full((8, 8), q)] * 3
    degradation = JpegBox((48, 48), steps, S420, margin=margin, shrink=shrink)
    y = degradation(image(1, 3, 48, 48, seed=2))
    x = degradation.project(image(1, 3, 48, 48, seed=1), y)
    assert distance(degradation(x), y) == 0
    r = min(max(0.5 - margin / q, 0.02), shrink)
    inside, narrower = (JpegBox((48, 48), steps, S420, margin=0, shrink=s) for s in (r, 0.9 * r))
    assert distance(inside.project(x, y), x) < 1e-5
    assert distance(narrower.project(x, y), x) > 1e-3


@pytest.mark.parametrize("deviation", [0.3, 3, 30, 300])
def test_the_mean_within_a_step_is_that_of_a_normal_number_cut_off(deviation):
    generator = torch.Generator().manual_seed(4)
    half = 0.5 + 20 * torch.rand(500, generator=generator)
    c = half * 3 * torch.randn(500, generator=generator)
    c = torch.minimum(torch.maximum(c, -half - 10 * deviation), half + 10 * deviation)
    at = half[:, None].double() * torch.linspace(-1, 1, 40001, dtype=torch.float64)
    weight = -(((at - c[:, None].double()) / deviation) ** 2) / 2
    weight = (weight - weight.amax(1, keepdim=True)).exp()
    weight[:, [0, -1]] /= 2  # the trapezoidal rule
    wanted = (weight * at).sum(1) / weight.sum(1)
    found = mean_within(c, half, deviation)
    # A thousandth of a level, and single precision where a difference is small beside its parts.
    limit = 1e-3 + 3e-7 * deviation**2 / half
    assert ((found - wanted).abs() < limit).all()
    assert (found.abs() <= half).all()


def test_the_mean_within_a_step_stays_inside_however_far_off_it_is_asked():
    half = torch.tensor([0.5, 8.0])
    for deviation in (1e-6, 1e-3, 1.0, 1e4):
        for c in (0.0, 1e-3, 0.5, 7.0, 1e3, 1e6):
            found = mean_within(torch.tensor([c, c]), half, deviation)
            assert torch.isfinite(found).all(), (c, deviation)
            assert ((found >= 0) & (found <= half)).all(), (c, deviation)
            assert torch.equal(mean_within(torch.tensor([-c, -c]), half, deviation), -found)


@pytest.mark.parametrize("samplings", [[(1, 1)], S420])
def test_a_doubted_estimate_lies_between_its_nearest_and_the_decoder_s_picture(samplings):
    shape = (1, 3, 64, 64)
    sure = box((64, 64), 20, samplings)
    doubting = sure.widened(2.0, 0.0)
    x, y = image(*shape, seed=1), sure(image(*shape, seed=2))
    if len(samplings) == 1:  # luma alone leaves the rest as it is
        x, y = (one.mean(1, keepdim=True).expand(shape) for one in (x, image(*shape, seed=2)))
        y = sure(y)
    decoded, nearest = sure.pinv(y), sure.project(x, y)
    assert torch.equal(sure.posterior_mean(x, y, 0.1), nearest)
    # 0.4999 of each step, the box of these tests, is not quite all of it.
    assert distance(doubting.posterior_mean(x, y, 1e-5), nearest) < 1e-3
    if len(samplings) == 1:
        assert distance(doubting.posterior_mean(x, y, 1e4), decoded) < 0.03 * distance(x, decoded)
    gaps = [distance(doubting.posterior_mean(x, y, t), nearest) for t in (0.01, 0.05, 0.2, 1.0)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 10 * gaps[0] > 0
    for t in (0.01, 0.2):
        assert distance(sure(doubting.posterior_mean(x, y, t)), y) == 0


def test_the_last_estimate_is_doubted_by_the_closing_level():
    sure = box((48, 48), 20, S420)
    x, y = image(1, 3, 48, 48, seed=1) / 2, sure(image(1, 3, 48, 48, seed=2) / 2)
    closing = sure.widened(2.0, 0.1)
    wanted = sure.project_into_range(closing.posterior_mean(x, y, 0.1), y)
    assert torch.equal(closing.project_into_range(x, y), wanted)
    assert distance(wanted, sure.project_into_range(x, y)) > 1e-3
    cropped = Composed(closing, Crop((50, 53), (2, 5), (48, 48)))
    x = image(1, 3, 50, 53, seed=1) / 2
    found = cropped.project_into_range(x, y)
    assert distance(found[..., 2:, 5:], sure.project_into_range(x[..., 2:, 5:], y)) > 1e-3
    assert distance(cropped(found), y) == 0


def test_options_of_a_jpeg_that_make_no_sense_are_refused():
    for options in ({"shrink": 0.6}, {"margin": -1}, {"width": -1}, {"closing": -1}):
        with pytest.raises(RequestError, match="expected"):
            box((8, 8), 50, S420, **options)
    with pytest.raises(RequestError, match="steps from 1"):
        JpegBox((8, 8), [np.zeros((8, 8), int)], [(1, 1)])


PUBLIC = {
    "astronaut": data.astronaut()[128:256, 160:320],
    "coffee": data.coffee()[100:228, 200:360],
    "flower": load_sample_image("flower.jpg")[100:228, 200:360],
}


@pytest.mark.parametrize("quality", [10, 20, 40])
@pytest.mark.parametrize("name", PUBLIC)
def test_coefficients_outlast_a_strong_smoother_and_8_bits(name, quality):
    stream = encode(np.ascontiguousarray(PUBLIC[name]), quality=quality, subsampling="4:2:0")
    file = read_jpeg(stream)
    decoded = np.array(Image.open(io.BytesIO(stream)))
    degradation = JpegBox.from_file(file, margin=1.5)
    y = degradation.observe(file)
    x = torch.from_numpy(decoded).permute(2, 0, 1)[None] / 127.5 - 1
    x = F.avg_pool2d(F.pad(x, (3, 3, 3, 3), mode="reflect"), 7, 1)
    smooth = x.clone()
    x = degradation.project_into_range(x, y)
    assert x.abs().max() <= 1

    def stored(x):
        return ((x[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()

    def recompression_psnr(pixels):
        again = np.asarray(Image.open(io.BytesIO(write_jpeg(pixels, file)))).astype(float)
        return 10 * np.log10(255**2 / max(np.mean((again - decoded) ** 2), 1e-9))

    assert coefficients_kept(write_jpeg(stored(smooth), file), file) < 0.99
    assert coefficients_kept(write_jpeg(stored(x), file), file) >= 0.999
    assert recompression_psnr(stored(x)) > recompression_psnr(stored(smooth)) + 12


@pytest.mark.parametrize("few", [0.0, 1.0])  # the whole strip again, and units by themselves
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(96, 160), (200, 137), (7, 5)])
def test_units_out_of_the_range_are_projected_as_the_whole_would_be(
    size, subsampling, few, monkeypatch
):
    monkeypatch.setattr("restore.degradations.jpeg.FEW", few)
    monkeypatch.setattr("restore.degradations.jpeg.STRIP", 64 * size[1])
    pixels = np.random.default_rng(0).normal(128, 20, (*size, 3))
    pixels[size[0] // 3 : size[0] // 2, : size[1] // 4] += 120  # some units alone are out of it
    file = read_jpeg(
        encode(np.clip(pixels, 0, 255).astype(np.uint8), quality=30, subsampling=subsampling)
    )
    degradation, y = JpegBox.from_file(file), JpegBox.observe(file)
    x = torch.from_numpy(pixels).float().permute(2, 0, 1)[None] / 127.5 - 1
    x = torch.cat([x, 0.9 * x])
    found = degradation.project_into_range(x, y)
    expected = Degradation.project_into_range(degradation, x, y)
    assert float(degradation.project(x, y).abs().max()) > 1.2 or size == (7, 5)
    assert torch.allclose(found, expected, atol=1e-6)
