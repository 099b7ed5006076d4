"""Defects of scans, drawn over clean photographs, with the mask of what was drawn.

`damage` draws what is measured with: scratches, dust, hairs and creases, light and dark, 1 to 8
pixels wide. `age` draws what the finder of defects learns from, wider in everything: faded and
broken strokes, coloured ones, bundles, edges of the other sign; then what a scan goes through after
them: softness, tone, grain, JPEG. Both are deterministic in their generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FINE = 4  # of a pixel: coverage is drawn so much larger
VISIBLE, HARDLY = 9.0, 3.0  # levels: a change that is to be found, and one that is not


class Sheet:
    """A picture that defects are painted on: pixels (H, W, 3) float32 in levels of 8 bits."""

    def __init__(self, pixels: np.ndarray, rng: np.random.Generator) -> None:
        self.pixels, self.rng = pixels.astype(np.float32), rng
        self.height, self.width = pixels.shape[:2]
        self.diagonal = float(np.hypot(self.height, self.width))
        self.drawn = np.zeros(pixels.shape[:2], bool)

    def point(self, margin: float = 0) -> np.ndarray:
        """(x, y) anywhere in the picture, but for a margin in pixels."""
        low, high = margin, np.array([self.width - margin, self.height - margin])
        return self.rng.uniform(low, np.maximum(high, margin + 1))

    def line(self, angle: float, length: float, wobble: float) -> np.ndarray:
        """(40, 2): a straight line through any point, that wobbles by so many pixels a step."""
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        steps = np.cumsum(self.rng.normal(0, wobble, 40))
        t = np.linspace(-0.5, 0.5, 40)
        return self.point() + np.outer(t * length, along) + np.outer(steps, across)

    def curl(self, size: float) -> np.ndarray:
        """(40, 2): a Bézier curve about so many pixels across."""
        a, b, c, d = self.point() + self.rng.normal(0, size, (4, 2))
        t = np.linspace(0, 1, 40)[:, None]
        return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d

    def speck(self, radius: float) -> np.ndarray:
        """(12, 2): the outline of something about so many pixels in radius."""
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        radii = radius * (1 + 0.35 * self.rng.standard_normal(12)).clip(0.3, 1.8)
        return self.point(4) + radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def cover(
        self, points: np.ndarray, width: float | None
    ) -> tuple[tuple[slice, slice], np.ndarray]:
        """Where a stroke lies (None: a filled outline), and how much of each pixel it covers."""
        margin = 2 + (width or 0)
        left, top = np.floor(points.min(axis=0) - margin).clip(0).astype(int)
        right, bottom = np.ceil(points.max(axis=0) + margin).astype(int)
        right, bottom = min(right, self.width), min(bottom, self.height)
        if right <= left or bottom <= top:
            return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.float32)
        fine = np.zeros(((bottom - top) * FINE, (right - left) * FINE), np.uint8)
        at = np.rint((points - [left, top]) * FINE).astype(np.int32)
        if width is None:
            cv2.fillPoly(fine, [at], 255)
        else:
            cv2.polylines(fine, [at], False, 255, max(1, round(width * FINE)))
        size = right - left, bottom - top
        share = cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return (slice(top, bottom), slice(left, right)), share

    def paint(
        self, at: tuple[slice, slice], opacity: np.ndarray, colour: np.ndarray, least: float = 0.15
    ) -> None:
        """Mix a colour in; what is opaquer than `least` counts as drawn."""
        part = self.pixels[at]
        part += opacity[..., None] * (colour - part)
        self.drawn[at] |= opacity > least

    def beneath(self, at: tuple[slice, slice], share: np.ndarray) -> float | None:
        """The mean level where a stroke covers most of a pixel."""
        inside = share > 0.5
        return float(self.pixels[at][inside].mean()) if inside.any() else None


def damage(pixels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 with defects, and where they are (H, W) bool."""
    sheet = Sheet(pixels, rng)

    def draw(points: np.ndarray, width: float | None, light: bool, opacity: float) -> None:
        at, share = sheet.cover(points, width)
        under = sheet.beneath(at, share)
        if under is not None:  # what is light on white, or dark on black, is no defect
            light = light if 70 <= under <= 180 else under < 70 or (light and under <= 180)
        level = rng.uniform(215, 255) if light else rng.uniform(0, 40)
        sheet.paint(at, opacity * share, level + rng.normal(0, 4, 3))

    for _ in range(rng.integers(3, 7)):  # scratches, most of them upright as on film
        steep = rng.normal(90, 12) if rng.random() < 0.7 else rng.uniform(0, 180)
        line = sheet.line(np.deg2rad(steep), rng.uniform(0.15, 0.9) * sheet.diagonal, 0.25)
        draw(line, rng.uniform(1, 4), rng.random() < 0.6, rng.uniform(0.55, 1))
    for _ in range(rng.integers(10, 40)):  # dust
        draw(sheet.speck(rng.uniform(0.8, 4)), None, rng.random() < 0.6, rng.uniform(0.6, 1))
    for _ in range(rng.integers(1, 4)):  # hairs
        curl = sheet.curl(0.06 * sheet.diagonal)
        draw(curl, rng.uniform(1, 2), rng.random() < 0.4, rng.uniform(0.6, 1))
    for _ in range(rng.integers(0, 3)):  # creases
        line = sheet.line(rng.uniform(0, np.pi), rng.uniform(0.3, 1) * sheet.diagonal, 0.6)
        draw(line, rng.uniform(4, 8), rng.random() < 0.8, rng.uniform(0.6, 1))
    return np.rint(sheet.pixels.clip(0, 255)).astype(np.uint8), sheet.drawn


