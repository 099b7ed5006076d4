"""The weights of likely defects are those that tell drawn ones from a photograph's own."""

import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "weigh_defects", raising=False)
    import weigh_defects

    return weigh_defects


def test_what_defects_have_more_of_weighs_for_them(program):
    rng = np.random.default_rng(0)

    def parts(shift: float, drawn: bool):
        measures = rng.normal(size=(40, 6)) + shift * np.array([1, 0, 0, 0, 0, -1])
        return program.Parts({"dust": measures}, {"dust": np.full(40, drawn)})

    clean, damaged = [parts(0, False)], [parts(3, True)]
    weights = program.fit(clean, damaged, "dust")
    assert weights[1] > 1
    assert weights[6] < -1
    assert abs(weights[2:6]).max() < 1
    found = {"dust": weights}
    assert program.weigh(clean[0], found) < program.ENOUGH < program.weigh(damaged[0], found)


def test_parts_on_what_was_drawn_are_defects(program):
    pixels = np.full((128, 128, 3), 120, np.uint8)
    pixels += np.random.default_rng(0).integers(0, 8, pixels.shape, dtype=np.uint8)
    drawn = np.zeros((128, 128), bool)
    drawn[20:110, 60:62] = True
    pixels[drawn] = 250
    found = program.find_sure(pixels, drawn)
    assert found.drawn["scratches"].any()
    assert found.measures["scratches"].shape == (len(found.drawn["scratches"]), 6)
