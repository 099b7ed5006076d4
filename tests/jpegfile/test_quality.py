"""The tables of a quality are those of libjpeg, and a file's quality is found again."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from restore.jpegfile import read_jpeg
from restore.jpegfile.quality import estimate_quality, luma_table


@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 63, 75, 92, 100])
def test_the_luma_table_of_a_quality_is_the_one_that_libjpeg_writes(quality: int) -> None:
    file = BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    written = read_jpeg(file.getvalue())
    assert np.array_equal(luma_table(quality), written.components[0].table)
    assert estimate_quality(written) == quality
