"""Losses: zero for a true flow, finite, and they reach all of the network."""

import math
from dataclasses import replace

import pytest
import torch

from restore.bcm import BCM
from restore.training import (
    LOSSES,
    NoisyBatch,
    Recipe,
    cycle,
    draw_levels,
    earlier,
    pseudo_huber,
    semigroup,
)
from tests.support.networks import seeded as seeded_of
from tests.support.networks import seeded_function
from tests.support.networks import seeded_patch as seeded


def batch_of(n: int, recipe: Recipe) -> NoisyBatch:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 3, 16, 16, generator=generator) - 0.5
    noise = torch.randn(x.shape, generator=generator)
    finest = torch.nn.functional.interpolate(x, scale_factor=2)
    return NoisyBatch(x, noise, draw_levels(n, recipe, generator), recipe, generator, finest)


def test_a_batch_has_its_noise_at_the_level_asked_for():
    batch, t = batch_of(3, Recipe()), torch.tensor([0.01, 1.0, 80.0])
    for number, level in enumerate(t):
        noised = batch.x[number] + level * batch.noise[number]
        assert torch.allclose(batch.at(t)[number], noised)


def test_the_step_below_is_below_until_the_lowest_level():
    t = torch.tensor([0.002, 0.01, 1.0, 80.0])
    below = earlier(t, 320)
    assert (below[1:] < t[1:]).all()
    assert float(below[0]) == pytest.approx(0.002)


def test_pseudo_huber_is_quadratic_near_zero_and_linear_far_away():
    one = torch.ones(1, 3, 8, 8)
    near, far = pseudo_huber(1e-4 * one, 1.0), pseudo_huber(1e4 * one, 1.0)
    assert float(pseudo_huber(2e-4 * one, 1.0) / near) == pytest.approx(4, rel=0.05)
    assert float(pseudo_huber(2e4 * one, 1.0) / far) == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_is_finite_and_reaches_every_part_of_the_network_but_not_the_target(name):
    kind = {"points": "function", "reconstruction": "function"}
    kind |= {"coloured": "coloured", "mapped": "mapped"}
    model, target = (BCM(seeded_of(kind.get(name, "patch"))) for _ in range(2))
    loss = LOSSES[name](model, target, batch_of(8, Recipe(crop=16)))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    target.requires_grad_(False)
    assert name == "trajectory" or all(p.grad is None for p in target.parameters())


def test_a_function_is_compared_with_the_truth_at_points_of_both_sizes():
    """Where it draws nothing, what is missing is what its share of the input lacks."""
    network = seeded_function()
    for p in (*network.head.parameters(), *network.shared.third.parameters()):
        p.data.zero_()
    batch = batch_of(4, Recipe(crop=16))
    t = torch.full((4,), 0.03)  # where the share of the input is a half
    flat, none = torch.full_like(batch.x, 0.5), torch.zeros_like(batch.x)
    gain, model = float(network.gain(t[:1])), BCM(network)

    def loss(finest):
        known = replace(batch, x=flat, noise=none, t=t, finest=torch.full((4, 3, 32, 32), finest))
        return float(LOSSES["points"](model, model, known).detach())

    assert loss(0.5) == pytest.approx(0.25**2 / gain**2, rel=1e-4)
    assert loss(0.7) == pytest.approx((0.25**2 + 0.45**2) / 2 / gain**2, rel=1e-4)


def test_terms_are_in_the_units_of_what_the_network_answers(monkeypatch):
    """An answer in units ten times as large weighs a hundredth."""
    model, target = BCM(seeded()), BCM(seeded())
    for name in ("diagonal", "consistency", "trajectory"):
        before = float(LOSSES[name](model, target, batch_of(8, Recipe(crop=16))).detach())
        with monkeypatch.context() as patched:
            patched.setattr(
                type(model.network), "answer_scale", lambda self, t: torch.full_like(t, 10)
            )
            after = float(LOSSES[name](model, target, batch_of(8, Recipe(crop=16))).detach())
        assert after == pytest.approx(before / 100, rel=1e-4)


class Exact(BCM):
    """The map of data at a single point, 0, where the ODE is solved: f(x, t, u) = u/t x."""

    def forward(self, x, t, u, label=None):
        return (u / t)[:, None, None, None] * x

    def evaluate(self, x, t, u, label=None):
        s, tc, uc = self.sigma_data, t[:, None, None, None], u[:, None, None, None]
        norm = tc**2 + s**2
        return (uc / tc * x - (tc * uc + s**2) / norm * x) * norm.sqrt() / ((tc - uc) * s)


@pytest.mark.parametrize("loss", [semigroup, cycle])
def test_the_loss_of_a_true_flow_is_zero(loss):
    model = Exact(seeded())
    assert float(loss(model, model, batch_of(16, Recipe(crop=16)))) < 1e-4


def test_the_cycle_loss_is_what_does_not_come_back():
    """A map that adds a hundredth of the image at each jump is off by more than the exact one."""

    class Off(Exact):
        def forward(self, x, t, u, label=None):
            return 1.01 * super().forward(x, t, u)

    model, batch = Off(seeded()), batch_of(16, Recipe(crop=16))
    assert float(cycle(model, model, batch)) > 1e-3
