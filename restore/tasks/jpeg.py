"""Jpeg: remove compression artefacts; compressed again, the result is the given file.

The observation is the file's own quantised coefficients, y = round(DCT(x) / q), and the images
that have them are a box (`degradations/jpeg.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast, final

import numpy as np
import torch
from torch import Tensor

from restore import metrics
from restore.defaults import DEFAULT_NFE
from restore.degradations import AnyDegradation, Both, Composed, Crop, Free, JpegBox
from restore.diagnosis import Compression, find_earlier_compression, find_lost
from restore.diagnosis.blocks import to_levels
from restore.errors import RequestError
from restore.images import (
    MAX_PIXELS,
    Picture,
    as_picture,
    decode,
    encode,
    file_bytes,
    is_in_memory,
    sniff,
)
from restore.images.comparison import match_kinds
from restore.images.transfer import send_pixels
from restore.jpegfile import JpegFile, UnheldError, coefficients_kept, read_jpeg, write_jpeg
from restore.jpegfile.quality import chroma_table, earlier_file, estimate_quality, luma_table
from restore.presets import Preset
from restore.record import JSON, Metrics, Record, name_of, round_decibels
from restore.result import ImageLike
from restore.tasks.task import Problem, Task, read_once
from restore.tasks.trust import Trust, count_colours, is_mosaic, is_noise

SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
QUALITY = 10  # of a degraded input
UNKNOWN_QUALITY = 30.0  # of a picture that is too small to tell
SMALLEST = 64  # pixels a side that show whether there was a JPEG
NEVER = (
    "No JPEG compression shows in the pixels, so the picture is left as it is; --assume-quality Q "
    "restores it anyway."
)
ASSUMED = "It is taken to have been a JPEG of quality {}."
EXPECT = (  # of the result, up to a quality
    (35, "its blocks go, texture that it lost does not come back"),
    (80, "its blocks and the ringing at edges go, which is small to see"),
    (100, "hardly a difference to be seen"),
)
SHRINK = 0.5  # of the boxes, where a preset says nothing
FLOOR = 0.5  # levels: a change that is not to be told from rounding
UNHELD = 0.5  # the share of a change of colour that is taken where no file holds it
FEW = 16  # colours of a picture that compression left as it was
FINE, LARGE, SOME = 0.55, 2, 0.1  # see `coded_finely`
WRITTEN: tuple[list[tuple[int, int]], ...]  # samplings of chroma that our encoder knows
WRITTEN = ([], [(1, 1)] * 2, [(1, 2)] * 2, [(2, 2)] * 2)
HELD_FIRST = "The result is held to that first JPEG: compressed as both were, it is the file."
HELD_EARLIER = (
    "The result's luma is held to that first JPEG, on the grid of its own, and its colour to the "
    "file: compressed as both were, it is nearly the file."
)
NOT_HELD = (
    "not the path or the bytes of a JPEG file: no coefficients are known, so the result is not "
    "held to them"
)


@dataclass(frozen=True, eq=False)
class JpegProblem(Problem):
    """file: what the JPEG file holds beside its pixels; None of any other picture. lost: the JPEG
    that such a picture was, as its pixels show. first: the stronger JPEG that the picture was
    before the file, which the result is held to.
    """

    file: JpegFile | None = None
    first: JpegFile | None = None
    lost: Compression | None = None


@final
@dataclass(frozen=True)
class Jpeg(Task):
    """Remove JPEG artefacts, held to the file's own coefficients.

    quality: of `degrade`, 1 to 100 on the IJG's scale; None is 10. sampling: of its chroma. A file
    to restore has both in itself. assume_quality: 1 to 100, of a picture that has no tables: a PNG,
    a WebP or a TIFF that was a JPEG; None finds it out, and leaves alone what shows none. earlier:
    a stronger compression of a file's picture on another grid, as `diagnose` finds it, whose luma
    is held in place of the file's.
    """

    name: ClassVar[str] = "jpeg"
    default_nfe: ClassVar[int] = DEFAULT_NFE["jpeg"]
    input_title: ClassVar[str] = "Given JPEG"
    check: ClassVar[str] = "compressed again, with the tables of the given file,"
    quality: int | None = None
    sampling: str = "4:2:0"
    assume_quality: int | None = None
    earlier: Compression | None = None

    def __post_init__(self) -> None:
        if self.assume_quality is not None:
            _check_quality("assume_quality", self.assume_quality)

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> JpegProblem:
        given, data = read_once(image, max_pixels)
        source, file, notes = read_compressed(given, max_pixels)
        lost = find_lost(to_levels(source)) if file is None else None
        assumed = self.assume_quality
        severity, sound = UNKNOWN_QUALITY, None
        degradation: AnyDegradation = Free()
        first = None
        if file is not None and self.earlier is not None:
            degradation = _hold_earlier(self.earlier, file, source, shrink=SHRINK)
            severity = float(self.earlier.quality)
            notes += (f"{self.earlier.sentence} {HELD_EARLIER}",)
        elif file is not None:
            first, more = find_first(file)
            notes += more
            degradation = JpegBox.from_file(first or file, shrink=SHRINK)
            severity = estimate_quality(first or file)
        elif lost is not None:
            if assumed is not None:
                lost = replace(lost, quality=assumed, sentence=ASSUMED.format(assumed))
            severity, degradation = float(lost.quality), _hold_lost(lost, source)
            notes = (f"{lost.sentence} Its luma is held to that file's coefficients.",)
        elif assumed is not None:
            severity = float(assumed)
            notes = (f"{ASSUMED.format(assumed)} No grid shows, so nothing holds the result.",)
        elif min(source.size) >= SMALLEST:
            notes, sound = (), NEVER
        return JpegProblem(
            task=self,
            source=source,
            size=source.size,
            severity=severity,
            degradation=degradation,
            name=name_of(image),
            warnings=notes,
            notes=() if file is None else file.edge_notes,
            sound=sound,
            data=data if sound else None,
            file=file,
            lost=lost,
            first=first,
        )

    def operator(self, problem: Problem, preset: Preset, *, published: bool) -> AnyDegradation:
        problem = cast(JpegProblem, problem)
        shrink, closing = preset.shrink or SHRINK, preset.closing * preset.levels[-1]
        box = {"shrink": shrink, "width": preset.width, "closing": closing}
        if problem.file is not None and self.earlier is not None:
            return _hold_earlier(self.earlier, problem.file, problem.source, **box)
        if problem.file is not None:
            return JpegBox.from_file(problem.first or problem.file, **box)
        if problem.lost is not None:
            return _hold_lost(problem.lost, problem.source, **box)
        return problem.degradation

    def observe(
        self, problem: Problem, device: torch.device
    ) -> tuple[Tensor | tuple[Tensor, ...], ...] | None:
        problem = cast(JpegProblem, problem)
        if problem.file is not None and isinstance(problem.degradation, Both):
            luma = problem.degradation.second(send_pixels(problem.source, device))
            return (*JpegBox.observe(problem.file, device), luma)
        if problem.lost is not None:
            y: tuple[Tensor, ...] = problem.degradation(send_pixels(problem.source, device))
            return y
        file = problem.first or problem.file
        return None if file is None else JpegBox.observe(file, device)

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Picture:
        return problem.source

    def trust(self, problem: Problem) -> Trust | None:
        """Nothing of the change where the file shows no artefact, no luma where it is noise, and
        little of the colour where that is not held, as of a JPEG that was.
        """
        pixels = problem.source.pixels
        few = count_colours(pixels, FEW + 1) <= FEW  # artefacts would have made more
        if few or is_mosaic(pixels, problem.severity):
            return Trust(FLOOR, luma=0.0, colour=0.0)
        problem = cast(JpegProblem, problem)
        noise = is_noise(pixels) or (problem.file is not None and coded_finely(problem.file))
        colour = UNHELD if problem.file is None else 1.0
        return Trust(FLOOR, luma=0.0 if noise else 1.0, colour=colour)

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        problem = cast(JpegProblem, problem)
        psnr = metrics.psnr(result.pixels, problem.source.pixels)
        if problem.file is not None and self.earlier is not None:  # compressed as both were
            x, before = result.tensor(), _hold_lost(self.earlier, problem.source, shrink=0.0)
            result = result.with_tensor(before.project(x, before(x)))
        held = prove_compressed(result, problem.source, problem.file, problem.first)
        found: Metrics = {"psnr_input_db": round_decibels(psnr), **held}
        guessed = problem.file is None and problem.lost is None and self.assume_quality is None
        if not guessed:
            found["quality"] = round(problem.severity, 1)
        return found

    @classmethod
    def describe(cls, record: Record) -> str:
        quality = record.metrics.get("quality", UNKNOWN_QUALITY)
        expect = next(words for limit, words in EXPECT if quality <= limit)
        return f"JPEG of quality {quality:.0f} mended: {expect}"

    def settings(self) -> dict[str, JSON]:
        return {"assume_quality": self.assume_quality}  # a file has the others in itself

    def degrade(self, clean: Picture, seed: int = 0) -> bytes:
        quality = QUALITY if self.quality is None else self.quality
        _check_quality("quality", quality)
        if self.sampling not in SAMPLINGS:
            raise RequestError(
                f"sampling is {self.sampling!r}, expected one of {', '.join(SAMPLINGS)}"
            )
        opaque = replace(clean, alpha=None)
        return encode(opaque, "JPEG", quality=quality, depth=8, sampling=self.sampling)


def _check_quality(name: str, quality: int) -> None:
    if isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100:
        raise RequestError(f"{name} is {quality!r}, expected a whole number from 1 to 100")


def coded_finely(file: JpegFile) -> bool:
    """Whether nearly all blocks of luma are noise next to their steps: FINE of the coefficients are
    LARGE or more in all blocks but SOME. What such steps took away, nobody can tell.
    """
    share = (np.abs(file.components[0].coefficients) >= LARGE).mean(axis=(2, 3))
    return bool(np.quantile(share, SOME) >= FINE)


def _hold_lost(lost: Compression, source: Picture, **box: float) -> Composed:
    """The luma of the JPEG that a picture was, on the grid where its blocks begin."""
    height, width = source.pixels.shape[:2]
    inside = height - lost.offset[0], width - lost.offset[1]
    held = JpegBox(inside, [luma_table(lost.quality)], [(1, 1)], None, **box)
    return Composed(held, Crop((height, width), lost.offset, inside))


def _hold_earlier(
    earlier: Compression, file: JpegFile, source: Picture, shrink: float, **box: float
) -> Both:
    """A file's colour, and the luma of the JPEG that its picture was before, on another grid."""
    colour = JpegBox.from_file(file, shrink=shrink).of_colour(chroma_table(earlier.quality), shrink)
    return Both(colour, _hold_lost(earlier, source, shrink=shrink, **box))


