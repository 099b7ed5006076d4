"""Bench page: a bench as one HTML file that needs nothing else: plots, tables, what they rest on.

A case has two plots, quality against evaluations and against seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files

from restore.bench.cases import OURS, Case
from restore.bench.harness import Facts
from restore.bench.plots import Panel, PlotSeries, draw_inline, read_style
from restore.bench.summary import FIELDS, Comparison, Line, compare_with_peers, group_by_case
from restore.bench.tables import Table, make_tables
from restore.reports import build_document, escape
from restore.solvers import PEERS, PUBLISHED


def render_page(title: str, facts: Facts, lines: Sequence[Line], notes: Iterable[str]) -> str:
    """The page as HTML.

    title: its heading. facts: what the figures rest on. lines: the figures. notes: sentences.
    """
    parts = build_document(title, _render_body(title, facts, lines, notes))
    return b"".join(parts).decode()


def _render_body(
    title: str, facts: Facts, lines: Sequence[Line], notes: Iterable[str]
) -> Iterator[str]:
    sheet = (files("restore.bench") / "bench_page.css").read_text("utf-8")
    yield f"<style>\n{sheet}{read_style()}</style>\n<main>\n<h1>{escape(title)}</h1>\n"
    yield f'<p class="path">{escape(facts.pictures)}; {escape(facts.machine)}</p>\n'
    found = compare_with_peers(lines)
    if found:
        yield "<h2>Ours against the best peer</h2>\n"
        yield (
            '<p class="note">PSNR of bcm in fidelity mode less that of the best published method '
            "on the same network at the same number of evaluations, in dB.</p>\n"
        )
        yield _render_scores(found)
    for row, table in zip(make_panels(lines), make_tables(lines), strict=True):
        case = table.case
        yield f'<section id="{escape(case.name)}">\n<h2>{escape(case.title)}</h2>\n'
        plots = "".join(map(draw_inline, row))
        yield f'<div class="plots">\n{plots}</div>\n{_render_table(table)}</section>\n'
    if notes := list(notes):
        items = "".join(f"<li>{escape(note)}</li>\n" for note in notes)
        yield f"<h2>Notes</h2>\n<ul>\n{items}</ul>\n"
    yield "<h2>What this rests on</h2>\n<table>\n"
    for name, value in vars(facts).items():
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>\n'
    yield "</table>\n<details><summary>All figures</summary>\n"
    yield f"{_render_lines(lines)}</details>\n</main>\n"


def _render_scores(found: Sequence[Comparison]) -> str:
    columns = sorted({one.nfe for one in found})
    rows: dict[Case, dict[int, Comparison]] = {one.case: {} for one in found}
    for one in found:
        rows[one.case][one.nfe] = one
    lines = []
    for case, cells in rows.items():
        row = "".join(f"<td>{_render_score(cells.get(nfe))}</td>" for nfe in columns)
        link = f'<a href="#{escape(case.name)}">{escape(case.title)}</a>'
        lines.append(f'<tr><th scope="row">{link}</th>{row}</tr>\n')
    head = "".join(f'<th scope="col">NFE {nfe}</th>' for nfe in columns)
    return _frame(f"<tr><th></th>{head}</tr>", "".join(lines))


def _render_score(one: Comparison | None) -> str:
    if one is None:
        return ""
    kind = "above" if one.ahead_db >= 0 else "below"
    return f'<span class="{kind}">{one.ahead_db:+.2f}</span> {escape(one.best.method)}'


def _render_table(table: Table) -> str:
    """The table of one case."""
    lines = []
    for number, (row, kind) in enumerate(zip(table.rows, table.kinds, strict=True)):
        cells = [
            f"<b>{escape(cell)}</b>" if (number, column) in table.best else escape(cell)
            for column, cell in enumerate(row)
        ]
        rest = "".join(f"<td>{cell}</td>" for cell in cells[1:])
        lines.append(f'<tr class="{kind}"><th scope="row">{cells[0]}</th>{rest}</tr>\n')
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    words = f"{table.title}; the other figures are at the most of them."
    note = f'<p class="note">{escape(words)}</p>\n'
    return note + _frame(f"<tr>{head}</tr>", "".join(lines))


def _render_lines(lines: Iterable[Line]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in FIELDS)
    rows = ""
    for line in lines:
        values = map(_render_value, line.as_dict().values())
        rows += "<tr>" + "".join(f"<td>{value}</td>" for value in values) + "</tr>\n"
    return _frame(f"<tr>{head}</tr>", rows)


def _render_value(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else escape(str(value))


def _frame(head: str, rows: str) -> str:
    return (
        f'<div class="wide"><table class="bench">\n<thead>{head}</thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def make_panels(lines: Iterable[Line]) -> list[tuple[Panel, Panel]]:
    """A row for each case."""
    return [_make_row(case, some) for case, some in group_by_case(lines).items()]


def _make_row(case: Case, lines: Sequence[Line]) -> tuple[Panel, Panel]:
    y = "PSNR in the hole, dB" if case.quality == "masked_psnr_db" else "PSNR, dB"
    by_method: dict[str, list[Line]] = {}
    for line in lines:
        by_method.setdefault(line.label, []).append(line)
    for some in by_method.values():
        some.sort(key=lambda line: line.nfe)

    def series(x: Callable[[Line], float], level: bool) -> list[PlotSeries]:
        return [
            PlotSeries(
                label,
                choose_look(some[0]),
                [(x(line), line.quality, write_tooltip(line)) for line in some],
                level and some[0].nfe == 0,
            )
            for label, some in by_method.items()
        ]

    evaluations = series(lambda line: line.nfe, True)
    seconds = series(lambda line: max(line.seconds, 1e-4), False)
    return (
        Panel(case.title, "network evaluations", y, evaluations, "each"),
        Panel("the same against time", "seconds a picture", y, seconds, "decades", named=False),
    )


def choose_look(line: Line) -> str:
    """The classes of a line's marks: a colour for each method, dashes for the perceptual mode,
    dots for a published method that has a form for few evaluations.
    """
    if line.kind == "classical":
        return "classic"
    number = [*OURS, *PUBLISHED].index(line.method.removesuffix("-ccdf"))
    kind = "ours" if line.kind == "ours" else "peer"
    if line.mode == "perceptual":
        kind += " dashed"
    if f"{line.method}-ccdf" in PEERS:  # not what it can do in so few evaluations
        kind += " dotted"
    return f"s{number} {kind}"


def write_tooltip(line: Line) -> str:
    """All that a mark says when it is pointed at."""
    parts = [f"{line.label}, NFE {line.nfe}" if line.nfe else line.label]
    parts.append(f"{line.quality:.2f} dB, {line.seconds:.3g} s a picture")
    if line.metrics.ssim is not None:
        parts.append(f"SSIM {line.metrics.ssim:.4f}")
    return "\n".join(parts)
