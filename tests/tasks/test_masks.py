"""Masks: how a picture says which pixels to restore."""

import numpy as np
import pytest
from PIL import Image

from restore.errors import ImageError
from restore.images import Picture, as_picture
from restore.tasks.masks import hole_of

HEIGHT, WIDTH = 40, 56


@pytest.fixture
def hole():
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[10:14, 5:50] = hole[20:36, 30:33] = True
    return hole


def blank(channels=3, dtype=np.uint8):
    return Picture(np.zeros((HEIGHT, WIDTH, channels), dtype))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 30), (90, 90, 90)])
@pytest.mark.parametrize("depth", [8, 16])
def test_strokes_of_one_colour_on_transparency_speak_by_alpha(hole, colour, depth):
    strokes = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    strokes[hole] = (*colour, 255)
    strokes[9, 5:50] = (*colour, 40)  # the soft edge of a brush
    mask = as_picture(strokes).at_depth(depth)
    found, warnings = hole_of(mask, blank())
    assert np.array_equal(found, hole)
    assert any("transparency tells its parts apart" in warning for warning in warnings)


@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bits_in_sixteen_are_read_as_they_are_meant(hole, channels):
    mask = np.repeat(hole[..., None] * np.uint16(255), channels, axis=2)
    found, warnings = hole_of(mask, blank())
    assert np.array_equal(found, hole)
    assert any("0 to 255 in 16 bits" in warning for warning in warnings)
    found, warnings = hole_of(mask * np.uint16(257), blank())
    assert np.array_equal(found, hole)
    assert warnings == ()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_painted_over_the_picture_as_stored_is_turned_with_it(hole, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    stored[hole] = 255
    Image.fromarray(stored).save(tmp_path / "photo.png", exif=exif)
    picture = as_picture(tmp_path / "photo.png")
    assert picture.size == (HEIGHT, WIDTH)
    found, warnings = hole_of(hole * np.uint8(255), picture)
    assert np.array_equal(found, picture.pixels[..., 0] > 0)
    assert any("turned" in warning for warning in warnings)
    upright, silent = hole_of(found * np.uint8(255), picture)  # painted over what one sees
    assert np.array_equal(upright, found)
    assert silent == ()


def test_of_a_square_the_mask_is_taken_as_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photo.png", exif=exif)
    mask = np.zeros((8, 8), np.uint8)
    mask[0, 3] = 255
    found, _ = hole_of(mask, as_picture(tmp_path / "photo.png"))
    assert np.array_equal(found, mask > 0)


@pytest.mark.parametrize("grey", [False, True])
def test_a_photograph_is_no_mask(photograph, grey):
    photo = photograph(width=WIDTH, height=HEIGHT)
    with pytest.raises(ImageError, match="looks like a photograph"):
        hole_of(photo.mean(axis=2).astype(np.uint8) if grey else photo, blank())


def test_a_soft_edge_makes_no_photograph(hole):
    import cv2

    soft = cv2.GaussianBlur(hole * np.uint8(255), (0, 0), 1.5)
    found, warnings = hole_of(soft, blank())
    assert found.any()
    assert warnings == ()
