"""Degrade: the degraded input of each task."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from restore import metrics
from restore.errors import RequestError
from restore.images import Picture, as_picture, decode
from restore.images.metadata import Metadata, Resolution
from restore.jpegfile import read_jpeg
from restore.tasks import (
    Deblur,
    Denoise,
    Inpaint,
    Jpeg,
    Superres,
    draw_mask,
)
from restore.tasks.jpeg import estimate_quality
from restore.tasks.masks import thickness
from tests.support.tasks import samples, scratched


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_compressed_is_the_jpeg_file_of_any_picture(sampling, channels, clean):
    data = Jpeg(30, sampling=sampling).degrade(as_picture(samples(clean, channels, np.uint16)))
    file = read_jpeg(data)
    assert estimate_quality(file) == pytest.approx(30, abs=1)
    assert len(file.components) == (1 if channels < 3 else 3)
    if channels > 2:
        u, v = int(sampling[2]), int(sampling[4])
        assert file.components[1].sampling == (1 if v else 2, 4 // u)


def test_reduced_is_pillow_s_bicubic(clean):
    for scale in (2, 3.3, 1.01, 100):
        small = Superres(scale).degrade(as_picture(clean))
        size = max(1, round(56 / scale)), max(1, round(40 / scale))
        assert small.size == size
        wanted = Image.fromarray(clean).resize(size, Image.Resampling.BICUBIC)
        assert metrics.max_error(small.pixels, np.asarray(wanted)) <= 1
    assert Superres(2).degrade(as_picture(samples(clean, 4, np.uint16))).alpha.shape == (20, 28)


def test_holed_is_grey_in_the_hole_alone(clean):
    hole = scratched(clean)
    for dtype in (np.uint8, np.uint16):
        given = samples(clean, 4, dtype)
        found = Inpaint(hole).degrade(as_picture(given))
        assert (found.pixels[hole] == np.iinfo(dtype).max // 2).all()
        assert np.array_equal(found.pixels[~hole], given[~hole, :3])
        assert np.array_equal(found.alpha, given[..., 3])
        assert np.array_equal(given, samples(clean, 4, dtype))


def test_random_masks_are_of_their_kind_and_depend_on_the_seed_alone():
    def hole(kind: str, seed: int, size: tuple[int, int] = (200, 120)) -> np.ndarray:
        picture = draw_mask(size, kind, seed)
        assert picture.size == size
        assert set(np.unique(picture.pixels)) <= {0, 255}
        return picture.pixels[..., 0] > 127

    assert hole("half", 0).mean() == pytest.approx(0.5, abs=0.02)
    assert 0.02 < hole("scratches", 0).mean() < 0.4
    assert thickness(hole("scratches", 0)) < 3
    assert hole("scratches", 0, (1200, 1100)).mean() > 0.02
    block = hole("block", 0)
    assert block.sum() == 50 * 30
    assert block[45:75, 75:125].all()
    for kind in ("half", "scratches"):
        assert np.array_equal(hole(kind, 7), hole(kind, 7))
        assert not np.array_equal(hole(kind, 7), hole(kind, 8))


@pytest.mark.parametrize(
    "task", [Jpeg(20), Superres(2), Denoise(9), Deblur("box:3"), Inpaint("m.png")], ids=str
)
def test_what_the_clean_file_carried_goes_with_it(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mask = np.zeros((16, 24), np.uint8)
    mask[4:9, 4:9] = 255
    Image.fromarray(mask).save("m.png")
    metadata = Metadata(Resolution(300.0, 300.0), xmp=b"<x/>")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    clean = Picture(np.zeros((16, 24, 3), np.uint8), icc=profile, metadata=metadata)
    made = task.degrade(clean)
    made = decode(made) if isinstance(made, bytes) else made
    assert (made.icc, made.metadata) == (profile, metadata)


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_degraded_jpeg_is_pillow_s(sampling, clean):
    stream = BytesIO()
    Image.fromarray(np.asarray(clean)).save(stream, "JPEG", quality=30, subsampling=sampling)
    made = Jpeg(30, sampling).degrade(as_picture(clean))
    assert np.array_equal(decode(made).pixels, decode(stream.getvalue()).pixels)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: Jpeg(0).degrade(as_picture(x)), "quality is 0, expected a whole number"),
        (lambda x: Jpeg(101).degrade(as_picture(x)), "quality is 101"),
        (
            lambda x: Jpeg(50, sampling="4:1:0").degrade(as_picture(x)),
            "sampling is '4:1:0', expected one of 4:4:4",
        ),
        (lambda x: Jpeg().degrade(as_picture(np.zeros((1, 66000), np.uint8))), "too many for JPEG"),
        (lambda x: Superres(1).degrade(as_picture(x)), "scale is 1, expected a factor above 1"),
        (lambda x: Superres(float("nan")).degrade(as_picture(x)), "scale is nan"),
        (lambda x: Superres(float("inf")).degrade(as_picture(x)), "scale is inf"),
        (lambda x: draw_mask((8, 8), "dots"), "expected half, scratches or block"),
        (lambda x: draw_mask((8, 8), "half", -1), "seed is -1, expected 0 or more"),
        (lambda x: draw_mask((8, 0), "half"), "a mask of 8×0 pixels"),
    ],
)
def test_degradations_that_cannot_be_are_refused(call, sentence, clean):
    with pytest.raises(RequestError, match=sentence):
        call(clean)
