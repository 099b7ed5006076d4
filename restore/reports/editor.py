"""Editor: one HTML file that needs nothing else, in which a mask is painted by hand.

The mask is painted at the picture's own size, however large the picture is and however it is
shown, and saved as a PNG of 0 and 255, white being what is to be restored.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

import numpy as np

from restore.errors import ImageError
from restore.images import Picture
from restore.reports.page import build_document, encode_data_uri, escape, render_buttons
from restore.reports.preview import draw_box, fit

LONGEST = 4096  # pixels a side of the picture that is shown; its mask has all
TOOLS = (("brush", "Brush"), ("eraser", "Eraser"), ("move", "Move"))
HELP = (
    ("Brush, eraser, move", "B E M"),
    ("size", "[ ]"),
    ("zoom", "+ − 0 1, the wheel, or two fingers, which move too"),
    ("undo, redo", "Ctrl Z, Ctrl Y"),
    ("show or hide the marks", "H"),
    ("save", "S"),
    ("erase while painting", "the right button"),
    ("without a mouse", "arrow keys move the brush, with Shift by one pixel; hold Space to paint"),
)


def render_editor(
    picture: Picture, mask: np.ndarray | None = None, *, name: str = "picture.png"
) -> str:
    """The page in which a mask for a picture is painted, as HTML.

    picture: of any size, depth and orientation; it is shown upright.
    mask: (H, W) bool of the upright picture, True where to restore, to start from, as one that was
        found; None starts with nothing marked.
    name: of the picture's file, by which the mask is called: "photo.jpg" gives "photo_mask.png".

    Raises ImageError where the mask has another size than the picture.
    """
    picture = picture.upright()
    width, height = picture.size
    if mask is not None and mask.shape != (height, width):
        raise ImageError(
            f"the mask has {mask.shape[1]}×{mask.shape[0]} pixels, the picture {width}×{height}"
        )
    file = os.path.basename(name)
    parts = build_document(
        f"Mask for {file}: bcm-restore",
        _render_body(picture, mask, file),
        script="editor.js",
        styles=("page.css", "editor.css"),
    )
    return b"".join(parts).decode()


def encode_runs(mask: np.ndarray) -> str:
    """A mask as lengths of runs along its rows, unmarked and marked in turn, in base 36."""
    flat = np.concatenate([[False], np.asarray(mask, bool).ravel()])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(np.concatenate([[0], ends, [flat.size - 1]]))
    return " ".join(np.base_repr(length, 36).lower() for length in lengths.tolist())


def _render_body(picture: Picture, mask: np.ndarray | None, file: str) -> Iterator[str]:
    width, height = picture.size
    saved = f"{os.path.splitext(file)[0]}_mask.png"
    largest = max(2, min(1000, max(width, height) // 3))
    runs = "" if mask is None else encode_runs(mask)
    yield (
        f'<div class="editor" data-width="{width}" data-height="{height}" data-runs="{runs}" '
        f'data-file="{escape(saved)}" data-largest="{largest}" '
        f'data-start="{max(1, round(min(width, height) / 30))}">\n'
    )
    yield f'<div class="bar">{render_buttons("Tool", "tool", TOOLS)}'
    yield (
        '<label>Size <input type="range" data-size min="0" max="100" aria-label="Size of the '
        'brush"><output></output></label>'
    )
    yield _render_row("Zoom", (("farther", "−"), ("nearer", "+"), ("fit", "Fit"), ("exact", "1:1")))
    yield _render_row("History", (("undo", "Undo"), ("redo", "Redo")))
    marks = [("clear", "Clear"), *([("found", "As found")] if runs else [])]
    yield _render_row("Marks", marks)
    yield '<button type="button" data-do="hide" aria-pressed="false">Hide</button>'
    yield '<button type="button" class="save" data-do="save">Save mask</button></div>\n'
    yield (
        '<canvas class="canvas" tabindex="0" role="application" aria-label="Picture: arrow keys '
        'move the brush, Space paints"></canvas>\n'
    )
    image = draw_box(picture, fit(picture.size, LONGEST))
    yield f'<img alt="" src="{encode_data_uri(image)}">\n'
    command = f"bcm-restore inpaint {shlex.quote(file)} --mask {shlex.quote(saved)}"
    then = f'<span class="next">Then: <code>{escape(command)}</code></span>'
    yield f'<footer><span role="status"></span>{then}'
    rows = "; ".join(f"{escape(what)}: <kbd>{escape(how)}</kbd>" for what, how in HELP)
    yield f"<details><summary>Keys and fingers</summary><p>{rows}.</p></details></footer>\n</div>\n"


def _render_row(label: str, choices: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> str:
    """A row of buttons each of which does something."""
    row = "".join(
        f'<button type="button" data-do="{deed}">{escape(title)}</button>'
        for deed, title in choices
    )
    return f'<span class="choice" role="group" aria-label="{escape(label)}">{row}</span>'
