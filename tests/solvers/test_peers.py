"""Peers: the published methods reach what is known in closed form, and keep their promises."""

import math

import pytest
import torch
from torch import Tensor

from restore import solvers
from restore.bcm import BCM
from restore.degradations import Blur, Free, Mask, Noise, Resize
from restore.errors import RequestError
from restore.networks import ADM, Network
from restore.solvers import CLOSER, bcm, gradient
from restore.solvers.cm4ir import CM4IR
from restore.solvers.levels import (
    alphas,
    karras,
    level_of,
    quadratic,
    uniform,
)
from restore.solvers.method import lift
from restore.tiling import NoiseField, TiledBCM, window_count
from tests.support.degradations import S420, box
from tests.support.networks import seeded_patch as seeded

PUBLISHED = {**solvers.PUBLISHED, "cm4ir": CM4IR}  # as published, not tuned
GUIDED = ("dps", "pgdm")


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


def half_known(height: int = 40, width: int = 56) -> Tensor:
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0)) < 0.5


def clean(height: int = 40, width: int = 56) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)) - 0.5


def gaussian_kernel() -> Tensor:
    line = torch.exp(-(torch.arange(-3.0, 4) ** 2) / 4)
    return torch.outer(line, line) / line.sum() ** 2


def observed(task: str, height: int = 40, width: int = 56):
    """(degradation, y, start) of a task."""
    x, size = clean(height, width), (height, width)
    kinds = {
        "inpaint": lambda: Mask(half_known(height, width)),
        "superres": lambda: Resize(size, (height * 3 // 7, width // 2)),
        "jpeg": lambda: box(size, 20, S420),
        "denoise": lambda: Noise(0.1),
        "deblur": lambda: Blur(gaussian_kernel(), size, sigma=0.02),
    }
    degradation = kinds[task]()
    y = degradation(x)
    if degradation.sigma:
        z = torch.randn(y.shape, generator=torch.Generator().manual_seed(2))
        y = y + degradation.sigma * z
    return degradation, y, degradation.pinv(y)


def run(name, model, task, nfe, seed=0, tile=0, size=(40, 56), **options):
    degradation, y, start = observed(task, *size)
    method = PUBLISHED[name]
    preset = method.schedule(nfe, task)
    denoiser = TiledBCM(model, tile, **options)
    return method.solve(denoiser, degradation, y, start, preset, NoiseField(seed))


EACH = [
    (name, task)
    for name, method in PUBLISHED.items()
    for task in sorted(method.tasks)
    if task != "solve"
]


# Promises


@pytest.mark.parametrize(("name", "task"), EACH)
def test_the_result_is_an_image_that_degrades_to_the_observation(name, task, model):
    degradation, y, _ = observed(task)
    x = run(name, model, task, 7)
    assert -1 <= float(x.min()) <= float(x.max()) <= 1
    assert torch.isfinite(x).all()
    if degradation.sigma:
        return
    if task == "jpeg":
        kept = [(a == b).double().mean() for a, b in zip(degradation(x), y, strict=True)]
        assert min(kept) > 0.97
    else:
        assert torch.allclose(degradation(x), y, atol=2e-2 if task == "superres" else 0)


@pytest.mark.parametrize(("name", "task"), EACH)
def test_every_pixel_goes_through_exactly_the_evaluations_that_were_asked_for(
    name, task, model, monkeypatch
):
    count = 0
    forward = model.network.forward

    def counted(*arguments):
        nonlocal count
        count += 2 if torch.is_grad_enabled() else 1  # the way there, and back
        return forward(*arguments)

    monkeypatch.setattr(model.network, "forward", counted)
    for nfe in (3, 4, 5, 8):
        assert PUBLISHED[name].schedule(nfe, task).evaluations == nfe
        count = 0
        run(name, model, task, nfe)
        assert count == nfe


def test_the_way_back_through_the_network_takes_as_much_as_the_way_there():
    from torch.utils.flop_counter import FlopCounterMode

    model = BCM(seeded())
    x, v = clean(), torch.ones(1, 3, 40, 56)
    with FlopCounterMode(display=False) as there:  # by the operators that are counted
        model.denoise(x, 0.3)
    with FlopCounterMode(display=False) as both, torch.no_grad():
        gradient.vjp(TiledBCM(model, 0), x, v, 0.3)
    assert both.get_total_flops() == pytest.approx(2 * there.get_total_flops(), rel=0.02)


@pytest.mark.parametrize("name", GUIDED)
@pytest.mark.parametrize("nfe", [1, 2])
def test_a_method_with_a_gradient_needs_one_level(name, nfe):
    with pytest.raises(RequestError, match="give 3 or more"):
        PUBLISHED[name].schedule(nfe, "inpaint")


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("nfe", [3, 6, 20, 41])
def test_levels_fall_and_lie_within_those_of_the_network(name, nfe):
    for task in PUBLISHED[name].tasks:
        levels = PUBLISHED[name].schedule(nfe, task).levels
        assert list(levels) == sorted(levels, reverse=True)
        assert 0.002 <= levels[-1] <= levels[0] <= 80


@pytest.mark.parametrize("name", PUBLISHED)
def test_tiles_and_seeds(name, model):
    def one(seed, tile):
        return run(name, model, "inpaint", 6, seed, tile, (136, 120))

    atol = 1e-3 if name in GUIDED else 1e-4  # a gradient jumps where a unit wakes
    assert torch.allclose(one(0, 0), one(0, 24), atol=atol)
    assert torch.equal(one(0, 24), one(0, 24))
    assert not torch.allclose(one(0, 0), one(1, 0), atol=1e-2)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("tile", [0, 24])
def test_progress_is_told_of_every_window_of_every_evaluation(name, model, tile):
    calls = []
    run(name, model, "inpaint", 7, tile=tile, size=(136, 120), progress=lambda: calls.append(1))
    assert len(calls) == 7 * window_count(model, 136, 120, tile)


@pytest.mark.parametrize("name", [n for n, m in PUBLISHED.items() if "jpeg" in m.tasks])
def test_of_a_picture_that_nothing_is_known_of_something_is_made(name, model):
    preset = PUBLISHED[name].schedule(4, "jpeg")
    x = PUBLISHED[name].solve(TiledBCM(model), Free(), None, clean(), preset, NoiseField(0))
    assert torch.isfinite(x).all()


@pytest.mark.parametrize("size", [(40, 56), (37, 53), (5, 3), (130, 101)])
@pytest.mark.parametrize("tile", [0, 16, "auto"])
def test_a_gradient_in_windows_is_that_of_the_whole(size, tile, model):
    x, v = clean(*size), clean(*size).flip(2)
    leaf = x.clone().requires_grad_()
    stride = model.network.stride
    beyond = (0, -size[1] % stride, 0, -size[0] % stride)
    padded = torch.nn.functional.pad(leaf, beyond, mode="replicate")
    whole = model.denoise(padded, 0.4)[:, :, : size[0], : size[1]]
    (wanted,) = torch.autograd.grad(whole, leaf, v)
    with torch.no_grad():
        found = gradient.vjp(TiledBCM(model, tile), x, v, 0.4)
    assert torch.allclose(found, wanted, atol=1e-5)


# Levels


def test_levels_are_those_of_the_published_schedule():
    assert alphas()[999] == pytest.approx(4.036e-5, rel=1e-3)  # DDPM's, of 1000 steps
    assert level_of(0) == pytest.approx(math.sqrt(1e-4 / (1 - 1e-4)))
    assert uniform(4) == tuple(level_of(step) for step in (750, 500, 250, 0))
    assert uniform(3, first=300) == tuple(level_of(step) for step in (200, 100, 0))
    assert quadratic(4) == tuple(level_of(step) for step in (999, 422, 183, 0))  # DiffPIR's list
    assert karras(2) == pytest.approx((80.0, 2.5152), rel=1e-4)
    for levels in (uniform, quadratic, karras):
        assert len(levels(1)) == 1


# What is known in closed form

MEAN, SPREAD, SIDE = 0.1, 0.15, 64


class Pairs(Network):
    """What says of a network that each output pixel depends on a pair of neighbours."""

    stride, receptive_field = 2, 2

    def __init__(self) -> None:
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, t, u, label=None):
        raise AssertionError("the model knows the answer")

    @classmethod
    def read_config(cls, tensors):
        raise AssertionError("it comes from no file")


class Gaussian(BCM):
    """The exact model of images whose pixels are normal, the two of a pair correlated by rho.

    The sum and the difference of a pair are independent, of variance v each: E[x | x_t] shrinks
    them by v / (v + t²), and the ODE from t to u by the root of (v + u²) / (v + t²).
    """

    def __init__(self, rho: float) -> None:
        super().__init__(Pairs())
        self.variances = SPREAD**2 * (1 + rho), SPREAD**2 * (1 - rho)

    def shrunk(self, x: Tensor, gains: list[float]) -> Tensor:
        a, b = (x[..., i::2] - MEAN for i in (0, 1))
        total, difference = gains[0] * (a + b) / 2, gains[1] * (a - b) / 2
        return torch.stack([total + difference, total - difference], -1).flatten(-2) + MEAN

    def denoise(self, x, t, label=None):
        return self.shrunk(x, [v / (v + t**2) for v in self.variances])

    def jump(self, x, t, u, label=None):
        return self.shrunk(x, [math.sqrt((v + u**2) / (v + t**2)) for v in self.variances])


def second_of_pairs_missing(name: str, rho: float, levels: int) -> tuple[float, float, float]:
    """The mean of what is restored, its slope on what is known of its pair, and what it varies by.

    The posterior has the mean MEAN, the slope rho and the deviation SPREAD sqrt(1 - rho²).
    """
    model = Gaussian(rho)
    z = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
    x = model.jump(80 * z, 80.0, 0.002).clamp(-1, 1)
    known = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.bool)
    known[..., ::2] = True
    degradation = Mask(known)
    preset = PUBLISHED[name].schedule(levels * PUBLISHED[name].cost, "inpaint")
    start = torch.full_like(x, MEAN)
    y, whole = degradation(x), TiledBCM(model)
    found = PUBLISHED[name].solve(whole, degradation, y, start, preset, NoiseField(0))
    assert torch.equal(degradation(found), degradation(x))
    a, b = (found[..., i::2].flatten() - MEAN for i in (0, 1))
    slope = float((a * b).mean() / a.square().mean())
    return float(b.mean()) + MEAN, slope, float((b - slope * a).std())


