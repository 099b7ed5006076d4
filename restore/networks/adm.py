"""ADM: the published U-Net of the bidirectional consistency model, with attention and classes.

F(x, t, u, label): residual blocks with group normalisation at strides 1, 2, 4, …, each shifted by
one embedding of both noise levels and the class,

    e = W [MLP_t(φ(250 ln t)), MLP_u(φ(250 ln u))] + E[label]        φ: sines and cosines

It is the ablated diffusion model (Dhariwal and Nichol 2021, arXiv 2105.05233) with a second level
(Li and He 2024, arXiv 2403.18035, appendix A) and attention whose queries, keys and values are each
normalised (EDM2: Karras et al. 2024, arXiv 2312.02696, eq. 31). Module names are the published
ones, so that published weights fit.
"""

import math
import re
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.networks.network import Config, Network


class Residual(nn.Module):
    """x + conv(norm(conv(norm(x)) + e)), both summands resampled by two where `resample` says so.

    `resample` is "up" (nearest), "down" (2×2 mean) or None.
    """

    def __init__(self, channels: int, out: int, features: int, resample: str | None = None) -> None:
        super().__init__()
        self.resample = resample
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(features, out))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, out),
            nn.SiLU(),
            nn.Identity(),  # the published dropout's place
            _zeroed(nn.Conv2d(out, out, 3, padding=1)),
        )
        self.skip_connection = nn.Identity() if out == channels else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        norm, act, conv = self.in_layers
        h = conv(self._resampled(act(norm(x)))) + self.emb_layers(e)[..., None, None]
        return self.skip_connection(self._resampled(x)) + self.out_layers(h)

    def _resampled(self, x: Tensor) -> Tensor:
        if self.resample == "up":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        return F.avg_pool2d(x, 2) if self.resample == "down" else x


