"""Compare: metrics of a result against the clean picture and what was given."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from restore import metrics
from restore.errors import ImageError
from restore.images import as_picture
from restore.tasks import (
    Jpeg,
    Superres,
    compare,
)
from tests.support.tasks import ONE


def test_compare_measures_against_the_clean_picture(clean, tmp_path):
    worse = clean.copy()
    worse[3, 4, 1] ^= 8
    Image.fromarray(worse).save(tmp_path / "worse.png")
    found = compare(tmp_path / "worse.png", clean)
    assert list(found) == ["psnr_db", "ssim", "max_error"]
    assert found["max_error"] == 8
    assert found["psnr_db"] == pytest.approx(metrics.psnr(worse, clean), abs=1e-3)
    assert compare(clean, clean) == {"psnr_db": None, "ssim": 1.0, "max_error": 0}
    assert compare(clean.astype(np.uint16) * 257, clean)["max_error"] == 0


def test_compare_tells_how_consistent_a_result_is(model, clean):
    data = Jpeg(20).degrade(as_picture(clean))
    result = Jpeg().restore(data, model, ONE)
    found, proof = compare(result.picture, clean, data), result.report["metrics"]
    for name in ("psnr_input_db", "consistency_psnr_db", "coefficients_kept"):
        assert found[name] == proof[name]
    assert compare(result.picture.at_depth(16), clean, data)["coefficients_kept"] >= 0.999
    assert (
        compare(clean, clean, Jpeg(80).degrade(as_picture(255 - clean)))["coefficients_kept"] < 0.9
    )

    small = Superres(2).degrade(as_picture(clean))
    result = Superres(2).restore(small, model, ONE)
    found, proof = compare(result.picture, clean, small), result.report["metrics"]
    for name in ("psnr_input_db", "consistency_psnr_db"):
        assert found[name] == proof[name]

    found = compare(clean, clean, 255 - clean)
    assert set(found) == {"psnr_db", "ssim", "max_error", "psnr_input_db"}
    assert found["psnr_input_db"] == pytest.approx(metrics.psnr(clean, 255 - clean), abs=1e-3)


def test_compare_refuses_sizes_that_do_not_fit(clean):
    with pytest.raises(ImageError, match="the output has 56×40 pixels, the reference 55×40"):
        compare(clean, clean[:, 1:])
    with pytest.raises(ImageError, match="has 112×40 pixels, more than the output"):
        compare(clean, clean, np.hstack([clean, clean]))


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_result_is_turned_back_to_lie_as_the_file_does(turn, clean):
    stream, exif = BytesIO(), Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(clean[:24, :40]).save(stream, "JPEG", quality=60, exif=exif)
    shown = as_picture(stream.getvalue())
    found = compare(shown, shown, stream.getvalue())
    assert found["psnr_input_db"] is None
    assert found["coefficients_kept"] > 0.99
