"""Networks: Stable Diffusion's UNet, autoencoder and text encoder, from their weights.

The one module that knows diffusers and transformers, which the extra `bcm-restore[edit]` installs.
Networks are built from a configuration and filled with tensors that were checked before: nothing
here downloads, and no code of a file runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from restore.editing.attention import AttentionProcessor, Switch
from restore.editing.schedule import EMBEDDING, embed_guidance
from restore.editing.words import LENGTH, Conditioning, Prompt
from restore.errors import CheckpointError, ResourceError

EXTRA = "pip install 'bcm-restore[edit]'"
NetworkConfig = Mapping[str, Any]
Foreign = Any  # an object of diffusers or transformers, which state no types of their own

UNET_SD15: NetworkConfig = {
    "sample_size": 64,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "time_cond_proj_dim": EMBEDDING,
}
UNET_SDXL: NetworkConfig = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "time_cond_proj_dim": EMBEDDING,
}
VAE_SD15: NetworkConfig = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
    "scaling_factor": 0.18215,
}
VAE_SDXL: NetworkConfig = {**VAE_SD15, "sample_size": 1024, "scaling_factor": 0.13025}
TEXT_L: NetworkConfig = {  # CLIP ViT-L/14
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
    "vocab_size": 49408,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "max_position_embeddings": LENGTH,
}
TEXT_G: NetworkConfig = {  # OpenCLIP ViT-bigG/14
    **TEXT_L,
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_attention_heads": 20,
    "num_hidden_layers": 32,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
ARCHITECTURES: Mapping[str, Mapping[str, NetworkConfig]] = {
    "sd15": {"unet": UNET_SD15, "vae": VAE_SD15, "text": TEXT_L},
    "sdxl": {"unet": UNET_SDXL, "vae": VAE_SDXL, "text": TEXT_L, "text-2": TEXT_G},
}
OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
FACTOR = 8  # pixels of an image a pixel of its latent
START, END = "<|startoftext|>", "<|endoftext|>"


class Evaluate(Protocol):
    """The noise in x, as a network sees it: all that encoding and decoding know of one.

    x (B, 4, h, w) at time t, with the words of B prompts, guided by w, B numbers.
    """

    def __call__(self, x: Tensor, t: int, words: Conditioning, w: Sequence[float], /) -> Tensor: ...


def check_extra() -> None:
    """ResourceError, with the line to type, unless diffusers and transformers are installed."""
    try:
        import diffusers  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise ResourceError(
            f"editing needs {error.name or 'packages'}, which is not installed: {EXTRA}"
        ) from error


def parse_config(data: bytes, where: str) -> NetworkConfig:
    """A network's configuration from its JSON; CheckpointError where it is none."""
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{where}: found {type(config).__name__}, expected a table")
    return config


class UNet:
    """The denoising network: the noise in a latent, given words and the strength of guidance."""

    def __init__(self, network: Foreign, told_size: tuple[int, int] | None = None) -> None:
        """`told_size`: (height, width) that XL is told a picture has, None for its own."""
        self.network, self.told_size = network, told_size
        self.switch = Switch()
        network.set_attn_processor(_processors(network, self.switch))

    @property
    def device(self) -> torch.device:
        device: torch.device = self.network.conv_in.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.network.conv_in.weight.dtype
        return dtype

    def __call__(self, x: Tensor, t: int, words: Conditioning, w: Sequence[float]) -> Tensor:
        """ε (B, 4, h, w) float32 of x (B, 4, h, w) at time t; w has B numbers."""
        dtype, extra = self.dtype, None
        if words.pooled is not None:
            height, width = self.told_size or (side * FACTOR for side in x.shape[-2:])
            size = torch.tensor([[height, width, 0, 0, height, width]] * len(x), device=x.device)
            extra = {"text_embeds": words.pooled.to(dtype), "time_ids": size.to(dtype)}
        return self.network(
            x.to(dtype),
            t,
            encoder_hidden_states=words.context.to(dtype),
            timestep_cond=embed_guidance(w).to(x.device, dtype),
            added_cond_kwargs=extra,
        ).sample.float()


