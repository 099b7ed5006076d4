"""Solvers: what they promise whatever the network."""

import math

import pytest
import torch

from restore.bcm import BCM, SIGMA_MIN
from restore.checkpoints import Preset
from restore.degradations import Free, Mask, Resize
from restore.solvers import bcm, spread
from restore.solvers.table import METHODS
from restore.tiling import NoiseField, TiledBCM
from tests.support.networks import seeded_patch as seeded


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


def half_known() -> torch.Tensor:
    return torch.rand(1, 1, 40, 56, generator=torch.Generator().manual_seed(0)) < 0.5


DEGRADATIONS = {"mask": Mask(half_known()), "resize": Resize((40, 56), (17, 28))}


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("estimator", ["denoise", "jump"])
def test_the_result_degrades_to_the_observation_and_is_an_image(model, name, estimator):
    degradation = DEGRADATIONS[name]
    clean = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(1)) - 0.5
    y = degradation(clean)
    preset = Preset((0.5, 0.1), estimator=estimator, noise=0.5, relaxation=0.3)
    x = bcm(TiledBCM(model), degradation, y, torch.zeros(1, 3, 40, 56), preset, NoiseField(0))
    assert torch.allclose(degradation(x), y, atol=2e-2 if name == "resize" else 0)
    assert -1 <= float(x.min()) <= float(x.max()) <= 1


def test_without_noise_one_step_of_a_free_problem_is_the_denoiser(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        wanted = model.denoise(x, 0.2).clamp(-1, 1)
    found = bcm(TiledBCM(model), Free(), None, x.clone(), Preset((0.2,)), NoiseField(0))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_fresh_noise_is_a_share_of_the_level(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        noised = x + 0.5 * 0.2 * NoiseField(3)(0, (0, 40), (0, 56))
        wanted = model.denoise(noised, 0.2).clamp(-1, 1)
    preset = Preset((0.2,), noise=0.5)
    found = bcm(TiledBCM(model), Free(), None, x.clone(), preset, NoiseField(3))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_delta_raises_the_level_the_network_is_told(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        wanted = model.jump(x, 0.3, SIGMA_MIN).clamp(-1, 1)
    preset = Preset((0.2,), estimator="jump", delta=0.5)
    found = bcm(TiledBCM(model), Free(), None, x.clone(), preset, NoiseField(0))
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_secant_is_drawn_to_a_share_of_its_level(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        wanted = model.secant(x, 0.2, 0.06).clamp(-1, 1)
    preset = Preset((0.2,), estimator="secant", aim=0.3)
    found = bcm(TiledBCM(model), Free(), None, x.clone(), preset, NoiseField(0))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_relaxation_lengthens_the_step(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        wanted = (x + 1.25 * (model.denoise(x, 0.2) - x)).clamp(-1, 1)
    found = bcm(
        TiledBCM(model), Free(), None, x.clone(), Preset((0.2,), relaxation=0.25), NoiseField(0)
    )
    assert torch.allclose(found, wanted, atol=1e-5)


def test_what_was_found_is_amplified_before_the_next_evaluation(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        found = x + 1.5 * (model.denoise(x, 0.2) - x)
        wanted = model.denoise(found, 0.1).clamp(-1, 1)
    preset = Preset((0.2, 0.1), gain=1.5)
    result = bcm(TiledBCM(model), Free(), None, x.clone(), preset, NoiseField(0))
    assert torch.allclose(result, wanted, atol=1e-5)


def test_flips_are_averaged(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        mirrored = model.denoise(x.flip(3), 0.2).flip(3)
        wanted = ((model.denoise(x, 0.2) + mirrored) / 2).clamp(-1, 1)
    found = bcm(TiledBCM(model), Free(), None, x.clone(), Preset((0.2,), flips=2), NoiseField(0))
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_preset_that_turns_shows_each_level_another_orientation(model):
    x = torch.rand(1, 3, 40, 56) - 0.5
    with torch.no_grad():
        first = model.denoise(x, 0.2)
        second = model.denoise(first.flip(3), 0.1).flip(3)
        third = model.denoise(second.flip(2), 0.05).flip(2).clamp(-1, 1)
    preset = Preset((0.2, 0.1, 0.05), turns=True)
    found = bcm(TiledBCM(model), Free(), None, x.clone(), preset, NoiseField(0))
    assert torch.allclose(found, third, atol=1e-5)


def test_every_pixel_goes_through_exactly_nfe_evaluations(model):
    count = 0
    forward = model.network.forward

    def counted(*arguments):
        nonlocal count
        count += 1
        return forward(*arguments)

    model.network.forward = counted
    try:
        for preset in (Preset((0.5, 0.2, 0.1)), Preset((0.5, 0.2), flips=4, estimator="jump")):
            count = 0
            bcm(TiledBCM(model), Free(), None, torch.zeros(1, 3, 40, 56), preset, NoiseField(0))
            assert count == len(preset.levels) * preset.flips
    finally:
        model.network.forward = forward


def test_tiles_and_seeds(model):
    preset = Preset((0.5, 0.1), noise=1.0)
    x = torch.rand(1, 3, 136, 120) - 0.5

    def run(seed, tile):
        return bcm(TiledBCM(model, tile), Free(), None, x.clone(), preset, NoiseField(seed))

    assert torch.allclose(run(0, 0), run(0, 24), atol=1e-4)
    assert torch.equal(run(0, 24), run(0, 24))
    assert not torch.allclose(run(0, 0), run(1, 0), atol=1e-2)


@pytest.mark.parametrize("nfe", range(1, 17))
def test_a_preset_is_spread_to_exactly_the_evaluations_asked_for(nfe):
    for preset in (Preset((0.4,)), Preset((0.8, 0.2, 0.05)), Preset((0.8, 0.2), flips=2)):
        wide = spread(preset, nfe)
        assert len(wide.levels) * wide.flips == nfe
        assert list(wide.levels) == sorted(wide.levels, reverse=True)
        assert min(preset.levels) * 0.999 <= wide.levels[-1]
        assert wide.levels[0] <= max(preset.levels) * 1.001


def test_a_preset_of_the_right_length_stays_and_a_middle_is_the_geometric_one():
    assert spread(Preset((0.8, 0.2)), 2).levels == (0.8, 0.2)
    assert spread(Preset((0.8, 0.2)), 1).levels == pytest.approx((0.4,))
    assert math.prod(spread(Preset((0.8, 0.2)), 3).levels) == pytest.approx(0.8 * 0.4 * 0.2)


def test_a_task_that_nobody_listed_is_solved_by_ours_and_by_no_published_method():
    able = {name for name, method in METHODS.items() if method.supports("colouring") is None}
    assert able == {"bcm"}
