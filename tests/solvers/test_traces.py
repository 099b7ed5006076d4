"""Traces: each published method, evaluation by evaluation, against its paper's own rule.

The rules are written in the papers' variables: x_t = sqrt(ᾱ) x0 + sqrt(1 - ᾱ) ε for methods of
diffusion models that keep the variance. What a solver's denoiser is given, an image of level t, is
that over sqrt(ᾱ), with ᾱ = 1 / (1 + t²). The model is exact, of pixels that are normal.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from restore.bcm import BCM
from restore.degradations import Mask
from restore.networks import Network
from restore.solvers import PUBLISHED
from restore.solvers.cm4ir import CM4IR, levels
from restore.solvers.levels import STEPS, alphas, level_of
from restore.tiling import NoiseField, TiledBCM

MEAN, VARIANCE = 0.1, 0.2**2
HEIGHT, WIDTH = 6, 10
NFE = 4
Rule = Callable[..., list[Tensor]]


def clean(x: Tensor, t: float) -> Tensor:
    return MEAN + VARIANCE / (VARIANCE + t**2) * (x - MEAN)


def jump(x: Tensor, t: float, u: float) -> Tensor:
    return MEAN + math.sqrt((VARIANCE + u**2) / (VARIANCE + t**2)) * (x - MEAN)


class Recorder:
    """The exact model in place of a `TiledBCM`; it keeps what it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, Tensor]] = []

    def denoise(self, x: Tensor, t: float) -> Tensor:
        self.seen.append((t, x.clone()))
        return clean(x, t)

    def jump(self, x: Tensor, t: float, u: float) -> Tensor:
        self.seen.append((t, x.clone()))
        return jump(x, t, u)


def z(step: int) -> Tensor:
    return NoiseField(0)(step, (0, HEIGHT), (0, WIDTH)).double()


def alpha(t: float) -> float:
    return 1 / (1 + t**2)


def problem() -> tuple[Mask, Tensor, Tensor]:
    """Half of the pixels, known to be 0.3 to 0.5; the hole starts at 0.2."""
    known = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    known[..., ::2] = True
    ramp = torch.linspace(0.3, 0.5, WIDTH, dtype=torch.float64).expand(1, 3, HEIGHT, WIDTH)
    return Mask(known), torch.where(known, ramp, 0), torch.where(known, ramp, 0.2)


def project(x0: Tensor, y: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, y, x0)


# What each paper's rule gives the network, in the paper's own variables, and the last estimate.


def ddnm(ts: list[float], y: Tensor, known: Tensor, x: Tensor) -> list[Tensor]:
    """Eq. 13 and 14 with the DDIM step, η = 0.85."""
    eta, seen = 0.85, []
    for i, t in enumerate(ts):
        seen.append(x)
        a = alpha(t)
        x0 = clean(x / math.sqrt(a), t)
        epsilon = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
        x0 = project(x0, y, known)
        b = alpha(ts[i + 1]) if i + 1 < len(ts) else 1.0
        fresh = eta * z(i + 1) + math.sqrt(1 - eta**2) * epsilon
        x = math.sqrt(b) * x0 + math.sqrt(1 - b) * fresh
    return [*seen, x0]


def ddrm(ts: list[float], y: Tensor, known: Tensor, x: Tensor) -> list[Tensor]:
    """Eq. 5 and 6, η = 0.85, η_b = 1: the spectral space of a mask is that of the pixels."""
    eta, seen = 0.85, []
    for i, t in enumerate(ts):
        seen.append(x)
        x_ve = x / math.sqrt(alpha(t))
        x0 = clean(x_ve, t)
        if i + 1 == len(ts):
            break
        u = ts[i + 1]
        erased = x0 + math.sqrt(1 - eta**2) * u / t * (x_ve - x0) + eta * u * z(i + 1)
        kept = y + u * z(i + 1)
        x = torch.where(known, kept, erased) * math.sqrt(alpha(u))
    return [*seen, project(x0, y, known)]


