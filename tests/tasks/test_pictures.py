"""Pictures: what goes in and what comes out, whatever the task."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from restore.errors import ImageError, RequestError
from restore.images import Picture
from restore.tasks import (
    Deblur,
    Denoise,
    Inpaint,
    Jpeg,
    Superres,
)
from tests.support.tasks import ONE, TASKS, again, jpeg_bytes, samples, scratched


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels_and_depth_are_the_picture_s_and_the_picture_stays(
    task, channels, dtype, model, clean, tmp_path
):
    given = samples(clean, channels, dtype)
    before, hole = given.copy(), scratched(given)
    hole_before = hole.copy()
    if task == "inpaint":
        result = Inpaint(hole).restore(given, model, ONE)
    elif task == "jpeg":
        result = Jpeg().restore(given, model, ONE)
    elif task == "denoise":
        result = Denoise().restore(given, model, ONE)
    elif task == "deblur":
        result = Deblur("box:3").restore(given, model, ONE)
    else:
        result = Superres(1.5).restore(given, model, ONE)
    height, width = (60, 84) if task == "superres" else (40, 56)
    assert result.image.shape == ((height, width, channels) if channels > 1 else (height, width))
    assert result.image.dtype == dtype
    assert np.array_equal(again(result, tmp_path), result.image)
    assert np.array_equal(given, before)
    assert np.array_equal(hole, hole_before)
    if channels in (2, 4) and task in ("jpeg", "denoise", "deblur"):
        assert np.array_equal(result.image[..., -1], given[..., -1])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("height", "width"), [(1, 2), (1, 40), (40, 1), (5, 7), (13, 17), (33, 65)]
)
def test_every_size_is_restored(task, height, width, model, clean):
    pixels = np.resize(clean, (height, width, 3))
    if task == "inpaint":
        hole = np.zeros((height, width), bool)
        hole.flat[::2] = True
        result = Inpaint(hole).restore(pixels, model, ONE)
    elif task == "jpeg":
        result = Jpeg().restore(jpeg_bytes(pixels), model, ONE)
    elif task == "denoise":
        result = Denoise().restore(pixels, model, ONE)
    elif task == "deblur":
        result = Deblur("motion:7,30").restore(pixels, model, ONE)
    else:
        result = Superres(size=(width + 1, height), stretch=True).restore(pixels, model, ONE)
    assert result.picture.size == (width + (task == "superres"), height)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_no_picture_is_refused(task, model):
    tasks = {
        "inpaint": Inpaint(np.ones((4, 4), bool)),
        "jpeg": Jpeg(),
        "superres": Superres(2),
        "denoise": Denoise(),
        "deblur": Deblur("box:3"),
    }
    for thing in (None, 3, torch.zeros(5, 9, 9), np.full((4, 4), 9.0)):
        with pytest.raises(RequestError, match=r"expected|floats"):
            tasks[task].restore(thing, model)
    with pytest.raises(ImageError, match="not an image"):
        tasks[task].restore(b"%PDF-1.7 nothing", model)


def test_what_was_noticed_about_the_picture_is_in_the_record(model, clean, tmp_path):
    picture = Picture(clean, warnings=("it is blue", "it is old"))
    for result in (
        Inpaint(scratched(clean)).restore(picture, model, ONE),
        Superres(2).restore(picture, model, ONE),
    ):
        assert result.report["warnings"] == ["it is blue", "it is old"]
    broken = jpeg_bytes(clean[:38], icc_profile=b"nothing")
    report = Jpeg().restore(broken, model, ONE).report
    assert "ICC profile" in report["warnings"][0]
    assert "past the edge" in report["notes"][0]
    frames = [Image.fromarray(clean), Image.fromarray(255 - clean)]
    frames[0].save(tmp_path / "two.png", save_all=True, append_images=frames[1:])
    result = Superres(2).restore(tmp_path / "two.png", model, ONE)
    assert "first of several" in result.report["warnings"][0]


def test_what_a_file_carries_is_carried_on(model, clean, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(clean).save(tmp_path / "a.png", exif=exif, icc_profile=profile)
    result = Superres(2).restore(tmp_path / "a.png", model, ONE)
    result.save(tmp_path / "b.png")
    assert Image.open(tmp_path / "b.png").getexif()[0x010F] == "A maker"
    assert Image.open(tmp_path / "b.png").info["icc_profile"] == profile
    result.save(tmp_path / "c.png", strip=True)
    assert not Image.open(tmp_path / "c.png").getexif()
    assert result.report["input"] == str(tmp_path / "a.png")
    with pytest.raises(RequestError, match="BMP cannot be written"):
        result.save(tmp_path / "b.bmp")
