"""Inversion: how noise that the network amplified is drawn anew."""

import torch

from restore.degradations import Mask
from restore.solvers.inversion import renew_noise
from restore.tiling import NoiseField


def test_noise_that_is_renewed_in_part_keeps_its_variance():
    random = torch.Generator().manual_seed(1)
    x, x_t = torch.rand(2, 1, 3, 24, 40, generator=random)
    known = torch.rand(1, 1, 24, 40, generator=random) < 0.5
    found = renew_noise(x_t.clone(), x.clone(), 0.7, 0.6, Mask(known), NoiseField(4), 2)
    mixed = x + 0.8 * (x_t - x) + 0.6 * 0.7 * NoiseField(4)(2, (0, 24), (0, 40))  # 0.8² + 0.6² = 1
    assert torch.allclose(found, torch.where(known, x_t, mixed), atol=1e-6)
