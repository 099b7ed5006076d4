"""BCM: the laws of a bidirectional consistency model."""

import pytest
import torch

from restore.bcm import BCM
from tests.support.networks import JUMPING, seeded

LEVELS = [0.002, 0.07, 1.0, 15.0, 80.0]


@pytest.fixture(params=JUMPING)
def model(request: pytest.FixtureRequest) -> BCM:
    return BCM(seeded(request.param))


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("t", LEVELS)
def test_a_jump_to_its_own_level_is_the_identity(model, x, t):
    assert torch.equal(model.jump(t * x, t, t), t * x) or torch.allclose(
        model.jump(t * x, t, t), t * x, rtol=1e-6
    )


@pytest.mark.parametrize("t", LEVELS)
@pytest.mark.parametrize("name", sorted(set(JUMPING) - {"adm"}))  # it attends in float32
def test_denoise_is_the_limit_of_jump_as_u_approaches_t(name, t):
    """D(x, t) = x - t · dx/dt, and dx/dt = lim (f(x, t, u) - x) / (u - t)."""
    model = BCM(seeded(name).double())
    x = t * torch.randn(1, 3, 16, 16, dtype=torch.float64)
    levels = torch.tensor([t], dtype=torch.float64)
    step = 1e-4 * levels

    def f(u: torch.Tensor) -> torch.Tensor:
        s, norm = model.sigma_data, levels**2 + model.sigma_data**2
        network = model.network((norm.rsqrt() * x), levels, u)
        return (levels * u + s**2) / norm * x + (levels - u) * s * norm.rsqrt() * network

    velocity = (f(levels + step) - f(levels - step)) / (2 * step)
    assert torch.allclose(model.denoise(x, t).double(), x - t * velocity, rtol=1e-3, atol=1e-3)


def test_levels_may_differ_in_a_batch(model, x):
    t, u = torch.tensor([0.1, 2.0]), torch.tensor([1.0, 0.002])
    with torch.no_grad():
        together = model.jump(x, t, u)
        alone = torch.cat([model.jump(x[i : i + 1], float(t[i]), float(u[i])) for i in range(2)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_float_level_stands_for_the_whole_batch(model, x):
    with torch.no_grad():
        whole = model.denoise(x, torch.full((2,), 0.5))
        assert torch.allclose(model.denoise(x, 0.5), whole, atol=1e-5)


@pytest.mark.parametrize(("t", "u"), [(0.1, 5.0), (5.0, 0.1), (2.0, 0.002)])
def test_a_jump_is_equation_7(model, x, t, u, monkeypatch):
    """c_out is negative on the way up. The network's share is told by what stands in its place."""
    monkeypatch.setattr(model, "evaluate", lambda x, t, u, label: torch.ones_like(x))
    s = model.sigma_data
    c_skip, c_out = (t * u + s**2) / (t**2 + s**2), (t - u) * s / (t**2 + s**2) ** 0.5
    assert torch.allclose(model.jump(x, t, u), c_skip * x + c_out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("t", [0.0, -1.0, torch.ones(3)])
def test_levels_that_make_no_sense_are_refused(model, x, t):
    with pytest.raises(ValueError, match="levels"):
        model.denoise(x, t)


def test_low_precision_computes_in_its_own_dtype_and_answers_in_float32(model, x):
    with torch.no_grad():
        full = model.denoise(x, 0.3)
        model.network.bfloat16()
        low = model.denoise(x, 0.3)
    assert low.dtype == torch.float32
    assert not torch.equal(low, full)
    assert torch.allclose(low, full, atol=0.05)


@pytest.mark.parametrize("t", LEVELS[1:])
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_a_secant_meets_zero_on_the_line_through_the_jump(model, x, t, share):
    """x + (f(x, t, u) - x) · t / (t - u), u = share · t."""
    with torch.no_grad():
        jump = model.jump(t * x, t, share * t)
        line = t * x + (jump - t * x) / (1 - share)
        assert torch.allclose(model.secant(t * x, t, share * t), line, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("t", LEVELS[1:])
def test_a_secant_lies_between_the_denoiser_and_the_jump(model, x, t):
    with torch.no_grad():
        assert torch.equal(model.secant(x, t, t), model.denoise(x, t))
        end, path = model.secant(x, t, 1e-6 * t), model.jump(x, t, 1e-6 * t)
        assert torch.allclose(end, path, rtol=1e-4, atol=1e-4)
