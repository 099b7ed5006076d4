"""Tune the published methods on a network as our presets are: the same search, as many trials.

    python examples/tune_peers.py --photos photos --methods ddnm diffpir > rows.txt

Each method at NFE 4 and 8, on the pictures that our own presets are tuned on (`tune.py`), of which
no figure is reported: the mean PSNR (of the hole, for inpainting) by coordinate descent over the
highest level, the lowest (levels are spaced evenly in their logarithm), the share of fresh noise
and, for cm4ir, the level that the network is told over that of the noise (1 + delta). It begins at
the best of the published levels, those of a method begun closer and, for the second NFE, what was
found at the first. What it prints goes into `restore/solvers/tuned.toml`.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tune import CROPS, GOOD_ENOUGH, SIDE, TRIALS, Inputs, choose_crops, make_inputs, score

import restore
from restore import bench, solvers
from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.presets import Preset, resample
from restore.settings import Settings
from restore.solvers import Guided, Method
from restore.solvers.cm4ir import CM4IR

CASES = {
    "jpeg": ("10", "40"),
    "superres": ("2", "4"),
    "inpaint": ("half", "scratches", "block"),
    "denoise": ("15", "50"),
    "deblur": ("gaussian:2",),
}
PUBLISHED = {**solvers.PUBLISHED, "cm4ir": CM4IR}  # as published, not tuned
FACTORS = (0.6, 1.6)
SHARES = (0.0, 0.3, 0.6, 1.0)
DELTAS = (0.0, 0.15, 0.4)
CLOSER = {"jpeg": 0.08, "superres": 0.3, "inpaint": 0.2, "denoise": 0.2, "deblur": 0.18}


@dataclass(frozen=True)
class Point:
    """What is searched."""

    high: float
    low: float
    noise: float
    delta: float = 0.0

    def preset(self, method: Method, nfe: int, sigma: float) -> Preset:
        guided, plain = divmod(nfe, method.cost)
        levels = resample((max(self.high, sigma), self.low), guided + plain)
        if method.cost > 1:
            return Guided(levels, noise=self.noise, gradients=guided)
        return Preset(levels, noise=self.noise, delta=self.delta)


def neighbours(p: Point, name: str, method: Method, task: str) -> Iterator[list[Point]]:
    """Along one coordinate at a time."""
    high = [min(p.high * f, SIGMA_MAX) for f in FACTORS]
    yield [replace(p, high=h, low=min(p.low, h)) for h in high]
    yield [replace(p, low=max(p.low * f, SIGMA_MIN)) for f in FACTORS if p.low * f <= p.high]
    if method.noise(task):
        yield [replace(p, noise=share) for share in SHARES if share != p.noise]
    if name == "cm4ir":
        yield [replace(p, delta=delta) for delta in DELTAS if delta != p.delta]


def search(
    model: restore.BCM, inputs: Inputs, name: str, nfe: int, known: list[Point]
) -> tuple[Point, float, float]:
    """The best point found, its PSNR, and that of the levels as published.

    known: the points found for other numbers of evaluations, which are tried first.
    """
    method, task = PUBLISHED[name], inputs.case.task
    sigma = inputs.given[0].problem.degradation.sigma
    settings = Settings(method=name, nfe=nfe, tile=0)
    tried = 0

    def worth(point: Point) -> float:
        nonlocal tried
        tried += 1
        return score(model, inputs, point.preset(method, nfe, sigma), settings=settings).psnr

    published = method.schedule(nfe, task, sigma)
    as_published = score(model, inputs, published, settings=settings).psnr
    share = method.noise(task)
    high = CLOSER[task]
    firsts = [
        Point(published.levels[0], max(published.levels[-1], 0.02), share),
        Point(max(high, sigma), max(high, sigma) / 4, share),
        *known,
    ]
    found, best = max((worth(point), -i, point) for i, point in enumerate(firsts))[::2]
    while tried < TRIALS:
        before = best
        for points in neighbours(best, name, method, task):
            for point in points:
                if tried < TRIALS and (psnr := worth(point)) > found + GOOD_ENOUGH:
                    best, found = point, psnr
        if best == before:
            break
    return best, found, as_published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, help="a folder of clean pictures to tune on")
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--methods", nargs="+", default=list(PUBLISHED), choices=list(PUBLISHED))
    parser.add_argument("--tasks", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--nfe", nargs="+", type=int, default=[4, 8])
    parser.add_argument("--count", type=int, default=CROPS, help="of pictures")
    parser.add_argument("--size", type=int, default=SIDE, help="side of the central crops")
    options = parser.parse_args()
    model = restore.load(options.model, device=options.device, dtype=options.dtype)
    pictures = choose_crops(options.photos, options.count, options.size)
    for task in options.tasks:
        cases = bench.choose_cases([f"{task}-{severity}" for severity in CASES[task]])
        for name in options.methods:
            for case in cases if task in PUBLISHED[name].tasks else ():
                inputs = make_inputs(case, pictures)
                known: list[Point] = []
                for nfe in options.nfe:
                    p, found, before = search(model, inputs, name, nfe, known)
                    known.append(p)
                    ends = f"{inputs.severity:.3g}, {p.high:.3g}, {p.low:.3g}"
                    row = f"[{ends}, {p.noise:g}, {p.delta:g}],"
                    what = f"{name:8} {task:8} {nfe} {row}"
                    print(f"{what}  # {found:.2f} dB, {before:.2f} as published", flush=True)


if __name__ == "__main__":
    main()
