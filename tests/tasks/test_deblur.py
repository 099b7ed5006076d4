"""Deblur: a kernel that does not explain the picture is doubted."""

import pytest
from skimage import data

import restore
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Deblur


@pytest.mark.parametrize(
    ("kernel", "status"), [("motion:9,30", "ok"), ("motion:15,120", "doubtful")]
)
def test_a_wrong_kernel_is_doubted_and_a_right_one_is_not(kernel, status):
    clean = data.astronaut()[60:188, 180:308]
    given = Deblur("motion:9,30").degrade(Picture(clean))
    record = Deblur(kernel).restore(given, restore.load("default"), Settings(nfe=4)).record
    assert record.status == status
    assert bool(record.warnings) == (status == "doubtful")
