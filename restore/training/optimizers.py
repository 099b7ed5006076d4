"""Optimisers: Muon for matrices, AdamW for the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from restore.training.recipe import Recipe


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for weights of convolutions and linear layers.

    Newton-Schulz iteration of Jordan et al. 2024 (Muon), on the weight as a matrix (out, in·k·k);
    the update has the root mean square of an AdamW step (Liu et al. 2025, arXiv 2502.16982).
    """

    def __init__(self, params: Sequence[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.01})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
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
    rest: list[Tensor] = []
    matrices: list[Tensor] = []
    for name, p in network.named_parameters():
        inner = p.ndim >= 2 and not name.startswith(("stem", "head", "embedding"))
        (matrices if inner and recipe.optimizer == "muon" else rest).append(p)
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    ]
    if matrices:
        found.append(Muon(matrices, lr=recipe.learning_rate))
    return found
