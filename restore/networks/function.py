"""FunctionNetwork: one evaluation gives a function of the plane, drawn at any size.

    Î(r) = κ(t) B[x](r) + c(t) G(r)        κ = b² / (t² + b²),  c² = (s (1 - κ))² + (κ t)² + 0.1²
    F = sqrt(t² + s²) / (t s) Î - s / (t sqrt(t² + s²)) x,  that is  jump = x + (1 - u/t) (Î - x)

A Transformer reads the noisy window and its levels, a second one predicts the numbers of each 4×4
pixels' cell, and `drawing.draw` makes G of them. B is the bicubic continuation of x between its
pixels, which on them is x. So F is exactly that of a bidirectional consistency model. s = 0.5.

After one-step generation of image functions by consistency training (CM-Func, 2024).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from restore.networks.drawing import SharedMLP, count_numbers, draw_grid
from restore.networks.network import Config, Network
from restore.networks.patch import LevelEmbedding
from restore.networks.transformer import PATCH, Stem, TransformerBlock, read_trunk, refuse_label

SIGMA_DATA = 0.5
BASE_LEVEL = 0.03  # b: the noise that half of the input is trusted at
FLOOR = 0.1  # of c


class FunctionNetwork(Network):
    """F(c_in x, t, u): (B, 3, H, W), H and W multiples of 4, to (B, 3, H, W), through a function.

    `blocks` blocks of `channels` read the window, `predictor` ones predict the cells; `features` of
    the levels; `width` and `rank` of the cells' perceptron; `window` is the side it is trained at.
    """

    stride = PATCH
    window: int

    def __init__(
        self,
        channels: int = 192,
        blocks: int = 7,
        predictor: int = 4,
        features: int = 64,
        width: int = 32,
        rank: int = 4,
        window: int = 64,
    ) -> None:
        super().__init__()
        self.window = window
        self.bytes_per_pixel = 4 * channels  # as measured; what is drawn is drawn in chunks
        self.config = {
            "channels": channels,
            "blocks": blocks,
            "predictor": predictor,
            "features": features,
            "width": width,
            "rank": rank,
            "window": window,
        }
        self.embedding = LevelEmbedding(features)
        self.stem = Stem(channels)
        self.blocks = nn.ModuleList(TransformerBlock(channels, features) for _ in range(blocks))
        self.predictor = nn.ModuleList(TransformerBlock(channels) for _ in range(predictor))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, count_numbers(width, rank))
        self.shared = SharedMLP(width)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():  # V at random and U near 0: what U does is felt from the start
            u_first = 2 * width + width * rank
            self.head.bias[u_first : u_first + width * rank].normal_(std=1 / math.sqrt(width))

    @classmethod
    def read_config(cls, tensors: Mapping[str, Tensor]) -> Config:
        """The arguments of a state dict, the window aside; ValueError where it is another's."""
        if "shared.first.bias" not in tensors:
            raise ValueError("it lacks a tensor of an image function: shared.first.bias")
        width = tensors["shared.first.bias"].shape[0]
        found = read_trunk(tensors, "blocks", "predictor")
        rank = (tensors["head.weight"].shape[0] - count_numbers(width, 0)) // (2 * width)
        return {**found, "width": width, "rank": rank}

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """x = c_in(t) x_t (B, 3, H, W); t and u (B,) or (1,), the latter for the whole batch."""
        theta = self.predict(x, t, u, label)
        rows, columns = (
            (torch.arange(side, dtype=torch.float64) + 0.5) / PATCH for side in x.shape[-2:]
        )
        g = self.draw(theta, rows, columns)
        s, b = SIGMA_DATA, BASE_LEVEL
        # (κ (t² + s²) - s²) / (t s), without its cancellation: x is x_t / sqrt(t² + s²) here.
        skip = t * (b**2 - s**2) / ((t**2 + b**2) * s)
        return _column(skip) * x + _column(self.answer_scale(t)) * g

    def predict(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """θ (B, H/4, W/4, numbers) of the cells, in the network's dtype; arguments as of F."""
        refuse_label(label)
        levels = self.embedding(t, u)
        h = self.stem(x)
        for block in (*self.blocks, *self.predictor):
            h = block(h, levels)
        theta: Tensor = self.head(self.norm(h))
        return theta.unflatten(1, (x.shape[2] // PATCH, x.shape[3] // PATCH))

    def draw(self, theta: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """G (B, 3, n, m) at rows (n,) and columns (m,), in cells from the edge, on the CPU."""
        return draw_grid(theta, dict(self.shared.named_parameters()), rows, columns)

    def base(self, t: Tensor) -> Tensor:
        """κ: how much of the input's continuation the function has at level t."""
        return BASE_LEVEL**2 / (t**2 + BASE_LEVEL**2)

    def gain(self, t: Tensor) -> Tensor:
        """c: how large what is drawn must be at level t."""
        kappa = self.base(t)
        return ((SIGMA_DATA * (1 - kappa)) ** 2 + (kappa * t) ** 2 + FLOOR**2).sqrt()

    def answer_scale(self, t: Tensor) -> Tensor:
        return self.gain(t) * (t**2 + SIGMA_DATA**2).sqrt() / (t * SIGMA_DATA)


def _column(level: Tensor) -> Tensor:
    return level.reshape(-1, 1, 1, 1)
