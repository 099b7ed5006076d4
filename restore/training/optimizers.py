"""Optimisers: Muon for matrices, AdamW for the rest."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restore.training.recipe import Recipe
from restore.training.workers import Workers


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for weights of convolutions and linear layers.

    Newton-Schulz iteration of Jordan et al. 2024 (Muon), on the weight as a matrix (out, in·k·k);
    the update has the root mean square of an AdamW step (Liu et al. 2025, arXiv 2502.16982).
    Weights of one shape go through it together on a GPU, and one by one, among `workers`, on CPUs,
    in `dtype`.
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        lr: float,
        momentum: float = 0.95,
        workers: Workers | None = None,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.01})
        self.workers, self.dtype = workers or Workers(), dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            stacks: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for n, p in enumerate(group["params"]):
                if p.grad is None:
                    continue
                if not self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
                alone = () if p.is_cuda else (n,)
                stacks[(len(p), p[0].numel(), *alone)].append(p)
            largest = sorted(stacks.values(), key=lambda stack: -stack[0].numel())
            self.workers.map(functools.partial(self._update, group), largest)

    @torch.no_grad()
    def _update(self, group: dict[str, float], stack: list[Tensor]) -> None:
        """One step of weights of one shape as matrices."""
        grads = [p.grad for p in stack if p.grad is not None]
        averages = [self.state[p]["momentum"] for p in stack]
        torch._foreach_lerp_(averages, grads, 1 - group["momentum"])
        ahead = torch._foreach_lerp(grads, averages, group["momentum"])
        flat = [update.flatten(1).to(self.dtype) for update in ahead]
        updates = orthogonal(torch.stack(flat)) if len(flat) > 1 else [orthogonal(flat[0])]
        scale = 0.2 * math.sqrt(max(len(stack[0]), stack[0][0].numel()))
        shaped = [u.reshape(p.shape).to(p.dtype) for p, u in zip(stack, updates, strict=True)]
        torch._foreach_mul_(stack, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(stack, shaped, alpha=-group["lr"] * scale)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest orthogonal matrix, roughly: all singular values brought near 1.

    `matrix` is (..., rows, columns), of any precision: bfloat16 is enough.
    """
    x = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


def optimizers(
    network: nn.Module,
    recipe: Recipe,
    workers: Workers | None = None,
    dtype: torch.dtype = torch.bfloat16,
) -> list[torch.optim.Optimizer]:
    """One for matrices, one for vectors and for the first and last layers."""
    rest: list[Tensor] = []
    matrices: list[Tensor] = []
    for name, p in network.named_parameters():
        inner = p.ndim >= 2 and not name.startswith(("stem", "head", "embedding", "shared"))
        (matrices if inner and recipe.optimizer == "muon" else rest).append(p)
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    ]
    if matrices:
        found.append(Muon(matrices, lr=recipe.learning_rate, workers=workers, dtype=dtype))
    return found
