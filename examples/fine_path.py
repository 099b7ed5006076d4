"""One jump against one Euler step: which of them ends nearer to the path in many small steps?

    python examples/fine_path.py

The path is the probability-flow ODE, dx/dt = (x - D(x, t)) / t, of the network's own denoiser D, in
STEPS steps by Heun's method, even in the logarithm of the level. From the same picture at level t a
jump f(x, t, u) and one Euler step go to level u, and the table holds their distances to the path's
end, root mean square in levels of 8 bits, and by how many dB the jump is nearer.
"""

import argparse
import itertools
import math

import numpy as np
import torch
from torch import Tensor

import restore
from restore.bench import load_public13
from restore.images import Picture

LEGS = (
    (0.1, 0.002), (0.4, 0.002), (1.0, 0.002), (2.4, 0.002), (15.0, 0.002), (80.0, 0.002),
    (0.1, 0.4), (0.1, 1.0), (0.1, 2.4),
)  # fmt: skip
STEPS = 64
LEVELS = 127.5  # of 8 bits in a unit of the network's range


def euler(model: restore.BCM, x: Tensor, t: float, u: float) -> Tensor:
    return x + (u - t) / t * (x - model.denoise(x, t))


def heun(model: restore.BCM, x: Tensor, t: float, u: float) -> Tensor:
    first = (x - model.denoise(x, t)) / t
    ahead = x + (u - t) * first
    second = (ahead - model.denoise(ahead, u)) / u
    return x + (u - t) * (first + second) / 2


def walk(model: restore.BCM, x: Tensor, t: float, u: float, steps: int = STEPS) -> Tensor:
    """The end of the path in many small steps."""
    levels = np.geomspace(t, u, steps + 1).tolist()
    for here, there in itertools.pairwise(levels):
        x = heun(model, x, here, there)
    return x


@torch.no_grad()
def measure(model: restore.BCM, x: Tensor, t: float, u: float) -> tuple[float, float]:
    """The distances of the jump's end and of the Euler step's to that of the path."""
    start = x + t * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    end = walk(model, start, t, u)
    ends = model.jump(start, t, u), euler(model, start, t, u)
    jump, step = (float((one - end).square().mean().sqrt()) * LEVELS for one in ends)
    return jump, step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--images", type=int)
    parser.add_argument("--side", type=int, default=64, help="of the central crops, in pixels")
    options = parser.parse_args()
    model = restore.load(options.model, device="cpu", exact=True)
    pictures = load_public13(options.side, options.images).clean
    x = torch.cat([Picture(one.pixels).tensor() for one in pictures])
    print("| from | to | a jump | an Euler step | the jump is nearer by |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for t, u in LEGS:
        jump, step = measure(model, x, t, u)
        gain = 20 * math.log10(step / jump)
        print(f"| {t:g} | {u:g} | {jump:.2f} | {step:.2f} | {gain:+.1f} dB |", flush=True)


if __name__ == "__main__":
    main()
