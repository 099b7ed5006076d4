"""Level maps: holes of random shape and level, and the smooth guess of what is in them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from restore.holes.fill import ENOUGH, ITERATIONS, pull_push
from restore.level_map import LevelMap

ALONE, ALONE_SHARES = 0.3, (0.1, 0.9)  # of holes of single pixels, and how much these leave out
WIDTHS = (0.3, 7.0)  # pixels, of the others: how far what is alike reaches
STREAKED, LONGEST = 0.35, 25.0  # of all, and by how many times they are longer than wide
CURVED = 0.35  # of all: along lines
SHARES = (0.03, 0.6)  # of an image that they leave out
OPEN, LEVELS = 0.75, (0.02, 80.0)  # of levels that are the highest, and where the others lie
NOISY, NOISES = 0.35, (0.01, 0.25)  # of images whose known pixels are noisy, and by what levels
GREY, SOFT = 0.4, 0.5  # of noise without colour, and of noise that is softer than white


def draw_level_map(n: int, side: int, generator: torch.Generator) -> LevelMap:
    """n holes (n, 1, side, side), most of them of the highest level.

    Each is where a Gaussian random field lies above a quantile, which makes blobs and streaks, or
    near its middle, which makes curves. Of a field that is white it is single pixels.
    """
    device = generator.device

    def uniform() -> Tensor:
        return torch.rand(n, generator=generator, device=device)

    def between(ends: tuple[float, float]) -> Tensor:
        return ends[0] + (ends[1] - ends[0]) * uniform()

    def spread(ends: tuple[float, float]) -> Tensor:
        return ends[0] * (ends[1] / ends[0]) ** uniform()

    z = torch.randn(n, side, side, generator=generator, device=device)
    alone = uniform() < ALONE
    width = torch.where(alone, 0.0, spread(WIDTHS))
    length = width * torch.where(uniform() < STREAKED, LONGEST ** uniform(), 1.0)
    field = blur_along(z, width, length, math.pi * uniform())
    curved = (uniform() < CURVED)[:, None, None]
    field = torch.where(curved, -field.abs(), field)
    share = torch.where(alone, between(ALONE_SHARES), between(SHARES))
    ordered = field.flatten(1).sort(dim=1, descending=True).values
    last = (share * side**2).long().clamp(1, side**2 - 2)
    hole = field > ordered.gather(1, last[:, None])[:, :, None]
    t = torch.where(uniform() < OPEN, LEVELS[1], spread(LEVELS))
    return LevelMap(hole[:, None].float(), t)


def blur_along(z: Tensor, width: Tensor, length: Tensor, angle: Tensor) -> Tensor:
    """z (n, side, side), each by a Gaussian of its own; it goes on from each edge at the other.

    width, length: (n,), its standard deviations in pixels. angle: (n,), from the rows.
    """
    side = z.shape[-1]
    ky = 2 * math.pi * torch.fft.fftfreq(side, device=z.device)
    kx = ky[: side // 2 + 1].abs()
    cos, sin, width, length = (v[:, None, None] for v in (angle.cos(), angle.sin(), width, length))
    along, across = cos * kx + sin * ky[:, None], cos * ky[:, None] - sin * kx
    kept = (-0.5 * ((along * length) ** 2 + (across * width) ** 2)).exp()
    blurred: Tensor = torch.fft.irfft2(torch.fft.rfft2(z) * kept, s=(side, side))
    return blurred


def add_grain(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images x (n, 3, H, W), a share of them with noise of which the network is told nothing.

    What is known of a real picture has grain, which is not to be carried on into the hole. Some is
    without colour, and some is mixed with its own mean over 3 by 3 pixels.
    """

    def uniform() -> Tensor:
        return torch.rand(len(x), generator=generator, device=x.device)

    level = torch.where(uniform() < NOISY, NOISES[0] * (NOISES[1] / NOISES[0]) ** uniform(), 0.0)
    z = torch.randn(x.shape, generator=generator, device=x.device)
    z = torch.where(_column(uniform() < GREY), z[:, :1], z)
    soft = 3 * F.avg_pool2d(F.pad(z, (1, 1, 1, 1), mode="circular"), 3, 1)  # as much of it
    share = _column(torch.where(uniform() < SOFT, uniform(), 0.0))
    power = share**2 + (1 - share) ** 2 + share * (1 - share) * 2 / 3  # a third is common to both
    return x + _column(level) * torch.lerp(z, soft, share) / power.sqrt()


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def guess_smoothly(x: Tensor, hole: Tensor) -> Tensor:
    """Images x (n, 3, H, W) with each its hole filled, as by `restore.holes.fill`, on any device.

    hole: (n, 1, H, W) float, 1 where nothing is known.
    """
    x = x.clone()
    pull_push(x, hole == 0)
    residual = -_bilaplacian(x) * hole
    direction, energy = residual, _dot(residual, residual)
    enough = ENOUGH * energy
    for _ in range(ITERATIONS):
        image = _bilaplacian(direction) * hole
        going = (energy > enough).to(x)
        step = going * energy / _dot(direction, image).clamp(min=1e-30)
        x = x + step * direction
        residual = residual - step * image
        last, energy = energy, _dot(residual, residual)
        direction = residual + going * energy / last.clamp(min=1e-30) * direction
    return torch.where(hole > 0, x.clamp(-1, 1), x)


def _bilaplacian(x: Tensor) -> Tensor:
    return _laplacian(_laplacian(x))


def _laplacian(x: Tensor) -> Tensor:
    """Δx; no difference goes across the edge."""
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = wide[..., :-2, 1:-1] + wide[..., 2:, 1:-1]
    return rows + wide[..., 1:-1, :-2] + wide[..., 1:-1, 2:] - 4 * x


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """(n, 1, 1, 1)."""
    return (a * b).sum(dim=(1, 2, 3), keepdim=True)
