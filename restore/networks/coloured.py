"""ColouredUNet: the compact network, told that noise is of one level below a frequency, one above.

What it is told of a spectrum is added to the features of a level. It removes noise, and has no
jumps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from restore.errors import RequestError
from restore.networks.network import FilteredNoise
from restore.networks.patch import LevelEmbedding, PatchUNet, apply_rounded

SHAPES = 6  # frequencies of each number of a spectrum


class SpectrumEmbedding(LevelEmbedding):
    """Features of a pair of levels, or of a spectrum: its own level, ln low, high and cut."""

    def __init__(self, features: int, frequencies: int = 8) -> None:
        super().__init__(features, frequencies)
        self.spectrum = nn.Sequential(
            nn.Linear(6 * SHAPES + 3, features), nn.SiLU(), nn.Linear(features, features)
        )
        for p in self.spectrum[-1].parameters():
            nn.init.zeros_(p)

    def embed_spectrum(self, t: Tensor, low: Tensor, high: Tensor, cut: Tensor) -> Tensor:
        """A spectrum's own level, its levels and cut, (B,) each -> features (B, features).

        In the network's dtype; high flattens above 1.
        """
        high = high / (1 + high**2).sqrt()
        c = torch.stack([(low.log() + 2) / 4, (high.log() + 1) / 3, cut.log() / 1.5 + 0.5], dim=1)
        k = torch.arange(1, SHAPES + 1, device=low.device) * (math.pi / 4)
        angles = (c[:, :, None] * k).flatten(1)
        x = apply_rounded(self.spectrum, torch.cat([c, angles.sin(), angles.cos()], dim=1))
        return self(t, t) + x.to(next(self.parameters()).dtype)


class ColouredUNet(PatchUNet):
    """F(c_in x, spectrum): as `PatchUNet`, with a spectrum in place of the pair of levels."""

    embedding: SpectrumEmbedding

    def make_embedding(self, features: int) -> SpectrumEmbedding:
        return SpectrumEmbedding(features)

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """As of `PatchUNet` where u is t, white noise; RequestError elsewhere: it has no jumps."""
        if not torch.equal(t, u):
            raise RequestError(
                "this network removes noise alone, and has no jumps between levels: give another "
                "model for anything but enlarging, or filling holes, in fidelity mode"
            )
        return self.evaluate(x, self.embedding.embed_spectrum(t, t, t, torch.full_like(t, 0.5)))

    def remove_noise(self, x: Tensor, noise: FilteredNoise) -> Tensor:
        """As of `Network`; of noise that has a plane too, where the network sees a fourth."""
        if noise.plane is not None:
            if self.planes == 3:
                raise RequestError(
                    "this model knows no maps of levels: give one whose architecture is mapped"
                )
            x = torch.cat([x, noise.plane.to(x).expand(len(x), -1, -1, -1)], dim=1)
        return self.evaluate(x, self.embedding.embed_spectrum(*noise.spectrum))