@dataclass(frozen=True, eq=False)
class Aged:
    """pixels: (H, W, 3) uint8. lines, specks: (H, W) bool, what is to be found.

    doubtful: (H, W) bool, what is too faint to be called either way.
    """

    pixels: np.ndarray
    lines: np.ndarray
    specks: np.ndarray
    doubtful: np.ndarray


def age(pixels: np.ndarray, rng: np.random.Generator, damaged: bool = True) -> Aged:
    """A picture (H, W, 3) uint8 as an old scan of it may be; without defects if not `damaged`."""
    clean = pixels.astype(np.float32)
    if rng.random() < 0.35:  # grey or toned before anything lies on it
        clean = _tone(clean, rng)
    kinds, sheet = [], Sheet(clean, rng)
    if damaged:
        light = rng.choice([0.1, 0.5, 0.5, 0.9])
        for painters in (_LINES, _SPECKS):
            sheet.drawn = np.zeros(clean.shape[:2], bool)
            before = sheet.pixels.copy()
            for painter, most in painters:
                for _ in range(rng.integers(0, most + 1)):
                    painter(sheet, rng, light)
            kinds.append((np.abs(sheet.pixels - before).max(axis=2), sheet.drawn.copy()))
    else:
        nothing = np.zeros(clean.shape[:2], np.float32), sheet.drawn
        kinds = [nothing, nothing]
    (line_change, line_drawn), (speck_change, speck_drawn) = kinds
    lines, specks = line_drawn & (line_change > VISIBLE), speck_drawn & (speck_change > VISIBLE)
    changed = np.maximum(line_change, speck_change) > HARDLY
    doubtful = (changed | line_drawn | speck_drawn) & ~lines & ~specks
    return Aged(_scan(sheet.pixels, rng), lines, specks, doubtful)


def _tone(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grey, or grey in brown."""
    grey = np.repeat(x.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 0.6:
        return grey
    tint = np.array([rng.uniform(1, 1.15), 1, rng.uniform(0.65, 0.95)], np.float32)
    return (grey * tint).clip(0, 255)


def _scan(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What comes after defects: softness, tone, grain, a file."""
    if rng.random() < 0.5:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.4:
        low, high, gamma = rng.uniform(0, 40), rng.uniform(200, 255), rng.uniform(0.7, 1.4)
        x = low + (high - low) * (x.clip(0, 255) / 255) ** gamma
    if rng.random() < 0.1:
        x = 255 - x
    if rng.random() < 0.5:
        sigma = rng.exponential(4)
        grain = rng.standard_normal((*x.shape[:2], 1 if rng.random() < 0.5 else 3))
        if rng.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), 0.7).reshape(grain.shape) * 1.8
        x = x + sigma * grain.astype(np.float32)
    pixels = np.rint(x.clip(0, 255)).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(40, 97))
        _, stream = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        pixels = np.ascontiguousarray(cv2.imdecode(stream, cv2.IMREAD_COLOR)[..., ::-1])
    return pixels


