"""How fast training is, and where a step's time goes.

    python examples/train_speed.py --photos photos
    python examples/train_speed.py --photos photos --batch 32 96 --chunk 8 16 --workers 1 2

Every combination of the settings given takes its turn in each round, so that whatever else the
machine does falls on all of them; the columns are patches a second by the wall, milliseconds that
one core works on a patch, whatever the others do, and what shares of that each part has (what is
missing is overhead). Nothing is saved.
"""

import argparse
import contextlib
import itertools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from train import shares

from restore.training import Clock, Photographs, Recipe, Trainer, Workers

MIXED = "diagonal=0.7,semigroup=0.2,cycle=0.1"
PARTS = ("data", "forward", "backward", "optimiser", "averages")


class Stopwatch(Clock):
    """Seconds of each part: of cores on a CPU, by the wall on a GPU that has caught up."""

    def __init__(self, device: torch.device | str) -> None:
        self.on_gpu = torch.device(device).type == "cuda"
        self.seconds: Counter[str] = Counter()
        self.total = 0.0  # of the whole process
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        began = self._now(part)
        yield
        spent = self._now(part) - began
        with self._lock:
            self.seconds[part] += spent

    def _now(self, part: str) -> float:
        if self.on_gpu:
            torch.cuda.synchronize()
            return time.monotonic()
        in_chunk = part in ("data", "forward", "backward")
        return time.thread_time() if in_chunk else time.process_time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=Path("photos"))
    parser.add_argument(
        "--shares", type=shares, default=shares("diagonal=0.7,semigroup=0.2,cycle=0.1")
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="compile the network")
    parser.add_argument("--batch", type=int, nargs="+", default=[96])
    parser.add_argument("--chunk", type=int, nargs="+", default=[16])
    parser.add_argument("--workers", type=int, nargs="+", default=[torch.get_num_threads()])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1, help="of each setting in a round")
    options = parser.parse_args()
    torch.set_num_threads(1)
    photographs = Photographs.from_folder(options.photos, options.device)
    base = Recipe(shares=options.shares, level_mean=-1.6, broad=0.2)
    settings = list(itertools.product(options.batch, options.chunk, options.workers))
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for batch, chunk, workers in settings:
            clock = Stopwatch(options.device)
            recipe = replace(base, batch=batch, chunk=chunk)
            trainer = Trainer(
                Path(folder),
                photographs,
                recipe,
                minutes=1e6,
                workers=Workers(workers),
                compiled=options.compile,
                clock=clock,
            )
            trainer.update()  # warm
            trainer.elapsed, trainer.patches = 0.0, 0
            clock.seconds.clear()
            runs.append((trainer, clock))
        for _ in range(options.rounds):
            for trainer, clock in runs:
                began = time.process_time()
                for _ in range(options.steps):
                    trainer.update()
                clock.total += time.process_time() - began
    print("| batch | chunk | workers | patches/s | core ms/patch | " + " | ".join(PARTS) + " |")
    print("| --- " * (5 + len(PARTS)) + "|")
    for (batch, chunk, workers), (trainer, clock) in zip(settings, runs, strict=True):
        total = sum(clock.seconds.values()) if clock.on_gpu else clock.total
        split = " | ".join(f"{100 * clock.seconds[part] / total:.1f} %" for part in PARTS)
        speed = trainer.patches / trainer.elapsed
        each = 1000 * clock.total / trainer.patches
        print(f"| {batch} | {chunk} | {workers} | {speed:.1f} | {each:.1f} | {split} |")


if __name__ == "__main__":
    main()
