"""Recipe: levels to train at, and batches of another size."""

import pytest
import torch

from restore.training import Recipe, draw_levels, scale_to_batch


def test_levels_cover_the_range_and_favour_the_middle():
    levels = draw_levels(20000, Recipe(), torch.Generator().manual_seed(0))
    assert 0.002 <= float(levels.min()) < 0.003
    assert 70 < float(levels.max()) <= 80
    assert float(((levels > 0.02) & (levels < 3)).float().mean()) > 0.8


def test_a_recipe_for_larger_batches_learns_as_long_in_patches() -> None:
    recipe = Recipe(batch=32, learning_rate=1e-3, ema=0.999, warmup=200)
    large = scale_to_batch(recipe, 128)
    assert large.batch == 128
    assert large.learning_rate == pytest.approx(2e-3)
    assert large.ema**100 == pytest.approx(recipe.ema**400)
    assert large.warmup * large.batch == recipe.warmup * recipe.batch
    assert scale_to_batch(recipe, 32) == recipe
