"""Training: photographs, losses and the loop that make a bidirectional consistency model.

A batch is shared out among loss terms, each one function of (model, target, x, noise, t, generator):

- diagonal: the EDM denoising loss on D(x_t, t), Karras et al. 2022, eq. 2 and 8, in F's own units;
- consistency and trajectory: the published loss of BCM (Li and He 2024, arXiv 2403.18035, eq. 12
  and 13), with Pseudo-Huber distance;
- semigroup: f(x, t, u) = f(f(x, t, m), m, u) for m between t and u, the right side held fixed
  (flow maps: Boffi et al. 2024, arXiv 2406.07507), which distils the diagonal into jumps.

`target` is the exponential moving average of `model`; gradients never reach it.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.bcm import BCM, SIGMA_MAX, SIGMA_MIN
from restore.images import as_picture
from restore.networks import build


class Photographs:
    """Training photographs as bytes on one device, each at several scales; crops are cut there."""

    def __init__(
        self,
        pictures: Sequence[np.ndarray],
        scales: Sequence[float] = (1.0, 0.6, 0.36),
        device: torch.device | str = "cpu",
    ) -> None:
        """`pictures` are (H, W, 3) uint8 arrays; scales below 1 shrink by area averaging."""
        import cv2

        levels = []
        for picture in pictures:
            for scale in scales:
                size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
                shrunk = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                levels.append(picture if scale == 1 else shrunk)
        self.sizes = torch.tensor([level.shape[:2] for level in levels])
        lengths = self.sizes.prod(dim=1)
        self.starts = (lengths.cumsum(0) - lengths).to(device)
        flat = np.concatenate([level.reshape(-1, 3) for level in levels])
        self.pixels = torch.from_numpy(flat).to(device)
        self.sizes = self.sizes.to(device)

    @classmethod
    def from_folder(cls, folder: Path, device: torch.device | str = "cpu") -> Photographs:
        """All PNG, JPEG and WebP files of a folder."""
        endings = {".png", ".jpg", ".jpeg", ".webp"}
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in endings)
        if not paths:
            raise FileNotFoundError(f"no pictures in {folder}: run examples/debian_photos.py first")
        pixels = [as_picture(p).pixels for p in paths]
        return cls([np.repeat(p, 3, 2) if p.shape[2] == 1 else p for p in pixels], device=device)

    def crops(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """n random crops (n, 3, size, size) in [-1, 1], turned and mirrored, seldom flat."""
        device = self.pixels.device
        large = (self.sizes.min(dim=1).values >= size).nonzero()[:, 0]
        rooms = (self.sizes[large] - size + 1).prod(dim=1).double()
        drawn = torch.multinomial(rooms, 2 * n, replacement=True, generator=generator)
        which = large[drawn]
        place = torch.rand(2 * n, 2, generator=generator, device=device)
        corner = (place * (self.sizes[which] - size + 1)).long()
        width = self.sizes[which, 1]
        start = self.starts[which] + corner[:, 0] * width + corner[:, 1]

        def cut(start: Tensor, width: Tensor, step: int) -> Tensor:
            rows = torch.arange(0, size, step, device=device)
            index = start[:, None, None] + rows[:, None] * width[:, None, None] + rows
            return self.pixels[index].float()

        contrast = cut(start, width, size // 8).std(dim=(1, 2)).mean(dim=1)
        weight = contrast.clamp(max=20) + 2
        chosen = torch.multinomial(weight, n, generator=generator)
        x = cut(start[chosen], width[chosen], 1).permute(0, 3, 1, 2) / 127.5 - 1
        flips = torch.randint(0, 8, (n,), generator=generator, device=device).tolist()
        turned = [torch.rot90(i, k % 4, (1, 2)) for i, k in zip(x, flips, strict=True)]
        both = zip(turned, flips, strict=True)
        return torch.stack([i.flip(2) if k >= 4 else i for i, k in both])


@dataclass(frozen=True)
class Recipe:
    """All that decides a run; what is written beside its checkpoints."""

    network: Mapping[str, object] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=lambda: {"diagonal": 1.0})
    batch: int = 32
    crop: int = 64
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


def draw_levels(n: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Noise levels (n,) for training: lognormal, with a share spread over the whole range."""
    device = generator.device
    normal = torch.randn(n, generator=generator, device=device)
    level = (recipe.level_mean + recipe.level_std * normal).exp()
    low, high = math.log(SIGMA_MIN), math.log(SIGMA_MAX)
    spread = (low + (high - low) * torch.rand(n, generator=generator, device=device)).exp()
    chosen = torch.rand(n, generator=generator, device=device) < recipe.broad
    return torch.where(chosen, spread, level).clamp(SIGMA_MIN, SIGMA_MAX)


def pseudo_huber(difference: Tensor, c: float) -> Tensor:
    """(sqrt(|Δ|² + c²) - c) / sqrt(dim), one value an image (B,)."""
    square = difference.square().flatten(1)
    return ((square.sum(dim=1) + c**2).sqrt() - c) / math.sqrt(square.shape[1])


@dataclass(frozen=True)
class Batch:
    """Clean images x, their noise, their levels t (B,), and x_t = x + t noise."""

    x: Tensor
    noise: Tensor
    t: Tensor
    recipe: Recipe
    generator: torch.Generator

    def at(self, t: Tensor) -> Tensor:
        return self.x + t[:, None, None, None] * self.noise

    def uniform(self) -> Tensor:
        return torch.rand(len(self.x), generator=self.generator, device=self.x.device)

    @property
    def huber(self) -> float:
        return self.recipe.huber * self.recipe.crop / 64