def read_compressed(
    image: ImageLike, max_pixels: int
) -> tuple[Picture, JpegFile | None, tuple[str, ...]]:
    """The picture, the content of its JPEG file, and warnings.

    A JPEG file comes as stored, not upright; a kind of it whose coefficients are not read, as CMYK,
    comes as any other picture does. Raises ImageError for what cannot be read or has over
    `max_pixels`.
    """
    if is_in_memory(image):
        return as_picture(image, max_pixels=max_pixels), None, (NOT_HELD,)
    data = file_bytes(image, max_pixels=max_pixels)
    if sniff(data) != "JPEG":
        return decode(data, max_pixels=max_pixels), None, (NOT_HELD,)
    picture = decode(data, max_pixels=max_pixels, upright=False, scans=False)
    try:
        file = read_jpeg(data)
    except UnheldError as error:
        return decode(data, max_pixels=max_pixels), None, (f"{error}, so the result is not held",)
    return picture, file, file.notes


def find_first(file: JpegFile) -> tuple[JpegFile | None, tuple[str, ...]]:
    """A stronger JPEG, on the same grid, that the file's picture was before; and what to say of it.

    None where none shows, or where no encoder here could compress a result as both were.
    """
    luma, *chroma = (part.sampling for part in file.components)
    if luma != (1, 1) or chroma not in WRITTEN:
        return None, ()
    found = find_earlier_compression(file)
    if found is None:
        return None, ()
    return earlier_file(file, found.quality), (f"{found.sentence} {HELD_FIRST}",)


