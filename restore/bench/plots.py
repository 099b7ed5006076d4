"""Plot: quality against evaluations and against seconds, as SVG, with nothing to install.

Light or dark as the reader has it; what a mark stands for is its tooltip. Methods far below the
rest would leave no room for it: what lies under the floor is drawn on it, as a triangle, and its
name has its figure beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from restore.bench.cells import GROUPS
from restore.bench.exercises import Exercise
from restore.bench.summary import Line, by_exercise

WIDTH, HEIGHT = 600, 380
LEFT, RIGHT, TOP, BOTTOM = 58, 158, 42, 50  # margins; names of series stand on the right
APART = 15  # pixels between two names
DEPTH = 1.0  # of the floor under the middle of all marks, in spans from there to the top
Point = tuple[float, float, str]  # x, y, tooltip


@dataclass(frozen=True)
class Series:
    """Marks that belong together, in order. `look` is the names of its classes in plots.css.

    level: whether it is one figure wherever x is, a line from side to side.
    """

    name: str
    look: str
    points: Sequence[Point]
    level: bool = False


@dataclass(frozen=True)
class Axis:
    """Where a value lies on the page, by `at`, and the values to mark."""

    at: Callable[[float], float]
    marks: Sequence[float]
    floor: float = -math.inf


@dataclass(frozen=True)
class Panel:
    """One plot: its axes' names and what is on it."""

    title: str
    x: str
    y: str
    series: Sequence[Series]
    doubling: bool = False  # the marks of x are those of the points; else 1, 2, 5, 10


def panels(exercise: Exercise, lines: Sequence[Line]) -> list[Panel]:
    """Quality against NFE, and against seconds, of one exercise."""
    y = "PSNR in the hole, dB" if exercise.quality == "masked_psnr_db" else "PSNR, dB"
    by_method: dict[str, list[Line]] = {}
    for line in lines:
        by_method.setdefault(line.label, []).append(line)
    for some in by_method.values():
        some.sort(key=lambda line: line.nfe)

    def series(x: Callable[[Line], float], level: bool) -> list[Series]:
        return [
            Series(
                label,
                look(some[0]),
                [(x(line), line.quality, tooltip(line)) for line in some],
                level and some[0].nfe == 0,
            )
            for label, some in by_method.items()
        ]

    title, each = exercise.title, "seconds a picture"
    return [
        Panel(title, "network evaluations", y, series(lambda n: n.nfe, True), doubling=True),
        Panel(title, each, y, series(lambda n: max(n.seconds, 1e-4), False)),
    ]


def look(line: Line) -> str:
    """The classes of a line's marks: a colour for each method, dashes for the perceptual mode."""
    if line.kind == "classical":
        return "classic"
    known = [*GROUPS["ours"], *GROUPS["peers"]]
    number = known.index(line.method)
    colour = f"s{number}" if number < 9 else "s8"
    dashes = " dashed" if line.mode == "perceptual" else ""
    return f"{colour} {'ours' if line.kind == 'ours' else 'peer'}{dashes}"


def tooltip(line: Line) -> str:
    """All that a mark says when it is pointed at."""
    parts = [f"{line.label}, NFE {line.nfe}" if line.nfe else line.label]
    parts.append(f"{line.quality:.2f} dB, {line.seconds:.3g} s a picture")
    if "ssim" in line.metrics:
        parts.append(f"SSIM {line.metrics['ssim']:.4f}")
    return "\n".join(parts)


def sheet(lines: Iterable[Line]) -> str:
    """All plots in one SVG file: a row for each exercise."""
    rows = [panels(exercise, some) for exercise, some in by_exercise(lines).items()]
    width, height = 2 * WIDTH, HEIGHT * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">\n<style>\n{style()}</style>\n'
    ]
    for down, row in enumerate(rows):
        for right, panel in enumerate(row):
            place = f"translate({right * WIDTH} {down * HEIGHT})"
            parts.append(f'<g transform="{place}">\n{drawn(panel)}</g>\n')
    return "".join([*parts, "</svg>\n"])


def inline(panel: Panel) -> str:
    """One plot as an element of a page that has `style`."""
    name = escape(f"{panel.title}: {panel.y} against {panel.x}")
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">\n'
        f"{drawn(panel)}</svg>\n"
    )


def style() -> str:
    """The style sheet of all plots."""
    return (files("restore.bench") / "plots.css").read_text("utf-8")


