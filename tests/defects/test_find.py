"""Find: scratches and dust are marked, a clean picture is not, and the user sees what was found."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image

from restore.defects import find_defects
from restore.defects.evidence import find_even
from restore.defects.find import find_marks
from restore.errors import RequestError
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Inpaint

SIZE = (200, 260)


def scene() -> np.ndarray:
    """A soft picture with an edge and some grain."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    grey = 110 + 30 * np.sin(x / 50) + 20 * np.cos(y / 40) + 40 * (y > 120)
    grain = np.random.default_rng(0).normal(0, 1.5, SIZE)
    return np.repeat((grey + grain)[..., None], 3, axis=2).round().astype(np.uint8)


def damaged() -> tuple[np.ndarray, np.ndarray]:
    """The scene with two light scratches and dark dust, and where they are."""
    pixels, mask = scene(), np.zeros(SIZE, np.uint8)
    cv2.line(mask, (60, 5), (75, 190), 1, 2)
    cv2.line(mask, (120, 5), (112, 190), 1, 2)
    pixels[mask > 0] = 245
    dust = np.zeros(SIZE, np.uint8)
    cv2.circle(dust, (180, 60), 3, 1, -1)
    pixels[dust > 0] = 20
    return pixels, (mask | dust) > 0


def grow(mask: np.ndarray) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def test_a_scratch_and_dust_are_found():
    pixels, wanted = damaged()
    found = find_defects(Picture(pixels))
    assert (grow(found.mask) & wanted).sum() > 0.95 * wanted.sum()
    assert (found.mask & grow(wanted)).sum() > 0.95 * found.mask.sum()
    assert found.counts["scratches"] >= 1
    assert found.counts["dust"] >= 1
    assert found.share == pytest.approx(found.mask.mean())


def test_even_lines_of_any_tone_are_no_part_of_a_photograph():
    pixels, lines = scene(), np.zeros(SIZE, np.uint8)
    for x in (40, 110, 180):
        cv2.line(lines, (x, 5), (x + 30, 190), 1, 3)
    pixels[lines > 0] = 128  # neither light nor dark
    found = find_defects(Picture(pixels)).mask
    assert (grow(found) & (lines > 0)).sum() > 0.5 * lines.sum()
    chart = np.where(lines[..., None] > 0, pixels, 200).astype(np.uint8)
    labels = cv2.connectedComponents(lines)[1]
    scores = np.where(lines > 0, 3, -3).astype(np.float32)
    assert find_even(pixels, scores, labels).tolist() == [False, True, True, True]
    assert not find_even(chart, scores, labels).any()
    assert not find_even(scene(), scores, labels).any()


def test_sixteen_bits_and_grey_give_the_same_mask():
    pixels, _ = damaged()
    usual = find_defects(Picture(pixels)).mask
    deep = find_defects(Picture(pixels.astype(np.uint16) * 257)).mask
    grey = find_defects(Picture(pixels[..., :1].copy())).mask
    assert (usual != deep).mean() < 1e-3  # where a threshold rounds apart
    assert (usual != grey).mean() < 1e-3


@pytest.mark.parametrize("pixels", [scene(), np.full((*SIZE, 3), 128, np.uint8)])
def test_a_clean_picture_gives_an_empty_mask(pixels):
    found = find_defects(Picture(pixels))
    assert not found.mask.any()
    assert found.share == 0


def test_one_speck_may_be_anything_unless_one_is_sensitive():
    pixels = scene()
    cv2.circle(pixels, (180, 60), 3, (20, 20, 20), -1)
    assert not find_defects(Picture(pixels)).mask.any()
    assert find_defects(Picture(pixels), sensitivity=0.9).mask[57:64, 177:184].all()


def test_damage_in_one_corner_speaks_for_nothing_far_away():
    scores = {kind: np.full((64, 2000), -5.0, np.float32) for kind in ("scratches", "dust")}
    scores["scratches"][10:14, :300] = scores["scratches"][30:34, :300] = 4.0
    for left in (400, 1900):  # dust beside the scratches, and far away
        scores["dust"][20:26, left : left + 6] = 4.0
    pixels = np.full((64, 2000, 3), 128, np.uint8)
    pixels[(scores["scratches"] > 0) | (scores["dust"] > 0)] = 250
    found = find_marks(pixels, scores)
    assert found["scratches"][10:14, :300].all()
    assert found["dust"][20:26, 400:406].all()
    assert not found["dust"][:, 1900:].any()


