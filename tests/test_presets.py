"""Presets: which one is taken, and how its levels are spread."""

import math
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest

from restore.presets import Preset, choose, resample, spread, strength


def test_the_largest_tuned_nfe_up_to_the_asked_is_taken():
    one, four = Preset((0.5,)), Preset((0.4, 0.3, 0.2, 0.1))
    rows = {1: (one,), 4: (four,)}
    assert choose(rows, 3) is one
    assert choose(rows, 4) is four
    assert choose({4: (four,)}, 2) is four


def test_resampled_levels_keep_their_ends_and_ratios():
    levels = resample((0.8, 0.4, 0.2, 0.1), 7)
    assert levels[0] == pytest.approx(0.8, rel=1e-12)
    assert levels[-1] == pytest.approx(0.1, rel=1e-12)
    for t, u in pairwise(levels):
        assert t / u == pytest.approx(math.sqrt(2), rel=1e-12)


@pytest.mark.parametrize("nfe", range(1, 13))
def test_spread_makes_exactly_so_many_evaluations(nfe):
    for flips in (1, 2, 4):
        for start in (0.0, 0.1):
            assert spread(Preset((0.4, 0.1), flips=flips, start=start), nfe).evaluations == nfe


def test_presets_need_the_standard_library_alone():
    code = "import restore.presets, sys; print('torch' in sys.modules or 'numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.strip() == "False", found.stderr


# Between severities

LOW = Preset((0.4, 0.1), relaxation=0.2, shrink=0.5, width=1.0, severity=2)
HIGH = Preset((1.6, 0.4), relaxation=0.6, shrink=0.3, width=2.0, closing=0.4, severity=8)
ROWS = {2: (LOW, HIGH)}


def test_a_tuned_severity_gives_its_own_row_and_none_the_first():
    assert choose(ROWS, 2, 2) is LOW
    assert choose(ROWS, 2, 8) is HIGH
    for severity in (None, 0.0, -1.0):
        assert choose(ROWS, 2, severity) is LOW


def test_between_two_severities_a_preset_is_interpolated():
    found = choose(ROWS, 2, 4)
    assert found.levels == pytest.approx((0.8, 0.2))
    assert found.relaxation == pytest.approx(0.4)
    assert found.shrink == pytest.approx(0.4)
    assert (found.width, found.closing) == pytest.approx((1.5, 0.2))


def test_of_two_severities_of_one_strength_the_first_is_taken():
    rows = {1: (Preset((0.2,), severity=99.5), Preset((0.1,), severity=100))}
    assert choose(rows, 1, 99.7, "jpeg").levels == (0.2,)


def test_beyond_the_last_severity_levels_go_on_and_shares_stay():
    found = choose(ROWS, 2, 16)
    assert found.levels == pytest.approx((3.2, 0.8))
    assert (found.relaxation, found.shrink) == pytest.approx((0.6, 0.3))
    below = choose(ROWS, 2, 1)
    assert below.levels == pytest.approx((0.2, 0.05))
    assert (below.relaxation, below.shrink) == pytest.approx((0.2, 0.5))


@pytest.mark.parametrize("severity", [1e-6, 1e-3, 1e3, 1e9])
def test_however_far_beyond_levels_stay_within_those_of_the_network(severity):
    levels = choose({2: (LOW, replace(HIGH, levels=(60.0, 40.0)))}, 2, severity).levels
    assert all(0.002 <= level <= 80 for level in levels)


@pytest.mark.parametrize("quality", [1, 2, 10, 49, 50, 75, 95, 99, 100])
def test_the_strength_of_a_jpeg_file_falls_with_its_quality(quality):
    assert strength("jpeg", quality) <= strength("jpeg", max(quality - 1, 0.5))


@pytest.mark.parametrize(("quality", "percent"), [(10, 500), (25, 200), (50, 100), (75, 50)])
def test_the_strength_of_a_jpeg_file_is_that_of_its_steps(quality, percent):
    assert strength("jpeg", quality) == pytest.approx(math.log(percent))


def test_what_has_no_middle_is_that_of_the_nearer_row():
    a = Preset((0.4, 0.1), flips=2, severity=2)
    b = Preset((0.8, 0.4, 0.2, 0.1), estimator="jump", noise=1.0, severity=8)
    near_a, near_b = choose({4: (a, b)}, 4, 2.5), choose({4: (a, b)}, 4, 7)
    assert (near_a.flips, near_a.estimator, len(near_a.levels), near_a.noise) == (
        2,
        "denoise",
        2,
        0,
    )
    assert (near_b.flips, near_b.estimator, len(near_b.levels), near_b.noise) == (1, "jump", 4, 1)
    assert near_a.evaluations == near_b.evaluations == 4
