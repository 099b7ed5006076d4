"""A model of cost: what a picture takes in seconds and memory, and a million of them.

    python examples/cost.py                            # about three minutes on two idle cores
    python examples/cost.py --large 4 --task superres  # quicker, another task
    python examples/cost.py --clock cpu --threads 1    # beside other work: seconds of a core

    t(P, N) = start-up + P (a + b N)          m(P) = m0 + P m1

with P megapixels, N network evaluations, a all that is done once a picture, b an evaluation with
what follows it. The terms are measured on small pictures; then one larger picture, at another N, is
predicted and measured. The plan for a million pictures follows. What is said of a card there is an
estimate: the network's FLOP over a share of the card's own peak, nothing was measured on one.
"""

import argparse
import resource
import subprocess
import sys

import torch
from machine import name_processor, time_process
from stages import CLOCKS, Stages, given, restored

import restore

PEAK, SHARE = 989e12, 0.4  # FLOP/s of an H100 in bf16 by its data sheet, and what we assume of it
ON_CPU = ("decode", "proof", "encode")  # stages that stay on the CPU beside a card


def run(
    task: str, megapixels: float, nfe: int, threads: int, clock: str
) -> tuple[float, float, float]:
    """Seconds from bytes to bytes, those of them on the CPU whatever the device, and GB at most."""
    command = [sys.executable, __file__, "--task", task, "--threads", str(threads)]
    command += ["--clock", clock]
    command += ["--one", str(megapixels), str(nfe)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, codecs, memory = map(float, said.split())
    return seconds, codecs, memory


def one(task: str, megapixels: float, nfe: int, clock: str) -> None:
    """A picture in a process of its own; the first, a small one, warms up and is not counted."""
    model = restore.load("default", "cpu")
    restored(task, given(task, 0.1), 0.1, model, 1, Stages(CLOCKS[clock]))
    stages = Stages(CLOCKS[clock])
    restored(task, given(task, megapixels), megapixels, model, nfe, stages)
    codecs = sum(stages.seconds[name] for name in ON_CPU)
    print(
        sum(stages.seconds.values()),
        codecs,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="jpeg")
    parser.add_argument("--small", type=float, default=1, help="megapixels to take the terms from")
    parser.add_argument("--large", type=float, default=8, help="megapixels of the held picture")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--one", nargs=2, type=float, help=argparse.SUPPRESS)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    clock = options.clock
    task, threads, large, small = options.task, options.threads, options.large, options.small
    torch.set_num_threads(threads)
    if options.one:
        one(task, options.one[0], int(options.one[1]), clock)
        return
    code = "import restore.tasks; restore.load('default')"
    start = time_process([sys.executable, "-c", code], clock)

    first, codecs, memory = run(task, small, 1, threads, clock)
    second, _, _ = run(task, small, 3, threads, clock)
    b = (second - first) / 2 / small
    a = first / small - b
    print(
        f"{name_processor()}, {task}, {threads} threads, {clock} clock, torch {torch.__version__}"
    )
    print(f"t(P, N) = {start:.1f} s + P ({a:.2f} + {b:.2f} N) s, P in megapixels")
    found, _, most = run(task, large, 2, threads, clock)
    wanted = large * (a + 2 * b)
    print(
        f"held: {large:g} megapixels at NFE 2: {wanted:.1f} s predicted, {found:.1f} s measured "
        f"({100 * (wanted / found - 1):+.0f} %)"
    )
    slope = (most - memory) / (large - small)
    print(f"memory: {memory:.2f} GB at {small:g} megapixel, {most:.2f} at {large:g}; from there on")
    print(f"at most {slope:.3f} GB more a megapixel, as windows are of bounded size")

    cores = threads * (a + 4 * b) * 12
    network = restore.load("default", "cpu").network
    flop = network.flops_per_pixel * 12e6 * 4
    card = flop / (PEAK * SHARE)
    beside = threads * codecs / small * 12
    print("\nA million pictures of 12 megapixels at NFE 4:")
    print(f"  cores: {cores:.0f} core-seconds each, {cores * 1e6 / 3600:,.0f} core-hours;")
    print(f"  1000 cores, one process a core: {cores * 1e3 / 3600:.0f} hours")
    print(f"  cards (an estimate): {flop / 1e12:.1f} TFLOP each at {100 * SHARE:.0f} % of")
    print(f"  {PEAK / 1e12:.0f} TFLOP/s: {card:.3f} s each, {card * 1e6 / 3600:.0f} card-hours")
    print(f"Where it stops: decode, proof and encode stay on the CPU, {beside:.1f} core-seconds a")
    print(f"  picture, so that such a card keeps {beside / card:.0f} cores busy.")
    print("  Storage, at 4 MB in and 20 MB out a picture:")
    print(f"  {24 / card:.0f} MB/s a card, {24 / cores:.2f} MB/s a core, 24 TB in all")


if __name__ == "__main__":
    main()
