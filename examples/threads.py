"""Threads: how many samples of a result move when the number of threads does, and how far.

    python examples/threads.py                # one thread against two, every task, Public 13
    python examples/threads.py --threads 1 4 --images 3

One number of threads gives one result, byte for byte; another number sums in another order. Prints
for each case of the bench and mode the share of the 8-bit samples that differ and the largest
difference, in levels.
"""

import argparse

import numpy as np
import torch

import restore
from restore.bench import choose_cases, load_public13
from restore.settings import Settings

TASKS = ("jpeg-20", "superres-4", "inpaint-half", "denoise-25", "deblur-gaussian:2")
MODES = ("fidelity", "perceptual")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="as for bcm-restore bench")
    parser.add_argument("--threads", nargs=2, type=int, default=(1, 2))
    parser.add_argument("--images", type=int)
    parser.add_argument("--side", type=int, default=256, help="of the central crops, in pixels")
    options = parser.parse_args()
    model = restore.load("default", device="cpu")
    pictures = load_public13(options.side, options.images)
    for case in choose_cases(options.tasks):
        for mode in MODES:
            differences = []
            for clean in pictures.clean:
                given, results = case.degrade(clean, 0), []
                for threads in options.threads:
                    torch.set_num_threads(threads)
                    result = given.task.restore(given.data, model, Settings(nfe=4, mode=mode))
                    results.append(result.image.astype(int))
                differences.append(np.abs(results[0] - results[1]).ravel())
            every = np.concatenate(differences)
            print(
                f"{case.name} {mode}: {(every > 0).mean():.1e} of the samples, "
                f"at most {every.max()} levels",
                flush=True,
            )


if __name__ == "__main__":
    main()
