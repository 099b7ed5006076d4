"""Markup: a record and its exhibit as HTML, whatever its names and messages hold."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from io import BytesIO
from typing import Any

from PIL import Image

from restore.reports.exhibit import Exhibit, fitted
from restore.reports.words import (
    Figure,
    brief,
    failure,
    figures,
    names_of,
    printable,
    proof,
    rows,
    title_of,
)

LOSSLESS = 2**19  # pixels; larger pictures are shown as JPEG, which no eye tells apart
THUMBNAIL = 240  # pixels a side
SHARES = ("Fit", "1:1", "2:1", "4:1")


def text(value: str) -> str:
    """Text as HTML: markup escaped, what does not print spelled out."""
    return escape(printable(value))


def document(title: str, body: Iterable[str | bytes]) -> Iterable[bytes]:
    """A whole page, which loads nothing and runs no script but ours."""
    room = files("restore.reports")
    style = (room / "page.css").read_text("utf-8")
    script = (room / "page.js").read_text("utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{text(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n"
    ).encode()
    for part in body:
        yield part if isinstance(part, bytes) else part.encode()
    yield f"<script>{script}</script>\n</body>\n</html>\n".encode()


def article(record: Mapping[str, Any], exhibit: Exhibit | None, level: int = 1) -> str:
    """Everything about one picture, under a heading of the level."""
    parts = [f"<article>\n<h{level}>{text(title_of(record))}</h{level}>\n"]
    if record["output"]:
        parts.append(f'<p class="path">{text(record["task"])} to {text(record["output"])}</p>\n')
    if record["status"] != "ok":
        kind = text(record["status"])
        parts.append(f'<p class="notice {kind}"><b>{kind}</b> {text(failure(record))}</p>\n')
    if exhibit:
        names = names_of(record)
        parts.append(viewer(exhibit.whole, names, _caption(exhibit)))
    if record["status"] == "ok":
        parts.append(tiles(figures(record, exhibit.psnr_before_db if exhibit else None)))
    if sentence := proof(record):
        parts.append(f'<p class="proof"><b>Proof</b> {text(sentence)}</p>\n')
    if record["status"] == "ok" and record["warnings"]:
        lines = "".join(f"<li>{text(line)}</li>" for line in record["warnings"])
        parts.append(f'<div class="notice warned"><b>Warnings</b><ul>{lines}</ul></div>\n')
    if exhibit and exhibit.reduced:
        left, top, right, bottom = exhibit.box
        where = f"pixels {left} to {right} across, {top} to {bottom} down, one for one"
        parts.append(f"<h{level + 1}>What changed most</h{level + 1}>\n")
        parts.append(viewer(exhibit.detail, names_of(record), f"The detail: {where}."))
    parts.append(f"{table(record)}</article>\n")
    return "".join(parts)


def viewer(pictures: Mapping[str, Image.Image], names: Mapping[str, str], caption: str) -> str:
    """Pictures of one size over one another, a divider between two of them, and zoom."""
    width, height = pictures["after"].size
    lefts = [name for name in ("before", "reference") if name in pictures]
    images = "".join(
        f'<img data-name="{name}" data-title="{text(names[name])}" alt="{text(names[name])}" '
        f'src="{data_uri(pictures[name])}" draggable="false">\n'
        for name in (*lefts[::-1], "after")
    )
    bar, divider = "", ""
    if lefts:
        after = names["after"].lower()
        bar += buttons("Compare", "left", [(n, f"{names[n]} | {after}") for n in lefts])
        first = text(names[lefts[0]])
        label = f"Divider: {first} to its left, {text(after)} to its right"
        divider = (
            f'<span class="tag left" aria-hidden="true">{first}</span>'
            f'<span class="tag right" aria-hidden="true">{text(names["after"])}</span>\n'
            f'<div class="divider" role="slider" tabindex="0" aria-label="{label}" '
            'aria-valuemin="0" aria-valuemax="100" aria-valuenow="50" '
            'aria-valuetext="50 %"></div>\n'
        )
    zooms = [(share.split(":")[0] if ":" in share else "0", share) for share in SHARES]
    bar += buttons("Zoom", "zoom", zooms)
    if lefts:
        bar += '<button type="button" data-difference aria-pressed="false">Difference ×8</button>'
    return (
        f'<figure class="viewer" data-width="{width}" data-height="{height}" '
        f'style="--width: {width}; --height: {height}">\n<div class="bar">{bar}</div>\n'
        '<div class="view" tabindex="0" role="group" '
        'aria-label="Picture: plus and minus zoom, arrow keys move">\n'
        f'<div class="stage">\n{images}</div>\n{divider}</div>\n'
        f"<figcaption>{text(caption)}</figcaption>\n</figure>\n"
    )


def buttons(label: str, name: str, choices: Iterable[tuple[str, str]]) -> str:
    """A row of buttons one of which is pressed, the first."""
    row = "".join(
        f'<button type="button" data-{name}="{text(value)}" '
        f'aria-pressed="{"true" if number == 0 else "false"}">{text(title)}</button>'
        for number, (value, title) in enumerate(choices)
    )
    return f'<span class="choice" role="group" aria-label="{text(label)}">{row}</span>'


def tiles(found: Iterable[Figure]) -> str:
    """Figures, large."""
    cells = "".join(
        f"<div><dt>{text(one.title)}</dt><dd>{text(one.value)}"
        + (f"<small>{text(one.note)}</small>" if one.note else "")
        + "</dd></div>"
        for one in found
    )
    return f'<dl class="figures">{cells}</dl>\n'


def table(record: Mapping[str, Any]) -> str:
    """The whole record, to be unfolded."""
    lines = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>\n'
        for name, value in rows(record)
    )
    return f"<details><summary>The whole record</summary>\n<table>\n{lines}</table>\n</details>\n"


def card(number: int, record: Mapping[str, Any], exhibit: Exhibit | None, inside: str) -> str:
    """A picture among many: its thumbnail, how it ended, and inside all about it."""
    status, title = text(record["status"]), text(title_of(record))
    picture = '<span class="blank" aria-hidden="true"></span>'
    if exhibit:
        picture = f'<img alt="" src="{thumbnail(exhibit)}" loading="lazy">'
    line = text(brief(record))
    return (
        f'<li data-status="{status}" id="picture-{number}">'
        f'<button type="button" class="open">{picture}<span class="name">{title}</span>'
        f'<span class="line"><b class="{status}">{status}</b> {line}</span></button>\n'
        f"<template>{inside}</template></li>\n"
    )


def thumbnail(exhibit: Exhibit) -> str:
    """The result, small."""
    image = exhibit.whole["after"]
    size = fitted(image.size, THUMBNAIL)
    return data_uri(image.resize(size, Image.Resampling.LANCZOS), small=True)


def data_uri(image: Image.Image, small: bool = False) -> str:
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


def _caption(exhibit: Exhibit) -> str:
    width, height = exhibit.size
    if not exhibit.reduced:
        return f"All {width}×{height} pixels."
    shown = exhibit.whole["after"].size
    return f"{width}×{height} pixels, shown in {shown[0]}×{shown[1]}; below, a detail one for one."
