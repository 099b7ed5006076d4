"""Inpaint: known pixels stay, masks come in many ways."""

import numpy as np
import pytest
from PIL import Image

from restore.errors import ImageError, RequestError
from restore.images import Picture, as_picture
from restore.tasks import (
    Inpaint,
    Settings,
)
from restore.tasks.masks import hole_of
from tests.support.tasks import ONE, again, png_bytes, samples, scratched


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_known_pixels_stay_bit_for_bit(channels, dtype, model, clean, tmp_path):
    given, hole = samples(clean, channels, dtype), scratched(clean)
    result = Inpaint(hole).restore(given, model, Settings(nfe=2, mode="perceptual"))
    known, unknown = (given[where].reshape(int(where.sum()), -1) for where in (~hole, hole))
    for found in (result.image, again(result, tmp_path)):  # a grey one is (H, W)
        assert np.array_equal(found[~hole].reshape(known.shape), known)
    assert not np.array_equal(result.image[hole].reshape(unknown.shape), unknown)
    proof = result.report["metrics"]
    assert proof["known_max_error"] == 0
    assert proof["consistency_exact"] is True
    assert proof["consistency_psnr_db"] is None


def test_the_hole_s_content_makes_no_difference(model, clean):
    hole = scratched(clean)
    first, second = clean.copy(), clean.copy()
    first[hole], second[hole] = 0, 255
    assert np.array_equal(
        Inpaint(hole).restore(first, model, ONE).image,
        Inpaint(hole).restore(second, model, ONE).image,
    )


