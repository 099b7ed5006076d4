"""Losses: the terms that make a bidirectional consistency model.

Each is one function of (model, target, batch):

- diagonal: the EDM denoising loss on D(x_t, t), Karras et al. 2022, eq. 2 and 8, in F's own units;
- consistency: the published loss of BCM (Li and He 2024, arXiv 2403.18035, eq. 12), with
  Pseudo-Huber distance;
- trajectory: eq. 13 there, but its weight 1 / |t - u| is held at 100: two levels that are close by
  chance, which make 44 % of the published weight, would drown the others;
- semigroup: f(x, t, u) = f(f(x, t, m), m, u) for m between t and u, the right side held fixed
  (flow maps: Boffi et al. 2024, arXiv 2406.07507), which distils the diagonal into jumps;
- points: the denoising loss of an image function, Î against the truth at points between pixels;
- reconstruction: the same at levels of hardly any noise: image to its function;
- coloured: the denoising loss of noise that is of another level below a frequency than above;
- mapped: the denoising loss of noise that a map of levels has in holes alone, inside them;
- cycle: f(f(x_t, t, u), u, t) = x_t for u above t, gradients through both jumps, so that what goes
  up comes back (as in invertible consistency distillation, arXiv 2406.14539).

`target` is the exponential moving average of `model`. Where a network answers in another unit than
F's, its `answer_scale`, the terms are divided by it, the consistency terms by its square.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from restore.bcm import BCM, SIGMA_MAX, SIGMA_MIN, check_function
from restore.functions import interpolate_cubic
from restore.training.coloured import draw_spectrum, filter_each, filtered_noise
from restore.training.level_maps import add_grain, draw_level_map, guess_smoothly
from restore.training.recipe import Recipe, draw_levels


def pseudo_huber(difference: Tensor, c: float) -> Tensor:
    """(sqrt(|Δ|² + c²) - c) / sqrt(dim), one value an image (B,)."""
    square = difference.square().flatten(1)
    return ((square.sum(dim=1) + c**2).sqrt() - c) / math.sqrt(square.shape[1])


@dataclass(frozen=True)
class NoisyBatch:
    """Clean images x, their noise, their levels t (B,), and x_t = x + t noise.

    finest: the clean images at x's size or twice that, None where no term asks for it.
    """

    x: Tensor
    noise: Tensor
    t: Tensor
    recipe: Recipe
    generator: torch.Generator
    finest: Tensor | None = None

    def at(self, t: Tensor) -> Tensor:
        return self.x + t[:, None, None, None] * self.noise

    def uniform(self) -> Tensor:
        return torch.rand(len(self.x), generator=self.generator, device=self.x.device)

    @property
    def huber(self) -> float:
        return self.recipe.huber * self.recipe.crop / 64


Loss = Callable[[BCM, BCM, NoisyBatch], Tensor]


def diagonal(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """EDM's denoising loss, in units of F: weight (t² + s²) / (t s)²."""
    s, t = model.sigma_data, batch.t[:, None, None, None]
    x_t = batch.at(batch.t)
    norm = t**2 + s**2
    wanted = (batch.x - s**2 / norm * x_t) * norm.sqrt() / (t * s)
    difference = model.evaluate(x_t, batch.t, batch.t) - wanted
    return (difference / _scale(model, batch.t)).square().mean()


