"""Jpeg: compressed again, the result is the given file."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from restore.errors import ImageError
from restore.images import Picture, as_picture, decode, encode
from restore.jpegfile import read_jpeg
from restore.tasks import (
    Jpeg,
    Settings,
    compare,
)
from restore.tasks.jpeg import estimate_quality
from tests.jpegfile.test_jpegfile import flat
from tests.support.tasks import ALWAYS, MODES, ONE, again, jpeg_bytes

FILES = {
    "4:2:0": {"subsampling": "4:2:0"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:4:4": {"subsampling": "4:4:4"},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "quality 1": {"quality": 1},
    "quality 75": {"quality": 75},
    "own tables": {"qtables": [range(10, 330, 5), [20] * 64, [40] * 64], "subsampling": 0},
    "grey": {},
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("odd", [False, True])
def test_compressed_again_the_result_is_the_given_file(kind, mode, odd, model, clean, tmp_path):
    pixels = clean[: 37 if odd else 32, : 51 if odd else 48]
    options = dict(FILES[kind])
    data = jpeg_bytes(pixels[..., 1] if kind == "grey" else pixels, **options)
    (tmp_path / "a.jpg").write_bytes(data)
    given = data if odd else tmp_path / "a.jpg"
    result = Jpeg().restore(given, model, Settings(nfe=2, mode=mode))
    assert result.report["input"] == (None if odd else str(tmp_path / "a.jpg"))
    assert result.image.shape == (pixels.shape[:2] if kind == "grey" else (*pixels.shape[:2], 3))
    assert bool(result.report.get("notes")) is odd  # some blocks reach past the edge
    proof = result.report["metrics"]
    assert proof["coefficients_kept"] >= 0.999
    assert proof["consistency_exact"] is (proof["consistency_psnr_db"] is None)
    written = again(result, tmp_path)
    file = read_jpeg(data)
    options |= {"qtables": [part.table.ravel().tolist() for part in file.components]}
    options.pop("quality", None)
    once_more = read_jpeg(jpeg_bytes(written.squeeze(), **options))
    for a, b in zip(file.components, once_more.components, strict=True):
        assert (a.coefficients == b.coefficients)[a.known].mean() >= 0.998


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_bytes_of_a_file_come_in_any_container(kind, model, clean):
    data = Jpeg().degrade(as_picture(clean))
    wanted, result = Jpeg().restore(data, model, ONE), Jpeg().restore(kind(data), model, ONE)
    assert np.array_equal(wanted.image, result.image)
    assert "coefficients_kept" in result.report["metrics"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_file_comes_out_upright_and_is_held_all_the_same(orientation, model, clean):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg_bytes(clean, exif=exif)
    size = [40, 56] if orientation > 4 else [56, 40]
    seen = decode(data)
    result = Jpeg().restore(data, model, Settings(nfe=1, reference=seen))
    assert result.report["size_in"] == result.report["size_out"] == list(seen.size) == size
    assert result.picture.orientation == 1
    proof = result.report["metrics"]
    assert proof["coefficients_kept"] >= 0.999
    assert proof["psnr_db"] == proof["psnr_input_db"] > 15  # the reference is the input, seen
    found = compare(result.picture, seen, data)
    assert found["coefficients_kept"] == proof["coefficients_kept"]
    assert found["psnr_input_db"] == proof["psnr_input_db"]
    with pytest.raises(ImageError, match="the reference has"):
        Jpeg().restore(data, model, Settings(reference=np.rot90(seen.pixels)))


@pytest.mark.parametrize("sampling", ["411", "440"])
def test_samplings_that_our_encoder_does_not_write_are_proven_too(sampling, model, clean):
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    options = [cv2.IMWRITE_JPEG_QUALITY, 20, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    data = cv2.imencode(".jpg", clean[:32, :32, ::-1], options)[1].tobytes()
    assert read_jpeg(data).components[1].sampling == {"411": (1, 4), "440": (2, 1)}[sampling]
    proof = Jpeg().restore(data, model, ONE).report["metrics"]
    assert proof["coefficients_kept"] >= 0.999
    assert proof["consistency_psnr_db"] is None or proof["consistency_psnr_db"] > 50


@pytest.mark.parametrize("factors", [[(1, 1), (2, 2), (2, 2)], [(2, 2), (1, 2), (1, 1)]])
def test_odd_samplings_do_not_stop_the_proof(factors, model):
    result = Jpeg().restore(flat(factors, 64, 32), model, ONE)
    assert result.image.shape == (32, 64, 3)
    assert result.report["metrics"]["coefficients_kept"] > 0.9


def test_a_file_of_which_nothing_is_known_is_held_to_nothing(model, clean):
    for data in (jpeg_bytes(clean, keep_rgb=True), jpeg_bytes(clean[:5, :7])):
        report = Jpeg().restore(data, model, ONE).report
        said = (*report["warnings"], *report.get("notes", ()))
        assert any("unconstrained" in sentence for sentence in said)
        assert report["metrics"]["consistency_psnr_db"] is None
        assert report["metrics"]["consistency_exact"] is False
        assert "coefficients_kept" not in report["metrics"]


def test_pictures_that_are_no_jpeg_file_are_held_to_nothing(model, clean, tmp_path):
    Image.fromarray(clean).save(tmp_path / "a.png")
    lazy = Image.open(io.BytesIO(Jpeg().degrade(as_picture(clean))))
    name = str(tmp_path / "a.png")
    for given in (name, encode(Picture(clean)), clean, Picture(clean), lazy):
        report = Jpeg().restore(given, model, ONE).report
        assert "no coefficients are known" in report["warnings"][-1]
        assert set(report["metrics"]) == ALWAYS
        assert report["metrics"]["consistency_psnr_db"] is None
        assert report["metrics"]["consistency_exact"] is False
        assert report["input"] == (name if given is name else None)


def test_jpeg_files_that_cannot_be_read_are_refused(model, clean):
    cmyk = io.BytesIO()
    Image.fromarray(clean).convert("CMYK").save(cmyk, "JPEG")
    with pytest.raises(ImageError, match="CMYK"):
        Jpeg().restore(cmyk.getvalue(), model)
    with pytest.raises(ImageError, match="damaged"):
        Jpeg().restore(Jpeg(90).degrade(as_picture(clean))[:-300], model)
    with pytest.raises(ImageError, match="more than the 100 allowed"):
        Jpeg().restore(Jpeg().degrade(as_picture(clean)), model, max_pixels=100)


@pytest.mark.parametrize("quality", range(5, 100, 5))
def test_the_quality_of_a_file_is_read_from_its_tables(quality, clean):
    for pixels in (clean, clean[..., 0]):
        file = read_jpeg(jpeg_bytes(pixels, quality=quality))
        assert estimate_quality(file) == pytest.approx(quality, abs=2)