MASKS = {
    "bool": lambda hole, _: hole,
    "bool (H, W, 1)": lambda hole, _: hole[..., None],
    "bool view": lambda hole, _: hole.T.copy().T,
    "uint8": lambda hole, _: hole * np.uint8(255),
    "just above the threshold": lambda hole, _: np.where(hole, 128, 127).astype(np.uint8),
    "uint16": lambda hole, _: hole * np.uint16(65535),
    "RGB": lambda hole, _: np.dstack([hole * np.uint8(255)] * 3),
    "Pillow L": lambda hole, _: Image.fromarray(hole * np.uint8(255)),
    "Pillow 1": lambda hole, _: Image.fromarray(hole),
    "Picture": lambda hole, _: Picture(hole[..., None] * np.uint8(255)),
    "bytes": lambda hole, _: png_bytes(Image.fromarray(hole * np.uint8(255))),
    "1-bit file": lambda hole, path: Image.fromarray(hole).save(path) or path,
    "name": lambda hole, path: Image.fromarray(hole * np.uint8(255)).save(path) or str(path),
    "opaque": lambda hole, _: np.dstack([hole * np.uint8(255), np.full_like(hole, 255, np.uint8)]),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_come_in_many_ways(kind, model, clean, tmp_path):
    hole = scratched(clean)
    mask = MASKS[kind](hole, tmp_path / "mask.png")
    found, warnings = hole_of(mask, Picture(clean))
    assert np.array_equal(found, hole)
    assert warnings == ()
    given = Inpaint(hole).degrade(as_picture(clean))
    wanted, result = (
        Inpaint(hole).restore(given, model, ONE),
        Inpaint(mask).restore(given, model, ONE),
    )
    assert np.array_equal(wanted.image, result.image)


def test_a_coloured_mask_is_taken_with_a_warning(model, clean):
    hole = scratched(clean)
    red = np.zeros_like(clean)
    red[hole, 0] = 255
    result = Inpaint(red).restore(clean, model, ONE)
    assert np.array_equal((result.image != clean).any(axis=2) & ~hole, np.zeros_like(hole))
    assert result.report["warnings"] == ["the mask is coloured: its brightest channel was taken"]


@pytest.mark.parametrize("hidden", [0, 255])
def test_transparent_pixels_of_a_mask_are_black_with_a_warning(hidden, clean):
    hole = scratched(clean)
    strokes = np.dstack([np.where(hole, 255, hidden)] * 3 + [np.where(hole, 200, 0)])
    strokes[~hole & (np.arange(56) < 9)] = 0, 0, 0, 255  # some of the rest is black to the eye
    found, warnings = hole_of(strokes.astype(np.uint8), Picture(clean))
    assert np.array_equal(found, hole)
    assert "transparency was ignored" in warnings[0]


def test_what_was_noticed_about_the_mask_is_in_the_record(model, clean):
    mask = Picture(scratched(clean)[..., None] * np.uint8(255), warnings=("it has frames",))
    assert Inpaint(mask).restore(clean, model, ONE).report["warnings"] == ["mask: it has frames"]


@pytest.mark.parametrize(
    ("mask", "error", "sentence"),
    [
        (np.eye(40, 56, dtype=np.uint8), ImageError, "values are 0 and 1"),
        (np.eye(40, 56, dtype=np.uint16), ImageError, "values are 0 and 1"),
        (np.ones((40, 56), np.uint8), ImageError, "values are 0 and 1"),
        (np.zeros((40, 56), np.uint8), ImageError, "the mask is empty: no pixel is white"),
        (np.full((40, 56), 127, np.uint8), ImageError, "the mask is empty"),
        (np.zeros((40, 56), bool), ImageError, "the mask is empty"),
        (np.ones((40, 56), bool), ImageError, "covers the whole picture"),
        (np.full((40, 56, 3), 255, np.uint8), ImageError, "covers the whole picture"),
        (np.eye(56, 40, dtype=bool), ImageError, "mask has 40×56 pixels, the picture 56×40"),
        (np.eye(4, dtype=np.uint8) * 255, ImageError, "mask has 4×4 pixels"),
        (np.ones(56, bool), RequestError, r"\(H, W\) of bool was expected, found \(56,\)"),
        (np.ones((40, 56, 3), bool), RequestError, "of bool was expected"),
        (2 * np.eye(40, 56), RequestError, "floats"),
        (np.eye(40, 56, dtype=int), RequestError, "uint8, uint16 or floats from 0 to 1"),
        ("alpha", ImageError, "needs a picture with transparency"),
        ("nowhere.png", ImageError, "does not exist"),
        (None, RequestError, "inpaint needs a mask"),
    ],
)
def test_masks_that_nobody_can_have_meant_are_refused(mask, error, sentence, model, clean):
    with pytest.raises(error, match=sentence):
        Inpaint(mask).restore(clean, model)


def test_masks_are_inverted_and_grow(clean):
    hole = np.zeros((40, 56), bool)
    hole[10:12, 20:25] = True
    picture = Picture(clean)
    assert np.array_equal(hole_of(~hole, picture, invert=True)[0], hole)
    grown = np.zeros_like(hole)
    grown[7:15, 17:28] = True
    assert np.array_equal(hole_of(hole, picture, dilate=3)[0], grown)
    kept, _ = hole_of(~hole, picture, invert=True, dilate=3)  # inverted first
    assert np.array_equal(kept, grown)
    for dilate in (40, 10**9):
        with pytest.raises(ImageError, match="covers the whole"):
            hole_of(hole, picture, dilate=dilate)
    for dilate in (-1, 1.5):
        with pytest.raises(RequestError, match=f"dilate is {dilate}, expected 0 or more"):
            hole_of(hole, picture, dilate=dilate)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_pixels_are_restored_and_come_out_opaque(dtype, model, clean):
    given, hole = samples(clean, 4, dtype), scratched(clean)
    given[hole] = 0
    for dilate in (0, 1):
        result = Inpaint("alpha", dilate=dilate).restore(given, model, ONE)
        wide, _ = hole_of(hole, Picture(clean), dilate=dilate)
        assert (result.image[wide, 3] == np.iinfo(dtype).max).all()
        assert np.array_equal(result.image[~wide], given[~wide])
        assert result.image[hole, :3].any()