def points(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """(Î(r) - x(r))² / c² at points r of the images and of the finest ones, t = u.

    A share of rows and columns, one of each few; each lies beside its pixels by .15 of their side
    (variational coordinates: arXiv 2407.15355).
    """
    return _compare_at_points(model, batch, batch.t)


def reconstruction(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """As `points`, at levels from 0.002 to 0.03."""
    low, high = math.log(SIGMA_MIN), math.log(0.03)
    return _compare_at_points(model, batch, (low + (high - low) * batch.uniform()).exp())


def _compare_at_points(model: BCM, batch: NoisyBatch, t: Tensor) -> Tensor:
    network = check_function(model)
    x_t = batch.at(t)
    c_in = (t**2 + model.sigma_data**2).rsqrt()[:, None, None, None]
    theta = network.predict(c_in * x_t, t, t)
    gain, base = (v[:, None, None, None] for v in (network.gain(t), network.base(t)))
    assert batch.finest is not None
    total = torch.zeros((), device=x_t.device)
    truths = [batch.x] if batch.finest.shape == batch.x.shape else [batch.x, batch.finest]
    for truth in truths:
        numbers, lines = [], []
        for given, side in zip(x_t.shape[2:], truth.shape[2:], strict=True):
            number = _draw_lines(side, max(1, side * 2 // given), batch.generator)
            beside = 0.15 * torch.randn(len(number), generator=batch.generator, device=truth.device)
            numbers.append(number)
            at = number.cpu().double() + 0.5 + beside.clamp(-0.25, 0.25).cpu()
            lines.append(at * (given / side))
        wanted = truth[:, :, numbers[0][:, None], numbers[1]]
        known = interpolate_cubic(x_t, *lines)
        drawn = network.draw(theta, *(line / network.stride for line in lines))
        total = total + (drawn - (wanted - base * known) / gain).square().mean()
    return total / len(truths)


def _draw_lines(side: int, every: int, generator: torch.Generator) -> Tensor:
    """One of each `every` rows or columns in turn, at random."""
    first = torch.arange(0, side - side % every, every, device=generator.device)
    return first + torch.randint(every, first.shape, generator=generator, device=generator.device)


def _scale(model: BCM, t: Tensor) -> Tensor:
    return model.network.answer_scale(t)[:, None, None, None]


def earlier(t: Tensor, bins: int) -> Tensor:
    """The next level below t on Karras's schedule (rho 7) of `bins` levels."""
    low, high, rho = SIGMA_MIN, SIGMA_MAX, 7.0
    root = (high ** (1 / rho) - low ** (1 / rho)) / bins
    return (t ** (1 / rho) - root).clamp(min=low ** (1 / rho)) ** rho


def consistency(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """d(f(x_t, t, 0), sg f(x_t', t', 0)) / |t - t'|, t' a step below t on the same noise."""
    t, below = batch.t, earlier(batch.t, batch.recipe.bins)
    low = torch.full_like(t, SIGMA_MIN)
    with torch.no_grad():
        wanted = target(batch.at(below), below, low)
    distance = pseudo_huber(model(batch.at(t), t, low) - wanted, batch.huber)
    return (distance / ((t - below).clamp(min=1e-4) * model.network.answer_scale(t) ** 2)).mean()


def trajectory(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """d(f(f(x_t, t, u), u, 0), sg f(x_t', t', 0)) / |t - u|, through the inner jump only.

    |t - u| counts as 0.01 at least, and u lies at least 5 % from t: the published loss has neither.
    """
    t, below = batch.t, earlier(batch.t, batch.recipe.bins)
    low = torch.full_like(t, SIGMA_MIN)
    u = draw_levels(len(t), batch.recipe, batch.generator)
    u = torch.where((u - t).abs() < 0.05 * t, 1.5 * t, u).clamp(max=SIGMA_MAX)
    with torch.no_grad():
        wanted = target(batch.at(below), below, low)
    landed = target(model(batch.at(t), t, u), u, low)
    distance = pseudo_huber(landed - wanted, batch.huber)
    return (distance / ((t - u).abs().clamp(min=1e-2) * model.network.answer_scale(t) ** 2)).mean()


def semigroup(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """f(x_t, t, u) against sg f(sg f(x_t, t, m), m, u), in units of F; u above or below t.

    Half of the t and most of the u are spread evenly over the logarithm of the whole range.
    """
    s, low, high = model.sigma_data, math.log(SIGMA_MIN), math.log(SIGMA_MAX)

    def spread() -> Tensor:
        return (low + (high - low) * batch.uniform()).exp()

    t = torch.where(batch.uniform() < 0.5, batch.t, spread())
    u = torch.where(batch.uniform() < 0.35, torch.full_like(t, SIGMA_MIN), spread())
    u = torch.where((u / t).log().abs() < 0.05, (t * 0.5).clamp(min=SIGMA_MIN), u)
    u = torch.where((u / t).log().abs() < 0.05, 2 * t, u)
    m = (t.log() + (u / t).log() * (0.02 + 0.96 * batch.uniform())).exp()
    x_t = batch.at(t)
    tc, uc = (v[:, None, None, None] for v in (t, u))
    norm = tc**2 + s**2
    with torch.no_grad():
        landed = target(target(x_t, t, m), m, u)
        wanted = (landed - (tc * uc + s**2) / norm * x_t) * norm.sqrt() / ((tc - uc) * s)
    difference = (model.evaluate(x_t, t, u) - wanted) / _scale(model, t)
    error = difference.square().flatten(1).mean(dim=1)
    return (error / (error.detach() + 0.1).sqrt()).mean()


def cycle(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """f(f(x_t, t, u), u, t) against x_t, in units of the second F; u above t.

    Half of the t lie about 0.07, where inversions start, the others anywhere below 20.
    """
    s, high = model.sigma_data, math.log(SIGMA_MAX)
    normal = torch.randn(len(batch.x), generator=batch.generator, device=batch.x.device)
    near = math.log(0.07) + 0.5 * normal
    anywhere = math.log(0.02) + math.log(20 / 0.02) * batch.uniform()
    t = torch.where(batch.uniform() < 0.5, near, anywhere).clamp(math.log(0.01), math.log(20))
    u = (t + 0.3 + (high - t - 0.3) * batch.uniform()).exp()
    t = t.exp()
    x_t = batch.at(t)
    back = model(model(x_t, t, u), u, t)
    c_out = ((u - t) * s * (u**2 + s**2).rsqrt())[:, None, None, None]
    error = ((back - x_t) / (c_out * _scale(model, u))).square().flatten(1).mean(dim=1)
    return (error / (error.detach() + 0.1).sqrt()).mean()


def coloured(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """The denoising loss of coloured noise, behind its filter; weight (t² + s²) / (t s)².

    t is the level of white noise that leaves as much unknown. What is restored are the patches but
    for a sixth of their side at each edge, from beyond which the filter would take.
    """
    x, s, side = batch.x, model.sigma_data, batch.x.shape[-1]
    noise = draw_spectrum(len(x), batch.generator)
    seen = filter_each(x, noise) + filtered_noise(batch.noise, noise)
    margin = side // 24 * 4  # so that strides of 8 still divide what is left
    middle = slice(margin, side - margin)
    t = noise.level
    c_out = (t * s * (t**2 + s**2).rsqrt())[:, None, None, None]
    found = model.denoise_filtered(seen[..., middle, middle].contiguous(), noise)
    return ((found - x[..., middle, middle]) / c_out).square().mean()


def mapped(model: BCM, target: BCM, batch: NoisyBatch) -> Tensor:
    """The denoising loss of noise in holes, inside them, weighed as that of coloured noise.

    Some known pixels are noisy, what is wanted is not. An image's error e counts as
    e / sqrt(e + 0.1), or those of large holes would be all there is.
    """
    x, s = batch.x, model.sigma_data
    noise = draw_level_map(len(x), x.shape[-1], batch.generator)
    given = add_grain(x, batch.generator)
    guess = guess_smoothly(given, noise.hole)
    seen = torch.where(noise.hole > 0, batch.at(noise.t), given)
    t = noise.level
    c_out = (t * s * (t**2 + s**2).rsqrt())[:, None, None, None]
    found = model.denoise_filtered(noise.weigh(guess, seen), noise)
    wrong = ((found - x) / c_out).square().mean(dim=1, keepdim=True) * noise.hole
    error = wrong.sum(dim=(1, 2, 3)) / noise.hole.sum(dim=(1, 2, 3))
    return (error / (error.detach() + 0.1).sqrt()).mean()


LOSSES: dict[str, Loss] = {
    "diagonal": diagonal,
    "points": points,
    "reconstruction": reconstruction,
    "consistency": consistency,
    "trajectory": trajectory,
    "semigroup": semigroup,
    "cycle": cycle,
    "coloured": coloured,
    "mapped": mapped,
}