class Attention(nn.Module):
    """x + self-attention over all pixels; each head's q, k and v have unit mean square."""

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.norm = nn.GroupNorm(32, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj_out = _zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        heads = (3, x.shape[1] // self.head_channels, self.head_channels)
        qkv = self.qkv(self.norm(x)).flatten(2).unflatten(1, heads)  # (B, 3, heads, channels, HW)
        norm = torch.linalg.vector_norm(qkv, dim=3, keepdim=True, dtype=torch.float32)
        qkv = qkv / (1e-4 + norm / math.sqrt(self.head_channels)).to(qkv.dtype)
        q, k, v = qkv.transpose(3, 4).unbind(1)
        h = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(h.transpose(2, 3).reshape(x.shape))


class Stage(nn.ModuleList):
    """Modules in turn; all but a bare convolution take the embedding."""

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        for module in self:
            x = module(x) if isinstance(module, nn.Conv2d) else module(x, e)
        return x


class ADM(Network):
    """F(c_in x, t, u, label): (B, 3, H, W), H and W multiples of `stride`, to (B, 3, H, W).

    `channel_mult` gives the width at strides 1, 2, 4, …; `attention_strides` are those with
    attention. `num_classes` None makes it unconditional.
    """

    window = 64

    def __init__(
        self,
        model_channels: int = 192,
        num_res_blocks: int = 3,
        channel_mult: Sequence[int] = (1, 2, 3, 4),
        attention_strides: Sequence[int] = (4, 8),
        num_head_channels: int = 64,
        num_classes: int | None = 1000,
    ) -> None:
        super().__init__()
        self.model_channels, self.num_classes = model_channels, num_classes
        self.bytes_per_pixel = 18 * 4 * model_channels  # as measured: of its maps, eighteen at once
        self.levels = len(channel_mult)
        self.stride = 2 ** (self.levels - 1)
        widths = [m * model_channels for m in channel_mult]
        if any(w < 1 or w % 32 for w in widths):
            raise ValueError(f"widths {widths} are not multiples of 32, the groups of each norm")
        attended = [2**level in attention_strides for level in range(self.levels)]
        heads = {w for w, a in zip((*widths, widths[-1]), (*attended, True), strict=True) if a}
        if any(w % num_head_channels for w in heads):
            raise ValueError(f"heads of {num_head_channels} channels do not divide {sorted(heads)}")

        features = 4 * model_channels
        self.time_embed = _perceptron(model_channels, features)
        self.time_embed_end = _perceptron(model_channels, features)
        self.time_embed_align = nn.Linear(2 * features, features, bias=False)
        if num_classes is not None:
            self.label_emb = nn.Embedding(num_classes, features)

        def stage(channels: int, out: int, level: int) -> Stage:
            attention = [Attention(out, num_head_channels)] if attended[level] else []
            return Stage([Residual(channels, out, features), *attention])

        skips = [width := widths[0]]
        self.input_blocks = nn.ModuleList([Stage([nn.Conv2d(3, width, 3, padding=1)])])
        for level, out in enumerate(widths):
            for _ in range(num_res_blocks):
                self.input_blocks.append(stage(width, out, level))
                skips.append(width := out)
            if level + 1 < self.levels:
                self.input_blocks.append(Stage([Residual(width, width, features, "down")]))
                skips.append(width)

        self.middle_block = Stage(
            [
                Residual(width, width, features),
                Attention(width, num_head_channels),
                Residual(width, width, features),
            ]
        )

        output_blocks: list[Stage] = []
        for level, out in reversed(list(enumerate(widths))):
            for _ in range(num_res_blocks + 1):
                output_blocks.append(stage(width + skips.pop(), out, level))
                width = out
            if level:
                output_blocks[-1].append(Residual(width, width, features, "up"))
        assert not skips
        self.output_blocks = nn.ModuleList(output_blocks)
        self.out = nn.Sequential(
            nn.GroupNorm(32, width), nn.SiLU(), _zeroed(nn.Conv2d(width, 3, 3, padding=1))
        )

    @classmethod
    def read_config(cls, tensors: Mapping[str, Tensor]) -> Config:
        """The arguments of a published state dict; heads are 64 channels wide, as in all of them.

        ValueError where keys are missing or it is a network of another normalisation.
        """
        if "time_embed_align.weight" not in tensors:
            raise ValueError(
                "it has no tensor time_embed_align.weight: it is no bidirectional consistency "
                "model, or a state dict in another naming"
            )
        stages = {int(m[1]) for k in tensors if (m := re.match(r"input_blocks\.(\d+)\.", k))}
        # A stage of the way up that ends in a second residual block doubles the resolution with it.
        pattern = r"output_blocks\.(\d+)\.[12]\.in_layers"
        levels = len({m[1] for k in tensors if (m := re.match(pattern, k))}) + 1
        blocks = len(stages) // levels - 1
        if len(stages) != levels * (blocks + 1) or blocks < 1:
            raise ValueError(
                f"its {len(stages)} stages do not divide into {levels} resolutions of equal depth"
            )
        first = [1 + level * (blocks + 1) for level in range(levels)]
        try:
            channels = tensors["input_blocks.0.0.weight"].shape[0]
            widths = [tensors[f"input_blocks.{i}.0.out_layers.3.weight"].shape[0] for i in first]
            shift = tensors["input_blocks.1.0.emb_layers.1.weight"].shape[0]
        except (KeyError, IndexError) as error:
            raise ValueError(f"it lacks a tensor of the published naming: {error}") from error
        if shift != widths[0]:
            raise ValueError("networks with scale-shift normalisation are not taken")
        attended = [f"input_blocks.{i}.1.qkv.weight" in tensors for i in first]
        labels = tensors.get("label_emb.weight")
        return {
            "model_channels": channels,
            "num_res_blocks": blocks,
            "channel_mult": [width // channels for width in widths],
            "attention_strides": [2**level for level in range(levels) if attended[level]],
            "num_head_channels": 64,
            "num_classes": None if labels is None else len(labels),
        }

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """x = c_in(t) x_t (B, 3, H, W); t, u (B,) or (1,); label (B,) or (1,), int64.

        ValueError where a class-conditional network gets no label, or the other way round.
        """
        if (label is None) != (self.num_classes is None):
            found, wanted = ("no label", "one") if label is None else ("a label", "none")
            raise ValueError(f"{found} given, and this network needs {wanted}")
        e = self.embed(t, u, label)
        h, skips = x.to(e.dtype), []
        for block in self.input_blocks:
            skips.append(h := block(h, e))
        h = self.middle_block(h, e)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), e)
        return self.out(h)

    def embed(self, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """Levels and class -> e (B, features), in the network's dtype."""
        dtype = self.time_embed_align.weight.dtype
        start, end = (_waves(250 * v.float().log(), self.model_channels).to(dtype) for v in (t, u))
        e = torch.cat([self.time_embed(start), self.time_embed_end(end)], dim=1)
        e = self.time_embed_align(e)
        return e if label is None else e + self.label_emb(label)


def _waves(v: Tensor, features: int) -> Tensor:
    """(B,) -> (B, features): cosines then sines of v at periods from 2π to 10000 · 2π, float32."""
    half = features // 2
    k = torch.arange(half, dtype=torch.float32, device=v.device)
    angles = v[:, None] * torch.exp(k * (-math.log(10000) / half))
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _perceptron(features: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, out), nn.SiLU(), nn.Linear(out, out))


def _zeroed(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution that starts at zero, so that its block starts as the identity."""
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv
