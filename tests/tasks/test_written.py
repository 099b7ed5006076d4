"""The record is of the file written: of a lossy one what it shows, of a sound picture a copy."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import restore
from restore.errors import RequestError
from restore.images import as_picture
from restore.result import COPIED
from restore.settings import Settings
from restore.tasks import TASKS as CLASSES
from restore.tasks import Denoise, Inpaint, Jpeg, Superres
from tests.support.batches import records, run
from tests.support.tasks import jpeg_bytes, scratched


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_lossy_file_is_proved_by_what_it_shows(astronaut, real, folder):
    data = jpeg_bytes(astronaut, quality=60)
    result = restore.jpeg(data, model=real, reference=astronaut, nfe=1)
    exact = result.save("x.png")
    assert exact == result.record
    lossy = result.save("x.jpg", quality=30)
    assert result.record.metrics["coefficients_kept"] > lossy.metrics["coefficients_kept"]
    shown = restore.compare("x.jpg", astronaut, data)
    for name in ("coefficients_kept", "psnr_db", "ssim", "psnr_input_db", "consistency_psnr_db"):
        assert lossy.metrics[name] == shown[name]


@pytest.mark.parametrize("kind", ["jpg", "webp"])
def test_the_command_s_record_is_of_the_lossy_file(kind, astronaut, folder):
    Path("in.jpg").write_bytes(jpeg_bytes(astronaut, quality=60))
    for quality in (20, 90):
        found = run("jpeg", "in.jpg", "-o", f"{quality}.{kind}", "--quality", quality, "--nfe", 0,
                    "--json")  # fmt: skip
        kept = records(found)[0]["metrics"]["coefficients_kept"]
        shown = restore.compare(f"{quality}.{kind}", f"{quality}.{kind}", "in.jpg")
        assert kept == shown["coefficients_kept"]
        assert 0.5 < kept < 1


def test_known_pixels_that_a_lossy_file_moves_are_told(clean, folder):
    Image.fromarray(clean).save("in.png")
    Image.fromarray(scratched(clean)).save("mask.png")
    found = run("inpaint", "in.png", "--mask", "mask.png", "-o", "x.jpg", "--nfe", 0, "--json")
    assert records(found)[0]["metrics"]["known_max_error"] > 0


def test_sixteen_bits_written_as_eight_are_proved_as_eight(clean, real, folder):
    pixels = clean.astype(np.uint16) * 257 + 100
    result = Inpaint(scratched(clean)).restore(pixels, real, Settings(nfe=1))
    assert result.save("x.png").metrics["known_max_error"] == 0
    assert result.save("x.png", depth=8).metrics["known_max_error"] == 100


def test_a_grey_picture_in_webp_is_proved_as_grey(clean, real, folder):
    result = Superres(2).restore(clean[..., :1], real, Settings(nfe=1))
    assert result.save("x.webp", quality=80).metrics["consistency_psnr_db"] < 45


def test_turned_pictures_are_proved_as_stored(astronaut, real, folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg_bytes(astronaut[:64], exif=exif)
    result = Jpeg().restore(data, real, Settings(nfe=1))
    assert result.save("x.jpg", quality=95).metrics["coefficients_kept"] > 0.95


def sound_png(pixels: np.ndarray, size: int) -> bytes:
    """A PNG that our own encoder would not write: a text, and no compression."""
    stream = io.BytesIO()
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "as I left it")
    image = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    image.save(stream, "PNG", pnginfo=note, compress_level=0)
    return stream.getvalue()


@pytest.mark.parametrize("task", ["jpeg", "denoise"])
def test_what_is_sound_is_copied_byte_for_byte(task, photograph, folder):
    data = sound_png(photograph(width=200, height=200), 128)
    Path("in.png").write_bytes(data)
    found = run(task, "in.png", "-o", "out.png", "--json")
    assert Path("out.png").read_bytes() == data
    assert records(found)[0]["warnings"][-1] == COPIED
    for options in (["--strip"], ["--depth", "16"], ["-o", "out.tif"], ["-o", "out.jpg"]):
        found = run(task, "in.png", "-y", "-o", "out.png", *options, "--json")
        written = Path(records(found)[0]["output"]).read_bytes()
        assert written != data
        assert COPIED not in records(found)[0]["warnings"]
    result = CLASSES[task]().restore("in.png")
    assert COPIED in result.save("again.png").warnings
    assert Path("again.png").read_bytes() == data
    assert np.array_equal(as_picture("again.png").pixels, result.picture.pixels)


def test_what_is_restored_is_no_copy(photograph, folder):
    pixels = photograph(width=128, height=128)
    noisy = Denoise(20).degrade(as_picture(pixels))
    Image.fromarray(noisy.pixels).save("in.png")
    assert COPIED not in records(run("denoise", "in.png", "-o", "out.png", "--json"))[0]["warnings"]
    assert Path("out.png").read_bytes() != Path("in.png").read_bytes()


def test_a_quality_is_assumed_where_there_are_no_tables(photograph, real):
    sound = as_picture(sound_png(photograph(width=200, height=200), 128))
    weak, strong = (
        Jpeg(assume_quality=quality).restore(sound, real, Settings(nfe=1)) for quality in (90, 10)
    )
    assert np.abs(weak.image - sound.pixels.astype(float)).mean() > 0
    changes = [np.abs(one.image - sound.pixels.astype(float)).mean() for one in (weak, strong)]
    assert changes[0] < changes[1]
    assert "taken to have been a JPEG of quality 10" in strong.record.warnings[0]
    was = as_picture(jpeg_bytes(sound.pixels, quality=30))
    held = Jpeg(assume_quality=30).open(was)
    assert held.lost is not None
    assert held.severity == 30
    data = jpeg_bytes(sound.pixels, quality=30)
    own, told = (Jpeg(assume_quality=q).restore(data, real, Settings(nfe=1)) for q in (None, 90))
    assert np.array_equal(own.image, told.image)  # a file has tables


@pytest.mark.parametrize("quality", [0, 101, 50.5, True])
def test_a_quality_that_is_none_is_refused(quality):
    with pytest.raises(RequestError, match="assume_quality is"):
        Jpeg(assume_quality=quality)


def test_a_resume_compares_the_assumed_quality(photograph, folder):
    Path("in").mkdir()
    Path("in/a.png").write_bytes(sound_png(photograph(width=200, height=200), 96))
    common = ("jpeg", "in", "-o", "out", "--existing", "skip", "--json")
    run(*common)
    assert records(run(*common))[0]["status"] == "skipped"
    again = run(*common, "--assume-quality", 40)
    assert records(again)[0]["status"] == "ok"
    assert "assume_quality was None, is 40" in again.stderr
