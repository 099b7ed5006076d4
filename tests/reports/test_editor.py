"""The mask editor's page needs nothing else and begins with the mask that was found."""

import re

import numpy as np
import pytest

from restore.errors import ImageError
from restore.images import Picture
from restore.reports import render_editor
from restore.reports.editor import encode_runs
from tests.support.pages import HOSTILE, Parsed, noise


def decode_runs(text: str, size: int) -> np.ndarray:
    """As the page's script does it."""
    lengths = [int(run, 36) for run in text.split()]
    values = np.arange(len(lengths)) % 2 == 1
    found = np.repeat(values, lengths)
    assert found.size == size
    return found


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (31, 64)])
def test_runs_hold_a_mask_to_the_last_pixel(size, share):
    mask = np.random.default_rng(1).random(size) < share
    np.testing.assert_array_equal(decode_runs(encode_runs(mask), mask.size), mask.ravel())


def test_the_page_loads_nothing_and_closes_all_that_it_opens():
    text = render_editor(noise(61, 43))
    read = Parsed(text)
    assert not read.open
    for tag, attributes in read.elements:
        for name in ("src", "href", "action", "srcset", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_s_name_is_text_and_never_markup(name):
    read = Parsed(render_editor(noise(9, 9), name=f"folder/{name}"))
    assert sum(tag == "script" for tag, _ in read.elements) == 1
    (editor,) = [attributes for _, attributes in read.elements if "data-file" in attributes]
    assert (editor["data-file"] or "").endswith("_mask.png")


def test_the_picture_is_shown_upright_and_its_mask_has_that_size():
    stored = Picture(noise(30, 20).pixels, orientation=6)
    (editor,) = [a for _, a in Parsed(render_editor(stored)).elements if "data-width" in a]
    assert (editor["data-width"], editor["data-height"]) == ("20", "30")
    render_editor(stored, np.zeros((30, 20), bool))
    with pytest.raises(ImageError, match="the mask has 30×20 pixels, the picture 20×30"):
        render_editor(stored, np.zeros((20, 30), bool))
