"""Results go where Python users want them."""

import io

import numpy as np
import pytest
from PIL import Image

from restore.errors import RequestError
from restore.images import Picture, as_picture
from restore.images.metadata import Metadata
from restore.record import Record
from restore.result import Result
from tests.support.cases import case


def result(channels=3, dtype=np.uint8, alpha=False):
    random = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    pixels = random.integers(0, top, (7, 9, channels)).astype(dtype)
    mask = random.integers(0, top, (7, 9)).astype(dtype) if alpha else None
    return Result(Picture(pixels, mask), Record())


@pytest.mark.parametrize(
    ("channels", "alpha", "mode"),
    [(1, False, "L"), (1, True, "LA"), (3, False, "RGB"), (3, True, "RGBA")],
)
def test_a_result_is_an_image_of_pillow_s(channels, alpha, mode):
    made = result(channels, alpha=alpha)
    image = made.pillow()
    assert (image.mode, image.size) == (mode, (9, 7))
    assert np.array_equal(np.asarray(image).reshape(made.image.shape), made.image)


def test_sixteen_bits_are_pillow_s_where_it_has_them():
    grey = result(1, np.uint16)
    assert grey.pillow().mode == "I;16"
    assert np.array_equal(np.asarray(grey.pillow()), grey.image)
    assert result(3, np.uint16).pillow().mode == "RGB"


@pytest.mark.parametrize("format", ["png", "JPEG", "WEBP", "tiff"])
def test_a_result_goes_into_an_open_file(format, tmp_path):
    buffer = io.BytesIO()
    result().save(buffer, format=format)
    assert Image.open(io.BytesIO(buffer.getvalue())).format == format.upper()
    with open(tmp_path / "out", "wb") as file:
        result().save(file, format=format)
    assert (tmp_path / "out").read_bytes() == buffer.getvalue()


def test_what_a_file_could_not_hold_is_in_the_record(tmp_path):
    spoken = Metadata(comment=b"words", xmp=b"<x/>")
    made = Result(Picture(np.zeros((7, 9, 3), np.uint8), metadata=spoken), Record(warnings=("a",)))
    made.save(tmp_path / "out.png")
    assert made.record.warnings == ("a",)
    for _ in range(2):  # said once
        made.save(tmp_path / "out.webp")
    assert made.report["warnings"] == ["a", "WEBP has no place for the comment, which was dropped"]


@pytest.mark.parametrize("path", [io.BytesIO(), None, 3, object()])
def test_what_is_no_path_is_refused_in_our_words(path):
    with pytest.raises(RequestError, match="format"):
        result().save(path)
    if not isinstance(path, io.BytesIO):
        with pytest.raises(RequestError, match="a path or a file opened for bytes"):
            result().save(path, format="PNG")


@pytest.mark.parametrize(
    "source", [None, 3, [1, 2], io.StringIO("x"), {"a": 1}, np.zeros((3, 3), object)]
)
def test_what_is_no_picture_is_refused_in_our_words(source):
    with pytest.raises(RequestError, match="expected"):
        as_picture(source)


def test_pictures_come_from_buffers_and_files():
    data = case("05-300-dpi.jpg").read_bytes()
    wanted = as_picture(data).pixels
    with open(case("05-300-dpi.jpg"), "rb") as file:
        for source in (bytearray(data), memoryview(data), io.BytesIO(data), file):
            assert np.array_equal(as_picture(source).pixels, wanted)
