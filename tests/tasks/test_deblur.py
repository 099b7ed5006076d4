"""Deblur: a kernel that does not explain the picture is doubted, and noise is what is left over."""

import numpy as np
import pytest
from skimage import data

import restore
from restore import metrics
from restore.bcm import BCM
from restore.images import Picture, decode
from restore.settings import Settings
from restore.tasks import Deblur
from tests.support.tasks import jpeg_bytes

TWO = Settings(nfe=2)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[50:146, 150:246])


@pytest.mark.parametrize(
    ("kernel", "status"), [("motion:9,30", "ok"), ("motion:15,120", "doubtful")]
)
def test_a_wrong_kernel_is_doubted_and_a_right_one_is_not(kernel, status):
    clean = data.astronaut()[60:188, 180:308]
    given = Deblur("motion:9,30").degrade(Picture(clean))
    record = Deblur(kernel).restore(given, restore.load("default"), Settings(nfe=4)).record
    assert record.status == status
    assert bool(record.warnings) == (status == "doubtful")


def test_a_hopeless_kernel_leaves_the_picture_alone(truth, real: BCM):
    given = Deblur("gaussian:1").degrade(Picture(truth))
    result = Deblur("gaussian:2.5").restore(given, real, TWO)
    assert result.record.status == "doubtful"
    assert np.array_equal(result.image, given.pixels)
    assert "left as it is" in result.record.warnings[0]
    assert result.record.nfe == 2
    forced = Deblur("gaussian:2.5", sigma=0.5).restore(given, real, TWO)
    assert forced.record.status == "doubtful"
    assert metrics.psnr(forced.image, truth) < metrics.psnr(given.pixels, truth) - 5


def test_what_a_jpeg_left_is_taken_for_noise(truth, real: BCM):
    blurred = Deblur("gaussian:2").degrade(Picture(truth)).pixels
    given = decode(jpeg_bytes(blurred, quality=75))
    found = Deblur("gaussian:2").open(given).sigma
    plain = Deblur("gaussian:2", sigma=found).restore(given, real, TWO)
    ours = Deblur("gaussian:2").restore(given, real, TWO)
    before, after = (metrics.psnr(one.image, truth) for one in (plain, ours))
    assert after > metrics.psnr(given.pixels, truth) + 1 > before + 1
    assert ours.record.metrics["sigma"] > 2 * found
    assert (plain.record.nfe, ours.record.nfe) == (2, 4)
