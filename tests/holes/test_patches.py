"""Patches: thick holes are filled from elsewhere, at full depth, the same every time."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.errors import ResourceError
from restore.holes import patches
from restore.holes.correspondence import correspond, sources, transfer
from restore.holes.fill import fill, thick_holes
from restore.images import Picture

pytest.importorskip("patchmatch")


def tiles(height: int = 160, width: int = 200) -> np.ndarray:
    """A pattern of 16 pixels that repeats, in 8 bits of colour."""
    rng = np.random.default_rng(0)
    tile = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    repeats = (-(-height // 16), -(-width // 16), 1)
    return np.tile(tile, repeats)[:height, :width]


def disk(height: int, width: int, radius: int, row: int = 80, column: int = 100) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.hypot(y - row, x - column) < radius


def filled(pixels: np.ndarray, hole: np.ndarray, seed: int = 0, **options) -> np.ndarray:
    """The picture with its hole, whose content was 0, filled by patches."""
    known = torch.from_numpy(~hole)[None, None]
    picture = Picture(np.where(hole[..., None], 0, pixels).astype(pixels.dtype))
    x = fill(picture.tensor(), known, "patch", seed, **options)
    return picture.with_tensor(x).pixels


def test_a_pattern_goes_on_across_a_hole_that_smooth_filling_wipes_out():
    pixels, hole = tiles(), disk(160, 200, 25)
    wrong = np.abs(filled(pixels, hole).astype(int) - pixels)[hole].mean()
    x = fill(Picture(pixels).tensor(), torch.from_numpy(~hole)[None, None])
    smooth = np.abs(Picture(pixels).with_tensor(x).pixels.astype(int) - pixels)[hole].mean()
    assert wrong < smooth / 4


def test_known_pixels_stay_as_they_are():
    pixels, hole = tiles(), disk(160, 200, 25)
    assert np.array_equal(filled(pixels, hole)[~hole], pixels[~hole])


def test_sixteen_bits_stay_sixteen_bits():
    fine = tiles().astype(np.uint16) * 257 + 77  # a value that 8 bits do not have
    hole = disk(160, 200, 25)
    taken = filled(fine, hole)[hole]
    assert taken.dtype == np.uint16
    assert (taken % 257 == 77).mean() > 0.5


def test_grey_stays_grey():
    grey, hole = tiles()[..., :1], disk(160, 200, 25)
    x = fill(Picture(grey).tensor(), torch.from_numpy(~hole)[None, None], "patch")
    assert torch.equal(x[:, 0], x[:, 2])


def test_pixels_that_must_not_be_used_are_not():
    pixels, hole = tiles(), disk(160, 200, 25)
    pixels[:, :100] = (255, 0, 0)
    usable = np.ones(hole.shape, bool)
    usable[:, :100] = False
    red = (filled(pixels, hole, usable=usable) == (255, 0, 0)).all(axis=2)
    assert not red[hole].any()


@pytest.mark.parametrize("seed", [0, -1, 2**40])
def test_one_seed_gives_one_result_in_threads_too(seed):
    pixels, hole = tiles(), disk(160, 200, 20)
    pixels[::3] //= 2
    alone = filled(pixels, hole, seed)
    with ThreadPoolExecutor(4) as pool:
        others = [seed, seed + 1, seed, seed + 2]
        results = list(pool.map(lambda s: filled(pixels, hole, s), others))
    assert np.array_equal(results[0], alone)
    assert np.array_equal(results[2], alone)


def test_another_process_gives_the_same_bytes():
    code = (
        "from tests.holes.test_patches import *;"
        "print(hashlib.sha256(filled(tiles(), disk(160, 200, 20)).tobytes()).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()
    here = hashlib.sha256(filled(tiles(), disk(160, 200, 20)).tobytes()).hexdigest()
    assert told == here


def test_large_surroundings_are_completed_at_a_smaller_size_first(monkeypatch):
    sizes = []
    complete = patches._patchmatch

    def seen(guide, hole, seed):
        sizes.append(hole.size)
        return complete(guide, hole, seed)

    monkeypatch.setattr(patches, "_patchmatch", seen)
    monkeypatch.setattr(patches, "MOST_PIXELS", 8_000)
    pixels, hole = tiles(), disk(160, 200, 25)
    pixels = np.repeat(np.repeat(pixels[::8, ::8], 8, axis=0), 8, axis=1)
    wrong = np.abs(filled(pixels, hole).astype(int) - pixels)[hole].mean()
    assert max(sizes) <= 8_200  # but for rounding
    assert wrong < np.abs(pixels[hole] - pixels[hole].mean(axis=0)).mean()


def test_with_too_little_to_take_from_the_smooth_guess_stays():
    pixels = tiles(64, 64)
    hole = np.ones((64, 64), bool)
    hole[::16] = False
    known = torch.from_numpy(~hole)[None, None]
    smooth, patch = (fill(Picture(pixels).tensor(), known, how) for how in ("smooth", "patch"))
    assert torch.equal(smooth, patch)


def test_patches_without_their_library_are_an_error_and_auto_fills_smoothly(monkeypatch):
    monkeypatch.setattr("patchmatch.patchmatch_available", False)
    pixels, hole = tiles(), disk(160, 200, 25)
    with pytest.raises(ResourceError, match="pypatchmatch"):
        filled(pixels, hole)
    known = torch.from_numpy(~hole)[None, None]
    auto, smooth = (fill(Picture(pixels).tensor(), known, how) for how in ("auto", "smooth"))
    assert torch.equal(auto, smooth)


def test_auto_takes_patches_for_thick_holes_alone():
    pixels, hole = tiles(), disk(160, 200, 25)
    hole[10:12] = True
    thick = thick_holes(hole)
    assert not thick[10:12].any()
    assert np.array_equal(thick[20:], hole[20:])
    known = torch.from_numpy(~hole)[None, None]
    auto, smooth = (fill(Picture(pixels).tensor(), known, how) for how in ("auto", "smooth"))
    assert torch.equal(auto[..., :20, :], smooth[..., :20, :])
    assert not torch.equal(auto, smooth)


# Correspondence


def test_a_copy_is_found():
    rng = np.random.default_rng(1)
    guide = rng.integers(0, 256, (60, 80, 3)).astype(np.float32)
    guide[20:35, 10:25] = guide[40:55, 50:65]
    hole = np.zeros((60, 80), bool)
    hole[22:33, 12:23] = True  # with a patch's radius of what was copied around it
    source = sources(~hole)
    source[:40] = False
    found = correspond(guide, hole, source, np.random.default_rng(0))
    assert (found.distance == 0).mean() > 0.99
    assert np.array_equal(
        transfer(guide, found, radius=0), guide[found.from_rows, found.from_columns]
    )


def test_sources_have_their_whole_patch_in_the_picture():
    known = np.ones((9, 9), bool)
    known[4, 8] = False
    inside = np.zeros_like(known)
    inside[2:7, 2:7] = True  # the whole patch lies in the picture
    inside[2:7, 6] = False  # and holds what is not known
    assert np.array_equal(sources(known, radius=2), inside)
