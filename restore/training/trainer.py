"""Trainer: a run, saved as it goes and resumed where it stopped.

The weights and their average are float32; what is evaluated are copies of both, made once a step,
in bfloat16 where the device computes in it. A batch is cut into chunks of one loss term each. A
chunk draws its crops, noise and levels from a generator of its own, seeded by the step and its
place in the batch, so that a step is the same whoever computes it, and again after a resumption.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.bcm import BCM
from restore.devices import choose_dtype
from restore.networks import build
from restore.presets import Preset
from restore.solvers.estimate import estimate
from restore.tiling import TiledBCM
from restore.training.growing import grow
from restore.training.losses import LOSSES, NoisyBatch
from restore.training.optimizers import optimizers
from restore.training.photographs import Photographs
from restore.training.recipe import Recipe, draw_levels
from restore.training.recording import Recording
from restore.training.samples import Samples
from restore.training.state import read_state, write_state
from restore.training.workers import Workers

Gradients: TypeAlias = tuple[list[Tensor], list[Tensor]]  # losses, and sums of gradients
Recorded: TypeAlias = tuple[list[torch.Generator], Recording[Gradients]]


@dataclass(frozen=True)
class Chunk:
    """Part of a batch: `n` patches for one loss term, and the seed of all that is drawn for it."""

    term: str
    n: int
    seed: int


class Clock:
    """Where a step's time goes; this one does not look."""

    def __call__(self, part: str) -> AbstractContextManager[None]:
        """A context whose time counts as of `part`."""
        return nullcontext()


