"""Page: a report in one HTML file that needs nothing else, written picture by picture.

What is shown of each picture goes to a temporary file at once, so memory stays flat; the page takes
its name when it is whole. A page of many thousand pictures would be too large for a browser: past
`SHOWN` bytes of previews a picture has its thumbnail and record alone, past `LISTED` its line.
Names and messages are text, whatever they hold, and never markup.
"""

from __future__ import annotations

import html
import os
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import IO

from PIL import Image

from restore.errors import ResourceError
from restore.files import write_atomically
from restore.record import JSON, Record, spell_out
from restore.reports.describe import (
    MADE,
    Figure,
    describe_check,
    describe_failure,
    describe_outcome,
    flatten_record,
    list_figures,
    name_pictures,
    name_record,
)
from restore.reports.preview import Preview, fit

SHOWN = 48 * 2**20  # bytes
LISTED = 96 * 2**20
CHUNK = 2**20
LOSSLESS = 2**19  # pixels; larger pictures are shown as JPEG, which no eye tells apart
THUMBNAIL = 240  # pixels a side
SHARES = ("Fit", "1:1", "2:1", "4:1")


class Page:
    """A report on one picture, or on several.

    A full disk is told of by `close` alone: what restores pictures goes on without its report.
    """

    def __init__(
        self, path: str, several: bool, *, shown: int = SHOWN, listed: int = LISTED
    ) -> None:
        self.path = path
        self._several, self._shown, self._listed = several, shown, listed
        self._titles = ""
        self._count = self._bytes = 0
        self._reduced = {"previews": 0, "thumbnails": 0}  # pictures that went without
        self._broken: OSError | None = None
        self._spool: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115 - closed by `close`
            dir=os.path.dirname(os.path.abspath(path)), prefix=".bcm-restore-"
        )

    def add(self, record: Record, preview: Preview | None = None) -> None:
        """One more picture, at the end."""
        self._count += 1
        self._titles = self._titles or _title(record)
        if not self._several:
            self._put(render_article(record, preview))
            return
        inside = ""
        if self._bytes < self._shown:
            inside = render_article(record, preview, 2)
        elif self._bytes < self._listed:
            inside = render_article(record, None, 2)
            self._reduced["previews"] += bool(preview)
        else:
            self._reduced["thumbnails"] += bool(preview)
            preview = None
        self._put(render_card(self._count, record, preview, inside))

    def close(self, summary: Mapping[str, JSON] | None = None) -> None:
        """Write the page, with the summary of `--json` at its top.

        ResourceError where it cannot be written, RequestError where it must not.
        """
        with self._spool:
            if self._broken:
                reason = self._broken.strerror
                raise ResourceError(f"the report {self.path!r} cannot be written: {reason}")
            title = f"{self._titles or 'nothing'}: bcm-restore"
            write_atomically(self.path, build_document(title, self._body(summary)))

    def _put(self, fragment: str) -> None:
        data = fragment.encode()
        self._bytes += len(data)
        if self._broken:
            return
        try:
            self._spool.write(data)
        except OSError as error:
            self._broken = error

    def _body(self, summary: Mapping[str, JSON] | None) -> Iterator[str | bytes]:
        yield '<header class="top"><span>bcm-restore</span>'
        yield f"<span>{escape(self._titles)}</span></header>\n<main>\n"
        if self._several:
            yield f"<h1>{self._count} pictures</h1>\n{_summary(summary or {}, self._reduced)}"
            yield '<ul class="grid">\n'
        self._spool.seek(0)
        while data := self._spool.read(CHUNK):
            yield data
        if self._several:
            yield '</ul>\n<dialog aria-label="A picture"><div class="bar">'
            yield '<button type="button" data-step="-1">Previous</button>'
            yield '<button type="button" data-step="1">Next</button>'
            yield '<button type="button" data-close>Close</button></div>'
            yield '<div class="inside"></div></dialog>\n'
        yield "</main>\n"


def _title(record: Record) -> str:
    """What was run, in a few words."""
    return ", ".join(filter(None, (record.task, record.model, record.device)))


