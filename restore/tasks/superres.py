"""Superres: enlarge by any factor; shrunk again, the result is the given picture.

The observation is y = A x + σ z with A Pillow's antialiased bicubic reduction. A real file is no
exact reduction of anything, and held exactly its noise becomes cross-hatching along edges: σ is
what the file shows of noise, compression and sharpening, and 0 only where it shows none. Of a JPEG
file y are its quantised coefficients, those of the reduced image: the result, shrunk and compressed
again, is the file. What a camera sharpened is y = S A x, with S an unsharp mask, whose halos would
else be enlarged.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from numbers import Real
from typing import ClassVar, cast, final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore import metrics
from restore.defaults import DEFAULT_NFE
from restore.degradations import AnyDegradation, Composed, Degradation, JpegBox, Resize, Sharpen
from restore.degradations.jpeg import Coefficients
from restore.degradations.noise import check_sigma
from restore.diagnosis.diagnosis import examine
from restore.errors import RequestError
from restore.images import MAX_PIXELS, Picture
from restore.images.transfer import send_pixels
from restore.jpegfile import JpegFile
from restore.presets import Preset
from restore.record import JSON, Metrics, Record, name_of, round_decibels
from restore.result import ImageLike
from restore.tasks.jpeg import find_first, prove_compressed, read_compressed
from restore.tasks.task import LEVELS, Problem, Task
from restore.tasks.trust import Trust, compare_neighbours, is_noise

TRUST = 0.5  # of the noise: what the estimates leave of it is less (as in `tasks/deblur.py`)
CLOSING = 0.07  # the least level by which the last estimate is taken to be off
CAMERA = 1.5  # levels for each factor above 2: a file of a camera is no exact reduction
SHRINK = 0.25  # of a JPEG's boxes
ALIKE = 0.3  # the correlation of neighbours, of noise that was reduced
TEXT, FLAT = 0.5, 0.1  # and of text, in which that share of the neighbours is equal
FLOOR = 0.5  # levels: a change that is not to be told from rounding
MOST = 3.0  # times the detail around: a change that is believed


@dataclass(frozen=True, eq=False)
class ReducedProblem(Problem):
    """sigma: the noise of the small picture that is assumed, in levels of 8 bits. file: the JPEG
    file that it is held to, None where it is held to its pixels. first: the stronger JPEG that the
    file's picture was before, which it is held to instead. sharpening: the amount of the unsharp
    mask that it went through, 0 for none.
    """

    sigma: float = 0.0
    sharpening: float = 0.0
    file: JpegFile | None = None
    first: JpegFile | None = None

    @property
    def reduction(self) -> Degradation[Tensor]:
        """What gives the small picture's pixels: A, and the mask that sharpened it."""
        held = self.degradation
        return held if self.file is None else cast(Composed, held).inner