def drawn(panel: Panel) -> str:
    """What is inside the SVG of a plot."""
    across, up = _across(panel), _up(panel)
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>\n',
        _text(LEFT, 24, panel.title, "title"),
        _text((LEFT + right) / 2, HEIGHT - 12, panel.x, anchor="middle"),
        f'<g transform="rotate(-90 15 {(TOP + bottom) / 2:g})">'
        f"{_text(15, (TOP + bottom) / 2, panel.y, anchor='middle')}</g>\n",
    ]
    for value in across.marks:
        at = across.at(value)
        parts.append(_line(at, TOP, at, bottom, "rule"))
        parts.append(_text(at, bottom + 17, f"{value:g}", anchor="middle"))
    for value in up.marks:
        parts.append(_line(LEFT, up.at(value), right, up.at(value), "rule"))
        parts.append(_text(LEFT - 7, up.at(value) + 4, f"{value:g}", anchor="end"))
    parts.append(_line(LEFT, bottom, right, bottom, "edge"))
    ends = {one.name: up.at(_last(one)) for one in panel.series}
    places = _apart(ends)
    back_to_front = sorted(panel.series, key=lambda one: "ours" in one.look)
    parts += [_series(one, across, up, places[one.name]) for one in back_to_front]
    return "".join(parts)


def _series(one: Series, across: Axis, up: Axis, name_at: float) -> str:
    right = WIDTH - RIGHT
    parts = [f'<g class="series {one.look}">\n']
    if one.level:
        _, value, said = one.points[0]
        x, y = right - 5.0, up.at(value)
        parts.append(f"<g><title>{escape(said)}</title>{_line(LEFT, y, right, y, 'line')}</g>\n")
    else:
        places = [(across.at(x), up.at(y), y, said) for x, y, said in one.points]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
        parts.append(f'<polyline class="line" points="{way}"/>\n')
        for x, y, value, said in places:
            mark = _mark(x, y, value < up.floor, one.look == "classic")
            parts.append(f"<g><title>{escape(said)}</title>{mark}</g>\n")
        x, y, value, _ = places[-1]
    parts.append(_line(x + 5, y, right + 9, name_at, "lead"))
    below = f" {value:.1f}" if value < up.floor else ""
    parts.append(_text(right + 12, name_at + 4, f"{one.name}{below}"))
    return "".join([*parts, "</g>\n"])


def _mark(x: float, y: float, below: bool, classical: bool) -> str:
    if below:
        return f'<path class="dot" d="M{x - 5:.1f} {y - 8:.1f}h10l-5 8z"/>'
    if classical:
        return f'<rect class="dot" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _last(one: Series) -> float:
    return one.points[-1][1]


def _across(panel: Panel) -> Axis:
    """x, by its logarithm."""
    values = sorted({x for one in panel.series if not one.level for x, _, _ in one.points})
    if not values:
        return Axis(lambda x: float(LEFT), ())
    low, high = values[0], values[-1]
    marks = values
    if not panel.doubling:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = [m * 10.0**n for n in decades for m in (1, 2, 5)]
        marks = [step for step in steps if low / 1.2 <= step <= high * 1.2]
        marks = marks if len(marks) < 9 else [m for m in marks if math.log10(m) % 1 < 1e-9]
        low, high = low / 1.2, high * 1.2
    first, last = LEFT + 14, WIDTH - RIGHT - 14
    length = math.log(high / low)

    def at(x: float) -> float:
        return first + (last - first) * (math.log(x / low) / length if length else 0.5)

    return Axis(at, marks)


def _up(panel: Panel) -> Axis:
    """y, from a floor that leaves the better half room."""
    values = sorted(y for one in panel.series for _, y, _ in one.points)
    top, middle = values[-1], values[len(values) // 2]
    low = max(values[0], middle - DEPTH * max(top - middle, 0.5))
    raw = (top - low) / 5 or 0.1
    step = 10 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= raw)
    low, high = math.floor(low / step) * step, math.ceil(top / step) * step
    high = high if high > low else low + step
    first, last = HEIGHT - BOTTOM, TOP

    def at(y: float) -> float:
        return first + (last - first) * (max(y, low) - low) / (high - low)

    return Axis(at, [round(low + n * step, 10) for n in range(round((high - low) / step) + 1)], low)


def _apart(places: dict[str, float]) -> dict[str, float]:
    """The places moved so that names do not cover each other, and none leaves the plot."""
    found: dict[str, float] = {}
    below = float(TOP - APART)
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        found[name] = below = max(place, below + APART)
    floor = HEIGHT - 10.0
    for name in reversed(found):
        found[name] = min(found[name], floor)
        floor = found[name] - APART
    return found


def _text(x: float, y: float, text: str, name: str = "", anchor: str = "start") -> str:
    look = f' class="{name}"' if name else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{look}>{escape(text)}</text>\n'


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>\n'
