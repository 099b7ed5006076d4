"""Page: a bench as one HTML file that needs nothing else: plots, tables, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files

from restore.bench.exercises import Exercise
from restore.bench.panels import panels
from restore.bench.plots import inline, style
from restore.bench.summary import FIELDS, Line, Verdict, verdicts
from restore.bench.tables import Table, tables
from restore.reports import build_document, escape


def page(
    title: str, facts: Mapping[str, str], lines: Sequence[Line], notes: Iterable[str]
) -> Iterable[bytes]:
    """The bytes of the file, part by part. `facts` are what the figures rest on, by name."""
    return build_document(title, _body(title, facts, lines, notes))


def _body(
    title: str, facts: Mapping[str, str], lines: Sequence[Line], notes: Iterable[str]
) -> Iterator[str]:
    sheet = (files("restore.bench") / "page.css").read_text("utf-8")
    yield f"<style>\n{sheet}{style()}</style>\n<main>\n<h1>{escape(title)}</h1>\n"
    yield f'<p class="path">{escape(facts["pictures"])}; {escape(facts["machine"])}</p>\n'
    found = verdicts(lines)
    if found:
        yield "<h2>Ours against the best peer</h2>\n"
        yield (
            '<p class="note">PSNR of bcm in fidelity mode less that of the best published method '
            "on the same network at the same number of evaluations, in dB.</p>\n"
        )
        yield _scores(found)
    for row, table in zip(panels(lines), tables(lines), strict=True):
        exercise = table.exercise
        yield f'<section id="{escape(exercise.name)}">\n<h2>{escape(exercise.title)}</h2>\n'
        plots = "".join(map(inline, row))
        yield f'<div class="plots">\n{plots}</div>\n{_grid(table)}</section>\n'
    if notes := list(notes):
        items = "".join(f"<li>{escape(note)}</li>\n" for note in notes)
        yield f"<h2>Notes</h2>\n<ul>\n{items}</ul>\n"
    yield "<h2>What this rests on</h2>\n<table>\n"
    for name, value in facts.items():
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>\n'
    yield "</table>\n<details><summary>All figures</summary>\n"
    yield f"{_all(lines)}</details>\n</main>\n"


def _scores(found: Sequence[Verdict]) -> str:
    columns = sorted({one.nfe for one in found})
    rows: dict[Exercise, dict[int, Verdict]] = {one.exercise: {} for one in found}
    for one in found:
        rows[one.exercise][one.nfe] = one
    lines = []
    for exercise, cells in rows.items():
        row = "".join(f"<td>{_score(cells.get(nfe))}</td>" for nfe in columns)
        link = f'<a href="#{escape(exercise.name)}">{escape(exercise.title)}</a>'
        lines.append(f'<tr><th scope="row">{link}</th>{row}</tr>\n')
    head = "".join(f'<th scope="col">NFE {nfe}</th>' for nfe in columns)
    return _framed(f"<tr><th></th>{head}</tr>", "".join(lines))


def _score(one: Verdict | None) -> str:
    if one is None:
        return ""
    kind = "above" if one.ahead_db >= 0 else "below"
    return f'<span class="{kind}">{one.ahead_db:+.2f}</span> {escape(one.best.method)}'


def _grid(table: Table) -> str:
    """The table of one exercise."""
    lines = []
    for number, (row, kind) in enumerate(zip(table.rows, table.kinds, strict=True)):
        cells = [
            f"<b>{escape(cell)}</b>" if (number, column) in table.best else escape(cell)
            for column, cell in enumerate(row)
        ]
        rest = "".join(f"<td>{cell}</td>" for cell in cells[1:])
        lines.append(f'<tr class="{kind}"><th scope="row">{cells[0]}</th>{rest}</tr>\n')
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    note = f'<p class="note">{escape(table.title)}; the rest at the most of them.</p>\n'
    return note + _framed(f"<tr>{head}</tr>", "".join(lines))


def _all(lines: Iterable[Line]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in FIELDS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in line.flat.values()) + "</tr>\n"
        for line in lines
    )
    return _framed(f"<tr>{head}</tr>", rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else escape(str(value))


def _framed(head: str, rows: str) -> str:
    return (
        f'<div class="wide"><table class="bench">\n<thead>{head}</thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
