"""Scaling: how near several workers come to as many times the speed of one.

    python examples/scaling.py                          # shards, and workers of Ray, one and two
    python examples/scaling.py --workers 1 2 4 --count 64 --skip-ray

A folder of JPEGs is restored by one process of one thread, its files read and written in turn with
the network (`--threads 1 --workers 0`); by N such processes at once, each with `--shard I/N`; and
by N workers of Ray with one CPU each. Names are chosen such that shards are of one size: the hash
evens out by itself where there are many images, within 4 % of a thousand.

Two ratios to ideal are printed, N times the speed of one process being 1. `working` counts from
the beginning of the first image to the end of the last, as the manifest has it; `whole` is the
clock around the commands, so all that starts and ends is in it: Python, torch, the model, and for
Ray its cluster. What is not work is printed as `start-up`; it is the same for a million images.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from machine import roll_photographs

from restore.batch.inputs import Input
from restore.batch.shards import Shard

ONE = ["--threads", "1", "-q"]


@dataclass(frozen=True)
class Took:
    """Seconds of the work, and around the commands."""

    working: float
    whole: float


def save_photographs(folder: Path, images: int, megapixels: float, shards: list[int]) -> None:
    """JPEG files of real content, each another part of it, as many in each shard."""
    taken: Counter[Shard] = Counter()
    made = 0
    for turn, image in enumerate(roll_photographs(megapixels, 64)):
        path = folder / f"{turn:06}.jpg"
        own = [
            Shard(i, n)
            for n in shards
            for i in range(1, n + 1)
            if Input(str(path), str(folder), str(folder)) in Shard(i, n)
        ]
        if any(taken[shard] >= images / shard.count for shard in own):
            continue
        taken.update(own)
        image.save(path, quality=30)
        made += 1
        if made == images:
            return


def run(commands: list[list[str]], out: Path) -> Took:
    """These commands at once."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    began = time.perf_counter()
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "restore", *command, "-o", str(out)],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for command in commands
    ]
    codes = [child.wait() for child in children]
    whole = time.perf_counter() - began
    assert not any(codes), codes
    lines = [
        json.loads(line)
        for path in out.glob(".bcm-restore*.jsonl")
        for line in path.read_text().splitlines()
    ]
    begun = min(line["when"] - line["record"]["seconds"] for line in lines)
    return Took(max(line["when"] for line in lines) - begun, whole)


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--count", type=int, default=32, help="of images")
    parser.add_argument("--megapixels", type=float, default=0.25)
    parser.add_argument("--nfe", type=int, default=4)
    parser.add_argument("--model", default="default")
    parser.add_argument("--rounds", type=int, default=1, help="the fastest of which is taken")
    parser.add_argument("--skip-ray", action="store_true")
    parser.add_argument("--skip-shards", action="store_true")
    options = parser.parse_args()
    several = [n for n in options.workers if n > 1]
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch, "in")
        given.mkdir()
        save_photographs(given, options.count, options.megapixels, several)
        task = ["jpeg", str(given), "--nfe", str(options.nfe), "-m", options.model, *ONE]
        in_turn = [*task, "--workers", "0"]
        ways = {"one process": (1, [in_turn])}
        if not options.skip_shards:
            for n in several:
                shards = [[*in_turn, "--shard", f"{i}/{n}"] for i in range(1, n + 1)]
                ways[f"{n} shards"] = (n, shards)
        if not options.skip_ray:
            for n in options.workers:
                workers = [*task, "--engine", "ray", "--ray-workers", str(n)]
                ways[f"Ray, {n} worker{'s' if n > 1 else ''}"] = (n, [workers])
        found: dict[str, Took] = {}
        whole = None
        for turn in range(options.rounds):
            for name, (_, commands) in ways.items():
                out = Path(scratch, f"{name} {turn}")
                took = run(commands, out)
                whole = whole or outputs(out)
                assert outputs(out) == whole, f"{name}: other bytes"
                found[name] = min(found.get(name, took), took, key=lambda t: t.working)

    size = f"{options.count} images of {options.megapixels} megapixels, NFE {options.nfe}"
    print(f"{size}, {os.cpu_count()} cores; the same bytes each time")
    print(f"| {'':14} | working, s | of ideal | whole, s | of ideal | start-up, s |")
    print(f"| {'---':14} | {'---':>10} | {'---':>8} | {'---':>8} | {'---':>8} | {'---':>11} |")
    one = found["one process"]
    for name, took in found.items():
        n = ways[name][0]
        print(
            f"| {name:14} | {took.working:10.1f} | {one.working / took.working / n:8.1%} "
            f"| {took.whole:8.1f} | {one.whole / took.whole / n:8.1%} "
            f"| {took.whole - took.working:11.1f} |"
        )


if __name__ == "__main__":
    main()
