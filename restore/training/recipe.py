"""Recipe: all that decides a training run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from restore.bcm import SIGMA_MAX, SIGMA_MIN


@dataclass(frozen=True)
class Recipe:
    """All that decides a run; what is written beside its checkpoints."""

    network: Mapping[str, object] = field(default_factory=dict)
    architecture: str = "patch"
    shares: Mapping[str, float] = field(default_factory=lambda: {"diagonal": 1.0})
    batch: int = 32
    chunk: int = 16  # patches that go through the network at once
    crop: int = 64
    finer: bool = False  # the crop is the mean of one of twice its side, which is a target too
    pretraining: float = 0.0  # fraction of the run at its beginning that reconstructs alone
    optimizer: str = "muon"  # or "adamw"
    learning_rate: float = 1e-3
    warmup: int = 200  # steps
    decay_from: float = 0.7  # fraction of the run after which the rate falls, linearly, to a 50th
    ema: float = 0.999
    level_mean: float = -1.7  # ln t of most samples: normal with this mean
    level_std: float = 1.2
    broad: float = 0.15  # share of levels drawn log-uniformly over the whole range
    bins: int = 320  # discretisation of the consistency terms
    huber: float = 0.06  # Pseudo-Huber c, for 64 pixels; scaled with the crop
    seed: int = 0


def scale_to_batch(recipe: Recipe, batch: int) -> Recipe:
    """The recipe with batches of `batch` patches, so that a run of as many patches learns alike.

    The rate grows with the root of the batch, as noise of adaptive methods asks for (Malladi et al.
    2022, arXiv 2205.10287); average and warm-up stay as long, counted in patches.
    """
    ratio = batch / recipe.batch
    return replace(
        recipe,
        batch=batch,
        learning_rate=recipe.learning_rate * math.sqrt(ratio),
        ema=recipe.ema**ratio,
        warmup=max(1, round(recipe.warmup / ratio)),
    )


def draw_levels(n: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Noise levels (n,) for training: lognormal, with a share spread over the whole range."""
    device = generator.device
    normal = torch.randn(n, generator=generator, device=device)
    level = (recipe.level_mean + recipe.level_std * normal).exp()
    low, high = math.log(SIGMA_MIN), math.log(SIGMA_MAX)
    spread = (low + (high - low) * torch.rand(n, generator=generator, device=device)).exp()
    chosen = torch.rand(n, generator=generator, device=device) < recipe.broad
    return torch.where(chosen, spread, level).clamp(SIGMA_MIN, SIGMA_MAX)
