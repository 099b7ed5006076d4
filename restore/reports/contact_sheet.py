"""Contact sheet: results side by side in one picture, and what changed most of each.

One row a result: the pictures as a whole, the region that changed most framed, and below it that
region enlarged, pixel for pixel. Labels bear the figures.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from restore.files import write_atomically
from restore.record import Record, spell_out
from restore.reports.describe import (
    MADE,
    describe_check,
    describe_failure,
    name_pictures,
    name_record,
)
from restore.reports.preview import Preview, find_most_changed

ROWS = 12  # of a sheet; further results are counted
PANEL = 440  # pixels that each picture has, across and down
REGION = 110, 73  # pixels of the result that are shown enlarged
MARGIN, GAP = 28, 16
PAPER, INK, SOFT, FRAME = "#ffffff", "#1d1f21", "#62676d", "#d1342b"
CHECKS = "#ffffff", "#dcdcdc"


class ContactSheet:
    """A sheet that grows row by row."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._rows: list[Image.Image] = []
        self._more = 0

    def add(self, record: Record, preview: Preview | None = None) -> None:
        """One more row, while there is room."""
        if len(self._rows) < ROWS:
            self._rows.append(_row(record, preview))
        else:
            self._more += 1

    def image(self) -> Image.Image:
        """The sheet so far."""
        rows = list(self._rows)
        if self._more:
            rows.append(fit_line(f"and {self._more} more", 16))
        width = max((row.width for row in rows), default=PANEL) + 2 * MARGIN
        height = sum(row.height + GAP for row in rows) + 2 * MARGIN - GAP
        sheet = Image.new("RGB", (width, max(height, 2 * MARGIN)), PAPER)
        top = MARGIN
        for row in rows:
            sheet.paste(row, (MARGIN, top))
            top += row.height + GAP
        return sheet

    def close(self) -> None:
        """Write the sheet as PNG; ResourceError where it cannot be written."""
        stream = BytesIO()
        self.image().save(stream, "PNG", compress_level=6)
        write_atomically(self.path, stream.getvalue())


def _row(record: Record, preview: Preview | None) -> Image.Image:
    columns = len(preview.whole) if preview else 1
    width = max(columns, 2) * (PANEL + GAP) - GAP
    parts = [fit_line(name_record(record), 20, width)]
    if record.status not in MADE:
        parts.append(fit_line(f"{record.status}: {describe_failure(record)}", 16, width, SOFT))
    elif sentence := describe_check(record):
        parts += [fit_line(line, 14, width, SOFT) for line in _wrapped(sentence, 14, width)]
    if preview:
        parts += [_space(GAP // 2), _panels(record, preview)]
    row = Image.new("RGB", (width, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        row.paste(part, (0, top))
        top += part.height
    return row


def _panels(record: Record, preview: Preview) -> Image.Image:
    """The pictures from left to right, each with its label above and its detail below."""
    detail = preview.detail
    after = detail["after"]
    region = min(REGION[0], after.width), min(REGION[1], after.height)
    box = find_most_changed(detail.get("before", after), after, region)
    share = PANEL / max(preview.size)
    share = int(share) if share > 1 else share
    size = max(1, round(preview.size[0] * share)), max(1, round(preview.size[1] * share))
    zoom = min(PANEL // region[0], PANEL // region[1])
    below = region[0] * zoom, region[1] * zoom
    band, caption = 46, 24
    labels = _labels(record, preview)
    order = [name for name in ("before", "after", "reference") if name in preview.whole]
    height = band + size[1] + GAP // 2 + below[1] + caption
    sheet = Image.new("RGB", (len(order) * (PANEL + GAP) - GAP, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    left, top = preview.box[:2]
    frame = [
        (start + edge) * share for start, edge in zip((left, top, left, top), box, strict=True)
    ]
    for number, name in enumerate(order):
        x = number * (PANEL + GAP)
        title, figures = labels[name]
        draw.text((x, 2), title, INK, ImageFont.load_default(17))
        draw.text((x, 24), figures, SOFT, ImageFont.load_default(14))
        whole = preview.whole[name]
        way = Image.Resampling.NEAREST if share >= 1 else Image.Resampling.LANCZOS
        sheet.paste(over_checks(whole.resize(size, way)), (x, band))
        right, bottom = max(frame[2] - 1, frame[0]), max(frame[3] - 1, frame[1])
        corners = x + frame[0], band + frame[1], x + right, band + bottom
        draw.rectangle(corners, None, FRAME, 2)
        near = detail[name].crop(box).resize(below, Image.Resampling.NEAREST)
        sheet.paste(over_checks(near), (x, band + size[1] + GAP // 2))
        text = f"framed region, {zoom}:1"
        draw.text((x, height - caption + 4), text, SOFT, ImageFont.load_default(13))
    return sheet


def _labels(record: Record, preview: Preview) -> dict[str, tuple[str, str]]:
    """The title of each picture and the figures that go with it."""
    measured, names = record.metrics, name_pictures(record)
    before, after = [], []
    if preview.given:
        before.append(f"{preview.given[0]}×{preview.given[1]} pixels")
    if preview.psnr_before_db is not None:
        before.append(f"PSNR {preview.psnr_before_db:.2f} dB")
    if record.nfe is not None:
        after.append(f"NFE {record.nfe}")
    if measured.get("psnr_db") is not None:
        after.append(f"PSNR {measured['psnr_db']:.2f} dB")
    if measured.get("ssim") is not None:
        after.append(f"SSIM {measured['ssim']:.4f}")
    if measured.get("round_trip_psnr_db") is not None:
        after.append(f"comes back at {measured['round_trip_psnr_db']:.2f} dB")
    figures = {"before": before, "after": after, "reference": []}
    return {name: (names[name], _lettered(", ".join(parts))) for name, parts in figures.items()}


def _lettered(text: str) -> str:
    """Text in characters that Pillow's own font has."""
    return spell_out(text).replace("×", "x")


def over_checks(image: Image.Image) -> Image.Image:
    """The image in RGB, on a chequered ground where it is transparent."""
    if image.mode not in ("LA", "RGBA"):
        return image.convert("RGB")
    ground = Image.new("RGB", (16, 16), CHECKS[0])
    ground.paste(CHECKS[1], (0, 0, 8, 8))
    ground.paste(CHECKS[1], (8, 8, 16, 16))
    under = Image.new("RGB", image.size)
    for top in range(0, image.height, 16):
        for left in range(0, image.width, 16):
            under.paste(ground, (left, top))
    under.paste(image.convert("RGB"), (0, 0), image.getchannel("A"))
    return under


def fit_line(text: str, size: int, width: int = 10**6, ink: str = INK) -> Image.Image:
    """A line of text, shortened in its middle where it is too long."""
    font = ImageFont.load_default(size)
    text = shown = _lettered(text)
    while font.getlength(shown) > width:
        text = text[: len(text) // 2 - 1] + text[len(text) // 2 + 1 :]
        shown = f"{text[: len(text) // 2]}…{text[len(text) // 2 :]}"
    line = Image.new("RGB", (max(1, int(font.getlength(shown)) + 1), round(size * 1.5)), PAPER)
    ImageDraw.Draw(line).text((0, size // 6), shown, ink, font)
    return line


def _space(height: int) -> Image.Image:
    return Image.new("RGB", (1, height), PAPER)


def _wrapped(text: str, size: int, width: int) -> list[str]:
    """Text in lines no wider than `width`."""
    font = ImageFont.load_default(size)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
