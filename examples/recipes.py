"""Small experiments on the training recipe: what each choice is worth, before a long run.

    python examples/recipes.py --photos photos                 # all of them, a table in Markdown
    python examples/recipes.py --photos photos "cycle 0.2" "ema 0.9"
    python examples/recipes.py --photos photos --state runs/default --steps 300 ...

Each trains a small network (a seventh of the embedded one's work) from nothing for the same number
of steps and patches, or, with --state, goes on from a saved run with its own network. Figures are
mean PSNR in dB on the central 128×128 pixels of Public 13: denoising sigma 15 and 50 (of 255), and
the way up to a level and back, in evaluations each way. The last column is the mean gradient of a
jump from 0.5 to 0.002 over the clean pictures' own: 1 is as sharp as they are.
"""

import argparse
import dataclasses
import itertools
import math
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
from public13 import clean_images
from torch import Tensor

from restore.bcm import BCM, SIGMA_MIN
from restore.networks.patch import LevelEmbedding
from restore.training import Photographs, Recipe, Trainer, Workers, denoising_psnr

SMALL = {"channels": [32, 64, 96], "blocks": [1, 1], "middle": 3}
HALF = {"diagonal": 0.5, "semigroup": 0.5}
BASE = Recipe(
    network=SMALL, shares=HALF, learning_rate=2e-3, ema=0.99, level_mean=-1.6, broad=0.2, warmup=100
)
Changes = dict[str, object]
EXPERIMENTS: dict[str, Changes] = {
    "half diagonal, half semigroup": {},
    "diagonal alone": {"shares": {"diagonal": 1.0}},
    "semigroup 0.7": {"shares": {"diagonal": 0.3, "semigroup": 0.7}},
    "published terms 0.5": {"shares": {"diagonal": 0.5, "consistency": 0.25, "trajectory": 0.25}},
    "cycle 0.2": {"shares": {"diagonal": 0.5, "semigroup": 0.3, "cycle": 0.2}},
    "cycle 0.4": {"shares": {"diagonal": 0.4, "semigroup": 0.2, "cycle": 0.4}},
    "levels: mean -1.2": {"level_mean": -1.2},
    "levels: mean -2.2": {"level_mean": -2.2},
    "levels: broad 0.5": {"broad": 0.5},
    "conditioning (t, u)": {"conditioning": "absolute"},
    "wider and shallower": {"network": {"channels": [36, 72, 96], "blocks": [1, 1], "middle": 1}},
    "narrower and deeper": {"network": {"channels": [24, 44, 88], "blocks": [2, 2], "middle": 4}},
    "lower wider": {"network": {"channels": [32, 56, 128], "blocks": [1, 1], "middle": 3}},
    "lower deeper": {"network": {"channels": [32, 64, 96], "blocks": [1, 1], "middle": 5}},
    "middle deeper": {"network": {"channels": [28, 64, 96], "blocks": [1, 2], "middle": 2}},
    "crop 48": {"crop": 48, "batch": 56},
    "crop 96": {"crop": 96, "batch": 14},
    "ema 0.9": {"ema": 0.9},  # above 0.96 the warm-up of the average rules a run as short as this
    "learning rate 4e-3": {"learning_rate": 4e-3},
    "learning rate 1e-3": {"learning_rate": 1e-3},
    "rate falls from the start": {"decay_from": 0.0},
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-3},
    "one scale": {"scales": (1.0,)},
    "dead leaves 0.2": {"leaves": 0.2},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--photos", type=Path, default=Path("photos"))
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--state", type=Path, help="go on from this run's state instead")
    options = parser.parse_args()
    workers = Workers(torch.get_num_threads())
    torch.set_num_threads(1)
    for name in options.names:
        if name not in EXPERIMENTS:
            parser.error(f"no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
    started = (
        {} if options.state is None else {"network": {}, "ema": 0.996, "learning_rate": 1.5e-3}
    )
    images = [x[:, :, 64:192, 64:192] for x in clean_images().values()]
    photographs: dict[tuple[float, tuple[float, ...]], Photographs] = {}
    print("| recipe | seconds | denoise 15 | 50 | to 1: 1 + 1 | 2 + 2 | to 80: 2 + 2 | jump |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in options.names or EXPERIMENTS:
        changes = {**started, **EXPERIMENTS[name]}
        source = (float(changes.pop("leaves", 0)), tuple(changes.pop("scales", (1.0, 0.6, 0.36))))
        if source not in photographs:
            photographs.clear()
            photographs[source] = Photographs.from_folder(
                options.photos, leaves=source[0], scales=source[1]
            )
        absolute = changes.pop("conditioning", "relative") == "absolute"
        recipe = dataclasses.replace(BASE, **{"decay_from": 0.5, **changes})
        began = time.monotonic()
        trainer = train(
            photographs[source], recipe, options.steps, options.state, absolute, workers
        )
        seconds = time.monotonic() - began
        figures = " | ".join(f"{figure:.2f}" for figure in measured(trainer.average, images))
        print(f"| {name} | {seconds:.0f} | {figures} |", flush=True)


class Absolute(LevelEmbedding):
    """The published conditioning: ln t and ln u, not where u lies relative to t."""

    def forward(self, t: Tensor, u: Tensor) -> Tensor:
        t, u = ((v.float().log() + 1.5) / 4 for v in (t, u))
        k = torch.arange(1, self.frequencies + 1, device=t.device) * (math.pi / 4)
        angles = torch.cat([t[:, None] * k, u[:, None] * k], dim=1)
        return self.layers(torch.cat([t[:, None], u[:, None], angles.sin(), angles.cos()], dim=1))


class ByStep(Trainer):
    """A run whose learning rate follows its steps, so that every experiment sees as many."""

    steps, first = 1, 0

    @property
    def progress(self) -> float:
        return min((self.step - self.first) / self.steps, 1.0)


def train(
    photographs: Photographs,
    recipe: Recipe,
    steps: int,
    state: Path | None,
    absolute: bool,
    workers: Workers,
) -> Trainer:
    """A run of `steps`, from nothing or from `state`."""
    with tempfile.TemporaryDirectory() as folder:
        if state:
            shutil.copytree(state, folder, dirs_exist_ok=True)
        trainer = ByStep(Path(folder), photographs, recipe, minutes=1, workers=workers)
        if absolute:
            for model in (trainer.model, trainer.average, trainer.working, trainer.target):
                model.network.embedding.__class__ = Absolute
        trainer.resume()
    trainer.steps, trainer.first = steps, trainer.step
    for step in range(steps):
        trainer.update()
        if step % 100 == 99:
            print(f"step {step + 1} of {steps}", end="\r", file=sys.stderr)
    return trainer


@torch.no_grad()
def measured(model: BCM, images: list[Tensor]) -> list[float]:
    """Denoising at 15 and 50, round trips to 1 (1 + 1, 2 + 2) and 80 (2 + 2), sharpness."""
    found = [denoising_psnr(model, images, sigma) for sigma in (15, 50)]
    for levels in ((0.07, 1.0), (0.07, 0.26, 1.0), (0.07, 15.0, 80.0)):
        found.append(sum(round_trip(model, x, levels) for x in images) / len(images))
    sharpness = []
    for x in images:
        noisy = x + 0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        sharpness.append(float(gradient(model.jump(noisy, 0.5, SIGMA_MIN)) / gradient(x)))
    return [*found, sum(sharpness) / len(sharpness)]


def round_trip(model: BCM, x: Tensor, levels: tuple[float, ...]) -> float:
    """PSNR in dB of x after the way up the levels and down again, its noise taken away."""
    noise = levels[0] * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    z = x + noise
    way = [*levels, *levels[-2::-1]]
    for t, u in itertools.pairwise(way):
        z = model.jump(z, t, u)
    return -10 * math.log10(float(((z - noise).clamp(-1, 1) - x).square().mean()) / 4)


def gradient(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbours."""
    x = x.clamp(-1, 1)
    return x.diff(dim=-1).abs().mean() + x.diff(dim=-2).abs().mean()


if __name__ == "__main__":
    main()
