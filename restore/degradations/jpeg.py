"""Jpeg: the degradation that keeps the quantised DCT coefficients of 8×8 blocks.

    y = k = round(c / q),  c = DCT(plane - 128),  (Y, Cb, Cr) = M (R, G, B)

in full-range BT.601 (ITU-T T.871), chroma as the mean over the pixels that share a sample. The
images that give y again are the quantisation box, c within q (k ± 1/2). To project is to clamp
every c to q (k ± r) and to add each plane's change back, to all pixels of a sample alike; that is
the least change in Y, Cb, Cr.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.degradations.degradation import RELAXATION, Degradation, destination
from restore.errors import RequestError

if TYPE_CHECKING:
    from restore.jpegfile import JpegFile

Coefficients = tuple[Tensor, ...]

STRIP = 1 << 19  # pixels worked on at once
FEW = 0.5  # of a strip's units: so many are projected again by themselves
R_MIN = 0.02
WIDEST = 500.0  # deviation in levels, of which a step holds next to nothing
FAR = 12.0  # deviations outside a step: from further away its mean is no nearer to the wall
KR, KG, KB = 0.299, 0.587, 0.114
YCC = torch.tensor([[KR, KG, KB], [-KR, -KG, 1 - KB], [1 - KR, -KG, -KB]], dtype=torch.float64)
YCC /= torch.tensor([[1], [2 - 2 * KB], [2 - 2 * KR]])
RGB = torch.linalg.inv(YCC)
DCT = torch.tensor(
    [[math.cos((2 * n + 1) * u * math.pi / 16) / 2 for n in range(8)] for u in range(8)],
    dtype=torch.float64,
)
DCT[0] = 8**-0.5


@final
class JpegBox(Degradation[Coefficients]):
    """Images of size (H, W), with a table of steps and a sampling for each component.

    y is a tuple of (B, rows, columns, 8, 8) int16, B or 1, for Y alone or for Y, Cb and Cr, 0 in
    blocks that are not known. tables: (8, 8) steps of 1 or more, vertical frequency first.
    samplings: (vertical, horizontal) pixels to a sample. known: (rows, columns) bool; when left
    out, the blocks that lie inside the image. The others are free.

    The box has r = max(1/2 - margin / q, 0.02), and `shrink` at most. A margin of 1 to 1.5 grey
    levels outlasts the rounding of the image to 8 bits; a shrink of 0.25 to 0.35 is best for PSNR;
    only the whole box, margin 0, leaves every x that degrades to y alone. With luma alone, the
    differences between an image's channels stay.

    width is by how many times t the coefficients of an estimate are off whose level is t. Then
    `posterior_mean` takes each to the mean, within all of its step, of a normal number about it,
    of that deviation: to the middle of the step from afar, nowhere from a small t. At 0 it
    projects. Before it meets the range, the last estimate is taken so too, for a t of `closing`.

    sigma is the noise that the image had when it was compressed, on [-1, 1], as an earlier
    compression leaves it. Then `posterior_mean` takes a coefficient outside its box t² / (t² + σ²)
    of the way to it: the likeliest by a normal prior about x and by its distance from the box.
    """

    linear = False  # it rounds

    def __init__(
        self,
        size: tuple[int, int],
        tables: Sequence[np.ndarray],
        samplings: Sequence[tuple[int, int]],
        known: Sequence[np.ndarray] | None = None,
        margin: float = 1.5,
        shrink: float = 0.5,
        sigma: float = 0.0,
        width: float = 0.0,
        closing: float = 0.0,
    ) -> None:
        if min(margin, width, closing) < 0 or not 0 <= shrink <= 0.5:
            raise RequestError(
                f"margin {margin:g}, width {width:g}, closing {closing:g} and shrink {shrink:g}: "
                "expected 0 or more, and a shrink of 0 to 0.5"
            )
        if known is None:
            known = [_inside(size, sampling) for sampling in samplings]
        self.size, self.sigma, self.width, self.closing = size, sigma, width, closing
        self._planes = tuple(
            _plane(size, np.asarray(q), sampling, given, margin, shrink)
            for q, sampling, given in zip(tables, samplings, known, strict=True)
        )
        self._unit = 8 * math.lcm(*(side for sampling in samplings for side in sampling))

    @classmethod
    def from_file(cls, file: JpegFile, **options: float) -> JpegBox:
        """The degradation that made a JPEG file; options are margin, shrink, width and closing."""
        w, h = file.size
        return cls(
            (h, w),
            [part.table for part in file.components],
            [part.sampling for part in file.components],
            [part.known for part in file.components],
            **options,
        )

    @staticmethod
    def observe(file: JpegFile, device: torch.device | str = "cpu") -> Coefficients:
        """The y of a JPEG file, with B = 1."""
        return tuple(
            torch.from_numpy(part.coefficients * part.known[..., None, None])[None].to(device)
            for part in file.components
        )

    def __call__(self, x: Tensor) -> Coefficients:
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        y = tuple(
            torch.zeros((len(x), *plane.known.shape, 8, 8), dtype=torch.int16, device=x.device)
            for plane in self._planes
        )
        for rows in self._strips(len(x)):
            samples = _to_ycc(x[:, :, rows])
            for i, plane in enumerate(self._planes):
                if blocks := plane.inside(rows):
                    k = plane.transform(samples[:, i], blocks).div_(plane.q.to(x)).round_()
                    k = plane.of_known(k, blocks).clamp_(-32768, 32767)
                    y[i][:, *blocks] = k.transpose(2, 3).to(torch.int16)
        return y

    def pinv(self, y: Coefficients) -> Tensor:
        """c = q k: what a plain decoder shows, chroma repeated, mid-grey in free blocks."""
        batch, (height, width) = max(len(k) for k in y), self.size
        x = torch.empty((batch, 3, height, width), device=y[0].device)
        for rows in self._strips(batch):
            samples = torch.zeros_like(x[:, :, rows])
            for i, plane in enumerate(self._planes):
                if blocks := plane.inside(rows):
                    c = plane.dequantised(y[i], blocks, like=x)
                    plane.spread(c, samples[:, i], blocks)
            samples[:, 0] += 0.5
            x[:, :, rows] = _to_rgb(samples)
        return x

    def project(self, x: Tensor, y: Coefficients, out: Tensor | None = None) -> Tensor:
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        out = destination(x, out)
        for rows in self._strips(len(x)):
            self._project_(out[:, :, rows], y, rows)
        return out

    def project_into_range(
        self, x: Tensor, y: Coefficients, rounds: int = 5, out: Tensor | None = None
    ) -> Tensor:
        """As for any degradation; after the first round only units of blocks out of the range.

        No change reaches beyond a unit, and in most photographs few leave the range.
        """
        if self.sigma:
            return super().project_into_range(x, y, rounds, out)
        out = destination(x, out)
        if self.closing:
            out = self.posterior_mean(out, y, self.closing, out)
        for rows in self._strips(len(x)) if rounds else ():
            strip = out[:, :, rows]
            beyond = self._project_and_clip_(strip, y, rows).any(0).any(0)
            high, wide = (side // self._unit * self._unit for side in beyond.shape)
            units = beyond[:high, :wide].unflatten(1, (-1, self._unit)).any(2)
            units = units.unflatten(0, (-1, self._unit)).any(1)
            if bool(beyond[high:].any() or beyond[:, wide:].any()) or units.float().mean() > FEW:
                for _ in range(rounds - 1):
                    self._project_and_clip_(strip, y, rows)
            elif bool(units.any()):
                place = units.nonzero(as_tuple=True)
                box, k = self._cut(y, rows.start // self._unit, place)
                blocks = strip[..., :high, :wide].unflatten(3, (-1, self._unit))
                blocks = blocks.unflatten(2, (-1, self._unit))
                some = _in_a_row(blocks[:, :, place[0], :, place[1]])
                for _ in range(rounds - 1):
                    box._project_and_clip_(some, k, slice(0, self._unit))
                done = some.unflatten(3, (-1, self._unit)).permute(3, 0, 1, 2, 4)
                blocks[:, :, place[0], :, place[1]] = done
        return out.clamp_(-1, 1)

    def _project_(self, x: Tensor, y: Coefficients, rows: slice, t: float = 0.0) -> None:
        """A strip x of an image, projected in place, or, for a t above 0, taken to the means."""
        samples = _to_ycc(x)
        changes = torch.zeros_like(samples)
        for i, plane in enumerate(self._planes):
            if blocks := plane.inside(rows):
                e = plane.transform(samples[:, i], blocks)
                e -= plane.dequantised(y[i], blocks, like=e)
                if t:
                    deviation = min(127.5 * self.width * t, WIDEST)
                    held = mean_within(e, plane.q.to(e) / 2, deviation)
                else:
                    slack = plane.slack.to(e)
                    held = e.clamp(-slack, slack)
                change = plane.of_known(held.sub_(e), blocks)
                plane.spread(change, changes[:, i], blocks)
        x += _to_rgb(changes)

    def _project_and_clip_(self, x: Tensor, y: Coefficients, rows: slice) -> Tensor:
        """A round of projections on both sets; where (B, C, h, W) x was out of the range."""
        self._project_(x, y, rows)
        beyond = x - x.clamp(-1, 1)
        x.sub_(beyond, alpha=RELAXATION)
        return beyond != 0

    def _cut(
        self, y: Coefficients, first: int, place: tuple[Tensor, ...]
    ) -> tuple[JpegBox, Coefficients]:
        """Units of blocks side by side, as an image one unit high, and what is known of them.

        place: their rows from the `first` on, and their columns.
        """
        down, right = place
        planes, coefficients = [], []
        for plane, k in zip(self._planes, y, strict=True):
            high, wide = (self._unit // (8 * step) for step in plane.sampling)
            rows, columns = (first + down) * high, right * wide
            i = (rows[:, None, None] + torch.arange(high, device=k.device)[:, None]).to(k.device)
            j = (columns[:, None, None] + torch.arange(wide, device=k.device)).to(k.device)
            coefficients.append(k[:, i, j].transpose(1, 2).flatten(2, 3))
            known = plane.known[i.to(plane.known.device), j.to(plane.known.device)]
            whole = (high, wide * len(down)) if any(plane.whole) else (0, 0)
            known = known.transpose(0, 1).flatten(1, 2)
            planes.append(replace(plane, known=known, whole=whole))
        box = copy(self)
        box._planes, box.size = tuple(planes), (self._unit, self._unit * len(down))
        return box, tuple(coefficients)

    def posterior_mean(
        self, x: Tensor, y: Coefficients, t: float, out: Tensor | None = None
    ) -> Tensor:
        if self.sigma == 0 and not self.width * t:
            return self.project(x, y, out)
        out = destination(x, out)
        if self.sigma == 0:
            for rows in self._strips(len(x)):
                self._project_(out[:, :, rows], y, rows, t)
            return out
        nearest = self.project(out, y)
        return out.lerp_(nearest, t**2 / (t**2 + self.sigma**2))

    def widened(self, width: float, closing: float) -> JpegBox:
        """The same, with another width and closing, 0 or more each."""
        other = copy(self)
        other.width, other.closing = width, closing
        return other

    def without(self, hole: Tensor) -> JpegBox:
        """The same, with every block that a hole (H, W) bool touches left free.

        A block shares a sample of chroma with its neighbours, so that all blocks of a unit go.
        """
        unit, touched = self._touched(hole)
        other = copy(self)
        other._planes = tuple(plane.without(touched, unit) for plane in self._planes)
        return other

    def of_colour(self, table: np.ndarray, shrink: float = 0.5) -> JpegBox:
        """The same, with all luma left free, and with boxes for chroma that are at least those of
        the steps (8, 8) of a table: of an earlier compression, on whatever grid.
        """
        other, (luma, *chroma) = copy(self), self._planes
        least = shrink * torch.from_numpy(table.astype(np.float64))[:, None]
        wider = (replace(plane, slack=plane.slack.maximum(least)) for plane in chroma)
        other._planes = (replace(luma, known=torch.zeros_like(luma.known)), *wider)
        return other

    def beside(self, hole: Tensor) -> Tensor:
        """The pixels (H, W) bool beside a hole (H, W) bool, in the blocks that `without` frees."""
        unit, touched = self._touched(hole)
        height, width = self.size
        whole = touched.repeat_interleave(unit[0], 0).repeat_interleave(unit[1], 1)
        return whole[:height, :width] & ~hole

    def _touched(self, hole: Tensor) -> tuple[list[int], Tensor]:
        """The sides of a unit of blocks in pixels, and which (rows, columns) a hole touches."""
        assert hole.shape == self.size, (hole.shape, self.size)
        unit = [8 * max(plane.sampling[side] for plane in self._planes) for side in (0, 1)]
        pad = [-side % step for side, step in zip(self.size, unit, strict=True)]
        touched = F.pad(hole, (0, pad[1], 0, pad[0]))
        touched = touched.unflatten(1, (-1, unit[1])).any(2).unflatten(0, (-1, unit[0])).any(1)
        return unit, touched

    def _strips(self, batch: int) -> Iterator[slice]:
        """Rows of pixels, in strips that cut no block."""
        height, width = self.size
        step = max(1, STRIP // (batch * width * self._unit)) * self._unit
        for start in range(0, height, step):
            yield slice(start, min(start + step, height))


@dataclass(frozen=True)
class _Plane:
    """A component. `whole` counts the rows and columns of blocks that lie inside the image."""

    known: Tensor  # (rows, columns) bool
    whole: tuple[int, int]
    sampling: tuple[int, int]
    q: Tensor  # (8, 1, 8) float64
    slack: Tensor  # q r

    def inside(self, rows: slice) -> tuple[slice, slice] | None:
        """The whole blocks within rows of pixels, or None."""
        tall = 8 * self.sampling[0]
        start, stop = rows.start // tall, min(rows.stop // tall, self.whole[0])
        return (slice(start, stop), slice(0, self.whole[1])) if start < stop else None

    def transform(self, samples: Tensor, blocks: tuple[slice, slice]) -> Tensor:
        """c of pixels (B, h, W) as (B, rows, 8, columns, 8)."""
        samples = samples[:, *self._pixels(blocks)]
        if self.sampling != (1, 1):
            samples = F.avg_pool2d(samples, self.sampling)
        d, width = DCT.to(samples), samples.shape[-1]
        c = (d @ samples.reshape(-1, 8, width)).view(-1, 8) @ d.mT
        return c.view(len(samples), -1, 8, width // 8, 8)

    def spread(self, c: Tensor, samples: Tensor, blocks: tuple[slice, slice]) -> None:
        """The inverse: c (B, rows, 8, columns, 8) into pixels (B, h, W)."""
        d, width = DCT.to(c), 8 * c.shape[3]
        plane = d.mT @ (c.reshape(-1, 8) @ d).view(-1, 8, width)
        plane = plane.view(len(c), -1, width)
        v, u = self.sampling
        if v > 1:
            plane = plane.repeat_interleave(v, 1)
        if u > 1:
            plane = plane.repeat_interleave(u, 2)
        samples[:, *self._pixels(blocks)] = plane

    def dequantised(self, k: Tensor, blocks: tuple[slice, slice], like: Tensor) -> Tensor:
        """q k as (B, rows, 8, columns, 8)."""
        return k[:, *blocks].transpose(2, 3).to(like) * self.q.to(like)

    def of_known(self, c: Tensor, blocks: tuple[slice, slice]) -> Tensor:
        """c with zeros in blocks that are not known."""
        known = self.known[blocks]
        return c if known.all() else c * known[:, None, :, None].to(c)

    def without(self, touched: Tensor, unit: Sequence[int]) -> _Plane:
        """The component with the blocks of the units (rows, columns) bool that are touched free."""
        for axis in (0, 1):
            touched = touched.repeat_interleave(unit[axis] // (8 * self.sampling[axis]), axis)
        rows, columns = self.known.shape
        return replace(self, known=self.known & ~touched[:rows, :columns])

    def _pixels(self, blocks: tuple[slice, slice]) -> tuple[slice, slice]:
        rows, columns = ((b.stop - b.start) * 8 for b in blocks)
        return slice(0, rows * self.sampling[0]), slice(0, columns * self.sampling[1])


def _plane(
    size: tuple[int, int],
    q: np.ndarray,
    sampling: tuple[int, int],
    known: np.ndarray,
    margin: float,
    shrink: float,
) -> _Plane:
    if q.shape != (8, 8) or q.min() < 1:
        raise RequestError(f"a table of {q.shape}, least {q.min()}: expected (8, 8) steps from 1")
    rows, columns = size[0] // (8 * sampling[0]), size[1] // (8 * sampling[1])
    inside = known[:rows, :columns]
    steps = torch.from_numpy(q.astype(np.float64))[:, None]
    r = (0.5 - margin / steps).clamp(min=R_MIN).clamp(max=shrink)
    whole = (inside.shape[0], inside.shape[1]) if inside.any() else (0, 0)
    return _Plane(torch.from_numpy(known), whole, sampling, steps, steps * r)


def _inside(size: tuple[int, int], sampling: tuple[int, int]) -> np.ndarray:
    """Which blocks of a component lie inside the image: all but the last row and column may."""
    fits = [
        np.arange(1, -(-side // (8 * step)) + 1) * 8 * step <= side
        for side, step in zip(size, sampling, strict=True)
    ]
    return fits[0][:, None] & fits[1]


def mean_within(c: Tensor, half: Tensor, deviation: float) -> Tensor:
    """The mean of a normal number about c, of that deviation above 0, that lies within ± half.

        |c| - s sqrt(2/π) (exp(-a²/2) - exp(-b²/2)) / (erfc(a/√2) - erfc(b/√2)),
        a = (|c| - half) / s,  b = (|c| + half) / s

    towards c's own side: complementary, so that nothing cancels where c lies far outside.
    """
    half = half.expand_as(c).contiguous()  # eight steps in turn are slow at every operation
    size = torch.minimum(c.abs(), half + FAR * deviation)
    near, far = (size - half).div_(deviation), (size + half).div_(deviation)
    mass = torch.erfc(near * math.sqrt(0.5)).sub_(torch.erfc(far * math.sqrt(0.5)))
    pull = near.square_().div_(-2).exp_().sub_(far.square_().div_(-2).exp_()).div_(mass)
    mean = size.sub_(pull, alpha=deviation * math.sqrt(2 / math.pi))
    return torch.minimum(mean.clamp_(min=0), half).copysign_(c)


def _in_a_row(units: Tensor) -> Tensor:
    """Units (n, B, C, h, w) side by side, (B, C, h, n w)."""
    return units.permute(1, 2, 3, 0, 4).flatten(3)


def _to_ycc(x: Tensor) -> Tensor:
    """Y - 128, Cb - 128 and Cr - 128, of range 255, from RGB in [-1, 1]."""
    samples = torch.einsum("ic,bchw->bihw", 127.5 * YCC.to(x), x)
    samples[:, 0] -= 0.5
    return samples


def _to_rgb(changes: Tensor) -> Tensor:
    """The change of RGB in [-1, 1] that changes Y, Cb, Cr so."""
    return torch.einsum("ci,bihw->bchw", RGB.to(changes) / 127.5, changes)
