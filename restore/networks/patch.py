"""PatchUNet: a compact, strictly local U-Net on 2×2 pixel patches.

F(x, t, u) is a plain convolutional network: no normalisation, no attention, so every output pixel
depends on a bounded neighbourhood and an image of any size tiles exactly. The two noise levels act
on each block as a scale and a shift of its first convolution's output; at one pair of levels both
fold into that convolution's weights and bias, so conditioning costs nothing at inference.

Blocks are EDSR's (Lim et al. 2017, no normalisation) in DRUNet's arrangement (Zhang et al. 2021),
on pixel-unshuffled input as in FFDNet (Zhang et al. 2018).
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.networks.network import Config, Network
from restore.networks.packed import (
    Cache,
    Convolution,
    Packed,
    PackedLayer,
    available,
    order_by_pixel,
    pack_inner,
    packable,
)


class LevelEmbedding(nn.Module):
    """Features of a pair of noise levels: ln t, and where u lies relative to t.

    r = (u - t) / (u + t) runs from -1 (u = 0) over 0 (the diagonal) to 1 (u infinite) and flattens
    where the map itself does. All is rounded to bfloat16, whatever the network's dtype: it is
    trained with levels so rounded, and exact ones cost it 0.05 dB, and journeys two dB.
    """

    def __init__(self, features: int, frequencies: int = 8) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.layers = nn.Sequential(
            nn.Linear(4 * frequencies + 2, features),
            nn.SiLU(),
            nn.Linear(features, features),
            nn.SiLU(),
        )

    def forward(self, t: Tensor, u: Tensor) -> Tensor:
        """Levels (B,) -> features (B, features), in the network's dtype."""
        t, u = t.float(), u.float()
        c = (t.log() + 1.5) / 4
        r = (u - t) / (u + t)
        k = torch.arange(1, self.frequencies + 1, device=t.device) * (math.pi / 4)
        angles = torch.cat([c[:, None] * k, r[:, None] * k], dim=1)
        pair = torch.stack([c, r], dim=1)
        x = apply_rounded(self.layers, torch.cat([pair, angles.sin(), angles.cos()], dim=1))
        return x.to(next(self.parameters()).dtype)


