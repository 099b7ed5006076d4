"""Jpeg: a file's coefficients, its box, and what outlasts 8 bits."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from restore.degradations import Degradation, JpegBox
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


def test_options_of_a_jpeg_that_make_no_sense_are_refused():
    for options in ({"shrink": 0.6}, {"margin": -1}):
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
