"""A JPEG that was a stronger one before, on the same grid: held to the first, proved by both."""

import io

import numpy as np
import pytest
from PIL import Image

import restore
from restore import metrics
from restore.images import Picture, decode
from restore.jpegfile import read_jpeg
from restore.jpegfile.quality import earlier_file
from restore.settings import Settings
from restore.tasks import Jpeg, Superres

FOUR = Settings(nfe=4)


def compress(pixels: np.ndarray, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[64:256, 128:320])


@pytest.mark.parametrize("later", [80, 92])
def test_the_first_file_is_found_in_the_second(truth, later):
    first = read_jpeg(compress(truth, 40))
    data = compress(decode(compress(truth, 40)).pixels, later)
    problem = Jpeg().open(data)
    assert problem.first is not None
    assert problem.severity == pytest.approx(40, abs=2)
    found = earlier_file(read_jpeg(data), 40)
    for a, b in zip(found.components, first.components, strict=True):
        coarser = a.table == b.table
        assert coarser.mean() > 0.9
        assert (a.coefficients == b.coefficients)[..., coarser].mean() > 0.98


def test_the_result_gains_and_is_still_the_file(truth, real):
    once, twice = compress(truth, 40), compress(decode(compress(truth, 40)).pixels, 90)
    of_first = Jpeg().restore(once, real, FOUR)
    ours = Jpeg().restore(twice, real, FOUR)
    given = metrics.psnr(decode(twice).pixels, truth)
    best = metrics.psnr(of_first.image, truth)
    assert metrics.psnr(ours.image, truth) > given + 0.8 * (best - given)
    proof = ours.record.metrics
    assert proof["coefficients_kept"] > 0.95
    assert proof["consistency_psnr_db"] > 45
    assert "compressed before, more strongly" in ours.record.warnings[0]
    assert "compressed as both were, it is the file" in ours.record.warnings[0]


def test_a_file_that_was_compressed_once_is_held_to_itself(truth):
    for quality in (20, 75, 92):
        problem = Jpeg().open(compress(truth, quality))
        assert problem.first is None
        assert problem.warnings == ()


def test_it_is_enlarged_without_the_blocks_of_the_first(truth, real):
    small = Superres(2).degrade(Picture(truth)).pixels
    twice = compress(decode(compress(small, 40)).pixels, 90)
    problem = Superres(2).open(twice)
    assert problem.first is not None
    assert problem.sigma == 0
    ours = restore.superres(twice, 2, model=real, nfe=4)
    plain = restore.superres(twice, 2, model=real, nfe=4, sigma=0)
    assert metrics.psnr(ours.image, truth) > metrics.psnr(plain.image, truth) + 0.3
    assert ours.record.metrics["coefficients_kept"] > 0.95
