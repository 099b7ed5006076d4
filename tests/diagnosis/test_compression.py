"""Compression: a JPEG is known by its pixels, on any grid, and under another one."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.diagnosis import find_earlier_compression, find_lost
from restore.diagnosis.compression import describe_file
from restore.jpegfile import read_jpeg
from restore.jpegfile.quality import estimate_quality, luma_table

CLEAN = data.chelsea()[40:240, 60:300]


def compress(pixels: np.ndarray, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def decode(stored: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(stored)))


@pytest.mark.parametrize("quality", [15, 40, 75, 90])
@pytest.mark.parametrize("cut", [(0, 0), (5, 3)])
def test_a_lost_jpeg_is_found_with_its_quality_and_grid(quality, cut):
    pixels = decode(compress(CLEAN, quality))[cut[0] :, cut[1] :]
    found = find_lost(pixels.astype(np.float32))
    assert found is not None
    assert found.kind == "lost"
    assert abs(found.quality - quality) <= 2
    assert found.offset == tuple(-at % 8 for at in cut)
    assert f"quality {found.quality}" in found.sentence


def degraded(name: str) -> np.ndarray:
    random = np.random.default_rng(0)
    if name == "noise":
        return (CLEAN + random.normal(0, 8, CLEAN.shape)).clip(0, 255)
    if name == "scaled after a JPEG":
        shown = Image.fromarray(decode(compress(CLEAN, 30)))
        return np.asarray(shown.resize((170, 140), Image.Resampling.BICUBIC))
    return {"clean": CLEAN, "flat": np.full((64, 64, 3), 90), "tiny": CLEAN[:16, :16]}[name]


@pytest.mark.parametrize("name", ["clean", "noise", "scaled after a JPEG", "flat", "tiny"])
def test_where_there_was_none_none_is_found(name):
    assert find_lost(degraded(name).astype(np.float32)) is None


@pytest.mark.parametrize(("first", "second", "cut"), [(30, 75, 0), (50, 90, 0), (30, 90, 3)])
def test_a_stronger_compression_shows_through_a_later_one(first, second, cut):
    stored = compress(decode(compress(CLEAN, first))[cut:, cut:], second)
    found = find_earlier_compression(read_jpeg(stored), decode(stored).astype(np.float32))
    assert found is not None
    assert found.kind == "earlier"
    assert abs(found.quality - first) <= 5
    assert found.offset == (-cut % 8, -cut % 8)


@pytest.mark.parametrize("quality", [30, 75, 92])
def test_a_file_that_was_compressed_once_shows_no_other(quality):
    stored = compress(CLEAN, quality)
    assert find_earlier_compression(read_jpeg(stored), decode(stored).astype(np.float32)) is None


def test_a_file_is_described_by_its_tables():
    found = describe_file(read_jpeg(compress(CLEAN, 60)))
    assert (found.kind, found.quality, found.comb) == ("file", 60, 1.0)
    assert "4:2:0" in found.sentence


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 100])
def test_tables_are_the_encoders(quality):
    file = read_jpeg(compress(CLEAN[:16, :16], quality))
    assert np.array_equal(luma_table(quality), file.components[0].table)
    # At 1 and 2 all steps but few are at the limit of 255.
    assert estimate_quality(file) == pytest.approx(quality, abs=1)
