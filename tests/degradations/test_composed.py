"""Composed: a degradation after another, in the form that the two have, or refused in words."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from restore.degradations import (
    Blur,
    Both,
    Composed,
    Crop,
    Free,
    JpegBox,
    Mask,
    Noise,
    Resize,
    compose,
)
from restore.errors import RequestError
from restore.images import Picture, decode
from restore.jpegfile import coefficients_kept, read_jpeg, write_jpeg
from tests.support.degradations import HOLED, S420, S444, box, encode, image, tables


def test_noise_inside_is_the_noise_of_what_is_outside():
    found = compose(box((16, 16), 30, S420, sigma=0.3), Noise(0.4))
    assert isinstance(found, JpegBox)
    assert found.sigma == pytest.approx(0.5)


def test_noise_outside_is_the_noise_of_what_is_inside():
    found = compose(Noise(0.4), Resize((16, 16), (8, 8), sigma=0.3))
    assert isinstance(found, Resize)
    assert found.sigma == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (box((20, 31), 30, S444), Mask(HOLED[..., :20, :31])),
        (Resize((16, 16), (8, 8)), box((16, 16), 30, S444)),
        (Noise(0.1), box((16, 16), 30, S444)),
        (box((16, 16), 30, S444), Blur(torch.ones(4, 4) / 16, (16, 16))),
        (Noise(0.1), Free()),
    ],
)
def test_pairs_without_a_form_are_refused_by_name(outer, inner):
    names = f"{type(outer).__name__} after {type(inner).__name__} has no exact projection"
    with pytest.raises(RequestError, match=names):
        compose(outer, inner)


def test_beside_a_hole_in_a_jpeg_the_known_pixels_are_held():
    whole = box((37, 53), 30, S420)
    around = compose(Mask(HOLED), whole)
    assert isinstance(around, Both)
    given, x = image(1, 3, 37, 53, seed=2), image(1, 3, 37, 53, seed=1)
    found = around.project(x, (*whole(given), given))
    touched = torch.zeros(37, 53, dtype=torch.bool)
    touched[:16, 16:] = True  # the units that rows 9 to 11, columns 20 to 49 touch
    beside = touched & HOLED[0, 0]
    assert torch.equal(found[..., beside], given[..., beside])
    assert torch.equal(found[..., ~HOLED[0, 0]], x[..., ~HOLED[0, 0]])
    outside = ~touched
    assert torch.allclose(found[..., outside], whole.project(x, whole(given))[..., outside])


def test_around_a_hole_in_a_jpeg_blocks_are_free_and_no_others():
    whole = box((37, 53), 30, S420)
    around = whole.without(~HOLED[0, 0])
    y, x = whole(image(1, 3, 37, 53, seed=2)), image(1, 3, 37, 53, seed=1)
    change = (around.project(x, y) - x).abs().amax((0, 1))
    assert not change[:16, 16:].any()  # the units that rows 9 to 11, columns 20 to 49 touch
    assert torch.allclose(change[:16, :16], (whole.project(x, y) - x).abs().amax((0, 1))[:16, :16])
    assert change[16:32, :48].any()


def test_a_result_of_twice_the_size_makes_the_small_file_again(photograph):
    data = encode(photograph(width=64, height=64), quality=40, subsampling="4:2:0")
    file = read_jpeg(data)
    degradation = Composed(JpegBox.from_file(file), Resize((128, 128), (64, 64)))
    large = F.interpolate(decode(data).tensor(), (128, 128), mode="bicubic")

    def kept(x):
        """As anyone would find it: the picture of 8 bits, shrunk by Pillow, compressed again."""
        pixels = ((x[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        small = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC)
        return coefficients_kept(write_jpeg(np.asarray(small), file), file)

    assert kept(large) < 0.99
    assert kept(degradation.project_into_range(large, JpegBox.observe(file))) > 0.995


def test_a_grid_that_begins_elsewhere_is_a_jpeg_after_a_crop(photograph):
    shown = decode(encode(photograph(width=64, height=64), quality=20, subsampling="4:4:4"))
    cut = Picture(shown.pixels[5:, 3:])
    jpeg = JpegBox((56, 56), tables(20), S444)
    degradation = Composed(jpeg, Crop((59, 61), (3, 5), (56, 56)))
    k, whole = degradation(cut.tensor()), JpegBox((64, 64), tables(20), S444)(shown.tensor())
    assert torch.equal(k[0], whole[0][:, 1:, 1:])
