"""Transformer: blocks over the tokens of 4×4 pixel patches, and DiT, a network of them alone.

Blocks are those of DiT (Peebles and Xie 2023, arXiv 2212.09748): normalisation before attention
and before the perceptron, each of which the two noise levels scale, shift and gate (adaLN-Zero).
Where a token lies is told by fixed sines of its row and column, so that a window of any size runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.networks.network import Config, Network
from restore.networks.patch import LevelEmbedding

PATCH = 4  # pixels of a token's side
HEADS = 4


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x)); with `features`, led by the levels."""

    def __init__(self, channels: int, features: int | None = None) -> None:
        super().__init__()
        if channels % (4 * HEADS):
            raise ValueError(f"{channels} channels are no multiple of {4 * HEADS}")
        self.norm1 = nn.LayerNorm(channels, elementwise_affine=features is None)
        self.norm2 = nn.LayerNorm(channels, elementwise_affine=features is None)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.widen = nn.Linear(channels, 4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)
        self.levels = None if features is None else nn.Linear(features, 6 * channels)
        zeroed = (self.project, self.narrow) if self.levels is None else (self.levels,)
        for last in zeroed:  # a block starts as the identity
            for p in last.parameters():
                nn.init.zeros_(p)

    def forward(self, x: Tensor, levels: Tensor) -> Tensor:
        """Tokens (B, N, channels) and features of their levels (B, features) or (1, features)."""
        if self.levels is None:
            x = x + self._attend(self.norm1(x))
            return x + self._perceive(self.norm2(x))
        a, b, gate, c, d, gate2 = self.levels(levels)[:, None].chunk(6, dim=2)
        x = torch.addcmul(x, gate, self._attend(torch.addcmul(b, self.norm1(x), 1 + a)))
        return torch.addcmul(x, gate2, self._perceive(torch.addcmul(d, self.norm2(x), 1 + c)))

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v)
        return self.project(h.transpose(1, 2).flatten(2))

    def _perceive(self, x: Tensor) -> Tensor:
        return self.narrow(F.gelu(self.widen(x), approximate="tanh"))


class Stem(nn.Linear):
    """Pixels (B, 3, H, W) to the tokens of their patches (B, H/4 · W/4, channels), in its dtype."""

    def __init__(self, channels: int) -> None:
        super().__init__(3 * PATCH**2, channels)

    def forward(self, x: Tensor) -> Tensor:
        patches = F.pixel_unshuffle(x, PATCH).to(self.weight.dtype)
        height, width = patches.shape[-2:]
        return super().forward(patches.flatten(2).mT) + _positions(
            height, width, self.out_features
        ).to(self.weight)


class DiT(Network):
    """F(c_in x, t, u): (B, 3, H, W), H and W multiples of 4, to (B, 3, H, W), by patches.

    `blocks` blocks of `channels`; `features` of the levels; `window` is the side it is trained at.
    """

    stride = PATCH

    def __init__(
        self, channels: int = 192, blocks: int = 11, features: int = 64, window: int = 64
    ) -> None:
        super().__init__()
        self.window = window
        self.bytes_per_pixel = 3 * channels  # as measured: of a widened perceptron
        self.config = {
            "channels": channels,
            "blocks": blocks,
            "features": features,
            "window": window,
        }
        self.embedding = LevelEmbedding(features)
        self.stem = Stem(channels)
        self.blocks = nn.ModuleList(TransformerBlock(channels, features) for _ in range(blocks))
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, 3 * PATCH**2)
        for p in self.head.parameters():
            nn.init.zeros_(p)

    @classmethod
    def read_config(cls, tensors: Mapping[str, Tensor]) -> Config:
        """The arguments of a state dict, the window aside; ValueError where it is another's."""
        found = read_trunk(tensors, "blocks")
        if tuple(tensors["head.weight"].shape) != (3 * PATCH**2, found["channels"]):
            raise ValueError("its head gives no pixels of patches")
        return found

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """x = c_in(t) x_t (B, 3, H, W); t and u (B,) or (1,), the latter for the whole batch."""
        refuse_label(label)
        levels = self.embedding(t, u)
        h = self.stem(x)
        for block in self.blocks:
            h = block(h, levels)
        h = self.head(self.norm(h)).mT
        height, width = (side // PATCH for side in x.shape[-2:])
        return F.pixel_shuffle(h.unflatten(2, (height, width)), PATCH)


def refuse_label(label: Tensor | None) -> None:
    """ValueError for a label."""
    if label is not None:
        raise ValueError("this network has no classes: leave the label out")


def read_trunk(tensors: Mapping[str, Tensor], *rows: str) -> Config:
    """Channels, features and how many blocks each of the `rows` has, off a state dict."""
    try:
        channels = tensors["stem.weight"].shape[0]
        features = tensors["embedding.layers.0.weight"].shape[0]
        _ = tensors["head.weight"], tensors[f"{rows[0]}.0.qkv.weight"]
    except (KeyError, IndexError) as error:
        raise ValueError(f"it lacks a tensor of a network of patches: {error}") from error
    counts = {
        row: len({m[1] for name in tensors if (m := re.match(rf"{row}\.(\d+)\.", name))})
        for row in rows
    }
    return {"channels": channels, "features": features, **counts}


def _positions(height: int, width: int, channels: int) -> Tensor:
    """(height · width, channels): a quarter each of sines and cosines of the row and the column."""
    waves = math.pi * 64.0 ** -torch.linspace(0, 1, channels // 4)  # periods of 2 to 128 tokens
    rows, columns = (torch.arange(n)[:, None] * waves for n in (height, width))
    by_row = torch.cat([rows.sin(), rows.cos()], dim=1)[:, None].expand(-1, width, -1)
    by_column = torch.cat([columns.sin(), columns.cos()], dim=1)[None].expand(height, -1, -1)
    return torch.cat([by_row, by_column], dim=2).flatten(0, 1)