# Levels, and by how much the slope may miss rho and the deviation that of the posterior. CM4IR is
# no sampler: it comes to the mean itself. The others' biases are their own: DDRM, DDNM, DiffPIR and
# RePaint draw fresh noise in shares that do not vanish with the steps, DPS and ΠGDM take the
# likelihood of an estimate for that of an image.
EXACT = {
    "cm": (400, 0.08, 0.05),
    "cm4ir": (400, 0.05, None),
    "ddrm": (400, 0.16, 0.15),
    "ddnm": (400, 0.1, 0.15),
    "dps": (100, 0.25, 0.2),
    "pgdm": (100, 0.05, 0.25),
    "diffpir": (1000, 0.35, 0.4),
    "repaint": (400, 0.2, 0.35),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_posterior_of_correlated_pixels(name):
    levels, slope_within, deviation_within = EXACT[name]
    rho = 0.6
    mean, slope, deviation = second_of_pairs_missing(name, rho, levels)
    assert mean == pytest.approx(MEAN, abs=0.01)
    assert slope == pytest.approx(rho, abs=slope_within)
    if deviation_within is None:
        assert deviation < 0.1 * SPREAD
    else:
        assert deviation == pytest.approx(SPREAD * math.sqrt(1 - rho**2), rel=deviation_within)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_posterior_of_independent_pixels(name):
    levels, _, _ = EXACT[name]
    mean, slope, deviation = second_of_pairs_missing(name, 0.0, levels)
    assert mean == pytest.approx(MEAN, abs=0.01)
    assert slope == pytest.approx(0, abs=0.04)
    assert deviation <= 1.03 * SPREAD


@pytest.mark.parametrize("name", [n for n, m in PUBLISHED.items() if "superres" in m.tasks])
def test_the_posterior_mean_of_a_reduced_image(name):
    """Of independent pixels it is MEAN + A⁺ (y - A MEAN): the mean of many draws comes to it."""
    model, degradation = Gaussian(0.0), Resize((16, 16), (8, 8))
    z = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(7))
    y = degradation(MEAN + SPREAD * z)
    flat = torch.full_like(z, MEAN)
    wanted = degradation.project(flat, y)
    method = PUBLISHED[name]
    preset = method.schedule(30 * method.cost, "superres")
    draws = [
        method.solve(TiledBCM(model), degradation, y, flat.clone(), preset, NoiseField(seed))
        for seed in range(30)
    ]
    error = torch.stack(draws).mean(0) - wanted
    assert float(error.square().mean().sqrt()) < 0.25 * SPREAD  # 30 draws: 0.18 at most
    assert float(error.mean().abs()) < 0.005


