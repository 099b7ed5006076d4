"""A preview shows the true pixels, reduced, upright and in sRGB."""

import tracemalloc

import numpy as np
from PIL import Image, ImageCms

from restore.images import Picture
from restore.reports import make_preview
from restore.reports.preview import draw_box, find_most_changed
from tests.support.pages import (
    BLUE,
    flat,
    noise,
)  # fmt: skip


def test_greys_alpha_and_sixteen_bits_are_shown_right():
    grey = make_preview(flat(77)).whole["after"]
    assert (grey.mode, grey.getpixel((3, 3))) == ("L", 77)
    deep = make_preview(flat((60000, 300, 32896), dtype=np.uint16)).whole["after"]
    assert deep.getpixel((3, 3)) == (233, 1, 128)
    veil = np.full((40, 60), 255, np.uint8)
    veil[:, :30] = 0
    veiled = make_preview(flat(BLUE, alpha=veil)).whole["after"]
    assert (veiled.mode, veiled.getpixel((2, 2))[3], veiled.getpixel((50, 2))) == (
        "RGBA", 0, (*BLUE, 255),
    )  # fmt: skip
    assert make_preview(flat(77, alpha=veil)).whole["after"].mode == "LA"


def test_a_picture_that_is_stored_sideways_is_shown_upright():
    stored = Picture(noise(30, 20).pixels, orientation=6)
    np.testing.assert_array_equal(make_preview(stored).whole["after"], stored.upright().pixels)


def test_colours_are_those_of_the_profile(path):
    """The page's pictures carry no profile, so what a profile says has to be in the pixels."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = make_preview(flat(BLUE, icc=srgb)).whole["after"].getpixel((3, 3))
    assert np.abs(np.subtract(same, BLUE)).max() <= 1
    swapped = bytearray(srgb)  # the tags of red and blue name each other's data
    red, blue = (swapped.index(tag) for tag in (b"rXYZ", b"bXYZ"))
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    other = make_preview(flat(BLUE, icc=bytes(swapped))).whole["after"].getpixel((3, 3))
    assert np.abs(np.subtract(other, BLUE[::-1])).max() <= 2
    assert make_preview(flat(BLUE, icc=b"garbage")).whole["after"].getpixel((3, 3)) == BLUE


def test_large_pictures_are_reduced_like_pillow_does_it():
    large = noise(3001, 1703)
    found = np.asarray(draw_box(large, (300, 170)), np.int16)
    expected = Image.fromarray(large.pixels).resize((300, 170), Image.Resampling.LANCZOS)
    assert np.abs(found - np.asarray(expected, np.int16)).mean() < 2.5  # of noise: its own is 7
    deep = Picture(large.pixels.astype(np.uint16) * 257)
    np.testing.assert_array_equal(np.asarray(draw_box(deep, (300, 170))), found)


def test_reducing_takes_no_memory_that_grows_with_the_picture():
    large = Picture(np.zeros((4000, 6000, 3), np.uint16))
    tracemalloc.start()
    try:
        make_preview(large, large)
        assert tracemalloc.get_traced_memory()[1] < 60e6  # the picture has 144 MB
    finally:
        tracemalloc.stop()


def test_the_smaller_picture_is_enlarged_onto_the_result():
    x, y = np.meshgrid(np.arange(40), np.arange(30))
    given = Picture((np.dstack([x, y, x + y]) * 3).astype(np.uint8))
    large = Image.fromarray(given.pixels).resize((2000, 1500), Image.Resampling.BICUBIC)
    after = Picture(np.asarray(large).copy())
    shown = make_preview(after, given, after)
    for pictures in (shown.whole, shown.detail):
        a, b = (np.asarray(pictures[name], np.int16) for name in ("before", "after"))
        assert np.abs(a - b).max() <= 2
    assert shown.psnr_before_db > 45


def test_the_region_that_changed_most_is_found_by_hand():
    a = np.zeros((20, 30, 3), np.uint8)
    b = a.copy()
    b[12, 25] = 9
    left, top, right, bottom = find_most_changed(Image.fromarray(a), Image.fromarray(b), (5, 4))
    assert left <= 25 < right
    assert top <= 12 < bottom
    assert find_most_changed(Image.fromarray(a), Image.fromarray(a), (10, 10)) == (10, 5, 20, 15)
