"""Threads: how many samples of a result move when the number of threads does, and how far.

    python examples/threads.py                # one thread against two, every task, Public 13
    python examples/threads.py --threads 1 4 --images 3

One number of threads gives one result, byte for byte; another number sums in another order. Prints
for each task the share of the 8-bit samples that differ and the largest difference, in levels.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import torch
from public13 import public13

import restore
from restore import tasks
from restore.images import as_picture
from restore.tasks import Inpaint, Jpeg, Superres


def runs(clean: np.ndarray, model: restore.BCM) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Each task in both modes on one picture, as (name, what gives the result)."""
    size = clean.shape[1::-1]
    mask = tasks.draw_mask(size, "half", 0)
    hole, holed = mask.pixels[..., 0] > 127, Inpaint(mask).degrade(as_picture(clean)).pixels
    file, small = Jpeg(20).degrade(as_picture(clean)), Superres(4).degrade(as_picture(clean)).pixels
    for mode in ("fidelity", "perceptual"):
        settings = {"model": model, "mode": mode, "nfe": 4}
        yield f"jpeg {mode}", lambda s=settings: restore.jpeg(file, **s).image
        yield f"superres {mode}", lambda s=settings: restore.superres(small, size=size, **s).image
        yield f"inpaint {mode}", lambda s=settings: restore.inpaint(holed, hole, **s).image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", nargs=2, type=int, default=(1, 2))
    parser.add_argument("--images", type=int, default=13)
    options = parser.parse_args()
    model = restore.load("default", device="cpu")
    found: dict[str, list[np.ndarray]] = {}
    for clean in list(public13().values())[: options.images]:
        for name, run in runs(clean, model):
            results = []
            for threads in options.threads:
                torch.set_num_threads(threads)
                results.append(run().astype(int))
            found.setdefault(name, []).append(np.abs(results[0] - results[1]).ravel())
    for name, differences in found.items():
        every = np.concatenate(differences)
        print(f"{name}: {(every > 0).mean():.1e} of the samples, at most {every.max()} levels")


if __name__ == "__main__":
    main()