def diffpir(
    ts: list[float], y: Tensor, known: Tensor, x: Tensor, zeta: float = 1.0
) -> list[Tensor]:
    """Eq. 12a to 14, ζ = 1 for holes: all of the noise is fresh."""
    seen = []
    for i, t in enumerate(ts):
        seen.append(x)
        a = alpha(t)
        x0 = project(clean(x / math.sqrt(a), t), y, known)
        epsilon = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
        b = alpha(ts[i + 1]) if i + 1 < len(ts) else 1.0
        fresh = math.sqrt(1 - zeta) * epsilon + math.sqrt(zeta) * z(i + 1)
        x = math.sqrt(b) * x0 + math.sqrt(1 - b) * fresh
    return [*seen, x0]


def ancestral(x: Tensor, x0: Tensor, t: float, u: float, noise: Tensor) -> Tensor:
    """DDPM's posterior q(x_u | x_t, x0), eq. 6 and 7 (Ho et al. 2020), β over the whole step."""
    a, b = alpha(t), alpha(u)
    beta = 1 - a / b
    mean = math.sqrt(b) * beta / (1 - a) * x0 + math.sqrt(a / b) * (1 - b) / (1 - a) * x
    return mean + math.sqrt((1 - b) / (1 - a) * beta) * noise


def repaint(ts: list[float], y: Tensor, known: Tensor, x: Tensor) -> list[Tensor]:
    """Eq. 8a to 8c, with four levels each gone through once."""
    seen = []
    for i, t in enumerate(ts):
        seen.append(x)
        x0 = clean(x / math.sqrt(alpha(t)), t)
        if i + 1 == len(ts):
            break
        u = ts[i + 1]
        noised = math.sqrt(alpha(u)) * y + math.sqrt(1 - alpha(u)) * z(2 * i + 2)
        x = torch.where(known, noised, ancestral(x, x0, t, u, z(2 * i + 1)))
    return [*seen, project(x0, y, known)]


def cm(ts: list[float], y: Tensor, known: Tensor, x: Tensor) -> list[Tensor]:
    """Algorithm 4: noise of sqrt(τ² - 0.002²) to an image of level 0.002, what is known put back.

    Its images keep no variance: they are those of level τ themselves.
    """
    seen, image = [], x
    for i, t in enumerate(ts):
        noised = image + math.sqrt(t**2 - 0.002**2) * z(i)
        seen.append(noised * math.sqrt(alpha(t)))
        image = project(jump(noised, t, 0.002), y, known)
    return [*seen, image]


def cm4ir(ts: list[float], y: Tensor, known: Tensor, x: Tensor) -> list[Tensor]:
    """Algorithm 1, η = 0.1 and δ = 0: σ = sqrt(1 - ᾱ), images of which are not scaled."""
    eta, seen = 0.1, []
    for i, t in enumerate(ts):
        seen.append(x)
        x_t = x / math.sqrt(alpha(t))
        x0 = jump(x_t, t, 0.002).clamp(-1, 1)
        minus = (x0 - x_t) / t
        guided = project(x0, y, known)
        if i + 1 < len(ts):
            u = ts[i + 1]
            x_u = guided + eta * u * z(i + 1) + math.sqrt(1 - eta**2) * u * minus
            x = x_u * math.sqrt(alpha(u))
    return [*seen, guided]


