"""Run: a problem drawn, by a solver in windows, as often as asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from restore.bcm import BCM
from restore.checkpoints import load_beside
from restore.degradations import Grey
from restore.images import Picture
from restore.images.transfer import as_image, as_pixels, send_pixels
from restore.presets import Preset
from restore.settings import Settings
from restore.solvers import OURS, PEERS, SOLVERS, Guided, Solver
from restore.tasks.drawing import Drawing
from restore.tasks.draws import batch_of, mean_and_spread
from restore.tasks.schedule import choose_tile
from restore.tasks.task import Problem
from restore.tasks.trust import Trust, weigh_
from restore.tiling import NoiseField, TiledBCM, pixels_at_once

Weighted = Sequence[tuple[float, Preset]]  # presets, each with the share of its result


def make_start(
    problem: Problem, y: object, seed: int, *, published: bool = False
) -> Tensor | Picture:
    """The first guess: another's result where there is one, else the task's own."""
    if problem.start is not None:
        return problem.task.take_up(problem, problem.start)
    return problem.task.start(problem, y, published=published, seed=seed)


def weaken(x: Tensor, given: Tensor | None, settings: Settings) -> Tensor:
    """x mixed with what was given; both are consistent or neither is, and so is what is between."""
    return x if given is None else given.lerp_(x.to(given), settings.strength)


@dataclass(frozen=True, eq=False)
class Run:
    """How one problem is drawn. grey: whether the picture that it is a part of has no colour."""

    problem: Problem
    presets: Weighted
    model: BCM
    settings: Settings
    solver: Solver
    grey: bool

    def make(self, progress: Callable[[], None] | None) -> tuple[Tensor, Tensor | None]:
        """As `draw_all`, at the strength of the settings."""
        strength = self.settings.strength
        if strength == 1:
            return self.draw_all(progress)
        y = self.problem.task.observe(self.problem, self.model.device)
        first = send_pixels(make_start(self.problem, y, self.settings.seed), self.model.device)
        columns, rows = map(slice, self.problem.size)
        given = first[..., rows, columns].clamp(-1, 1)
        if strength == 0:
            return given, None
        x, spread = self.draw_all(progress)
        return weaken(x, given, self.settings), None if spread is None else spread.mul_(strength)

    @property
    def calls(self) -> int:
        """Network calls of all draws, a call being one window at one level."""
        if isinstance(self.solver, Drawing):
            return self.solver.calls * (self.settings.strength > 0)
        height, width = self.problem.working_size[::-1]
        denoiser = self._denoiser(None)
        # On the way up the result goes through another evaluation, which sees more of it.
        windows = denoiser.window_count(height, width)
        more = denoiser.window_count(height, width, ahead=1)
        if denoiser.spreads:
            counts = partial(denoiser.window_count, height, width)
            calls = sum(counts(n) for _, one in self.presets for n in range(len(one.levels)))
            return calls * -(-self.settings.samples // self.batch) * (self.settings.strength > 0)
        calls = sum(
            len(preset.levels) * ((preset.start > 0) * more + windows)
            if not isinstance(preset, Guided)
            else preset.evaluations * windows
            for _, preset in self.presets
        )
        return calls * -(-self.settings.samples // self.batch) * (self.settings.strength > 0)

    @property
    def batch(self) -> int:
        """Draws that go through the network together."""
        budget = pixels_at_once(self.model)
        size = self.problem.working_size
        return batch_of(self.settings.samples, size, self.settings.method, budget)

    def draw_all(self, progress: Callable[[], None] | None) -> tuple[Tensor, Tensor | None]:
        """The image (1, 3, H, W), the mean of all draws, and their spread (H, W) if there are some.

        Each draw is the sum of its presets' results, each by its share.
        """
        y = self.problem.task.observe(self.problem, self.model.device)
        trust = self._trust()
        depth = self.problem.source.depth

        def draw(seeds: Sequence[int]) -> Tensor:
            total: Tensor | None = None
            for share, preset in self.presets:
                start = self._start(y, seeds)
                mean = trust is not None and preset.estimator != "jump"
                # Kept as it would be written, which takes a quarter of the memory.
                firsts = [as_pixels(one, depth, grey=False) for one in start.split(1) if mean]
                model = load_beside(self.model, preset.beside)
                x = self._solve(self._denoiser(progress, model), y, start, preset, seeds)
                if trust is not None and mean:
                    self._weigh_(x, y, firsts, trust)
                total = x.mul_(share) if total is None else total.add_(x, alpha=share)
            assert total is not None, "no preset"
            return total

        first = self.settings.seed
        x, spread = mean_and_spread(draw, range(first, first + self.settings.samples), self.batch)
        columns, rows = map(slice, self.problem.size)
        return x[..., rows, columns], None if spread is None else spread[rows, columns]

    def _denoiser(self, progress: Callable[[], None] | None, model: BCM | None = None) -> TiledBCM:
        region = self.problem.region
        return TiledBCM(
            model or self.model,
            choose_tile(self.settings),
            self.model.encode_label(self.settings.label),
            progress,
            region=None if region is None else torch.from_numpy(region),
            spreads=self.problem.wanted is not None and region is not None,
        )

    def _trust(self) -> Trust | None:
        """How far a change of the start is believed: by our methods, from a start of the task's.

        Of several draws it is their spread that tells.
        """
        ours = self.settings.method in OURS and self.solver is SOLVERS[self.settings.method]
        if not ours or self.problem.start is not None or self.settings.samples > 1:
            return None
        return self.problem.task.trust(self.problem)

    def _weigh_(self, x: Tensor, y: object, firsts: Sequence[Tensor], trust: Trust) -> None:
        problem = self.problem
        kept = 0.0
        for one, first in zip(x.split(1), firsts, strict=True):
            start = as_image(first, problem.source.depth)
            kept += weigh_(one, start, trust, problem.hole, problem.region)
        if kept and problem.degradation.linear:  # a JPEG's start is nearer than its shrunk box
            problem.degradation.project_into_range(x, y, out=x)

    def _start(self, y: object, seeds: Sequence[int]) -> Tensor:
        """The images (B, 3, H, W) that so many seeds begin from."""
        problem, published = self.problem, self.settings.method in PEERS
        drawn = seeds if problem.kind == "patch" else seeds[:1]  # else one start is every seed's
        starts = [
            send_pixels(make_start(problem, y, seed, published=published), self.model.device)
            for seed in drawn
        ]
        start = torch.cat(starts) if len(starts) > 1 else starts[0]
        return start.repeat(len(seeds), 1, 1, 1) if len(start) < len(seeds) else start

    def _solve(
        self, denoiser: TiledBCM, y: object, start: Tensor, preset: Preset, seeds: Sequence[int]
    ) -> Tensor:
        """The images (B, 3, H, W) of so many seeds, by one preset; the start is overwritten."""
        problem, published = self.problem, self.settings.method in PEERS
        degradation = problem.task.operator(problem, preset, published=published)
        assert start.shape[-2:] == problem.working_size[::-1], (start.shape, problem.working_size)
        return self.solver(
            denoiser,
            Grey(degradation) if self.grey else degradation,
            y,
            start,
            preset,
            NoiseField(*seeds, chroma=preset.chroma, origin=problem.origin),
        )
