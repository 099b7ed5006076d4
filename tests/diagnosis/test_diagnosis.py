"""Diagnosis: one answer of all findings, in words and as JSON."""

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.diagnosis import diagnose, find_detail, find_kind, measure_hole

PHOTOGRAPH = data.astronaut()[:256, :256]


def encode(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, **options)
    return stream.getvalue()


def drawing() -> np.ndarray:
    page = np.full((200, 300, 3), 230, np.uint8)
    cv2.rectangle(page, (20, 20), (280, 60), (40, 80, 200), -1)
    for n, row in enumerate(range(90, 200, 20)):
        cv2.rectangle(page, (30 + n, row), (200, row + 9), (n * 30, 90, 10), -1)
    return page


def pixel_art(side: int) -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 3, (32, 32, 3)).astype(np.uint8) * 100
    small[:, 10:20] = 40
    return small.repeat(side, 0).repeat(side, 1)


def halftone() -> np.ndarray:
    rows, columns = np.mgrid[:256, :256]
    waves = np.cos(np.pi / 4 * (rows + columns)) + np.cos(np.pi / 4 * (rows - columns))
    dots = np.where(PHOTOGRAPH.mean(2) > 127 + 60 * waves, 230.0, 30.0)
    return cv2.GaussianBlur(dots, (0, 0), 0.8)[..., None]


@pytest.mark.parametrize(
    ("pixels", "name"),
    [
        (PHOTOGRAPH, "photograph"),
        (np.full((50, 60, 3), 9), "flat"),
        (np.where(drawing()[..., :1] > 128, 255, 0), "text"),
        (drawing(), "drawing"),
        (pixel_art(1), "pixel art"),
        (pixel_art(4), "pixel art"),
        (halftone(), "halftone"),
    ],
    ids=["photograph", "flat", "text", "drawing", "pixels", "squares", "halftone"],
)
def test_kinds(pixels, name):
    assert find_kind(pixels.astype(np.float32)).name == name


def test_edges_that_overshoot_are_sharpened_and_slanting_ones_blurred():
    clean = PHOTOGRAPH.astype(np.float32)
    blurred = cv2.GaussianBlur(clean, (0, 0), 3)
    sharp = cv2.resize(clean, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    sharpened = sharp + 2 * (sharp - cv2.GaussianBlur(sharp, (0, 0), 1))
    assert find_detail(blurred).sentence.startswith("Blurred")
    assert find_detail(blurred).blur == pytest.approx(3, rel=0.4)
    assert find_detail(sharpened).overshoot > find_detail(sharp).overshoot + 0.05
    assert find_detail(sharpened).sharpened


def test_the_width_of_a_hole_is_measured_against_the_reach():
    hole = np.zeros((300, 400), bool)
    hole[50:170, 100:300] = True
    found = measure_hole(hole)
    assert found.width == pytest.approx(120, abs=2)
    assert found.beyond
    hole[62:] = False
    assert not measure_hole(hole).beyond
    assert measure_hole(hole).width == pytest.approx(12, abs=1)
    assert measure_hole(np.ones((9, 9), bool)).width >= 9


def test_a_compressed_screen_is_no_photograph_and_has_a_compression_to_mend():
    stored = encode(halftone()[..., 0].round().astype(np.uint8), format="JPEG", quality=60)
    found = diagnose(stored)
    assert found.kind.name == "halftone"
    assert not found.sound
    assert diagnose(halftone().round().astype(np.uint8)).sound


def test_a_sound_photograph_is_left_alone():
    small = cv2.resize(data.rocket(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found = diagnose(small)
    assert found.sound
    assert "left alone" in found.sentences[-1]
    assert found.tolerance < 1


def test_a_jpeg_file_is_held_to_its_coefficients(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(PHOTOGRAPH, format="JPEG", quality=30))
    found = diagnose(path)
    assert found.file is not None
    assert found.file.quality == 30
    assert found.compressed
    assert not found.sound
    assert found.tolerance < 1  # its box says how far it is off


def test_a_png_that_was_a_jpeg_and_was_noisy_says_both():
    random = np.random.default_rng(0)
    noisy = (PHOTOGRAPH + random.normal(0, 12, PHOTOGRAPH.shape)).clip(0, 255).astype(np.uint8)
    shown = np.asarray(Image.open(io.BytesIO(encode(noisy, format="JPEG", quality=90))))
    found = diagnose(encode(shown, format="PNG"))
    assert found.file is None
    assert found.history is not None
    assert abs(found.history.quality - 90) <= 2
    assert found.noisy


def test_findings_are_json():
    hole = np.zeros(PHOTOGRAPH.shape[:2], bool)
    hole[9:12] = True
    found = json.loads(json.dumps(diagnose(PHOTOGRAPH, hole).as_dict()))
    assert found["size"] == [256, 256]
    assert found["hole"]["width"] == pytest.approx(3, abs=1)
    assert [one["name"] for one in found["findings"]][-2:] == ["hole", "verdict"]
