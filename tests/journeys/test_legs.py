"""Legs: the published calls, ways of a known ODE, and what comes back."""

import itertools
import math

import pytest
import torch

import restore
from restore import journeys
from restore.bcm import BCM, SIGMA_MIN
from restore.checkpoints import load
from restore.images import Picture
from restore.journeys import INVERSIONS, RECIPES, build_ladder, count_jumps, travel
from restore.tiling import NoiseField, TiledBCM

LEVELS = (0.07, 1.0, 15.0, 80.0)


def calls_of(model: BCM, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """The levels that the model's jumps are asked for, from now on; they do nothing."""
    calls: list[tuple[float, float]] = []

    def jump(x, t, u, label=None):
        calls.append((t, u))
        return x

    monkeypatch.setattr(model, "jump", jump)
    return calls


@pytest.mark.parametrize(
    ("recipe", "published"),
    [
        ("one-step", [(80, 0.002)]),
        ("ancestral", [(80, 2.4), (2.4, 0.002)]),
        ("zigzag", [(80, 0.002), (0.1, 1.2), (1.2, 0.002)]),
        ("mixed", [(80, 3), (3, 0.002), (0.12, 0.4), (0.4, 0.002)]),
    ],
)
def test_a_recipe_makes_exactly_the_published_calls(exact, monkeypatch, recipe, published):
    calls = calls_of(exact, monkeypatch)
    journeys.draw_sample(TiledBCM(exact), (8, 8), RECIPES[recipe], noise=NoiseField(0))
    assert calls == published
    assert count_jumps(RECIPES[recipe]) == len(published)


@pytest.mark.parametrize(("nfe", "published"), [(1, [(0.07, 80)]), (2, [(0.07, 15), (15, 80)])])
def test_inversion_makes_exactly_the_published_calls(exact, monkeypatch, x, nfe, published):
    calls = calls_of(exact, monkeypatch)
    levels = INVERSIONS[nfe]
    journeys.climb(TiledBCM(exact), x, levels, noise=NoiseField(0))
    assert calls == published
    calls.clear()
    journeys.descend(TiledBCM(exact), x, levels, noise=NoiseField(0))
    assert calls == [(u, t) for t, u in reversed(published)]


def test_a_leg_first_adds_the_noise_that_is_missing_up_to_its_level(exact):
    z = travel(TiledBCM(exact), torch.zeros(1, 3, 128, 128), (0.5,), (2.0,), noise=NoiseField(3))
    assert float(z.std()) == pytest.approx(2, rel=0.01)
    again = travel(TiledBCM(exact), z.clone(), (2.0,), noise=NoiseField(4), level=2.0)
    assert torch.equal(again, z)


def test_generation_starts_from_pure_noise_of_80(exact, monkeypatch):
    calls_of(exact, monkeypatch)
    noise = NoiseField(5)
    x = journeys.draw_sample(TiledBCM(exact), (40, 24), RECIPES["one-step"], noise=noise)
    assert torch.equal(x, 80 * noise(0, (0, 24), (0, 40)))


def test_every_leg_has_noise_of_its_own(exact, monkeypatch):
    calls_of(exact, monkeypatch)
    x = journeys.draw_sample(
        TiledBCM(exact), (64, 64), ((1.0, 0.002), (1.0, 0.002)), noise=NoiseField(5)
    )
    first = NoiseField(5)(0, (0, 64), (0, 64))
    correlation = torch.corrcoef(torch.stack([(x - first).flatten(), first.flatten()]))
    assert abs(float(correlation[0, 1])) < 0.05


@pytest.mark.parametrize(
    "legs", [((1.0, 2.0), (0.5, 1.0)), ((100.0, 1.0),), ((0.001, 1.0),), ((),)]
)
def test_legs_that_cannot_be_gone_are_refused(exact, legs):
    with pytest.raises(ValueError, match="leg"):
        travel(TiledBCM(exact), torch.zeros(1, 3, 8, 8), *legs, noise=NoiseField(0))


def test_generation_of_a_known_distribution_has_its_spread(exact):
    for legs in RECIPES.values():
        x = journeys.draw_sample(TiledBCM(exact), (128, 128), legs, noise=NoiseField(1))
        assert float(x.std()) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("nfe", [1, 2, 3])
def test_a_round_trip_along_a_known_ode_is_exact(exact, x, level, nfe):
    levels = build_ladder(0.07, level, nfe)
    z = journeys.climb(TiledBCM(exact), x, levels, noise=NoiseField(2))
    gain = math.sqrt((level**2 + 0.25) / (0.07**2 + 0.25))
    start = x + 0.07 * NoiseField(2)(0, (0, 24), (0, 40))
    assert torch.allclose(z, gain * start, rtol=1e-4, atol=1e-4 * gain)
    back = journeys.descend(TiledBCM(exact), z, levels, noise=NoiseField(2))
    assert torch.allclose(back, x, atol=1e-4)


@pytest.mark.parametrize("start", [SIGMA_MIN, 0.07, 1.0])
def test_a_round_trip_to_its_own_start_is_exact_to_rounding_for_any_network(model, x, start):
    levels = build_ladder(start, start, 2)
    z = journeys.climb(TiledBCM(model), x, levels, noise=NoiseField(2))
    back = journeys.descend(TiledBCM(model), z, levels, noise=NoiseField(2))
    assert torch.allclose(back, x, atol=1e-5)


@pytest.mark.parametrize("nfe", [1, 2, 4, 5])
@pytest.mark.parametrize("ends", [(0.02, 30.0), (0.002, 0.002), (0.07, 0.07), (80.0, 80.0)])
def test_a_ladder_rises_from_start_to_level(nfe, ends):
    levels = build_ladder(*ends, nfe)
    assert len(levels) == nfe + 1
    assert (levels[0], levels[-1]) == ends
    assert list(levels) == sorted(levels)


@pytest.mark.parametrize("ends", [(1.0, 0.5, 1), (0.001, 1.0, 1), (1.0, 81.0, 1), (0.1, 1.0, 0)])
def test_a_ladder_that_leads_nowhere_is_refused(ends):
    with pytest.raises(ValueError, match="no ladder"):
        build_ladder(*ends)


@pytest.mark.parametrize("level", [1.0, 80.0])
def test_more_evaluations_bring_the_embedded_network_steadily_nearer(photograph, level):
    model, image = load("default", "cpu"), photograph(width=48, height=48)
    found = [
        restore.invert(image, model=model, nfe=nfe, level=level).report["metrics"]
        for nfe in (1, 2, 4, 8, 16)
    ]
    psnr = [metrics["round_trip_psnr_db"] for metrics in found]
    assert all(more > less - 0.3 for less, more in itertools.pairwise(psnr)), psnr
    assert psnr[-1] > psnr[0] + 1


@pytest.mark.parametrize("tile", [16, 40])
def test_tiles_equal_the_whole(model, tile):
    noise = NoiseField(1)
    whole = journeys.draw_sample(TiledBCM(model, 0), (150, 101), RECIPES["zigzag"], noise=noise)
    parts = journeys.draw_sample(TiledBCM(model, tile), (150, 101), RECIPES["zigzag"], noise=noise)
    assert torch.allclose(parts, whole, atol=1e-4)
    levels = build_ladder(0.07, 15.0, 2)
    whole = journeys.climb(TiledBCM(model, 0), whole, levels, noise=noise)
    parts = journeys.climb(TiledBCM(model, tile), parts, levels, noise=noise)
    assert torch.allclose(parts, whole, atol=1e-3)


def test_a_window_of_a_sample_starts_from_the_same_noise_as_the_larger_sample(exact):
    large = journeys.draw_sample(TiledBCM(exact), (200, 150), noise=NoiseField(1))
    small = journeys.draw_sample(TiledBCM(exact), (90, 70), noise=NoiseField(1))
    assert torch.allclose(large[:, :, :70, :90], small)


def test_refinement_never_ends_further_off_and_helps_the_embedded_network(photograph):
    model = load("default", "cpu")
    x = Picture(photograph(width=48, height=48)).tensor()
    way = {"noise": NoiseField(0)}
    levels = build_ladder(0.07, 1.0, 2)
    z = journeys.climb(TiledBCM(model), x, levels, **way)
    errors = []
    for times in (0, 1, 2):
        latent, back = journeys.refine(TiledBCM(model), x, z, levels, times, **way)
        assert torch.equal(back, journeys.descend(TiledBCM(model), latent, levels, **way))
        errors.append(float((back.clamp(-1, 1) - x).square().mean()))
    assert errors[1] < errors[0] / 4
    assert errors[2] <= errors[1]


def test_interpolation_keeps_to_the_sphere_and_ends_exactly():
    a, b = NoiseField(0)(0, (0, 64), (0, 64)), NoiseField(1)(0, (0, 64), (0, 64))
    assert torch.equal(journeys.slerp(a, b, 0), a)
    assert torch.equal(journeys.slerp(a, b, 1), b)
    for share in (0.25, 0.5, 0.9):
        assert float(journeys.slerp(a, b, share).std()) == pytest.approx(1, rel=0.02)
    assert float(torch.lerp(a, b, 0.5).std()) < 0.75  # what a cross-fade does to noise
    assert torch.allclose(journeys.slerp(a, a, 0.3), a)
    backward = journeys.slerp(b, a, 0.75)
    assert torch.allclose(journeys.slerp(a, b, 0.25), backward, atol=1e-6)
