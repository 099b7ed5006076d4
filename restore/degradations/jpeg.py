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
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.degradations.degradation import Degradation
from restore.errors import RequestError
from restore.jpegfile import JpegFile

Coefficients = tuple[Tensor, ...]

STRIP = 1 << 20  # pixels worked on at once
R_MIN = 0.02
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
class Jpeg(Degradation[Coefficients]):
    """Images of size (H, W), with a table of steps and a sampling for each component.

    y is a tuple of (B, rows, columns, 8, 8) int16, B or 1, for Y alone or for Y, Cb and Cr, 0 in
    blocks that are not known. tables: (8, 8) steps of 1 or more, vertical frequency first.
    samplings: (vertical, horizontal) pixels to a sample. known: (rows, columns) bool; all blocks
    inside the image when left out. The others are free.

    The box has r = max(1/2 - margin / q, 0.02), and `shrink` at most. A margin of 1 to 1.5 grey
    levels outlasts the rounding of the image to 8 bits; a shrink of 0.25 to 0.35 is best for PSNR;
    the laws hold exactly for margin 0, and `project(x, A(x)) = x` for that alone. With luma alone,
    the differences between an image's channels stay.
    """

    def __init__(
        self,
        size: tuple[int, int],
        tables: Sequence[np.ndarray],
        samplings: Sequence[tuple[int, int]],
        known: Sequence[np.ndarray] | None = None,
        margin: float = 1.5,
        shrink: float = 0.5,
    ) -> None:
        if margin < 0 or not 0 <= shrink <= 0.5:
            raise RequestError(
                f"margin {margin:g} and shrink {shrink:g}: expected 0 or more, and 0 to 0.5"
            )
        if known is None:
            known = [_inside(size, sampling) for sampling in samplings]
        self.size = size
        self._components = tuple(
            _component(size, np.asarray(q), sampling, given, margin, shrink)
            for q, sampling, given in zip(tables, samplings, known, strict=True)
        )
        self._unit = 8 * math.lcm(*(side for sampling in samplings for side in sampling))

    @classmethod
    def from_file(cls, file: JpegFile, margin: float = 1.5, shrink: float = 0.5) -> Jpeg:
        """The degradation that made a JPEG file."""
        w, h = file.size
        tables = [component.table for component in file.components]
        samplings = [component.sampling for component in file.components]
        known = [component.known for component in file.components]
        return cls((h, w), tables, samplings, known, margin, shrink)

    @staticmethod
    def observe(file: JpegFile, device: torch.device | str = "cpu") -> Coefficients:
        """y of a JPEG file, with B = 1."""
        return tuple(
            torch.from_numpy(part.coefficients * part.known[..., None, None])[None].to(device)
            for part in file.components
        )

    def __call__(self, x: Tensor) -> Coefficients:
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        y = tuple(
            torch.zeros((len(x), *part.blocks, 8, 8), dtype=torch.int16, device=x.device)
            for part in self._components
        )
        for rows in self._strips():
            for part, k, plane in zip(
                self._components, y, self._planes(x[:, :, rows]), strict=True
            ):
                at = part.at(rows)
                level = part.forward(plane).div_(part.q.to(x)).round_().clamp_(-32768, 32767)
                if part.known is not None:
                    level *= part.known[at[0], :, None, :, None].to(x)
                k[:, *at] = level.transpose(2, 3).to(torch.int16)
        return y

    def pinv(self, y: Coefficients) -> Tensor:
        """The image that a plain decoder would show, grey in free blocks: c = q k."""
        like = torch.zeros((), device=y[0].device)
        x = like.new_zeros((max(len(k) for k in y), 3, *self.size))
        for rows in self._strips():
            shape = (len(x), len(y), x[0, 0, rows].shape[0], self.size[1])
            planes = torch.zeros(shape, device=x.device)
            for i, (part, k) in enumerate(zip(self._components, y, strict=True)):
                level = k[:, *part.at(rows)].transpose(2, 3).to(x)
                part.add(planes[:, i], level * part.q.to(x))
            planes[:, 0] += 0.5
            x[:, :, rows] = self._colours(planes)
        return x

    def project(self, x: Tensor, y: Coefficients, out: Tensor | None = None) -> Tensor:
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        if out is None:
            out = x.clone()
        elif out is not x:
            out.copy_(x)
        for rows in self._strips():
            strip = out[:, :, rows]
            planes = self._planes(strip)
            change = torch.zeros_like(planes)
            ...
        return out
