"""Plots mark every figure, and nothing on them overlaps."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from restore import bench
from restore.bench import plots
from restore.solvers import PEERS
from tests.support.bench import QUALITY, lines_of


def test_a_plot_marks_every_figure_and_its_names_never_overlap() -> None:
    ((named, bare),) = bench.make_panels(lines_of(QUALITY))
    for panel in (named, bare):
        svg = ElementTree.fromstring(plots.draw_inline(panel))
        titles = [title.text or "" for title in svg.iter() if title.tag.endswith("title")]
        assert len(titles) == 17
        assert sum("bcm fidelity, NFE 4" in title for title in titles) == 1
        names = {
            text.text: float(text.attrib["y"])
            for group in svg.iter()
            if group.tag.endswith("g") and "tag" in group.get("class", "").split()
            for text in group
            if text.tag.endswith("text")
        }
        assert set(names) == (set(QUALITY) if panel is named else set())
        places = sorted(names.values())
        assert all(np.diff(places) >= plots.APART - 0.11)
        assert all(0 < place < plots.HEIGHT for place in places)


def test_what_lies_far_below_is_drawn_on_the_floor_and_told_below() -> None:
    quality = {"bcm fidelity": [30.0, 31.0], "ddnm": [29.0, 29.5], "cm": [29.0, 9.0]}
    ((panel, _),) = bench.make_panels(lines_of(quality))
    text = plots.draw_inline(panel)
    assert ">below: cm 9.0<" in text
    assert len(re.findall(r'<path class="dot"', text)) == 1
    at = plots._make_y_axis(panel)
    assert at.floor > 20
    assert at.at(31.0) < at.at(30.0) < at.at(29.0) <= plots.HEIGHT - plots.BOTTOM


def test_many_that_lie_far_below_are_told_in_lines_that_stay_on_the_page() -> None:
    peers = {name: [20.0, 9.0] for name in PEERS}
    ((panel, _),) = bench.make_panels(
        lines_of({"bcm fidelity": [30.0, 31.0], "telea": [28.0], **peers})
    )
    svg = ElementTree.fromstring(plots.draw_inline(panel))
    told = [text for text in svg.iter() if text.get("class") == "below"]
    assert all(name in " ".join(text.text or "" for text in told) for name in PEERS)
    assert all(len(text.text or "") <= plots.LONGEST for text in told)
    assert all(float(text.attrib["y"]) < plots.HEIGHT for text in told)


def test_an_even_axis_begins_and_ends_at_round_numbers() -> None:
    line = plots.PlotSeries("a", "s0", [(0.31, 1.0, ""), (0.78, 2.0, "")])
    axis = plots._make_x_axis(plots.Panel("t", "x", "y", [line]))
    assert axis.marks == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert axis.at(0.8) - axis.at(0.55) == pytest.approx(axis.at(0.55) - axis.at(0.3))


def test_one_figure_alone_can_be_plotted() -> None:
    for quality in ({"bcm fidelity": [30.0]}, {"telea": [20.0]}):
        ElementTree.fromstring(plots.draw_sheet(bench.make_panels(lines_of(quality))))


@pytest.mark.parametrize("scale", ["decades", "each", "even"])
@pytest.mark.parametrize(("low", "high"), [(0.31, 0.78), (0.02, 40.0), (1e-4, 900.0), (7.0, 7.0)])
def test_numbers_under_an_axis_never_touch(scale: str, low: float, high: float) -> None:
    values = np.geomspace(low, high, 30)
    line = plots.PlotSeries("a", "s0", [(float(x), 1.0, "") for x in values])
    svg = ElementTree.fromstring(plots.draw_inline(plots.Panel("t", "x", "y", [line], scale)))
    under = plots.HEIGHT - plots.BOTTOM + 17
    texts = [one for one in svg.iter() if one.get("y") == f"{under:.1f}"]
    assert texts
    sides = [
        (float(one.attrib["x"]) - 3.4 * len(one.text or ""), len(one.text or "") * 6.8)
        for one in texts  # a digit of 12 pixels of a font for screens is up to 6.8 wide
    ]
    for (left, width), (following, _) in pairwise(sorted(sides)):
        assert left + width + 2 < following


def test_a_time_axis_marks_as_many_round_numbers_as_there_is_room_for() -> None:
    def marks(low: float, high: float) -> list[float]:
        line = plots.PlotSeries("a", "s0", [(low, 1.0, ""), (high, 2.0, "")])
        return [*plots._make_x_axis(plots.Panel("t", "x", "y", [line], "decades")).marks]

    assert marks(0.3, 0.8) == [0.5]
    assert marks(0.02, 2.0) == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2])
    assert marks(1e-3, 1e3) == pytest.approx([1e-3, 1e-2, 0.1, 1, 10, 100, 1000])


@pytest.mark.parametrize("low", [0.0004, 0.003, 0.02, 0.31, 7.0])
@pytest.mark.parametrize("span", [1.5, 4, 30, 900, 20000])
def test_numbers_of_a_time_axis_never_touch(low: float, span: float) -> None:
    times = np.geomspace(low, low * span, 6)
    line = plots.PlotSeries("a", "s0", [(float(t), 20.0 + n, "") for n, t in enumerate(times)])
    panel = plots.Panel("t", "seconds", "dB", [line], "decades")
    svg = ElementTree.fromstring(plots.draw_inline(panel))
    bottom = plots.HEIGHT - plots.BOTTOM + 17
    labels = [text for text in svg.iter() if text.get("y") == f"{bottom:.1f}"]
    assert len(labels) >= 1
    places = sorted((float(text.attrib["x"]), len(text.text or "")) for text in labels)
    for (x, digits), (x2, digits2) in pairwise(places):
        assert x2 - x >= plots.DIGIT * (digits + digits2) / 2
    half = plots.DIGIT * places[-1][1] / 2
    assert places[-1][0] + half <= panel.width
