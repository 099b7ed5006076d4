"""Coloured: noise of random spectrum, as a network sees it after its filter."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.coloured_noise import ColouredNoise, low_pass
from restore.networks.function import SIGMA_DATA

FINEST = 0.003  # levels below the cut: the least, and ten times that most of a share of them
NEAR = 0.6
MEAN, DEVIATION = -3.2, 1.1  # of the logarithm of the others
MOST, HIGHEST = 1.0, 80.0
CUTS = (0.11, 0.9)
WHITE = 0.06


def draw_spectrum(n: int, generator: torch.Generator) -> ColouredNoise:
    """n spectra: most levels below the cut are very low, those above lie anywhere up to 80."""
    device = generator.device

    def uniform() -> Tensor:
        return torch.rand(n, generator=generator, device=device)

    normal = torch.randn(n, generator=generator, device=device)
    low = (MEAN + DEVIATION * normal).exp().clamp(FINEST, MOST)
    low = torch.where(uniform() < NEAR, FINEST * 10 ** uniform(), low)
    high = low * (HIGHEST / low) ** uniform()
    high = torch.where(uniform() < WHITE, low, high)
    least, most = CUTS
    return ColouredNoise(low, high, least * (most / least) ** uniform())


def filter_each(x: Tensor, noise: ColouredNoise) -> Tensor:
    """Images x (B, C, H, W), each through its own filter, as by `ColouredNoise.filter`."""
    rows, columns = (_matrix(side, noise.cut)[:, None] for side in x.shape[-2:])
    smooth = rows @ x @ columns.mT
    return smooth + noise.kept[:, None, None, None] * (x - smooth)


def filtered_noise(z: Tensor, noise: ColouredNoise) -> Tensor:
    """What the filter leaves of the noise that it is made for, from white noise z (B, C, H, W).

    Of each frequency s sqrt(w (1 - w)) / w_low; it goes on from each edge at the other.
    """
    height, width = z.shape[-2:]
    below = SIGMA_DATA**2 / (SIGMA_DATA**2 + noise.low**2)
    above = below * noise.kept
    rows, columns = _response(height, noise.cut), _response(width, noise.cut)
    passed = rows[:, :, None] * columns[:, None, : width // 2 + 1]
    low, high = below[:, None, None], above[:, None, None]
    kept = (high + (low - high) * passed).clamp(0, 1)
    amplitude = SIGMA_DATA * (kept * (1 - kept)).sqrt() / low
    return torch.fft.irfft2(torch.fft.rfft2(z) * amplitude[:, None], s=(height, width))


def _matrix(n: int, cut: Tensor) -> Tensor:
    """ℓ (B, n, n) on lines of n samples, dense."""
    at = torch.arange(n, device=cut.device)
    taps = low_pass((at[:, None] - at) * cut[:, None, None])
    return taps / taps.sum(dim=-1, keepdim=True)


def _response(n: int, cut: Tensor) -> Tensor:
    """ℓ (B, n) at the frequencies of an FFT of n samples."""
    at = torch.arange(n, device=cut.device)
    taps = low_pass(torch.minimum(at, n - at) * cut[:, None])
    response: Tensor = torch.fft.fft(taps / taps.sum(dim=-1, keepdim=True)).real
    return response