@final
@dataclass(frozen=True)
class Superres(Task):
    """Enlarge, held to the small picture.

    scale: a real factor above 1; or size: (width, height) that the result fits inside, one of the
    two. stretch: fill all of `size`, whatever becomes of the proportions. sigma: how
    far the picture is from an exact reduction, as noise in levels of 8 bits, 0 to 255; 0 is for an
    exact one, and takes a JPEG file for its pixels alone; None measures it.
    """

    name: ClassVar[str] = "superres"
    default_nfe: ClassVar[int] = DEFAULT_NFE["superres"]
    input_title: ClassVar[str] = "Given, by bicubic"
    result_title: ClassVar[str] = "Enlarged"
    check: ClassVar[str] = "shrunk again to {size} pixels, by Pillow's bicubic,"
    scale: float | None = None
    size: tuple[int, int] | None = None
    sigma: float | None = None
    stretch: bool = False

    def __post_init__(self) -> None:
        if self.sigma != 0:
            object.__setattr__(self, "sigma", check_sigma(self.sigma))

    def open(self, image: ImageLike, *, max_pixels: int = MAX_PIXELS) -> ReducedProblem:
        source, file, notes = read_compressed(image, max_pixels)
        file = None if self.sigma == 0 else file
        turned = source.orientation >= 5
        seen = source.size[::-1] if turned else source.size
        size = self.size_out(seen, max_pixels)
        width, height = size = size[::-1] if turned else size
        first = None
        if file is not None:
            first, more = find_first(file)
            notes += more
        factor = math.sqrt(width * height / (source.size[0] * source.size[1]))
        sigma, sharpening = self.sigma, 0.0
        if sigma is None:
            beyond = CAMERA * max(factor - 2, 0) if file is not None else 0.0
            found = examine(source, first or file, history=file is None)
            sigma = max(found.tolerance, beyond)
            if found.detail is not None and (beyond or found.detail.sharpened):
                sharpening = found.detail.amount
        degradation: AnyDegradation = Resize((height, width), source.pixels.shape[:2])
        if sharpening:
            degradation = Composed(Sharpen(source.pixels.shape[:2], sharpening), degradation)
        if file is not None:
            box = JpegBox.from_file(first or file, shrink=SHRINK)
            degradation = Composed(box, degradation)
        return ReducedProblem(
            task=self,
            source=source,
            size=size,
            severity=factor,
            degradation=degradation.with_noise(sigma / LEVELS),
            name=name_of(image),
            warnings=() if file is None else notes,
            notes=() if file is None else file.edge_notes,
            sigma=sigma,
            kind="camera" if sigma else "jpeg" if file is not None else "",
            sharpening=sharpening,
            file=file,
            first=first,
        )

    def operator(self, problem: Problem, preset: Preset, *, published: bool) -> AnyDegradation:
        degradation = problem.degradation
        if published:
            return degradation
        if problem.kind == "jpeg":
            held = cast("Composed[Coefficients]", degradation)
            closing = preset.closing * preset.levels[-1]
            box = cast(JpegBox, held.outer).widened(preset.width, closing)
            return Composed(box, held.inner)
        if degradation.sigma == 0:
            return degradation
        closing = max(preset.levels[-1], CLOSING)
        return degradation.with_noise(TRUST * degradation.sigma, closing)

    def observe(self, problem: Problem, device: torch.device) -> object:
        problem = cast(ReducedProblem, problem)
        file = problem.first or problem.file
        return (
            send_pixels(problem.source, device) if file is None else JpegBox.observe(file, device)
        )

    def start(self, problem: Problem, y: object, *, published: bool, seed: int) -> Tensor:
        width, height = problem.size
        small = y if isinstance(y, Tensor) else problem.source.tensor()
        if sharpening := cast(ReducedProblem, problem).sharpening:
            small = Sharpen((small.shape[-2], small.shape[-1]), sharpening).pinv(small)
        # Sharper than Pillow's bicubic, and 0.1 dB nearer to the truth once projected.
        x = F.interpolate(small, (height, width), mode="bicubic", align_corners=False)
        exact = problem.degradation.sigma == 0 and isinstance(y, Tensor)
        return problem.degradation.project(x, y, out=x) if exact else x

    def trust(self, problem: Problem) -> Trust | None:
        """Nothing of the change of noise and small text, whose detail the reduction mixed."""
        exact = problem.degradation.sigma == 0 and cast(ReducedProblem, problem).file is None
        if not exact:
            return None
        pixels = problem.source.pixels
        equal, _ = compare_neighbours(pixels, np.ones(pixels.shape[:2], bool))
        share = 0.0 if is_noise(pixels, TEXT if equal > FLAT else ALIKE) else 1.0
        return Trust(FLOOR, MOST, luma=share, colour=share)

    def prove(self, problem: Problem, result: Picture) -> Metrics:
        problem = cast(ReducedProblem, problem)
        source = problem.source
        again = replace(source, alpha=None).with_tensor(problem.reduction(result.tensor()))
        large = self.show_given(problem)
        found: Metrics = {
            "psnr_input_db": round_decibels(metrics.psnr(result.pixels, large.pixels))
        }
        if problem.file is not None:
            found.update(prove_compressed(again, source, problem.file, problem.first))
        else:
            psnr = round_decibels(metrics.psnr(again.pixels, source.pixels))
            found.update({"consistency_psnr_db": psnr, "consistency_exact": psnr is None})
        if problem.sigma:
            error = metrics.mean_squared_error(again.pixels, source.pixels) ** 0.5
            found["sigma"] = round(problem.sigma, 3)
            found["residual_sigma"] = round(error * 255 / metrics.data_range(source.pixels), 3)
        if problem.sharpening:
            found["sharpening"] = problem.sharpening
        return found

    def show_given(self, problem: Problem) -> Picture:
        return enlarge_bicubic(problem.source, problem.size)

    @classmethod
    def describe(cls, record: Record) -> str:
        (width, height), (w, h) = record.size_out or (1, 1), record.size_in or (1, 1)
        factor = math.sqrt(width * height / (w * h))
        sigma = record.metrics.get("sigma", 0.0)
        held = f", taken to be off by {sigma:.1f} levels" if sigma else ""
        if sharpening := record.metrics.get("sharpening", 0.0):
            held += f" and sharpened by {100 * sharpening:.0f} %"
        fine = "drawn" if record.mode == "perceptual" else "not made up"
        return f"enlarged {factor:.3g} times{held}: texture finer than its pixels is {fine}"

    def check_options(self) -> None:
        if (self.scale is None) == (self.size is None):
            raise RequestError("give either a scale or a size to enlarge to")
        if self.scale is not None:
            check_scale(self.scale)

    def size_out(self, size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
        self.check_options()
        target = self.size
        if self.scale is not None:
            factor = min(float(self.scale), max_pixels + 1)  # more is over the limit anyway
            target = (round(size[0] * factor), round(size[1] * factor))
        try:
            width, height = map(operator.index, target or ())
        except (TypeError, ValueError) as error:
            raise RequestError(f"size is {target!r}, expected (width, height) in pixels") from error
        if self.size is not None and not self.stretch:
            factor = min(width / size[0], height / size[1])
            width, height = (max(1, round(side * factor)) for side in size)
        if width < size[0] or height < size[1] or (width, height) == size:
            raise RequestError(
                f"{width}×{height} is not larger than the given {size[0]}×{size[1]} pixels"
            )
        if width * height > max_pixels:
            raise RequestError(
                f"{width}×{height} pixels are over the limit of {format_pixels(max_pixels)}: "
                "ask for less, or raise --max-pixels"
            )
        return width, height

    def settings(self) -> dict[str, JSON]:
        size = None if self.size is None else "{}x{}".format(*self.size)
        stretch = {"stretch": True} if self.stretch else {}
        return {"scale": self.scale, "size": size, "sigma": self.sigma, **stretch}

    def degrade(self, clean: Picture, seed: int = 0) -> Picture:
        """The picture shrunk by `scale` with Pillow's antialiased bicubic."""
        if self.scale is None:
            raise RequestError("a picture is reduced by a scale, a factor above 1")
        scale = check_scale(self.scale)
        width, height = (max(1, round(side / scale)) for side in clean.size)
        reduce = Resize(clean.pixels.shape[:2], (height, width))
        return clean.with_tensor(reduce(clean.tensor()))


def format_pixels(count: int) -> str:
    """A number of pixels in words: "64 megapixels", "20,000 pixels"."""
    return f"{count / 1e6:g} megapixels" if count >= 10**6 else f"{count:,} pixels"


def check_scale(scale: float) -> float:
    """A factor above 1, as it is given; RequestError for any other."""
    if not isinstance(scale, Real) or not math.isfinite(scale) or scale <= 1:
        raise RequestError(f"scale is {scale!r}, expected a factor above 1")
    return float(scale)


def enlarge_bicubic(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture's pixels enlarged to (width, height) as Pillow's bicubic does; no alpha."""
    width, height = size
    x = F.interpolate(picture.tensor(), (height, width), mode="bicubic", antialias=True)
    return replace(picture, alpha=None).with_tensor(x)