def prove_compressed(
    result: Picture, source: Picture, file: JpegFile | None, first: JpegFile | None = None
) -> Metrics:
    """How near a picture, compressed as `file` was, comes to it; `source` is what it shows.

    first: as what it was compressed before that, if it was.
    All are as stored, not upright. Compressed again by an encoder, not by our own formulas, unless
    its samplings are such as the encoder does not write.
    """
    if file is None or not any(part.known.any() for part in file.components):
        return {"consistency_psnr_db": None, "consistency_exact": False}
    picture = result.at_depth(8)
    if first is not None:
        pixels = picture.pixels[..., 0] if picture.grey else picture.pixels
        data = write_jpeg(pixels, first)
        picture = decode(data, max_pixels=pixels.size, upright=False, scans=False)
    luma, *chroma = (part.sampling for part in file.components)
    if luma == (1, 1) and chroma in WRITTEN:
        pixels = picture.pixels[..., 0] if picture.grey else picture.pixels
        data = write_jpeg(pixels, file)
        again = decode(data, max_pixels=pixels.size, upright=False, scans=False)
        kept = coefficients_kept(data, file)
    else:
        box = JpegBox.from_file(file, margin=0)
        y, k = JpegBox.observe(file), box(picture.tensor())
        equal = [
            (a == b)[0].numpy()[part.known]
            for a, b, part in zip(k, y, file.components, strict=True)
        ]
        kept = sum(int(e.sum()) for e in equal) / sum(e.size for e in equal)
        again, source = (picture.with_tensor(box.pinv(some)) for some in (k, y))
    psnr = round_decibels(metrics.psnr(*match_kinds(again, source)))
    found: Metrics = {
        "consistency_psnr_db": psnr,
        "consistency_exact": psnr is None,
        "coefficients_kept": round(kept, 6),
    }
    blocks = [part.known for part in file.components]
    counted = sum(int(known.sum()) for known in blocks) / sum(known.size for known in blocks)
    return found if counted == 1 else {**found, "coefficients_counted": round(counted, 5)}
