"""Presets: which one is taken, and how its levels are spread."""

import math
import subprocess
import sys
from itertools import pairwise

import pytest

from restore.presets import Preset, choose, resample, spread


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
