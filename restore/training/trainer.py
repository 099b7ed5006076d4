"""Trainer: a run, saved as it goes and resumed where it stopped."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.bcm import BCM
from restore.files import open_atomically
from restore.networks import build
from restore.training.losses import LOSSES, Batch
from restore.training.optimizers import optimizers
from restore.training.photographs import Photographs
from restore.training.recipe import Recipe, draw_levels


class Trainer:
    """A run in a folder: model, average, optimisers; saved atomically and resumed exactly.

    `minutes` is the length of the whole run in training time, over all its sessions; the learning
    rate follows it.
    """

    def __init__(
        self, folder: Path, photographs: Photographs, recipe: Recipe, minutes: float
    ) -> None:
        self.folder, self.photographs, self.recipe = folder, photographs, recipe
        self.device = photographs.pixels.device
        self.seconds = 60 * minutes
        self.step, self.elapsed, self.patches = 0, 0.0, 0
        torch.manual_seed(recipe.seed)
        self.model = BCM(build("patch", recipe.network)).to(self.device)
        self.average = BCM(build("patch", recipe.network)).to(self.device).requires_grad_(False)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizers = optimizers(self.model.network, recipe)
        self.generator = torch.Generator(self.device).manual_seed(recipe.seed)

    @property
    def progress(self) -> float:
        return min(self.elapsed / self.seconds, 1.0)

    def learning_rate(self) -> float:
        warm = min(1.0, (self.step + 1) / self.recipe.warmup)
        left = (1 - self.progress) / (1 - self.recipe.decay_from)
        return self.recipe.learning_rate * warm * min(1.0, max(left, 0.02))

    def losses(self) -> Iterator[tuple[str, float, Tensor]]:
        """(term, share, loss) of one fresh batch, each term on its own images."""
        recipe, total = self.recipe, sum(self.recipe.shares.values())
        for name, share in recipe.shares.items():
            n = round(recipe.batch * share / total)
            if n == 0:
                continue
            x = self.photographs.crops(n, recipe.crop, self.generator)
            noise = torch.randn(x.shape, generator=self.generator, device=self.device)
            t = draw_levels(n, recipe, self.generator)
            batch = Batch(x, noise, t, recipe, self.generator)
            with torch.autocast(self.device.type, torch.bfloat16):
                yield name, n / recipe.batch, LOSSES[name](self.model, self.average, batch)

    def update(self) -> dict[str, float]:
        """One optimiser step; the loss of each term."""
        began = time.monotonic()
        seen = {}
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate()
            optimizer.zero_grad(set_to_none=True)
        for name, share, loss in self.losses():
            (share * loss).backward()
            seen[name] = float(loss.detach())
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm):
            for optimizer in self.optimizers:
                optimizer.step()
            decay = min(self.recipe.ema, (self.step + 1) / (self.step + 10))
            with torch.no_grad():
                for a, p in zip(self.average.parameters(), self.model.parameters(), strict=True):
                    a.lerp_(p, 1 - decay)
        self.step += 1
        self.patches += self.recipe.batch
        self.elapsed += time.monotonic() - began
        return seen

    def save(self) -> None:
        """Write `state.pt`, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.generator.get_state(),
            "counts": {"step": self.step, "elapsed": self.elapsed, "patches": self.patches},
            "recipe": json.dumps(asdict(self.recipe), default=list),
        }
        with open_atomically(self.folder / "state.pt") as file:
            torch.save(state, file)

    def resume(self) -> bool:
        """Take up `state.pt` where it stopped; False where there is none."""
        path = self.folder / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.network.load_state_dict(state["model"])
        self.average.network.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.generator.set_state(state["generator"].cpu())
        counts = state["counts"]
        self.step, self.elapsed = counts["step"], counts["elapsed"]
        self.patches = counts["patches"]
        return True


def denoising_psnr(model: BCM, images: Sequence[Tensor], sigma: float, seed: int = 0) -> float:
    """Mean PSNR in dB over (1, 3, H, W) images of one evaluation at sigma, in 8-bit units."""
    total = 0.0
    t = 2 * sigma / 255
    for n, x in enumerate(images):
        generator = torch.Generator().manual_seed(seed + n)
        noise = torch.randn(x.shape, generator=generator).to(x)
        with torch.no_grad():
            error = F.mse_loss(model.denoise(x + t * noise, t).clamp(-1, 1), x)
        total += 10 * math.log10(4 / float(error))
    return total / len(images)
