"""Findings: each says what it is about, in figures too, and what to type."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

import restore
from restore.diagnosis import Finding

PHOTOGRAPH = data.astronaut()[:256, :256]


def encode(pixels: np.ndarray, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def noisy(sigma: float) -> np.ndarray:
    z = np.random.default_rng(0).standard_normal(PHOTOGRAPH.shape)
    return np.rint(PHOTOGRAPH + sigma * z).clip(0, 255).astype(np.uint8)


def find(image: object, mask: object = None) -> dict[str, Finding]:
    return {one.name: one for one in restore.diagnose(image, mask).findings}


def test_a_jpeg_file_is_told_by_its_tables_and_mended_by_jpeg():
    found = find(encode(PHOTOGRAPH, "JPEG", quality=30))
    assert found["file"].figures["quality"] == 30
    assert found["file"].command == "jpeg {}"
    assert found["verdict"].command == "auto {}"
    assert found["verdict"].figures == {"sound": False}


def test_a_file_of_high_quality_asks_for_nothing():
    found = find(encode(noisy(0), "JPEG", quality=95))
    assert found["file"].figures["quality"] == 95
    assert found["file"].command == ""
    assert "seen" in found["file"].advice


def test_a_png_that_was_a_jpeg_says_so():
    shown = np.asarray(Image.open(io.BytesIO(encode(PHOTOGRAPH, "JPEG", quality=40))))
    found = find(encode(shown[3:, 2:], "PNG"))
    assert found["history"].figures["quality"] == pytest.approx(40, abs=2)
    assert found["history"].figures["offset"] == [5, 6]
    assert found["history"].command == "jpeg {}"


def test_noise_is_told_with_its_level_and_mended_by_denoise():
    found = find(noisy(12))
    assert found["noise"].figures["sigma"] == pytest.approx(12, rel=0.15)
    assert found["noise"].figures["spectrum"] == "white"
    assert found["noise"].command == "denoise {}"
    assert found["reduction"].figures["tolerance"] == found["noise"].figures["sigma"]


def test_what_is_no_photograph_is_left_alone():
    page = np.where(np.random.default_rng(0).random((64, 80)) > 0.9, 0, 255).astype(np.uint8)
    found = find(page)
    assert found["kind"].figures["kind"] == "text"
    assert found["verdict"].figures["sound"]
    assert "left alone" in found["verdict"].sentence
    assert not any(one.command for one in found.values())


def test_a_hole_is_measured_from_any_mask():
    hole = np.zeros(PHOTOGRAPH.shape[:2], np.uint8)
    hole[40:180, 60:190] = 255
    for mask in (hole, hole > 0, encode(hole, "PNG")):
        found = find(PHOTOGRAPH, mask)
        assert found["hole"].figures["width"] == pytest.approx(130, abs=2)
        assert found["hole"].figures["beyond"]
        assert found["verdict"].command == "auto {} --mask MASK"


@pytest.mark.parametrize("factor", [0.9, 1.5])
def test_a_jpeg_that_was_scaled_since_is_told_with_its_factor(factor):
    size = [round(256 * factor)] * 2
    for clean in (PHOTOGRAPH, data.coffee()[60:316, 120:376]):
        shown = Image.open(io.BytesIO(encode(clean, "JPEG", quality=30)))
        found = find(np.asarray(shown.resize(size, Image.Resampling.BICUBIC)))
        assert found["scaled"].figures["factor"] == pytest.approx(factor, rel=0.03)
        plain = Image.fromarray(clean).resize(size, Image.Resampling.BICUBIC)
        assert "scaled" not in find(np.asarray(plain))


def test_the_blocks_of_a_file_itself_are_not_those_of_a_scaled_one():
    for quality in (88, 95):
        assert "scaled" not in find(encode(PHOTOGRAPH, "JPEG", quality=quality))
    assert "scaled" not in find(PHOTOGRAPH[:100, :100])
