"""Faults of images and masks, through the command line: one file fails, all others are written."""

import io
import json
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from restore.batch.manifest import MANIFEST
from restore.checkpoints import make_metadata, write
from restore.cli import app
from restore.errors import ImageError, ResourceError
from restore.images import as_picture, decode, encode, read_header
from restore.networks import build
from tests.conftest import TINY
from tests.support import specimens

Run = Callable[..., Result]
Failed = Callable[..., str]


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_model: Path,
    photograph: Callable[..., np.ndarray],
) -> Run:
    """run(*arguments): the command line within this process, in a folder with a photograph."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    Image.fromarray(photograph()).save("good.png")
    mask = np.zeros((32, 48), np.uint8)
    mask[10:20, 15:30] = 255
    Image.fromarray(mask).save("mask.png")
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def failed(run: Run) -> Failed:
    """failed(data): what is said when it is one of two inputs; the other is written whole."""

    def call(data: bytes, *options: str, name: str = "bad.png", code: str = "ImageError") -> str:
        Path(name).write_bytes(data)
        output = Path("out", Path(name).with_suffix(".png"))
        output.parent.mkdir(exist_ok=True)
        output.write_bytes(b"previous")
        arguments = ("jpeg", name, "good.png", "--nfe", "1", "-o", "out")
        result = run(*arguments, "-y", "--json", *options)
        assert result.exit_code == 3, result.output
        bad, good, summary = map(json.loads, result.stdout.splitlines())
        assert (bad["status"], good["status"]) == ("failed", "ok")
        assert bad["error"]["type"] == code
        assert (summary["summary"]["ok"], summary["summary"]["failed"]) == (1, 1)
        assert output.read_bytes() == b"previous"
        with Image.open("out/good.png") as image:
            assert image.size == (48, 32)
        assert Path(name).read_bytes() == data
        assert {*os.listdir("out")} == {output.name, "good.png", MANIFEST}
        told = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
        assert len(told) == 1
        assert f"failed: {name}: reading: " in told[0]
        return told[0]

    return call


def chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(kind + payload)
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)


def photo(format: str, **options: object) -> bytes:
    return specimens.saved(specimens.photograph(), format, **options)


NO_IMAGES = {
    "nothing": (b"", "empty"),
    "HTML": (b"<!DOCTYPE html><html>", "HTML"),
    "SVG": (b"<svg xmlns='x'>", "SVG"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS"),
    "PSD": (b"8BPS\0\1" + bytes(99), "Photoshop"),
    "BMP": (b"BM" + bytes(60), "BMP"),
    "noise": (bytes(range(99, 199)), "unknown kind"),
}


@pytest.mark.parametrize("kind", NO_IMAGES)
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_what_is_no_image_fails_by_its_content(failed: Failed, kind: str, ending: str) -> None:
    data, word = NO_IMAGES[kind]
    assert word in failed(data, name=f"bad{ending}")


TRUNCATED = {
    "JPEG": photo("JPEG")[:-400],
    "progressive JPEG": photo("JPEG", progressive=True)[:-200],
    "WebP": photo("WEBP")[:-100],
    "TIFF": photo("TIFF")[:-100],
    "LZW TIFF": photo("TIFF", compression="tiff_lzw")[:-100],
    "16-bit PNG": specimens.images()[22][:-300],
    "PNG without IEND": photo("PNG")[:-12],
    "PNG with a bad checksum": photo("PNG").replace(b"IEND\xaeB", b"IEND\xaeC"),
}


@pytest.mark.parametrize("kind", TRUNCATED)
def test_truncated_files_fail(failed: Failed, kind: str) -> None:
    said = failed(TRUNCATED[kind])
    assert any(word in said for word in ("truncated", "damaged", "cannot be decoded"))


CODINGS = {
    "4:2:0": {"subsampling": "4:2:0"},
    "4:4:4": {"subsampling": "4:4:4"},
    "grey": {},
    "restarts": {"restart_marker_blocks": 1},
    "progressive": {"progressive": True},
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_a_jpeg_cut_in_the_middle_fails_though_its_end_marker_was_put_back(
    coding: str, part: float
) -> None:
    """Pillow decodes it without a word; what is missing is mid-grey, or blurred."""
    image = specimens.photograph().convert("L" if coding == "grey" else "RGB")
    whole = specimens.saved(image.resize((200, 150)), "JPEG", **CODINGS[coding])
    assert decode(whole).size == (200, 150)
    start = whole.index(b"\xff\xda") + 14
    cut = whole[: start + int(part * (len(whole) - start))].rstrip(b"\xff") + b"\xff\xd9"
    Image.open(io.BytesIO(cut)).load()
    with pytest.raises(ImageError, match="JPEG data are damaged"):
        decode(cut)


def test_a_jpeg_that_ends_in_mid_grey_is_not_taken_for_a_cut_one() -> None:
    grey = Image.new("RGB", (40, 32), (128, 128, 128))
    for options in CODINGS.values():
        assert decode(specimens.saved(grey, "JPEG", **options)).size == (40, 32)
    scans = photo("JPEG", progressive=True)
    clean = scans[: scans.rindex(b"\xff\xda")] + b"\xff\xd9"  # a scan less, as some servers send it
    assert decode(clean).size == (40, 32)


def test_looking_for_missing_scans_takes_no_time_where_there_is_one_scan(monkeypatch) -> None:
    monkeypatch.setattr("restore.jpegfile.reader.Reader", lambda data: pytest.fail("it was read"))
    assert decode(photo("JPEG")).size == (40, 32)


def bombs() -> dict[str, tuple[bytes, str]]:
    scans = photo("JPEG", progressive=True)
    place = scans.index(b"\xff\xc2") + 5
    png = photo("PNG")
    start, end = png.split(png[8:33])

    def claiming(width: int, height: int) -> bytes:
        return start + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + end

    return {
        "progressive JPEG": (
            scans[:place] + struct.pack(">HH", 9000, 9000) + scans[place + 4 :],
            "9000x9000 pixels, more than the 64000000 allowed; see --max-pixels",
        ),
        "JPEG within the cap": (
            scans[:place] + struct.pack(">HH", 7000, 9000) + scans[place + 4 :],
            "bytes can hold",
        ),
        "PNG": (claiming(20_000, 20_000), "pixels, more than"),
        "PNG beyond Pillow's own limit": (claiming(2**30, 2**30), "pixels, more than"),
        "TIFF": (_tiff(60_000, 60_000), "claims"),
    }


def _tiff(width: int, height: int) -> bytes:
    data = bytearray(photo("TIFF"))
    for n, value in enumerate((width, height)):
        at = data.index(struct.pack("<H", 256 + n), 8)
        data[at : at + 12] = struct.pack("<HHII", 256 + n, 4, 1, value)
    return bytes(data)


@pytest.mark.parametrize("kind", bombs())
def test_bombs_fail_before_they_take_any_memory(failed: Failed, kind: str) -> None:
    data, sentence = bombs()[kind]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sentence in failed(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_a_bomb_among_others_is_no_wrong_question(run: Run) -> None:
    """What it would be enlarged to is over the limit, but so is it itself."""
    Path("bad.jpg").write_bytes(bombs()["progressive JPEG"][0])
    result = run("superres", "bad.jpg", "good.png", "--scale", 2, "--nfe", 1, "-o", "out")
    assert (result.exit_code, result.stdout) == (3, "out/good.png\n")
    assert "failed: bad.jpg: reading: JPEG claims 9000x9000 pixels" in result.stderr


def test_the_cap_on_pixels_is_the_users(failed: Failed, run: Run) -> None:
    large = specimens.saved(Image.new("L", (40, 64)), "PNG")
    assert "40x64 pixels, more than the 2559" in failed(large, "--max-pixels", "2559")
    assert run("superres", "good.png", "--scale", 2, "--max-pixels", 99).exit_code == 3
    assert run("superres", "good.png", "--scale", 2, "--max-pixels", 2000).exit_code == 2


REFUSED = {
    "LAB": (specimens.saved(Image.new("LAB", (9, 9)), "TIFF"), "CIELAB"),
    "float": (specimens.saved(Image.new("F", (9, 9)), "TIFF"), "float"),
    "CMYK": (specimens.saved(Image.new("CMYK", (9, 9)), "JPEG"), "CMYK with no colour profile"),
    "32 bits": (specimens.saved(Image.new("I", (9, 9)), "TIFF"), "TIFF of"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_kinds_of_pixels_that_are_not_read_fail_with_their_reason(
    failed: Failed, kind: str
) -> None:
    data, reason = REFUSED[kind]
    assert reason in failed(data)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_what_is_planned_of_a_turned_file_is_what_is_read(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = photo(format, exif=exif.tobytes())
    assert read_header(data).size == decode(data).size


def test_a_turn_that_a_png_tells_of_behind_its_pixels_is_planned_for() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = photo("PNG")
    late = data[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + data[-12:]
    assert read_header(late).size == decode(late).size == (32, 40)


def test_a_tiff_whose_bits_are_letters_is_damaged() -> None:
    data = bytearray(photo("TIFF"))
    at = data.index(struct.pack("<H", 258), 8)
    data[at + 2 : at + 12] = struct.pack("<HI4s", 2, 2, b"\x1b\0\0\0")
    with pytest.raises(ImageError, match="bits a sample are no numbers"):
        decode(bytes(data))


def test_what_the_decoders_mutter_does_not_reach_the_terminal(run: Run, capfd) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x09\0\x0f\1\2\0\xff\0\0\0\xff\0\0\0"
    Path("odd.jpg").write_bytes(photo("JPEG", exif=exif))
    wide = np.zeros((9, 9, 3), np.uint16)
    stream = io.BytesIO()
    tifffile.imwrite(stream, wide, photometric="rgb", extratags=[(34016, 3, 1, 7, True)])
    Path("deep.tif").write_bytes(stream.getvalue())
    with pytest.warns(UserWarning, match="Tag data larger|Truncated"):
        decode(Path("odd.jpg").read_bytes())
    result = run("superres", "odd.jpg", "deep.tif", "--scale", 2, "--nfe", 1, "-q")
    assert result.exit_code == 0
    said = result.stderr.splitlines()
    assert all(line.startswith("warning: odd.jpg: EXIF") for line in said), said
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 5), (31, 37), (113, 97)])
def test_any_size_comes_out_exactly(run: Run, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save("odd.png")
    Image.fromarray(noise).save("odd.jpg")
    assert run("jpeg", "odd.jpg", "--nfe", 1, "--tile", 96, "-o", "a.png").exit_code == 0
    assert run("superres", "odd.png", "--scale", 2, "--nfe", 1, "-o", "b.png").exit_code == 0
    assert Image.open("a.png").size == size
    assert Image.open("b.png").size == (2 * size[0], 2 * size[1])


def test_of_an_animation_the_first_frame_is_taken_and_said(run: Run) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save("moving.webp", save_all=True, append_images=frames[1:])
    result = run("superres", "moving.webp", "--scale", 2, "--nfe", 1, "--json")
    assert result.exit_code == 0
    assert "first of several" in json.loads(result.stdout)["warnings"][0]
    before = Path("moving.webp").read_bytes()
    assert run("superres", "moving.webp", "--scale", 2, "-o", "moving.webp", "-y").exit_code == 2
    assert Path("moving.webp").read_bytes() == before


MASKS = {
    "of another size": (Image.new("L", (9, 9), 255), "mask has 9×9 pixels, the picture 48×32"),
    "empty": (Image.new("L", (48, 32)), "the mask is empty"),
    "full": (Image.new("L", (48, 32), 255), "covers the whole picture"),
    "of 0 and 1": (Image.fromarray(np.eye(32, 48, dtype=np.uint8)), "values are 0 and 1"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_that_nobody_can_have_meant_fails_its_image_alone(run: Run, kind: str) -> None:
    mask, sentence = MASKS[kind]
    Path("masks").mkdir()
    Image.open("mask.png").save("masks/good.png")
    Image.open("good.png").save("twin.png")
    mask.save("masks/twin.png")
    result = run("inpaint", "twin.png", "good.png", "--mask", "masks", "-o", "out", "--nfe", 1)
    assert (result.exit_code, result.stdout) == (3, "out/good.png\n")
    assert sentence in next(t for t in result.stderr.splitlines() if t.startswith("failed: twin"))
    assert {*os.listdir("out")} == {"good.png", MANIFEST}


def test_masks_in_colour_and_with_alpha_are_taken_with_a_sentence(run: Run) -> None:
    mask = Image.open("mask.png")
    red = Image.merge("RGB", (mask, Image.new("L", mask.size), Image.new("L", mask.size)))
    red.save("red.png")
    red.putalpha(mask)
    red.save("clear.png")
    for name, sentence in (("red.png", "mask is coloured"), ("clear.png", "transparency")):
        arguments = ("inpaint", "good.png", "--mask", name, "--nfe", 1, "-y", "--json")
        result = run(*arguments)
        assert result.exit_code == 0
        assert any(sentence in text for text in json.loads(result.stdout)["warnings"])


def test_a_network_that_gives_no_number_never_gives_a_black_image(run: Run) -> None:
    weights = {k: torch.full(v.shape, 1e30) for k, v in build("patch", TINY).state_dict().items()}
    write("wild.safetensors", weights, make_metadata("patch", TINY))
    result = run("superres", "good.png", "--scale", 2, "--nfe", 1, "-m", "wild.safetensors")
    assert result.exit_code == 3
    assert "no finite result" in result.stderr
    assert result.stdout == ""
    assert not Path("good_superres.png").exists()


def test_memory_that_runs_out_in_a_codec_is_the_environments_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    picture = as_picture(np.zeros((9, 9, 3), np.uint8))
    data = encode(picture)
    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(ResourceError, match="out of memory while decoding this PNG"):
        decode(data)
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ResourceError, match="out of memory while encoding this PNG"):
        encode(picture)


def test_memory_that_runs_out_in_opencv_is_no_damage(tmp_path: Path) -> None:
    """A process of its own, which has too little memory for six megapixels of 16 bits."""
    code = (
        "import resource, sys; from restore.images import decode; from pathlib import Path\n"
        "from restore.errors import ResourceError; data = Path(sys.argv[1]).read_bytes()\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 25 * 2**20,) * 2)\n"
        "try: decode(data)\n"
        "except ResourceError: sys.exit(5)\n"
    )
    path = tmp_path / "deep.png"
    path.write_bytes(encode(as_picture(np.zeros((2000, 3000, 3), np.uint16))))
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 5


def test_decoders_that_say_nothing_are_quoted_by_the_kind_of_their_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(ImageError, match="damaged WebP: AssertionError"):
        decode(photo("WEBP"))
    with pytest.raises(ImageError, match="no readable image: AssertionError"):
        read_header(photo("WEBP"))
