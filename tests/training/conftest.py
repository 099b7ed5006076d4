"""Two small pictures to train on."""

import numpy as np
import pytest

from restore.training import Photographs


@pytest.fixture(scope="session")
def photographs() -> Photographs:
    ramp = np.linspace(0, 255, 80 * 96 * 3).reshape(80, 96, 3).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (70, 64, 3)).astype(np.uint8)
    return Photographs([ramp, noise], scales=(1.0, 0.6))