class Autoencoder:
    """Images (B, 3, H, W) in [-1, 1] as latents (B, 4, H / 8, W / 8), and back."""

    def __init__(self, network: Foreign) -> None:
        self.network = network
        self.scale = float(network.config.scaling_factor)

    def encode(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """The mean of the posterior, scaled to a standard deviation of about 1.

        With standard normal `noise`, of the latent's shape, a draw from it, as XL wants.
        """
        posterior = self.network.encode(x).latent_dist
        drawn = posterior.mean if noise is None else posterior.mean + posterior.std * noise
        return drawn * self.scale

    def decode(self, z: Tensor) -> Tensor:
        """The image, not clipped."""
        return self.network.decode(z / self.scale).sample


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """Prompts as networks are told them.

    encoders: one, whose last layer is taken; or XL's two, of which the last layers but one, and the
    second's pooled output. paddings: the token that fills a prompt up, for each.
    """

    encoders: tuple[nn.Module, ...]
    tokenizer: Foreign
    paddings: tuple[int, ...]

    def tokenize(self, text: str) -> list[int]:
        """Token ids of words, without start and end."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def __call__(self, prompt: Prompt) -> Conditioning:
        """One prompt (1, 77, C), and its pooled row where there are two encoders."""
        start, end = self.tokenizer.convert_tokens_to_ids([START, END])
        contexts, pooled = [], None
        for encoder, padding in zip(self.encoders, self.paddings, strict=True):
            ids = [start, *prompt.ids, end]
            ids += [padding] * (LENGTH - len(ids))
            found = encoder(
                torch.tensor([ids], device=next(encoder.parameters()).device),
                output_hidden_states=True,
            )
            if len(self.encoders) == 1:
                return Conditioning(found.last_hidden_state.float())
            contexts.append(found.hidden_states[-2].float())
            if "text_embeds" in found:
                pooled = found.text_embeds.float()
        return Conditioning(torch.cat(contexts, dim=-1), pooled)


def build_unet(config: NetworkConfig) -> nn.Module:
    """A UNet without weights, on the meta device; CheckpointError where none has such a form."""
    from diffusers import UNet2DConditionModel

    unet = _built(UNet2DConditionModel.from_config, config, "UNet")
    if unet.config.time_cond_proj_dim != EMBEDDING:
        raise CheckpointError(
            f"the UNet's guidance has {unet.config.time_cond_proj_dim} numbers, expected "
            f"{EMBEDDING}: it is not distilled for guidance"
        )
    return unet


def build_autoencoder(config: NetworkConfig) -> nn.Module:
    """An autoencoder without weights, on the meta device; CheckpointError as in `build_unet`."""
    from diffusers import AutoencoderKL

    return _built(AutoencoderKL.from_config, config, "autoencoder")


def build_text_encoder(config: NetworkConfig, *, projected: bool = False) -> nn.Module:
    """A text encoder without weights, on the meta device; `projected` has the pooled output too."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    kind = CLIPTextModelWithProjection if projected else CLIPTextModel

    def built(config: NetworkConfig) -> nn.Module:
        made: nn.Module = kind(CLIPTextConfig.from_dict(dict(config)))
        return made

    return _built(built, config, "text encoder")


def build_tokenizer(vocabulary: Path, merges: Path) -> Foreign:
    """CLIP's tokenizer from its two files; CheckpointError where they cannot be read."""
    from transformers import CLIPTokenizer

    try:
        tokenizer = CLIPTokenizer(str(vocabulary), str(merges), model_max_length=LENGTH)
    except Exception as error:  # of the library's own kinds
        raise CheckpointError(f"{vocabulary} and {merges} make no tokenizer: {error}") from error
    if missing := [token for token in (START, END) if token not in tokenizer.get_vocab()]:
        raise CheckpointError(f"{vocabulary} has no token {missing[0]}")
    return tokenizer


def rename_autoencoder(names: Sequence[str]) -> dict[str, str]:
    """Today's name of each tensor of an autoencoder, by its name in a file.

    Attention was named otherwise when Stable Diffusion 1.5 was published.
    """
    renamed = {}
    for name in names:
        parts = name.split(".")
        if "attentions" in parts and len(parts) > 1 and parts[-2] in OLD_NAMES:
            parts[-2] = OLD_NAMES[parts[-2]]
        renamed[name] = ".".join(parts)
    return renamed


def rename_text_encoder(names: Sequence[str], expected: Sequence[str]) -> dict[str, str]:
    """Today's name of each tensor of a text encoder, by its name in a file.

    `text_model.` came and went in front of them, and positions were once stored, which are left
    out here.
    """
    prefix = "text_model."
    prefixed = any(name.startswith(prefix) for name in expected)
    renamed = {}
    for name in names:
        if name.endswith("embeddings.position_ids"):
            continue
        bare = name.removeprefix(prefix)
        has = f"{prefix}{bare}"
        renamed[name] = has if prefixed and not bare.startswith("text_projection") else bare
    return renamed


def fill_(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network that was built without weights its tensors; they fit, as was checked."""
    network.load_state_dict(tensors, assign=True)
    for name, buffer in network.named_buffers():
        if buffer.is_meta:
            owner, _, leaf = name.rpartition(".")
            assert leaf == "position_ids", f"a buffer no file can fill: {name}"
            places = torch.arange(buffer.shape[-1], device=next(network.parameters()).device)
            network.get_submodule(owner).register_buffer(leaf, places[None], persistent=False)
    network.eval().requires_grad_(False)


def _built(
    build: Callable[[NetworkConfig], nn.Module], config: NetworkConfig, what: str
) -> Foreign:
    """A network on the meta device; CheckpointError where the configuration is not for one."""
    try:
        with torch.device("meta"):
            return build(config)
    except Exception as error:  # libraries raise of their own kinds, and differ by version
        text = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise CheckpointError(f"no {what} is built from its configuration: {text[0]}") from error


def _processors(network: Foreign, switch: Switch) -> dict[str, AttentionProcessor]:
    """A processor a layer, numbered among those of its kind in the order of computation."""
    order = ("down_blocks", "mid_block", "up_blocks")
    names = sorted(network.attn_processors, key=lambda name: order.index(name.split(".")[0]))
    numbers = {True: 0, False: 0}
    processors = {}
    for name in names:
        cross = name.endswith("attn2.processor")
        outer = not name.startswith("mid_block")
        processors[name] = AttentionProcessor(switch, numbers[cross], cross=cross, outer=outer)
        numbers[cross] += 1
    return processors
