"""What image functions cost beside networks of pixels: FLOPs, and CPU time in one interleaved run.

    python examples/function_cost.py            prints a table in Markdown
    python examples/function_cost.py --threads 2

Times are the least of several turns: of one thread its own CPU time, so that they can be compared
with one another on a machine that does other things too, of several the clock's. Weights do not
matter and are random.
"""

import argparse
import platform
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from restore.networks import FunctionNetwork, Network, build

SIZES = (32, 64, 128, 256, 512)
TURNS = 5


def lines(side: int, cells: int) -> torch.Tensor:
    return (torch.arange(side, dtype=torch.float64) + 0.5) * (cells / side)


def measure(
    parts: dict[str, Callable[[], object]], clock: Callable[[], float]
) -> dict[str, tuple[float, float]]:
    """GFLOPs and the least seconds of each part, one after the other in turns."""
    found = {}
    for name, part in parts.items():
        with FlopCounterMode(display=False) as counter, torch.enable_grad():  # by counted operators
            part()
        found[name] = counter.get_total_flops() / 1e9, float("inf")
    for _ in range(TURNS):
        for name, part in parts.items():
            began = clock()
            part()
            flops, least = found[name]
            found[name] = flops, min(least, clock() - began)
    return found


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    one = torch.ones(1)
    function, trunk, unet = (build(name, {}).eval() for name in ("function", "dit", "patch"))
    assert isinstance(function, FunctionNetwork)
    theta = function.predict(torch.zeros(1, 3, 64, 64), one, one)
    cells = theta.shape[1]

    def evaluate(network: Network, side: int) -> Callable[[], object]:
        x = torch.zeros(1, 3, side, side)
        return lambda: network(x, one, one)

    def draw(side: int) -> Callable[[], object]:
        return lambda: function.draw(theta, lines(side, cells), lines(side, cells))

    parts: dict[str, Callable[[], object]] = {
        "predict a window": lambda: function.predict(torch.zeros(1, 3, 64, 64), one, one)
    }
    parts |= {f"draw {side}²": draw(side) for side in SIZES}
    parts |= {f"trunk, pixels, {side}²": evaluate(trunk, side) for side in SIZES[:3]}
    parts |= {f"compact U-Net {side}²": evaluate(unet, side) for side in SIZES[:3]}
    found = measure(parts, time.process_time if threads == 1 else time.perf_counter)
    base = found["predict a window"][1]
    print(f"{platform.processor() or platform.machine()}, {threads} threads, float32\n")
    print("| part | GFLOP | time, of predicting a window |\n| --- | --- | --- |")
    for name, (flops, seconds) in found.items():
        print(f"| {name} | {flops:.3f} | {seconds / base:.2f} |")
    drawn = base + sum(found[f"draw {side}²"][1] for side in SIZES[:3])
    for name in ("trunk, pixels,", "compact U-Net"):
        apart = sum(found[f"{name} {side}²"][1] for side in SIZES[:3])
        print(f"\nthree sizes by functions against {name} three times: {apart / drawn:.2f}")
    ratio = (base + found["draw 512²"][1]) / (base + found["draw 256²"][1])
    print(f"\n512² against 256², predicting counted: {ratio:.2f}")


if __name__ == "__main__":
    main()