class Trainer:
    """A run in a folder: model, average, optimisers; saved atomically and resumed exactly.

    `photographs` or samples are what it learns from. `minutes` is the length of the whole run in
    training time, over all its sessions, unless `steps` says it; the learning rate follows it.
    `compiled` compiles the network; `recorded` records a step's gradients as a CUDA graph, as pays
    on a GPU. `clock` measures, where nothing is recorded.
    """

    def __init__(
        self,
        folder: Path,
        photographs: Photographs | Samples,
        recipe: Recipe,
        minutes: float,
        *,
        workers: Workers | None = None,
        compiled: bool = False,
        recorded: bool = False,
        steps: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.folder, self.photographs, self.recipe = folder, photographs, recipe
        self.device = photographs.pixels.device
        self.seconds, self.steps = 60 * minutes, steps
        self.workers, self.clock = workers or Workers(), clock or Clock()
        self.step, self.elapsed, self.patches = 0, 0.0, 0
        torch.manual_seed(recipe.seed)
        self.model, self.average, self.working, self.target = (
            BCM(build(recipe.architecture, recipe.network)).to(self.device) for _ in range(4)
        )
        for model in (self.average, self.working, self.target):
            model.load_state_dict(self.model.state_dict())
        dtype = choose_dtype("auto", self.device)
        for model in (self.working, self.target):
            model.to(dtype)
            if compiled:
                model.network.compile()
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            for model in (self.model, self.average, self.working, self.target):
                model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recorded = recorded
        self._recordings: dict[tuple[tuple[str, int], ...], Recorded] = {}
        self.average.requires_grad_(False)
        self.target.requires_grad_(False)
        self.optimizers = optimizers(self.model.network, recipe, self.workers, dtype)

    @property
    def progress(self) -> float:
        done = self.elapsed / self.seconds if self.steps is None else self.step / self.steps
        return min(done, 1.0)

    def learning_rate(self) -> float:
        warm = min(1.0, (self.step + 1) / self.recipe.warmup)
        left = (1 - self.progress) / (1 - self.recipe.decay_from)
        return self.recipe.learning_rate * warm * min(1.0, max(left, 0.02))

    def chunks(self) -> list[Chunk]:
        """The parts of this step's batch, each of at most `recipe.chunk` patches."""
        recipe = self.recipe
        shares = recipe.shares
        if self.progress < recipe.pretraining:
            shares = {"reconstruction": 1.0}
        total = sum(shares.values())
        parts = []
        for term, share in shares.items():
            n = round(recipe.batch * share / total)
            count = math.ceil(n / recipe.chunk)
            parts += [(term, n // count + (k < n % count)) for k in range(count)]
        seed = (recipe.seed * 10**9 + self.step) * 1000
        return [Chunk(term, n, seed + k) for k, (term, n) in enumerate(parts)]

    def gradients(self, chunks: Sequence[Chunk]) -> Gradients:
        """Each chunk's mean loss, and the sum of their gradients in float32."""
        generators = [torch.Generator(self.device) for _ in chunks]
        call: Callable[[], Gradients] = functools.partial(self._sum, chunks, generators)
        if self.recorded:
            kinds = tuple((chunk.term, chunk.n) for chunk in chunks)
            if kinds not in self._recordings:
                self._recordings[kinds] = generators, Recording(call, generators)
            generators, call = self._recordings[kinds]
        for generator, chunk in zip(generators, chunks, strict=True):
            generator.manual_seed(chunk.seed)
        return call()

    def _sum(self, chunks: Sequence[Chunk], generators: Sequence[torch.Generator]) -> Gradients:
        found = self.workers.map(self._gradient, zip(chunks, generators, strict=True))
        parts = zip(*(gradients for _, gradients in found), strict=True)
        return [loss for loss, _ in found], [sum(p[1:], p[0].float()) for p in parts]

    def _gradient(self, drawn: tuple[Chunk, torch.Generator]) -> tuple[Tensor, list[Tensor]]:
        """A chunk's mean loss, and the gradients of the working weights weighed by its share."""
        recipe = self.recipe
        chunk, generator = drawn
        with self.clock("data"):
            side = recipe.crop * (2 if recipe.finer else 1)
            x = finest = self.photographs.crops(chunk.n, side, generator)
            if recipe.finer:
                x = F.avg_pool2d(finest, 2)
            noise = torch.randn(x.shape, generator=generator, device=self.device)
            levels = draw_levels(chunk.n, recipe, generator)
            batch = NoisyBatch(x, noise, levels, recipe, generator, finest)
        with self.clock("forward"):
            loss = LOSSES[chunk.term](self.working, self.target, batch)
        with self.clock("backward"):
            share = chunk.n / recipe.batch
            gradients = torch.autograd.grad(share * loss, list(self.working.parameters()))
        return loss.detach(), list(gradients)

    def update(self) -> dict[str, Tensor]:
        """One optimiser step; the mean loss of each term, for which nothing waits."""
        began = time.monotonic()
        chunks = self.chunks()
        losses, gradients = self.gradients(chunks)
        with self.clock("optimiser"):
            self._descend(gradients)
        with self.clock("averages"), torch.no_grad():
            decay = min(self.recipe.ema, (self.step + 1) / (self.step + 10))
            average: list[Tensor] = list(self.average.parameters())
            torch._foreach_lerp_(average, list(self.model.parameters()), 1 - decay)
            self._refresh()
        self.step += 1
        self.patches += self.recipe.batch
        self.elapsed += time.monotonic() - began
        seen: dict[str, Tensor] = {}
        for chunk, loss in zip(chunks, losses, strict=True):
            n = sum(other.n for other in chunks if other.term == chunk.term)
            seen[chunk.term] = seen.get(chunk.term, 0.0) + loss * chunk.n / n
        return seen

    def _descend(self, gradients: Sequence[Tensor]) -> None:
        """One step of the optimisers down the gradients, or down none where they are not finite."""
        norm = nn.utils.get_total_norm(gradients)
        sound = norm.isfinite()
        for p, gradient in zip(self.model.parameters(), gradients, strict=True):
            p.grad = gradient.where(sound, 0)
        nn.utils.clip_grads_with_norm_(self.model.parameters(), 1.0, norm.where(sound, 1))
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate()
            optimizer.step()

    @torch.no_grad()
    def _refresh(self) -> None:
        """Copy the weights and their average into what is evaluated."""
        for copy, model in ((self.working, self.model), (self.target, self.average)):
            torch._foreach_copy_(list(copy.parameters()), list(model.parameters()))

    def start_from(self, weights: Mapping[str, Tensor], patches: int) -> None:
        """Begin with `weights` that saw `patches`; their optimisers' state is not known.

        What they lack, as those of a network that is told less or is smaller, is grown.
        """
        for model in (self.model, self.average):
            model.network.load_state_dict(grow(model.network.state_dict(), weights))
        self.patches = patches
        self._refresh()

    def save(self) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"model.{k}": v for k, v in self.model.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.network.state_dict().items()}
        for n, optimizer in enumerate(self.optimizers):
            for m, values in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{n}.{m}.{k}": v for k, v in values.items()}
        counts = {"step": self.step, "elapsed": self.elapsed, "patches": self.patches}
        write_state(self.folder, tensors, counts)

    def resume(self) -> bool:
        """Take up the state where it stopped; False where there is none."""
        found = read_state(self.folder)
        if found is None:
            return False
        tensors, counts = found
        for name, model in (("model", self.model), ("average", self.average)):
            model.network.load_state_dict(
                {k: tensors[f"{name}.{k}"] for k in model.network.state_dict()}
            )
        for n, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(f"optimizer.{n}."):
                    m, k = key.split(".")[2:]
                    state.setdefault(int(m), {})[k] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.step, self.patches = int(counts["step"]), int(counts["patches"])
        self.elapsed = counts["elapsed"]
        self._refresh()
        return True


def denoising_psnr(model: BCM, images: Sequence[Tensor], sigma: float, flips: int = 1) -> float:
    """Mean PSNR in dB over (1, 3, H, W) images of noise of `sigma`, in levels of 8 bits.

    flips: evaluations, over as many orientations, of which the mean is taken, 1 to 8.
    """
    total = 0.0
    t = 2 * sigma / 255
    denoiser, preset = TiledBCM(model), Preset((t,), flips=flips)
    for n, x in enumerate(images):
        generator = torch.Generator().manual_seed(n)
        noise = torch.randn(x.shape, generator=generator).to(x)
        with torch.no_grad():
            error = F.mse_loss(estimate(denoiser, x + t * noise, t, preset).clamp(-1, 1), x)
        total += 10 * math.log10(4 / float(error))
    return total / len(images)