# For few evaluations


@pytest.mark.parametrize("name", [n for n, m in CLOSER.items() if "denoise" in m.tasks])
@pytest.mark.parametrize("sigma", [0.02, 0.2, 50 / 127.5])
def test_nothing_is_begun_below_the_noise_of_the_picture(name, sigma):
    assert CLOSER[name].schedule(4, "denoise", sigma).levels[0] >= sigma


@pytest.mark.parametrize("name", CLOSER)
@pytest.mark.parametrize("nfe", [3, 4, 8, 20])
def test_begun_closer_a_method_does_the_same_at_lower_levels(name, nfe):
    closer, published = CLOSER[name], PUBLISHED[name.removesuffix("-ccdf")]
    assert (closer.solve, closer.tasks) == (published.solve, published.tasks)
    for task in closer.tasks:
        severity = 3.85 if task == "inpaint" else None  # a hole that begins above where it ends
        preset = closer.schedule(nfe, task, severity=severity)
        assert preset.evaluations == nfe
        if len(preset.levels) > 1:  # of a single level theirs is a low one
            assert preset.levels[0] < published.schedule(nfe, task).levels[0]
        if name == "repaint-ccdf":  # what makes it RePaint
            assert len(preset.levels) // len(set(preset.levels)) == max(1, nfe // 4)
        else:
            assert list(preset.levels) == sorted(preset.levels, reverse=True)


