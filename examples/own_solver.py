"""A solver of one's own, in place of ours: add noise, denoise, project.

    python examples/own_solver.py examples/photos/astronaut_small.png large.png

A solver is one function: the model, the degradation, the observation, a first guess, the levels to
visit, and noise that depends on the seed and the pixel alone. To make it a method of the command
line too, give it a file in `restore/solvers/` and a row in `restore/solvers/table.py`.
"""

import sys
from typing import Any

import torch
from torch import Tensor

import restore
from restore.degradations import Degradation, Resize
from restore.images import as_picture
from restore.presets import Preset
from restore.tiling import NoiseField, TiledBCM


@torch.no_grad()
def plug_and_play(
    denoiser: TiledBCM,
    degradation: Degradation[Any],
    y: Any,
    start: Tensor,
    preset: Preset,
    noise: NoiseField,
) -> Tensor:
    """x = project(D(x + η t z, t), y) over falling levels t: plug-and-play ADMM without duals."""
    x = start
    for step, t in enumerate(preset.levels):
        x = noise.add_(x, preset.noise * t, step)
        x = degradation.project(denoiser.denoise(x, t), y)
    return degradation.project_into_range(x, y)


def main(photograph: str, output: str, scale: int = 4) -> None:
    small = as_picture(photograph)
    width, height = small.size
    reduce = Resize((scale * height, scale * width), (height, width))
    settings = restore.Settings(nfe=4)
    for solver in (None, plug_and_play):
        result = restore.solve(small, reduce, settings=settings, solver=solver)
        held = result.report["metrics"]["consistency_psnr_db"]
        print(f"{result.report['method']}: shrunk again it agrees to {held} dB")
    result.save(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
