"""Blur: the degradation that convolves an image with a known kernel, y = k * x + σ z.

    A = F⁻¹ diag(h) F,    A⁺ = F⁻¹ diag(1 / h) F,    h = F k

on the torus, where the Fourier transform F makes any kernel diagonal: the image goes on at its
other side. Frequencies that the kernel all but erases, |h| < floor, count as erased, in A as in A⁺,
so that the laws hold however ill-conditioned the kernel is. A picture is no torus, and what lies
around it is not known: `pad_periodic` puts it on one with room for the kernel to reach over the
edges, and `extrapolate` makes what lies around fit to what lies inside.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from restore.degradations.degradation import Degradation, destination
from restore.errors import RequestError

FLOOR = 0.01
ITERATIONS, TOLERANCE = 40, 0.01  # of what is not explained inside
ROOM = 48  # pixels around a picture at least
FAST = (2, 3, 5, 7, 11, 13)  # factors that transforms like


@final
class Blur(Degradation[Tensor]):
    """kernel is (h, w), its middle at (h // 2, w // 2); size is (H, W) of images and of y.

    `sigma` is the level of y's own noise on [-1, 1]. Frequencies whose gain is below `floor` count
    as erased. Works channel by channel: memory is that of a
    few channels' spectra at any size. Raises RequestError for a kernel that is larger than the
    image, or that erases everything.
    """

    def __init__(
        self, kernel: Tensor, size: tuple[int, int], sigma: float = 0.0, floor: float = FLOOR
    ) -> None:
        if kernel.ndim != 2 or any(k > n for k, n in zip(kernel.shape, size, strict=True)):
            raise RequestError(
                f"a kernel of {'×'.join(map(str, reversed(kernel.shape)))} for an image of "
                f"{size[1]}×{size[0]} pixels: expected one that fits in"
            )
        self.size, self.sigma = tuple(size), sigma
        point = torch.zeros(size)
        point[: kernel.shape[0], : kernel.shape[1]] = kernel
        point = point.roll((-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))
        h = torch.fft.rfft2(point)
        self._h = torch.where(h.abs() < floor, 0, h)
        if not bool(self._h.any()):
            raise RequestError("the kernel erases every frequency: its samples sum to nothing")
        self.onto = bool(self._h.all())

    def with_noise_scaled(self, share: float) -> Blur:
        """The same blur with `share` of the noise's power: `posterior_mean` trusts y more."""
        return self.with_noise(self.sigma * math.sqrt(share))

    def __call__(self, x: Tensor) -> Tensor:
        return self._each(x, lambda spectrum, h: spectrum * h)

    def pinv(self, y: Tensor) -> Tensor:
        return self._each(y, lambda spectrum, h: spectrum * _inverse(h))

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        return self._corrected(x, y, _inverse, out)

    def posterior_mean(self, x: Tensor, y: Tensor, t: float, out: Tensor | None = None) -> Tensor:
        if self.sigma == 0:
            return self.project(x, y, out)
        share = (self.sigma / t) ** 2
        return self._corrected(x, y, lambda h: h.conj() / (h.abs().square() + share), out)

    def spectral_filter(self, x: Tensor, gain: Callable[[Tensor], Tensor]) -> Tensor:
        return self._each(x, lambda spectrum, h: spectrum * gain(_amplified(self.sigma, h)))

    def extrapolate(self, y: Tensor, inside: tuple[int, int], t: float = 0.3) -> Tensor:
        """y (B, C, H, W) as it is in its top left part (h, w); around that, what fits to it.

        That is A x of the likeliest x, of images normal about y with the deviation t, by what is
        inside alone: x = y + t² Aᵀ Mᵀ (M (t² A Aᵀ + σ²) Mᵀ)⁻¹ M (y - A y), where M keeps what is
        inside, by conjugate gradients with the inverse for the whole torus as preconditioner.
        Needs a sigma above 0.
        """
        assert self.sigma > 0, "an exact blur cannot be undone beside what is not known"
        h = self._h.to(y.device)
        power = t**2 * h.abs().square() + self.sigma**2
        inverse = 1 / power

        def within(v: Tensor) -> Tensor:
            v[:, inside[0] :] = 0
            v[..., inside[1] :] = 0
            return v

        def filtered(v: Tensor, gain: Tensor) -> Tensor:
            spectrum = torch.fft.rfft2(v)
            torch.view_as_real(spectrum).mul_(gain[..., None])
            return within(torch.fft.irfft2(spectrum, s=self.size))

        out = y.clone()
        for plane in out.unbind(1):
            spectrum = torch.fft.rfft2(plane)
            r = within(plane - torch.fft.irfft2(spectrum * h, s=self.size))
            solution, scale = torch.zeros_like(r), _dot(r, r)
            z = filtered(r, inverse)
            direction, energy = z, _dot(r, z)
            for _ in range(ITERATIONS if scale else 0):
                image = filtered(direction, power)
                step = energy / _dot(direction, image)
                solution.add_(direction, alpha=step)
                r.sub_(image, alpha=step)
                if _dot(r, r) < TOLERANCE**2 * scale:
                    break
                z = filtered(r, inverse)
                before, energy = energy, _dot(r, z)
                direction = z.add_(direction, alpha=energy / before)
            likeliest = spectrum + t**2 * h.conj() * torch.fft.rfft2(solution)
            around = torch.fft.irfft2(likeliest * h, s=self.size)
            around[:, : inside[0], : inside[1]] = plane[:, : inside[0], : inside[1]]
            plane.copy_(around)
        return out

    def _each(self, x: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """x with the spectrum of each channel changed."""
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        h = self._h.to(x.device)
        planes = [change(torch.fft.rfft2(plane), h) for plane in x.unbind(1)]
        return torch.stack([torch.fft.irfft2(plane, s=self.size) for plane in planes], dim=1)

    def _corrected(
        self, x: Tensor, y: Tensor, weight: Callable[[Tensor], Tensor], out: Tensor | None
    ) -> Tensor:
        """x + F⁻¹ weight(h) F (y - A x)."""
        assert x.shape[-2:] == self.size, (x.shape, self.size)
        out = destination(x, out)
        h = self._h.to(x.device)
        w = weight(h)
        for plane, given in zip(out.unbind(1), y.unbind(1), strict=True):
            missing = torch.fft.rfft2(given) - torch.fft.rfft2(plane) * h
            plane += torch.fft.irfft2(missing * w, s=self.size)
        return out


def _inverse(h: Tensor) -> Tensor:
    """1 / h, and 0 where h is 0."""
    return torch.where(h == 0, 0, 1 / h)


def _amplified(sigma: float, h: Tensor) -> Tensor:
    """σ / |h|, the noise of y once the blur is inverted; infinite where h is 0."""
    return torch.where(h == 0, math.inf, sigma / h.abs())


def pad_periodic(y: Tensor, kernel: tuple[int, int]) -> Tensor:
    """The picture y (B, C, h, w) in the top left corner of a torus, with room for the kernel.

    The room holds its reflection at one edge, which goes over into that at the opposite edge, so
    that nothing jumps.
    """
    for axis, side in ((2, kernel[0]), (3, kernel[1])):
        length = y.shape[axis]
        whole = _fast_length(length + max(3 * side, ROOM))
        beyond = torch.arange(whole - length, device=y.device)
        after = (length - 1 - beyond).clamp(min=0)
        before = beyond.flip(0).clamp(max=length - 1)
        w = 0.5 + 0.5 * torch.cos(math.pi * (beyond + 0.5) / len(beyond))
        w = w.view(-1, 1) if axis == 2 else w
        room = w * y.index_select(axis, after) + (1 - w) * y.index_select(axis, before)
        y = torch.cat([y, room], dim=axis)
    return y


def _fast_length(least: int) -> int:
    """The first even number from `least` on that is a product of factors in FAST."""
    for length in itertools.count(least + least % 2, 2):
        rest = length
        for factor in FAST:
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
    raise AssertionError("powers of 2 never end")


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))