def _summary(summary: Mapping[str, JSON], reduced: Mapping[str, int]) -> str:
    """How many ended how, in what time, and why some failed."""
    counts = [(key, summary.get(key) or 0) for key in ("ok", "skipped", "failed", "left")]
    found = [Figure(key, str(count)) for key, count in counts if count]
    if "seconds" in summary:
        found.append(Figure("time", f"{summary['seconds']:.1f} s"))
    parts = [render_figures(found)]
    if failures := summary.get("failures"):
        kinds = f"<b>Failures</b><ul>{_kinds(failures)}</ul>"
        parts.append(f'<div class="notice failed">{kinds}</div>\n')
    for what, count in reduced.items():
        if count:
            words = f"{count} pictures are without {what}: the page is full."
            parts.append(f'<p class="note">{words}</p>\n')
    shown = [(key, f"{key} {count}") for key, count in counts[:3] if count]
    if len(shown) > 1:
        parts.append(render_buttons("Show", "show", [("", "all"), *shown]))
    return "".join(parts)


def _kinds(failures: Sequence[Mapping[str, JSON]]) -> str:
    return "".join(
        f"<li>{row['count']} × {escape(row['kind'])} (first: {escape(row['example'])})</li>"
        for row in failures
    )


def escape(value: str) -> str:
    """The text as HTML: markup escaped, what does not print spelled out."""
    return html.escape(spell_out(value))