def apply_rounded(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Linear layers and their activations, all rounded to bfloat16, in float32."""
    x = _rounded(x)
    for layer in layers:
        linear = isinstance(layer, nn.Linear)
        x = F.linear(x, *map(_rounded, layer.parameters())) if linear else layer(x)
        x = _rounded(x)
    return x


def _rounded(x: Tensor) -> Tensor:
    """x as bfloat16 holds it, in float32, whose products and sums every device rounds alike."""
    return x.bfloat16().float()


class ResidualBlock(nn.Module):
    """Residual block: x + conv(relu((1 + a) conv(x) + b)), with a and b from the levels."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.levels = nn.Linear(features, 2 * channels)
        for last in (self.conv2, self.levels):
            for p in last.parameters():
                nn.init.zeros_(p)

    def fold(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and bias of the first convolution at one pair of levels (1, features)."""
        (a,), (b,) = self.levels(levels).chunk(2, dim=1)
        _, bias = self.conv1.parameters()
        return 1 + a, torch.addcmul(b, bias, 1 + a)

    def forward(self, x: Tensor, levels: Tensor) -> Tensor:
        if len(levels) == 1:
            scale, bias = self.fold(levels)
            h = F.conv2d(x, self.conv1.weight * scale[:, None, None, None], bias, padding=1)
        else:
            a, b = self.levels(levels).chunk(2, dim=1)
            weight, bias = self.conv1.parameters()
            h = F.conv2d(x, weight, padding=1)  # its bias joins b, for a pass of memory less
            a, b = a.to(h.dtype), torch.addcmul(b, bias, 1 + a).to(h.dtype)
            h = torch.addcmul(b[..., None, None], h, (1 + a)[..., None, None])
        return self.conv2(F.relu_(h)).add_(x)


class BlockSequence(nn.ModuleList):
    """Blocks in turn, at one resolution."""

    def forward(self, x: Tensor, levels: Tensor) -> Tensor:
        for block in self:
            x = block(x, levels)
        return x


class PatchUNet(Network):
    """F(c_in x, t, u): (B, 3, H, W), H and W multiples of `stride`, to (B, 3, H, W).

    `channels` and `blocks` are per resolution: 1/2, 1/4, 1/8 and so on. `blocks` counts residual
    blocks on the way down and again on the way up; the lowest resolution has `middle` blocks.
    `config` holds the arguments, for a checkpoint. `planes` is how many the first layer sees.
    """

    planes: ClassVar[int] = 3

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256),
        blocks: Sequence[int] = (2, 2),
        middle: int = 3,
        features: int = 64,
    ) -> None:
        super().__init__()
        if len(blocks) != len(channels) - 1:
            raise ValueError(f"{len(channels)} resolutions need {len(channels) - 1} block counts")
        self.config = {
            "channels": list(channels),
            "blocks": list(blocks),
            "middle": middle,
            "features": features,
        }
        self.packed = Cache()
        self.embedding = self.make_embedding(features)
        self.stem = nn.Conv2d(4 * self.planes, channels[0], 3, padding=1)
        self.head = nn.Conv2d(channels[0], 12, 3, padding=1)
        for p in self.head.parameters():
            nn.init.zeros_(p)
        pairs = list(itertools.pairwise(channels))

        def row(c: int, n: int) -> BlockSequence:
            return BlockSequence(ResidualBlock(c, features) for _ in range(n))

        self.encoder = nn.ModuleList(row(c, n) for c, n in zip(channels, blocks, strict=False))
        self.down = nn.ModuleList(nn.Conv2d(c, d, 2, stride=2) for c, d in pairs)
        self.middle = row(channels[-1], middle)
        self.up = nn.ModuleList(nn.Conv2d(d, 4 * c, 1) for c, d in pairs)
        self.decoder = nn.ModuleList(row(c, n) for c, n in zip(channels, blocks, strict=False))
        self.stride = 2 ** len(channels)
        convolutions = 2 * 2  # stem and head, at 1/2
        for level, n in enumerate((*(2 * n for n in blocks), middle)):
            convolutions += 2 * n * 2 ** (level + 1)
        self.receptive_field = convolutions + self.stride - 1  # and its place in the coarsest cell

    def make_embedding(self, features: int) -> LevelEmbedding:
        """What the network is told of levels; a network that is told more makes another."""
        return LevelEmbedding(features)

    @classmethod
    def read_config(cls, tensors: Mapping[str, Tensor]) -> Config:
        """The arguments of a state dict; ValueError where it is another network's."""

        def count(pattern: str) -> int:
            found = (re.match(pattern, name) for name in tensors)
            return len({m[1] for m in found if m})

        try:
            width = tensors["stem.weight"].shape[0]
            downs = [tensors[f"down.{n}.weight"] for n in range(count(r"down\.(\d+)\."))]
            features = tensors["embedding.layers.0.weight"].shape[0]
        except (KeyError, IndexError) as error:
            raise ValueError(f"it lacks a tensor of a compact network: {error}") from error
        rows = range(len(downs))
        return {
            "channels": [width, *(down.shape[0] for down in downs)],
            "blocks": [count(rf"encoder\.{n}\.(\d+)\.") for n in rows],
            "middle": count(r"middle\.(\d+)\."),
            "features": features,
        }

    def takes_strips(self) -> bool:
        """On the CPU, where weights can be packed for oneDNN."""
        weight = self.stem.weight
        return weight.device.type == "cpu" and available(weight.dtype)

    @property
    def flops_per_pixel(self) -> float:
        """Floating-point operations (two a multiply-add) for each pixel of one evaluation."""
        total = 0.0
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                level = 0
                if name.startswith(("encoder", "decoder", "down", "up")):
                    level = int(name.split(".")[1]) + name.startswith(("down", "up"))
                elif name.startswith("middle"):
                    level = len(self.encoder)
                total += 2 * module.weight.numel() / 4 ** (level + 1)
        return total

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """x = c_in(t) x_t (B, 3, H, W); t and u (B,) or (1,), the latter for the whole batch."""
        if label is not None:
            raise ValueError("this network has no classes: leave the label out")
        return self.evaluate(x, self.embedding(t, u))

    def evaluate(self, x: Tensor, levels: Tensor) -> Tensor:
        """F of x = c_in x_t (B, planes, H, W), given the embedding (B, features) of its levels."""
        if packable(self, x, levels):
            return self.packed.find(self, levels, lambda other: self._pack(levels, other))(x)
        h = self.stemmed(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        skips = []
        for row, down in zip(self.encoder, self.down, strict=True):
            skips.append(row(h, levels))
            h = down(skips[-1])
        h = self.middle(h, levels)
        for row, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            h = row(skips.pop() + F.pixel_shuffle(up(h), 2), levels)
        return F.pixel_shuffle(self.head(h), 2)

    def _pack(self, levels: Tensor, other: Packed | None) -> Packed:
        """The layers at one pair of levels; all but the first convolutions are any other pair's."""
        rows = [*self.encoder, self.middle, *reversed(self.decoder)]

        def pack_first(block: ResidualBlock, known: PackedLayer | None) -> PackedLayer:
            scale, bias = block.fold(levels)
            return pack_inner(block.conv1.weight, bias, scale, known)

        known = other.first if other else [[None] * len(row) for row in rows]
        first = [list(map(pack_first, row, some)) for row, some in zip(rows, known, strict=True)]
        if other:
            return replace(other, first=first)
        weight, bias = self.stem.parameters()
        twice = torch.cat([weight, weight], dim=1) if weight.dtype.itemsize == 2 else weight
        second = [[pack_inner(*block.conv2.parameters()) for block in row] for row in rows]
        return Packed(
            Convolution.pack(twice, bias),
            first,
            second,
            [Convolution.of(down) for down in self.down],
            [order_by_pixel(up) for up in self.up],
            Convolution.of(self.head),
        )

    def stemmed(self, x: Tensor) -> Tensor:
        """The stem's features of patches x (B, 4 planes, h, w), in the network's dtype.

        Where that is of 16 bits, x goes in as two terms, what rounding keeps and what it loses:
        pixels rounded to 8 significant bits are most of what bf16 would cost in PSNR.
        """
        weight, bias = self.stem.parameters()
        kept = x.to(weight.dtype)
        if weight.dtype.itemsize > 2:
            return self.stem(kept)
        lost = (x - kept).to(weight.dtype)
        twice = torch.cat([weight, weight], dim=1)
        return F.conv2d(torch.cat([kept, lost], dim=1), twice, bias, padding=1)