@pytest.mark.parametrize("name", CLOSER)
def test_begun_closer_from_nearby_a_method_stays_nearer(name):
    model = Gaussian(0.6)
    z = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
    x = model.jump(80 * z[:1], 80.0, 0.002).clamp(-1, 1)
    known = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.bool)
    known[..., ::2] = True
    degradation = Mask(known)
    start = degradation.project(x + 0.05 * z[1:], degradation(x))

    def error(method):
        preset = method.schedule(6, "inpaint")
        y, whole = degradation(x), TiledBCM(model)
        found = method.solve(whole, degradation, y, start.clone(), preset, NoiseField(0))
        return float((found - x).square().mean())

    # Its levels were searched on photographs, not on this model: nearer, by how much is open.
    assert error(CLOSER[name]) < error(PUBLISHED[name.removesuffix("-ccdf")])


def test_the_noise_that_an_observation_has_is_not_added_to_it() -> None:
    assert lift(0.5, Noise(0.3)) == pytest.approx(0.4)
    assert lift(0.2, Noise(0.3)) == 0
    assert lift(0.2, Mask(half_known())) == 0.2


def test_our_own_denoising_is_the_posterior_mean():
    from restore.checkpoints import Preset

    model, sigma = Gaussian(0.0), 0.2
    y = MEAN + torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(7)) / 4
    x = bcm(TiledBCM(model), Free(), None, y.clone(), Preset((sigma,)), NoiseField(0))
    share = SPREAD**2 / (SPREAD**2 + sigma**2)
    assert torch.allclose(x, (MEAN + share * (y - MEAN)).clamp(-1, 1), atol=1e-6)


@pytest.mark.parametrize("name", [*GUIDED, "ddrm"])
def test_a_network_with_global_attention_works_in_its_own_windows(name):
    torch.manual_seed(0)
    model = BCM(ADM(64, 1, (1, 1), (2,), 16, num_classes=10).eval().requires_grad_(False))
    x = run(name, model, "inpaint", 4, size=(20, 90), label=torch.tensor([1]))
    degradation, y, _ = observed("inpaint", 20, 90)
    assert torch.equal(degradation(x), y)