def test_what_is_coloured_and_shaded_speaks_less_for_damage():
    scores = {kind: np.full((100, 300), -5.0, np.float32) for kind in ("scratches", "dust")}
    for top in (10, 40, 70):
        scores["scratches"][top : top + 3, :280] = 3.0
    line, found = scores["scratches"] > 0, {}
    for name, colour in {"scratches": (250, 250, 245), "wires": (170, 90, 60)}.items():
        pixels = np.full((100, 300, 3), 90, np.uint8)
        pixels[::9] = 240  # other things are as light
        pixels[line] = colour
        found[name] = find_marks(pixels, scores)["scratches"]
    assert found["scratches"][line].all()
    assert not found["wires"].any()


def test_bricks_are_no_scratches():
    pixels = scene()
    pixels[::14] = 190
    pixels[:, ::28] = 190
    assert find_defects(Picture(pixels)).share < 0.001


def test_a_sky_full_of_stars_is_no_dust():
    rng, sky = np.random.default_rng(0), np.zeros(SIZE, np.float32)
    at = rng.integers(0, SIZE, (500, 2))
    sky[at[:, 0], at[:, 1]] = rng.uniform(500, 2500, 500)
    light = cv2.GaussianBlur(sky, (0, 0), 1.2).clip(0, 255)
    pixels = np.repeat(light[..., None], 3, axis=2).astype(np.uint8)
    assert find_defects(Picture(pixels)).share < 0.001


def test_kinds_are_sought_alone_and_more_sensitivity_finds_more():
    pixels, _ = damaged()
    dust = find_defects(Picture(pixels), ("dust",))
    assert set(dust.counts) == {"dust"}
    assert dust.mask[:, 50:130].mean() < 0.02  # scratches are left, but for their crumbs
    masks = [find_defects(Picture(pixels), sensitivity=s).mask for s in (0, 0.3, 0.5, 0.8, 1)]
    assert not any((less & ~more).any() for less, more in pairwise(masks))
    assert masks[0].sum() < masks[-1].sum()


def test_a_date_stamp_is_found_when_asked_for():
    pixels = scene()
    cv2.putText(pixels, "98 7 4", (180, 190), cv2.FONT_HERSHEY_PLAIN, 1, (255, 120, 10), 1)
    assert find_defects(Picture(pixels), ("stamps",)).mask[180:192, 180:240].any()


def test_what_was_found_is_shown_in_colour():
    pixels, _ = damaged()
    found = find_defects(Picture(pixels))
    shown = found.overlay(Picture(pixels)).pixels
    assert (shown[found.mask] == (255, 0, 255)).all()
    assert np.array_equal(shown[~found.mask], pixels[~found.mask])
    assert np.array_equal(found.as_picture().pixels[..., 0] == 255, found.mask)


def test_other_kinds_and_sensitivities_are_refused():
    with pytest.raises(RequestError, match="find is 'cats'"):
        find_defects(Picture(scene()), ("cats",))
    with pytest.raises(RequestError, match="sensitivity is 2"):
        find_defects(Picture(scene()), sensitivity=2)


def test_a_found_mask_is_restored_and_a_clean_picture_stays():
    pixels, wanted = damaged()
    result = Inpaint(mask="auto").restore(pixels, None, Settings(nfe=1))
    clean = scene().astype(int)
    before = np.abs(pixels.astype(int) - clean)[wanted].mean()
    assert np.abs(result.image.astype(int) - clean)[wanted].mean() < before / 5
    assert any("the mask was found" in warning for warning in result.record.warnings)
    assert wanted.mean() < result.record.metrics["hole_share"] < 3 * wanted.mean()
    same = Inpaint(mask="auto").restore(scene(), None, Settings(nfe=1, samples=2))
    assert np.array_equal(same.image, scene())
    assert same.record.metrics["hole_share"] == 0
    assert any("nothing found" in warning for warning in same.record.warnings)


def test_the_command_writes_a_mask_and_an_overlay(tmp_path):
    from typer.testing import CliRunner

    from restore.cli.app import app

    scan, mask, seen = (tmp_path / name for name in ("scan.png", "found.png", "seen.png"))
    Image.fromarray(damaged()[0]).save(scan)
    run = CliRunner().invoke(app, ["mask", str(scan), "-o", str(mask), "--overlay", str(seen)])
    assert run.exit_code == 0, run.output
    assert np.asarray(Image.open(mask)).any()
    assert Image.open(seen).size == SIZE[::-1]
