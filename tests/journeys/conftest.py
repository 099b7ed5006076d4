"""Models of known journeys."""

import pytest
import torch
from torch import Tensor, nn

from restore.bcm import BCM
from restore.networks import Network
from tests.support.networks import seeded_patch as seeded


class Gaussian(Network):
    """The network of images whose pixels are N(0, s²): the ODE's x_u / x_t is known,

    sqrt((u² + s²) / (t² + s²)), and solved for F.
    """

    stride, receptive_field = 1, 1

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        t, u, s = t.double(), u.double(), 0.5
        curve = (t**2 + s**2).sqrt() * (u**2 + s**2).sqrt() - t * u - s**2
        factor = torch.where(t == u, 0, curve / torch.where(t == u, 1, (t - u) * s))
        return x * factor.float().reshape(-1, 1, 1, 1) * self.scale

    @classmethod
    def read_config(cls, tensors):
        raise AssertionError("it comes from no file")


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


@pytest.fixture
def exact() -> BCM:
    return BCM(Gaussian()).requires_grad_(False)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(1)) * 2 - 1
