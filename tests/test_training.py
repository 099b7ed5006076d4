"""Training: photographs, losses, and a loop that resumes."""

import math

import cv2
import numpy as np
import pytest
import torch

from restore.bcm import BCM
from restore.training import (
    LOSSES,
    Batch,
    Photographs,
    Recipe,
    Trainer,
    cycle,
    dead_leaves,
    denoising_psnr,
    draw_levels,
    earlier,
    orthogonal,
    pseudo_huber,
    semigroup,
)
from tests.support.networks import seeded_patch as seeded

TINY = {"channels": [8, 12], "blocks": [1], "middle": 1}


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    ramp = np.linspace(0, 255, 80 * 96 * 3).reshape(80, 96, 3).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (70, 64, 3)).astype(np.uint8)
    return Photographs([ramp, noise], scales=(1.0, 0.6))


def batch_of(n: int, recipe: Recipe) -> Batch:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 3, 16, 16, generator=generator) - 0.5
    noise = torch.randn(x.shape, generator=generator)
    return Batch(x, noise, draw_levels(n, recipe, generator), recipe, generator)


def test_crops_are_parts_of_the_photographs(photographs):
    x = photographs.crops(64, 32, torch.Generator().manual_seed(0))
    assert x.shape == (64, 3, 32, 32)
    assert -1 <= float(x.min()) < float(x.max()) <= 1
    values = set(photographs.pixels.flatten().tolist())
    assert set(((x + 1) * 127.5).round().int().flatten().tolist()) <= values


def test_crops_repeat_with_the_seed_alone(photographs):
    def crops(seed):
        return photographs.crops(4, 32, torch.Generator().manual_seed(seed))

    assert torch.equal(crops(1), crops(1))
    assert not torch.equal(crops(1), crops(2))


def test_busy_crops_are_preferred_to_flat_ones():
    flat = np.full((64, 640, 3), 128, np.uint8)
    flat[:, :64] = np.random.default_rng(0).integers(0, 255, (64, 64, 3))
    x = Photographs([flat], scales=(1.0,)).crops(200, 32, torch.Generator().manual_seed(0))
    busy = float((x.std(dim=(1, 2, 3)) > 0.05).float().mean())
    assert busy > 0.22  # where chance gives 0.15


def test_dead_leaves_have_the_colours_of_a_picture_and_edges_at_all_scales():
    picture = np.random.default_rng(0).integers(0, 2, (40, 40, 1)) * np.array([200, 100, 50])
    leaves = dead_leaves([picture.astype(np.uint8)], 64, seed=1)
    assert leaves.shape == (64, 64, 3)
    assert leaves.dtype == np.uint8
    assert np.allclose(leaves[..., 0] / 4, leaves[..., 2], atol=2)  # mixtures of black and one
    coarse = leaves.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3))
    assert leaves.std() > 30
    assert coarse.std() > 10
    assert np.array_equal(leaves, dead_leaves([picture.astype(np.uint8)], 64, seed=1))
    assert not np.array_equal(leaves, dead_leaves([picture.astype(np.uint8)], 64, seed=2))


def test_dead_leaves_take_the_share_that_was_asked_for(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (1024, 512, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    alone = Photographs.from_folder(tmp_path, scales=(1.0,))
    mixed = Photographs.from_folder(tmp_path, scales=(1.0,), leaves=0.5)
    assert len(mixed.pixels) == 2 * len(alone.pixels)


def test_levels_cover_the_range_and_favour_the_middle():
    levels = draw_levels(20000, Recipe(), torch.Generator().manual_seed(0))
    assert 0.002 <= float(levels.min()) < 0.003
    assert 70 < float(levels.max()) <= 80
    assert float(((levels > 0.02) & (levels < 3)).float().mean()) > 0.8


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
    model, target = BCM(seeded()), BCM(seeded())
    loss = LOSSES[name](model, target, batch_of(8, Recipe(crop=16)))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    target.requires_grad_(False)
    assert name == "trajectory" or all(p.grad is None for p in target.parameters())


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


def test_an_orthogonalised_update_has_singular_values_near_one():
    for shape in [(8, 40), (40, 8)]:
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)).float())
        assert 0.6 < float(values.min()) <= float(values.max()) < 1.3


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_few_steps_learn(photographs, tmp_path, optimizer):
    recipe = Recipe(
        network=TINY, batch=16, crop=32, warmup=1, learning_rate=3e-3, ema=0.9, optimizer=optimizer
    )
    trainer = Trainer(tmp_path, photographs, recipe, minutes=60)
    x = photographs.crops(8, 32, torch.Generator().manual_seed(9))
    before = denoising_psnr(trainer.average, list(x[:, None]), 50)
    for _ in range(40):
        trainer.update()
    assert denoising_psnr(trainer.average, list(x[:, None]), 50) > before + 0.5


def test_a_run_goes_on_where_it_stopped(photographs, tmp_path):
    recipe = Recipe(network=TINY, batch=8, crop=16, shares={"diagonal": 0.5, "semigroup": 0.5})
    whole = Trainer(tmp_path / "a", photographs, recipe, minutes=1e6)
    for _ in range(4):
        whole.update()
    first = Trainer(tmp_path / "b", photographs, recipe, minutes=1e6)
    assert not first.resume()
    for _ in range(2):
        first.update()
    first.save()
    second = Trainer(tmp_path / "b", photographs, recipe, minutes=1e6)
    assert second.resume()
    for _ in range(2):
        second.update()
    assert second.step == whole.step == 4
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_the_learning_rate_warms_up_stays_and_falls(photographs, tmp_path):
    trainer = Trainer(tmp_path, photographs, Recipe(network=TINY, warmup=10), minutes=1)
    assert trainer.learning_rate() == pytest.approx(1e-4)
    trainer.step, trainer.elapsed = 100, 30
    assert trainer.learning_rate() == pytest.approx(1e-3)
    trainer.elapsed = 57
    assert 1e-5 < trainer.learning_rate() < 5e-4