METHODS = {**PUBLISHED, "cm4ir": CM4IR}  # as published, not tuned
RULES: dict[str, Rule] = {
    "cm": cm, "cm4ir": cm4ir, "ddrm": ddrm, "ddnm": ddnm, "diffpir": diffpir, "repaint": repaint,
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_every_evaluation_is_that_of_the_published_rule(name):
    degradation, y, start = problem()
    method, recorder = METHODS[name], Recorder()
    preset = method.schedule(NFE, "inpaint")
    found = method.solve(recorder, degradation, y, start.clone(), preset, NoiseField(0))
    ts = list(preset.levels)
    first = start if name == "cm" else (start + ts[0] * z(0)) * math.sqrt(alpha(ts[0]))
    *wanted, last = RULES[name](ts, y, degradation.known, first)
    assert [t for t, _ in recorder.seen] == pytest.approx(ts)
    for (t, x), x_vp in zip(recorder.seen, wanted, strict=True):
        assert torch.allclose(x * math.sqrt(alpha(t)), x_vp, atol=1e-6)  # gains are in float32
    assert torch.allclose(found, project(last, y, degradation.known).clamp(-1, 1), atol=1e-6)


def test_diffpir_keeps_the_noise_that_is_not_fresh():
    degradation, y, start = problem()
    preset, recorder = replace(METHODS["diffpir"].schedule(NFE, "inpaint"), noise=0.3), Recorder()
    METHODS["diffpir"].solve(recorder, degradation, y, start.clone(), preset, NoiseField(0))
    ts = list(preset.levels)
    first = (start + ts[0] * z(0)) * math.sqrt(alpha(ts[0]))
    *wanted, _ = diffpir(ts, y, degradation.known, first, zeta=0.3)
    for (t, x), x_vp in zip(recorder.seen, wanted, strict=True):
        assert torch.allclose(x * math.sqrt(alpha(t)), x_vp, atol=1e-6)


def test_cm4ir_clips_its_estimates():
    degradation, y, start = problem()
    recorder, far = Recorder(), start + 30
    preset = CM4IR.schedule(NFE, "inpaint")
    CM4IR.solve(recorder, degradation, y, far.clone(), preset, NoiseField(0))
    ts = list(preset.levels)
    first = (far + ts[0] * z(0)) * math.sqrt(alpha(ts[0]))
    assert float(jump(first / math.sqrt(alpha(ts[0])), ts[0], 0.002).max()) > 1
    *wanted, _ = cm4ir(ts, y, degradation.known, first)
    for (t, x), x_vp in zip(recorder.seen, wanted, strict=True):
        assert torch.allclose(x * math.sqrt(alpha(t)), x_vp, atol=1e-5)


# Methods that go back through the network. The derivative of the exact model is one number.


class Exact(BCM):
    """The exact model, which keeps what it is given where no gradient is asked for."""

    def __init__(self) -> None:
        super().__init__(Pixels())
        self.seen: list[tuple[float, Tensor]] = []

    def denoise(self, x, t, label=None):
        if not torch.is_grad_enabled():
            self.seen.append((t, x.clone()))
        return clean(x, t)


class Pixels(Network):
    """What says of a network that each pixel depends on itself alone."""

    stride, receptive_field = 1, 0

    def __init__(self) -> None:
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, t, u, label=None):
        raise AssertionError("the model knows the answer")

    @classmethod
    def read_config(cls, tensors):
        raise AssertionError("it comes from no file")


def pgdm(ts: list[float], y: Tensor, known: Tensor, x: Tensor, guided: int) -> list[Tensor]:
    """Algorithm 1, η = 1, r² = 1 - ᾱ: the gradient times r², which A⁺ has divided by, comes in."""
    seen = []
    for i, t in enumerate(ts):
        seen.append(x)
        a, b = alpha(t), alpha(ts[i + 1]) if i + 1 < len(ts) else 1.0
        x0 = clean(x / math.sqrt(a), t)
        epsilon = (x - math.sqrt(a) * x0) / math.sqrt(1 - a)
        c1 = math.sqrt((1 - a / b) * (1 - b) / (1 - a))
        c2 = math.sqrt(max(1 - b - c1**2, 0.0))
        derivative = VARIANCE / (VARIANCE + t**2) / math.sqrt(a)  # of x0 by x
        g = derivative * torch.where(known, y - x0, 0)
        x = math.sqrt(b) * x0 + c1 * z(i + 1) + c2 * epsilon
        if i < guided:
            x = x + math.sqrt(a) * g
    return [*seen, x]