def build_document(
    title: str,
    body: Iterable[str | bytes],
    *,
    script: str = "page.js",
    styles: Sequence[str] = ("page.css",),
) -> Iterator[bytes]:
    """A whole page, part by part, which loads nothing and runs no script but ours.

    title: of the window. body: what is in it, as HTML. script, styles: names of this folder's files
    that are put into it.
    """
    folder = files("restore.reports")
    style = "".join((folder / name).read_text("utf-8") for name in styles)
    code = (folder / script).read_text("utf-8")
    digest = b64encode(sha256(code.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n"
    ).encode()
    for part in body:
        yield part if isinstance(part, bytes) else part.encode()
    yield f"<script>{code}</script>\n</body>\n</html>\n".encode()


def render_article(record: Record, preview: Preview | None, level: int = 1) -> str:
    """Everything about one picture, under a heading of the level."""
    parts = [f"<article>\n<h{level}>{escape(name_record(record))}</h{level}>\n"]
    if record.output:
        parts.append(
            f'<p class="path">{escape(record.task or "")} to {escape(record.output)}</p>\n'
        )
    if record.status not in MADE:
        kind = escape(record.status)
        parts.append(
            f'<p class="notice {kind}"><b>{kind}</b> {escape(describe_failure(record))}</p>\n'
        )
    if preview:
        names = name_pictures(record)
        parts.append(render_viewer(preview.whole, names, _caption(preview)))
    if record.status in MADE:
        parts.append(
            render_figures(list_figures(record, preview.psnr_before_db if preview else None))
        )
    if sentence := describe_check(record):
        parts.append(f'<p class="proof"><b>Proof</b> {escape(sentence)}</p>\n')
    if record.status in MADE and record.warnings:
        lines = "".join(f"<li>{escape(line)}</li>" for line in record.warnings)
        parts.append(f'<div class="notice warned"><b>Warnings</b><ul>{lines}</ul></div>\n')
    if preview and preview.reduced:
        left, top, right, bottom = preview.box
        where = f"pixels {left} to {right} across, {top} to {bottom} down, one for one"
        parts.append(f"<h{level + 1}>What changed most</h{level + 1}>\n")
        parts.append(render_viewer(preview.detail, name_pictures(record), f"The detail: {where}."))
    parts.append(f"{render_table(record)}</article>\n")
    return "".join(parts)


def render_viewer(
    pictures: Mapping[str, Image.Image], names: Mapping[str, str], caption: str
) -> str:
    """Pictures of one size over one another, a divider between two of them, and zoom."""
    width, height = pictures["after"].size
    lefts = [name for name in ("before", "reference") if name in pictures]
    images = "".join(
        f'<img data-name="{name}" data-title="{escape(names[name])}" alt="{escape(names[name])}" '
        f'src="{encode_data_uri(pictures[name])}" draggable="false">\n'
        for name in (*lefts[::-1], "after")
    )
    bar, divider = "", ""
    if lefts:
        after = names["after"].lower()
        bar += render_buttons("Compare", "left", [(n, f"{names[n]} | {after}") for n in lefts])
        first = escape(names[lefts[0]])
        label = f"Divider: {first} to its left, {escape(after)} to its right"
        divider = (
            f'<span class="tag left" aria-hidden="true">{first}</span>'
            f'<span class="tag right" aria-hidden="true">{escape(names["after"])}</span>\n'
            f'<div class="divider" role="slider" tabindex="0" aria-label="{label}" '
            'aria-valuemin="0" aria-valuemax="100" aria-valuenow="50" '
            'aria-valuetext="50 %"></div>\n'
        )
    zooms = [(share.split(":")[0] if ":" in share else "0", share) for share in SHARES]
    bar += render_buttons("Zoom", "zoom", zooms)
    if lefts:
        bar += '<button type="button" data-difference aria-pressed="false">Difference ×8</button>'
    return (
        f'<figure class="viewer" data-width="{width}" data-height="{height}" '
        f'style="--width: {width}; --height: {height}">\n<div class="bar">{bar}</div>\n'
        '<div class="view" tabindex="0" role="group" '
        'aria-label="Picture: plus and minus zoom, arrow keys move">\n'
        f'<div class="stage">\n{images}</div>\n{divider}</div>\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>\n"
    )


def render_buttons(label: str, name: str, choices: Iterable[tuple[str, str]]) -> str:
    """A row of buttons one of which is pressed, the first."""
    row = "".join(
        f'<button type="button" data-{name}="{escape(value)}" '
        f'aria-pressed="{"true" if number == 0 else "false"}">{escape(title)}</button>'
        for number, (value, title) in enumerate(choices)
    )
    return f'<span class="choice" role="group" aria-label="{escape(label)}">{row}</span>'


def render_figures(found: Iterable[Figure]) -> str:
    """Figures, large."""
    cells = "".join(
        f"<div><dt>{escape(one.title)}</dt><dd>{escape(one.value)}"
        + (f"<small>{escape(one.note)}</small>" if one.note else "")
        + "</dd></div>"
        for one in found
    )
    return f'<dl class="figures">{cells}</dl>\n'


def render_table(record: Record) -> str:
    """The whole record, to be unfolded."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>\n'
        for name, value in flatten_record(record.as_dict())
    )
    return f"<details><summary>The whole record</summary>\n<table>\n{lines}</table>\n</details>\n"


def render_card(number: int, record: Record, preview: Preview | None, inside: str) -> str:
    """A picture among many: its thumbnail, how it ended, and inside all about it."""
    status, title = escape(record.status), escape(name_record(record))
    picture = '<span class="blank" aria-hidden="true"></span>'
    if preview:
        picture = f'<img alt="" src="{render_thumbnail(preview)}" loading="lazy">'
    line = escape(describe_outcome(record))
    return (
        f'<li data-status="{status}" id="picture-{number}">'
        f'<button type="button" class="open">{picture}<span class="name">{title}</span>'
        f'<span class="line"><b class="{status}">{status}</b> {line}</span></button>\n'
        f"<template>{inside}</template></li>\n"
    )


def render_thumbnail(preview: Preview) -> str:
    """The result, small."""
    image = preview.whole["after"]
    size = fit(image.size, THUMBNAIL)
    return encode_data_uri(image.resize(size, Image.Resampling.LANCZOS), small=True)


def encode_data_uri(image: Image.Image, small: bool = False) -> str:
    """The image within the page: PNG where it is of few pixels, else JPEG, or WebP with alpha."""
    kind, options = "jpeg", {"quality": 80 if small else 93, "subsampling": 2 if small else 0}
    if image.width * image.height <= LOSSLESS and not small:
        kind, options = "png", {"compress_level": 4}
    elif image.mode in ("LA", "RGBA"):
        kind, options = "webp", {"quality": 75 if small else 93}
        image = image.convert("RGBA")
    stream = BytesIO()
    image.save(stream, kind, **options)
    return f"data:image/{kind};base64,{b64encode(stream.getvalue()).decode()}"


def _caption(preview: Preview) -> str:
    width, height = preview.size
    if not preview.reduced:
        return f"All {width}×{height} pixels."
    shown = preview.whole["after"].size
    return f"{width}×{height} pixels, shown in {shown[0]}×{shown[1]}; below, a detail one for one."