Loss = Callable[[BCM, BCM, Batch], Tensor]


def diagonal(model: BCM, target: BCM, batch: Batch) -> Tensor:
    """EDM's denoising loss, in units of F: weight (t² + s²) / (t s)²."""
    s, t = model.sigma_data, batch.t[:, None, None, None]
    x_t = batch.at(batch.t)
    norm = t**2 + s**2
    wanted = (batch.x - s**2 / norm * x_t) * norm.sqrt() / (t * s)
    return (model.evaluate(x_t, batch.t, batch.t) - wanted).square().mean()


def earlier(t: Tensor, bins: int) -> Tensor:
    """The next level below t on Karras's schedule (rho 7) of `bins` levels."""
    low, high, rho = SIGMA_MIN, SIGMA_MAX, 7.0
    root = (high ** (1 / rho) - low ** (1 / rho)) / bins
    return (t ** (1 / rho) - root).clamp(min=low ** (1 / rho)) ** rho


def consistency(model: BCM, target: BCM, batch: Batch) -> Tensor:
    """d(f(x_t, t, 0), sg f(x_t', t', 0)) / |t - t'|, t' a step below t on the same noise."""
    t, below = batch.t, earlier(batch.t, batch.recipe.bins)
    low = torch.full_like(t, SIGMA_MIN)
    with torch.no_grad():
        wanted = target(batch.at(below), below, low)
    distance = pseudo_huber(model(batch.at(t), t, low) - wanted, batch.huber)
    return (distance / (t - below).clamp(min=1e-4)).mean()


def trajectory(model: BCM, target: BCM, batch: Batch) -> Tensor:
    """d(f(f(x_t, t, u), u, 0), sg f(x_t', t', 0)) / |t - u|, through the inner jump only."""
    t, below = batch.t, earlier(batch.t, batch.recipe.bins)
    low = torch.full_like(t, SIGMA_MIN)
    u = draw_levels(len(t), batch.recipe, batch.generator)
    u = torch.where((u - t).abs() < 0.05 * t, 1.5 * t, u).clamp(max=SIGMA_MAX)
    with torch.no_grad():
        wanted = target(batch.at(below), below, low)
    landed = target(model(batch.at(t), t, u), u, low)
    distance = pseudo_huber(landed - wanted, batch.huber)
    return (distance / (t - u).abs().clamp(min=1e-2)).mean()


def semigroup(model: BCM, target: BCM, batch: Batch) -> Tensor:
    """f(x_t, t, u) against sg f(sg f(x_t, t, m), m, u), in units of F; u above or below t."""
    t, s = batch.t, model.sigma_data
    low, high = math.log(SIGMA_MIN), math.log(SIGMA_MAX)
    broad = low + (high - low) * batch.uniform()
    u = torch.where(batch.uniform() < 0.35, torch.full_like(t, SIGMA_MIN), broad.exp())
    u = torch.where((u / t).log().abs() < 0.05, (t * 0.5).clamp(min=SIGMA_MIN), u)
    u = torch.where((u / t).log().abs() < 0.05, 2 * t, u)
    m = (t.log() + (u / t).log() * (0.02 + 0.96 * batch.uniform())).exp()
    x_t = batch.at(t)
    tc, uc = (v[:, None, None, None] for v in (t, u))
    norm = tc**2 + s**2
    with torch.no_grad():
        landed = target(target(x_t, t, m), m, u)
        wanted = (landed - (tc * uc + s**2) / norm * x_t) * norm.sqrt() / ((tc - uc) * s)
    error = (model.evaluate(x_t, t, u) - wanted).square().flatten(1).mean(dim=1)
    return (error / (error.detach() + 0.1).sqrt()).mean()


LOSSES: dict[str, Loss] = {
    "diagonal": diagonal,
    "consistency": consistency,
    "trajectory": trajectory,
    "semigroup": semigroup,
}


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for weights of convolutions and linear layers.

    Newton-Schulz iteration of Jordan et al. 2024 (Muon), on the weight as a matrix (out, in·k·k);
    the update has the root mean square of an AdamW step (Liu et al. 2025, arXiv 2502.16982).
    """

    def __init__(self, params: Sequence[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.01})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                average = state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(average, group["momentum"]).reshape(len(p), -1)
                update = orthogonal(update).reshape(p.shape)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                scale = 0.2 * math.sqrt(max(len(p), p[0].numel()))
                p.add_(update.to(p.dtype), alpha=-group["lr"] * scale)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest orthogonal matrix, roughly: all singular values brought near 1."""
    x = matrix.bfloat16() / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x


def optimizers(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """One for matrices, one for vectors and for the first and last layers."""
    rest, matrices = [], []
    for name, p in network.named_parameters():
        inner = p.ndim >= 2 and not name.startswith(("stem", "head", "embedding"))
        (matrices if inner and recipe.optimizer == "muon" else rest).append(p)
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    ]
    if matrices:
        found.append(Muon(matrices, lr=recipe.learning_rate))
    return found


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
        self.model.to(memory_format=torch.channels_last)
        self.average = BCM(build("patch", recipe.network)).to(self.device)
        self.average.to(memory_format=torch.channels_last).requires_grad_(False)
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
        torch.save(state, self.folder / "state.pt.part")
        os.replace(self.folder / "state.pt.part", self.folder / "state.pt")

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
