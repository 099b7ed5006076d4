"""Jpeg: what was a JPEG and is no longer is known by its pixels; what never was is left alone."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

import restore
from restore import metrics
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Jpeg

CLEAN = data.chelsea()[40:168, 60:220]


@pytest.mark.parametrize("cut", [(0, 0), (5, 3)])
def test_a_picture_that_was_a_jpeg_gains_as_the_file_does(cut):
    stored = Jpeg(quality=25).degrade(Picture(CLEAN))
    shown = np.asarray(Image.open(io.BytesIO(stored)))[cut[0] :, cut[1] :]
    truth = CLEAN[cut[0] :, cut[1] :]
    result = Jpeg().restore(Picture(shown), restore.load("default"), Settings(nfe=4))
    assert metrics.psnr(result.picture.pixels, truth) > metrics.psnr(shown, truth) + 0.4
    assert "was a JPEG of quality 2" in result.record.warnings[0]


def test_a_picture_that_never_was_a_jpeg_is_left_as_it_is():
    result = Jpeg().restore(Picture(CLEAN), restore.load("default"))
    assert np.array_equal(result.picture.pixels, CLEAN)
    assert result.record.nfe == 0
    assert "left as it is" in result.record.warnings[-1]
