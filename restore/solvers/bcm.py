"""bcm: our own solver, a few network calls with an exact projection before each and at last.

    x   = project(x, y)                                      (weighed by t, where y has noise)
    x_t = x + noise · t · z                                  (in fidelity mode nothing is added)
    x0  = D(x_t, (1 + δ) t),  f(x_t, (1 + δ) t, 0.002),  or the secant between them
    x   = x0 + relaxation · (x0 - x)

over falling levels t; at last x is projected, except where y has noise, which would come back (as
in DPIR, Zhang et al. 2021, arXiv 2008.13751). The denoiser gives the mean (best PSNR at one level),
the jump the end of the ODE's path (best perception), and the secant, drawn through that path at t
and at a share of t and on to 0, what has the best PSNR in loops of several levels. `Preset` holds
the levels and what else was tuned. Consistency editing (Song et al. 2023, arXiv 2303.01469,
algorithm 4) is the special case of the jump with noise 1; the projection in place of a replacement,
the δ and the small noise share follow few-step consistency solvers (CM4IR, Garber and Tirer 2024,
arXiv 2412.20596). For samples z is nearly grey: colour that is drawn, where the observation leaves
it open, is seen as noise. Where a preset has a cut, the network is one of coloured noise: x goes
through Wiener's filter for noise of a low level below the cut and t above, and x0 = D(x) of that.
Where it is of a map, so it is in a hole, about the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from restore.coloured_noise import ColouredNoise
from restore.degradations import Degradation
from restore.degradations.degradation import Y
from restore.errors import RequestError
from restore.level_map import LevelMap
from restore.networks import FilteredNoise
from restore.presets import Preset
from restore.solvers.estimate import ORIENTATIONS, estimate
from restore.solvers.inversion import inversion
from restore.solvers.method import Method
from restore.tiling import NoiseField, Place, TiledBCM, cut_windows


@torch.no_grad()
def bcm(
    denoiser: TiledBCM,
    degradation: Degradation[Y],
    y: Y,
    start: Tensor,
    preset: Preset,
    noise: NoiseField,
) -> Tensor:
    """The image (B, 3, H, W) in [-1, 1] that degrades to y, from `start`, which it overwrites.

    denoiser: the model over images of any size. degradation: A. y: what it gave. preset: the levels
    and what is done at each. noise: of B seeds. Every pixel goes through `preset.evaluations`
    network evaluations.
    """
    if preset.start:  # noise is amplified, not added
        return inversion(denoiser, degradation, y, start, preset, noise)

    def restored(
        step: int, t: float, other: FilteredNoise | None, x: Tensor, places: Sequence[Place]
    ) -> Tensor:
        x_t = x
        if preset.noise:
            x_t = torch.add(x, noise.at(step, places, x.device), alpha=preset.noise * t)
        if other is not None:
            other = other.through(lambda hole: cut_windows(hole, places))
        x0 = estimate(denoiser, x_t, (1 + preset.delta) * t, preset, step, other)
        return torch.lerp(x, x0, 1 + preset.relaxation)

    x = start
    again = preset.mapped and len(preset.levels) > 1
    first = start.clone() if preset.gain != 1 or again else start
    hole = _as_plane(degradation.hole, x) if preset.mapped else None
    for step, t in enumerate(preset.levels):
        x = degradation.posterior_mean(x, y, t, out=x)
        if preset.gain != 1:
            x = torch.lerp(first, x, preset.gain, out=x)
        other: FilteredNoise | None = None
        if preset.cut:
            other = coloured = ColouredNoise.of(preset.low, (1 + preset.delta) * t, preset.cut, x)
            x = coloured.filter(x, out=x)
        elif hole is not None:
            other = mapped = LevelMap.of(hole, (1 + preset.delta) * t)
            x = mapped.weigh(first, x)
        ahead = len(preset.levels) - 1 - step if denoiser.spreads else 0
        x = denoiser.over(partial(restored, step, t, other), x, out=x, ahead=ahead)
    return degradation.project_into_range(x, y, out=x)


def _as_plane(hole: Tensor | None, x: Tensor) -> Tensor:
    """A hole (B, 1, H, W) for x (B, 3, H, W), 1 in it and 0 elsewhere.

    RequestError where there is none.
    """
    if hole is None:
        raise RequestError("a preset of a map of levels is for holes alone: give another")
    return hole.to(x).expand(len(x), -1, -1, -1)


BCM_METHOD = Method(bcm, tasks=None, most={"denoise": len(ORIENTATIONS)})
