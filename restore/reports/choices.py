"""Choices: one part of a picture at several strengths and modes, labelled, to choose from."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from restore.bcm import BCM
from restore.images import Picture
from restore.reports.contact_sheet import GAP, INK, MARGIN, PAPER, SOFT, fit_line, over_checks
from restore.settings import Settings
from restore.solvers import PEERS
from restore.tasks import Problem
from restore.tasks.preview import choose_box, crop, upright_size

STRENGTHS = (0.5, 1.0)
BLEND = 0.5
COLUMNS = 3
LEAST = 256  # pixels that a cell has across, by whole factors
Alternative = tuple[str, str, Picture]
"""The options that make it, what they mean, and the part of the picture."""


def make_choices(problem: Problem, model: BCM, settings: Settings) -> list[Alternative]:
    """A part of what was given, and of its result at each strength and mode.

    The part is that of `settings.preview`, in the middle where there is none. Methods that know no
    modes are run at each strength. Errors as of `solve_preview`.
    """
    box = settings.preview or choose_box(upright_size(problem))
    given = crop(problem.task.show_given(problem).upright(), box)
    found: list[Alternative] = [("given", "", given)]
    for options, words, changes in _list_ways(settings):
        own = replace(settings, preview=box, progress=None, **changes)  # type: ignore[arg-type]
        result = problem.task.solve(problem, model, own)
        psnr, before = (result.record.metrics.get(name) for name in ("psnr_db", "psnr_given_db"))
        if isinstance(before, float):
            found[0] = ("given", f"PSNR {before:.2f} dB", given)
        words = words if psnr is None else f"{words}, PSNR {psnr:.2f} dB"
        found.append((options, words, result.picture))
    return found


def _list_ways(settings: Settings) -> list[tuple[str, str, dict[str, object]]]:
    """The options of each cell, what they mean, and the settings that they change."""
    half, full = STRENGTHS
    if settings.method in PEERS:
        return [
            (f"--strength {strength:g}", f"{settings.method}", {"strength": strength})
            for strength in STRENGTHS
        ]
    plain: dict[str, object] = {"mode": "fidelity", "blend": None, "strength": full}
    mild = f"--strength {half:g}"
    drawn = "--mode perceptual"
    return [
        (mild, "nearest on average, by half", {**plain, "strength": half}),
        ("--mode fidelity", "nearest on average", plain),
        (f"{drawn} {mild}", "sharp, by half", {**plain, "mode": "perceptual", "strength": half}),
        (f"--blend {BLEND:g}", "between the modes", {**plain, "blend": BLEND}),
        (drawn, "sharp", {**plain, "mode": "perceptual"}),
    ]


def draw_choices(title: str, choices: list[Alternative]) -> bytes:
    """The sheet as a PNG file."""
    width, height = choices[0][2].size
    zoom = max(1, -(-LEAST // width))
    cell, band = (width * zoom, height * zoom), 44
    rows = -(-len(choices) // COLUMNS)
    head = fit_line(title, 18, COLUMNS * (cell[0] + GAP) - GAP)
    sheet = Image.new(
        "RGB",
        (
            2 * MARGIN + COLUMNS * (cell[0] + GAP) - GAP,
            2 * MARGIN + head.height + rows * (cell[1] + band + GAP),
        ),
        PAPER,
    )
    sheet.paste(head, (MARGIN, MARGIN))
    draw = ImageDraw.Draw(sheet)
    for n, (options, words, picture) in enumerate(choices):
        row, column = divmod(n, COLUMNS)
        x = MARGIN + column * (cell[0] + GAP)
        y = MARGIN + head.height + GAP + row * (cell[1] + band + GAP)
        draw.text((x, y), options, INK, ImageFont.load_default(15))
        draw.text((x, y + 20), words, SOFT, ImageFont.load_default(13))
        shown = picture.pillow().resize(cell, Image.Resampling.NEAREST)
        sheet.paste(over_checks(shown), (x, y + band))
    stream = BytesIO()
    sheet.save(stream, "PNG", compress_level=6)
    return stream.getvalue()