def dps(ts: list[float], y: Tensor, known: Tensor, x: Tensor, guided: int) -> list[Tensor]:
    """Algorithm 1: the ancestral step less ζ / |r| ∂|r|² / ∂x, as the paper writes it."""
    seen = []
    for i, t in enumerate(ts):
        seen.append(x)
        u = ts[i + 1] if i + 1 < len(ts) else 0.0
        x0 = clean(x / math.sqrt(alpha(t)), t)
        r = torch.where(known, x0 - y, 0)
        gradient = 2 * VARIANCE / (VARIANCE + t**2) / math.sqrt(alpha(t)) * r
        zeta = SHORT * math.sqrt(x.numel() / (3 * 256**2)) / guided
        x = ancestral(x, x0, t, u, z(i + 1)) if u else x0
        if i < guided:
            x = x - zeta / r.norm() * gradient
    return [*seen, x]


SHORT = 1e-3  # published steps: so short that none is longer than |r|


@pytest.mark.parametrize(("name", "rule"), [("dps", dps), ("pgdm", pgdm)])
def test_every_gradient_is_that_of_the_published_rule(name, rule, monkeypatch):
    monkeypatch.setattr("restore.solvers.dps.PUBLISHED_STEPS", SHORT)
    degradation, y, start = problem()
    method, model = PUBLISHED[name], Exact()
    preset = method.schedule(8, "inpaint")
    assert preset.gradients == 2
    whole = TiledBCM(model, tile=0)
    found = method.solve(whole, degradation, y, start.clone(), preset, NoiseField(0))
    ts = list(preset.levels)
    first = (start + ts[0] * z(0)) * math.sqrt(alpha(ts[0]))
    *wanted, last = rule(ts, y, degradation.known, first, preset.gradients)
    for (t, x), x_vp in zip(model.seen, wanted, strict=True):
        assert torch.allclose(x * math.sqrt(alpha(t)), x_vp, atol=1e-6)
    assert torch.allclose(found, project(last, y, degradation.known).clamp(-1, 1), atol=1e-6)


# The steps, of 1000, that four evaluations visit, as each paper's code has them. Our networks end
# at 80, below the level of step 999, 157.
VISITED = {
    "ddrm": (750, 500, 250, 0),
    "ddnm": (750, 500, 250, 0),
    "diffpir": (999, 422, 183, 0),
    "repaint": (750, 500, 250, 0),
}


@pytest.mark.parametrize("name", VISITED)
def test_four_evaluations_visit_the_published_steps(name):
    levels = PUBLISHED[name].schedule(4, "inpaint").levels
    assert levels == pytest.approx([level_of(step) for step in VISITED[name]])


def test_diffpirs_squares_are_spaced_from_the_top():
    """Of eight: 999 less the root of i / 7, in thousandths, rounded down."""
    levels = PUBLISHED["diffpir"].schedule(8, "superres").levels
    steps = [999 - min(int(1000 * math.sqrt(i / 7)), 999) for i in range(8)]
    assert steps == [999, 622, 465, 345, 244, 154, 74, 0]
    assert levels == pytest.approx([level_of(step) for step in steps])


@pytest.mark.parametrize(("task", "first", "gamma"), [("inpaint", 150, 0.2), ("deblur", 75, 0.01)])
def test_cm4irs_levels_are_those_of_its_script(task, first, gamma):
    """ᾱ of the product over steps 0 to i_N + 1, growing by 1 + γ, 0.9999 at most."""
    product = alphas()[first + 1]
    wanted = [math.sqrt(1 - min(product * (1 + gamma) ** i, 0.9999)) for i in range(4)]
    assert levels(task, 4, 0.0) == pytest.approx(wanted)


def test_the_schedule_is_ddpms():
    assert len(alphas()) == STEPS
    assert alphas()[0] == pytest.approx(1 - 1e-4)
    assert alphas()[-1] == pytest.approx(4.036e-5, rel=1e-3)