def _stroke(
    sheet: Sheet, points: np.ndarray, width: float | None, light: float, opacity: float
) -> None:
    """One stroke of any colour, faded and broken here and there."""
    rng = sheet.rng
    at, share = sheet.cover(points, width)
    if not share.size:
        return
    if rng.random() < 0.4:
        fade = rng.uniform(-0.5, 1.6, tuple(max(2, side // 24) for side in share.shape))
        size = share.shape[1], share.shape[0]
        share = share * cv2.resize(fade, size, interpolation=cv2.INTER_LINEAR).clip(0, 1)
    if rng.random() < 0.3:
        share = cv2.GaussianBlur(share, (0, 0), rng.uniform(0.4, 1.0))
    white = rng.random() < light
    under = sheet.beneath(at, share)
    if under is not None and rng.random() < 0.8:
        white = True if under < 50 else False if under > 205 else white
    colour = rng.uniform(190, 255) if white else rng.uniform(0, 70)
    tint = rng.normal(0, 5, 3)
    if rng.random() < 0.12:  # a layer of colour film is gone
        tint = tint + rng.choice([-1, 0, 1], 3) * rng.uniform(30, 120)
    colour = (colour + tint).clip(0, 255).astype(np.float32)
    if width is not None and rng.random() < 0.15:  # an edge of the other sign
        edge = cv2.dilate(share, np.ones((3, 3), np.uint8)) - share
        sheet.paint(at, (0.5 * opacity * edge).astype(np.float32), 255 - colour, least=2)
    sheet.paint(at, (opacity * share).astype(np.float32), colour)


def _scratch(sheet: Sheet, rng: np.random.Generator, light: float) -> None:
    upright = np.pi / 2 if rng.random() < 0.7 else 0
    angle = upright + rng.normal(0, 0.15) if rng.random() < 0.6 else rng.uniform(0, np.pi)
    length = sheet.diagonal * rng.uniform(0.1, 1.6)
    line = sheet.line(angle, length, rng.choice([0.0, 0.1, 0.3, 0.6]))
    width, opacity = np.exp(rng.uniform(np.log(0.6), np.log(5))), rng.uniform(0.3, 1)
    for _ in range(rng.integers(2, 6) if rng.random() < 0.15 else 1):
        _stroke(sheet, line, width, light, opacity)
        line = line + rng.normal(0, 6, 2)


def _hair(sheet: Sheet, rng: np.random.Generator, light: float) -> None:
    size = np.exp(rng.uniform(np.log(8), np.log(80)))
    _stroke(sheet, sheet.curl(size), rng.uniform(0.7, 2.5), light, rng.uniform(0.35, 1))


def _crease(sheet: Sheet, rng: np.random.Generator, light: float) -> None:
    line = sheet.line(rng.uniform(0, np.pi), sheet.diagonal * rng.uniform(0.3, 1.6), 0.7)
    if rng.random() < 0.4:  # the paper bends: light falls differently on its sides
        at, share = sheet.cover(line, 14)
        shade = cv2.GaussianBlur(share, (0, 0), 5) * rng.uniform(0.05, 0.2)
        sheet.paint(at, shade, np.float32(rng.choice([0, 255])), least=2)
    width = rng.uniform(3, 9)
    _stroke(sheet, line, width, max(light, 0.7), rng.uniform(0.5, 1))
    if rng.random() < 0.4:
        _stroke(sheet, line + rng.normal(0, 2, line.shape), width / 3, light, rng.uniform(0.5, 1))


def _speck(sheet: Sheet, rng: np.random.Generator, light: float) -> None:
    radius = np.exp(rng.uniform(np.log(0.7), np.log(6)))
    outline = sheet.speck(radius)
    for _ in range(rng.integers(2, 6) if rng.random() < 0.1 else 1):
        _stroke(sheet, outline, None, light, rng.uniform(0.4, 1))
        outline = outline.mean(axis=0) + 0.7 * (outline - outline.mean(axis=0))
        outline = outline + rng.normal(0, 12, 2)


_LINES = ((_scratch, 3), (_hair, 2), (_crease, 1))
_SPECKS = ((_speck, 10),)
