"""Tune the presets of a network: levels per task, severity, mode and NFE.

    python examples/tune.py --photos photos --model bcm_photo.safetensors --write weights.toml

The pictures are central crops of photographs, none of those that figures are reported on, and the
same ones that the published methods are tuned on (`tune_peers.py`). Fidelity presets have the best
mean PSNR. Perceptual presets have the texture, block by block, and the blur (a statistic without
reference) nearest to the clean pictures' own, among those at most 1.7 dB below fidelity at the same
NFE, with as little grain as can be where the clean picture is smooth (skies, skin), of which there
are more crops for them; their noise is nearly grey, a choice of the eye. The search is coordinate
descent from the preset of half the NFE, or with --present from the one there is: the highest level,
the lowest (levels are spaced evenly in their logarithm), the share of noise, the level that the
network is told over that of the noise (1 + delta), the share of noise that the network amplifies
instead, relaxation, flips, turns, how far a secant is drawn, the gain, the cut of coloured noise
and the level below it, the levels after the highest of a map and, for JPEG, the width of the prior
and the cap on the box. Its closing stays: more has the better mean, and shows blocks. It ends after
TRIALS presets of a row. Less than 0.01 dB is no progress.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

import restore
from restore import bench, metrics
from restore.bench.pictures import HALVED, Clean, Degraded, crop_centre
from restore.networks import ColouredUNet
from restore.presets import HIGHEST, LOWEST, MOST_CUT, Preset, spread
from restore.settings import Settings
from restore.tasks import solve_problem

SEVERITIES = {
    "jpeg": ("10", "20", "40", "80", "95"),
    "superres": ("2", "4"),
    "inpaint": ("half", "scratches", "block"),
}
WHOLE = Settings(tile=0)  # pictures in one window
FACTORS = (0.7, 1.4)
FINER = (0.8, 1.25)  # from a preset that was found before
GOOD_ENOUGH = 0.01  # dB
TRIALS = 24  # of each row
CROPS, SIDE = 12, 80  # pictures, and pixels a side
SMOOTH = 6  # pictures more for perceptual presets
GRAIN = 4.0  # what a level of it weighs: as much as 0.4 of texture error
FLAT = 20.0  # levels of 8 bits: a crop that deviates less shows too little
EQUAL = 0.1  # the share of equal neighbours from which on a crop may be a drawing
FAINT, FAINT_EQUAL = (2.0, 10.0), 0.4  # the deviations of a smooth one, and its equal neighbours
CHROMA = 0.3  # of the noise in perceptual presets


@dataclass(frozen=True)
class Inputs:
    """The pictures of one case, clean and degraded."""

    case: bench.Case
    clean: Sequence[Clean]
    given: Sequence[Degraded]

    def __add__(self, other: Inputs) -> Inputs:
        return Inputs(self.case, [*self.clean, *other.clean], [*self.given, *other.given])

    @property
    def severity(self) -> float:
        """The mean, in the unit of the task's presets."""
        return statistics.mean(one.problem.severity for one in self.given)


def choose_crops(
    folder: str, count: int = CROPS, side: int = SIDE, smooth: bool = False
) -> bench.Pictures:
    """Central crops of `count` photographs of a folder of PNG files, the same whenever it is asked.

    As of Public 13, large pictures are halved first, so that their detail is as fine. Those that
    are smooth, as skies are, or those that are not.
    """
    names = [n for n in sorted(Path(folder).glob("*.png")) if "stamps" not in n.name]  # cut out
    found: list[Clean] = []
    for number in np.random.default_rng(7).permutation(len(names)):
        with Image.open(names[number]) as opened:
            image = opened.convert("RGB")
        if min(image.size) >= HALVED:
            image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        pixels = crop_centre(np.asarray(image), side)
        if pixels.shape == (side, side, 3) and is_photograph(pixels, smooth):
            found.append(Clean(names[number].name, pixels, len(found)))
        if len(found) == count:
            break
    return bench.Pictures(f"{len(found)} crops of {side}×{side} pixels", tuple(found))


def is_photograph(pixels: np.ndarray, smooth: bool) -> bool:
    """Whether a crop varies, or is smooth, and has few equal neighbours, as drawings have many."""
    equal = (np.diff(pixels.astype(np.int16), axis=1) == 0).all(axis=2).mean()
    deviation = pixels.std(axis=(0, 1)).mean()
    if smooth:
        return bool(FAINT[0] < deviation < FAINT[1] and equal < FAINT_EQUAL)
    return bool(deviation > FLAT and equal < EQUAL)


def make_inputs(case: bench.Case, pictures: bench.Pictures) -> Inputs:
    return Inputs(case, pictures.clean, [case.degrade(one, 0) for one in pictures.clean])


@dataclass(frozen=True)
class Score:
    """psnr: mean, in the hole where there is one. texture: error, mean. blur: of the result less
    that of the clean picture, mean. grain: where the clean picture is smooth, in levels, mean.
    """

    psnr: float
    texture: float = 0.0
    blur: float = 0.0
    grain: float = 0.0


def score(
    model: restore.BCM,
    inputs: Inputs,
    preset: Preset,
    looks: bool = False,
    settings: Settings = WHOLE,
) -> Score:
    """What a preset comes to; texture, blur and grain only if asked for by `looks`."""
    psnr, texture, blur, grain = [], [], [], []
    for clean, given in zip(inputs.clean, inputs.given, strict=True):
        result = solve_problem(given.problem, model, settings, presets=[(1.0, preset)])
        psnr.append(metrics.psnr(result.image, clean.pixels, given.problem.hole))
        if looks:
            texture.append(metrics.texture_error(result.image, clean.pixels))
            blur.append(metrics.blur(result.image) - metrics.blur(clean.pixels))
            grain.append(metrics.grain(result.image, clean.pixels))
    if not looks:
        return Score(statistics.mean(psnr))
    return Score(*map(statistics.mean, (psnr, texture, blur, grain)))


def spaced(high: float, low: float, steps: int) -> tuple[float, ...]:
    if steps == 1:
        return (float(f"{high:.3g}"),)
    return tuple(float(f"{v:.3g}") for v in np.geomspace(high, low, steps))


@dataclass(frozen=True)
class Point:
    """What is searched: the ends of the levels and the rest of a preset."""

    high: float
    low: float
    flips: int = 1
    noise: float = 0.0
    delta: float = 0.0
    relaxation: float = 0.0
    turns: bool = False
    shrink: float = 0.5
    width: float = 0.0
    closing: float = 0.0
    estimator: str = "denoise"
    aim: float = 1.0
    gain: float = 1.0
    start: float = 0.0
    chroma: float = 1.0
    cut: float = 0.0
    below: float = LOWEST
    mapped: bool = False  # the ends are those of the levels after the first

    def preset(self, nfe: int, severity: float) -> Preset:
        start = self.start if nfe % 2 == 0 else 0.0  # a way up and a way down
        count = nfe // (self.flips + (start > 0))
        if self.mapped:
            levels = (HIGHEST, *(spaced(self.high, self.low, count - 1) if count > 1 else ()))
        else:
            levels = spaced(self.high, self.low, count)
        shrink = None if self.shrink == 0.5 else self.shrink
        estimator = "secant" if self.aim < 1 else self.estimator
        return Preset(levels, estimator, self.noise, self.relaxation, self.flips, self.delta,
                      shrink, float(f"{severity:.3g}"), start, 0.0, self.chroma,
                      self.turns, self.width, self.closing, self.aim, self.gain,
                      float(f"{self.cut:.3g}"), float(f"{self.below:.2g}"),
                      self.mapped)  # fmt: skip


def neighbours(p: Point, task: str, nfe: int, factors: tuple[float, ...]) -> Iterator[list[Point]]:
    """Along one coordinate at a time."""
    if task == "jpeg":
        yield [replace(p, width=w) for w in (0.0, 1.4, 2.0, 2.8) if w != p.width]
        yield [replace(p, shrink=s) for s in (0.5, 0.35, 0.25) if s != p.shrink]
    if p.estimator != "jump":
        yield [replace(p, gain=g) for g in (1.0, 1.05, 1.1, 1.15, 1.2) if g != p.gain and nfe > 1]
        if p.cut:
            yield [replace(p, cut=p.cut * f) for f in (0.9, 1.1) if p.cut * f < MOST_CUT]
            yield [replace(p, below=p.below * f) for f in (0.6, 1.6)]
        elif not p.mapped:
            yield [replace(p, aim=a) for a in (1.0, 0.6, 0.3, 0.1) if a != p.aim]
    searched = nfe // p.flips - p.mapped  # levels
    if searched:
        yield [replace(p, high=p.high * f, low=min(p.low, p.high * f)) for f in factors]
    if searched > 1:
        yield [replace(p, low=p.low * f) for f in factors if p.low * f <= p.high]
    if p.estimator == "jump":
        yield [replace(p, noise=n) for n in (0.3, 0.6, 0.8, 1.0) if n != p.noise]
        yield [replace(p, delta=d) for d in (-0.3, -0.15, 0.0, 0.15) if d != p.delta]
        if nfe % 2 == 0 and task == "inpaint":  # it would amplify a JPEG's artefacts too
            yield [replace(p, start=s) for s in (0.0, 0.1, 0.3) if s != p.start]
    elif nfe > 1:
        yield [replace(p, flips=k) for k in (1, 2, 4, 8) if nfe % k == 0 and k != p.flips]
    if p.estimator != "jump":
        yield [replace(p, relaxation=r) for r in (0.0, 0.3, 0.6, 0.9, 1.3) if r != p.relaxation]
    if nfe > p.flips:
        yield [replace(p, turns=not p.turns)]


def present(model: restore.BCM, task: str, mode: str, nfe: int, severity: float) -> Point:
    """The preset that the catalogue has, as a point."""
    p = spread(model.checkpoint.preset(task, mode, nfe, severity), nfe)
    high = p.levels[min(p.mapped, len(p.levels) - 1)]
    return Point(high, p.levels[-1], p.flips, p.noise, p.delta, p.relaxation, p.turns,
                 p.shrink or 0.5, p.width, p.closing,
                 "jump" if p.estimator == "jump" else "denoise", p.aim, p.gain, p.start,
                 CHROMA if p.estimator == "jump" else 1.0, p.cut, p.low, p.mapped)  # fmt: skip


def search(
    model: restore.BCM,
    inputs: Inputs,
    nfe: int,
    first: Point,
    fidelity: Score | None,
    rounds: int,
    factors: tuple[float, ...],
) -> tuple[Point, Score]:
    def worth(s: Score) -> float:
        if fidelity is None:
            return s.psnr
        penalty = 10 * max(0.0, fidelity.psnr - 1.7 - s.psnr)
        return -10 * (s.texture + abs(s.blur)) - GRAIN * s.grain - penalty

    def measure(point: Point) -> Score:
        return score(model, inputs, point.preset(nfe, inputs.severity), fidelity is not None)

    best, found = first, measure(first)
    tried = 1
    for _ in range(rounds):
        before = best
        axis = 0
        while axis < len(axes := list(neighbours(best, inputs.case.task, nfe, factors))):
            for point in axes[axis][: max(TRIALS - tried, 0)]:
                s = measure(point)
                tried += 1
                if worth(s) > worth(found) + GOOD_ENOUGH:
                    best, found = point, s
            axis += 1
        if best == before:
            break
    return best, found


FIRST = {
    ("jpeg", "10"): (0.13, 0.06), ("jpeg", "20"): (0.1, 0.05), ("jpeg", "40"): (0.07, 0.04),
    ("jpeg", "80"): (0.04, 0.02), ("jpeg", "95"): (0.02, 0.01),
    ("superres", "2"): (0.15, 0.05), ("superres", "4"): (0.25, 0.06),
    ("inpaint", "half"): (0.2, 0.04), ("inpaint", "scratches"): (0.3, 0.04),
    ("inpaint", "block"): (1.0, 0.05),
}  # fmt: skip
COLOURED = {"2": (3.0, 0.05, 0.55), "4": (3.0, 0.05, 0.275)}  # enlarging, its cuts too
MAPPED = (0.04, 0.02)  # after the highest


def row(p: Preset) -> str:
    parts = [f"levels = [{', '.join(f'{v:g}' for v in p.levels)}]"]
    if p.estimator != "denoise":
        parts.append(f'estimator = "{p.estimator}"')
    if p.aim != 1:
        parts.append(f"aim = {p.aim:g}")
    if p.gain != 1:
        parts.append(f"gain = {p.gain:g}")
    if p.mapped:
        parts.append("mapped = true")
    if p.cut:
        parts += [f"cut = {p.cut:g}", f"low = {p.low:g}"]
    for name in ("noise", "relaxation", "delta", "start", "width", "closing"):
        if getattr(p, name):
            parts.append(f"{name} = {float(getattr(p, name)):g}")
    if p.chroma != 1:
        parts.append(f"chroma = {float(p.chroma):g}")
    if p.flips != 1:
        parts.append(f"flips = {p.flips}")
    if p.turns:
        parts.append("turns = true")
    if p.shrink is not None:
        parts.append(f"shrink = {p.shrink:g}")
    parts.append(f"severity = {p.severity:g}")
    return "{ " + ", ".join(parts) + " }"


def toml(name: str, found: dict) -> str:
    """The presets as tables of `weights.toml`: task, mode, then rows by NFE."""
    lines = []
    for (task, mode), rows in itertools.groupby(sorted(found), key=lambda key: key[:2]):
        lines.append(f"[{name}.presets.{task}.{mode}]")
        for nfe, keys in itertools.groupby(rows, key=lambda key: key[2]):
            presets = sorted((found[k] for k in keys), key=lambda p: p.severity)
            lines.append(f"{nfe} = [")
            lines += [f"    {row(p)}," for p in presets] + ["]"]
        lines.append("")
    return "\n".join(lines)


def written(path: Path, name: str, text: str) -> None:
    """Put the tables in place of the checkpoint's presets, between their two comments."""
    whole = path.read_text()
    begin, end = f"# presets of {name}: examples/tune.py\n", f"# end of presets of {name}\n"
    head, rest = whole.split(begin)
    _, tail = rest.split(end)
    path.write_text(head + begin + text + end + tail)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--photos", required=True, help="a folder of clean pictures to tune on")
    parser.add_argument("--count", type=int, default=CROPS, help="of pictures")
    parser.add_argument("--size", type=int, default=SIDE, help="side of the central crops")
    parser.add_argument("--tasks", nargs="+", default=list(SEVERITIES), choices=list(SEVERITIES))
    parser.add_argument(
        "--modes", nargs="+", default=["fidelity", "perceptual"], help="the others keep theirs"
    )
    parser.add_argument("--nfe", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--present", action="store_true", help="start from the catalogue's presets")
    parser.add_argument("--rounds", type=int, default=4, help="of the descent, at most")
    parser.add_argument("--write", type=Path, help="weights.toml, changed in place")
    parser.add_argument("--name", default="default", help="the checkpoint's table")
    options = parser.parse_args()
    model = restore.load(options.model, device=options.device, dtype=options.dtype)
    pictures = choose_crops(options.photos, options.count, options.size)
    smooth = choose_crops(options.photos, SMOOTH, options.size, smooth=True)
    factors = FINER if options.present else FACTORS
    found: dict[tuple[str, str, int, str], Preset] = {}
    for task in options.tasks:
        for severity in SEVERITIES[task]:
            if severity == "block" and isinstance(model.network, ColouredUNet):
                continue  # patches fill it, and the network of maps thin holes alone
            case = bench.choose_cases([f"{task}-{severity}"])[0]
            given = {"fidelity": make_inputs(case, pictures)}
            given["perceptual"] = given["fidelity"] + make_inputs(case, smooth)
            high, low, cut = *FIRST[task, severity], 0.0
            beside = isinstance(model.network, ColouredUNet)
            if beside:
                high, low, cut = COLOURED.get(severity, (*MAPPED, 0.0))
            first = {
                "fidelity": Point(
                    high, low, cut=cut, below=0.01 if cut else LOWEST, mapped=beside and not cut
                ),
                "perceptual": Point(3 * high, high, noise=0.8, estimator="jump", chroma=CHROMA),
            }
            if beside:  # it has no jumps
                del first["perceptual"]
            bounds: dict[int, Score] = {}
            for mode, point in first.items():
                inputs = given[mode]
                for nfe in options.nfe:
                    if options.present or mode not in options.modes:
                        point = present(model, task, mode, nfe, inputs.severity)
                    elif nfe % point.flips:
                        point = replace(point, flips=1)
                    rounds = options.rounds if mode in options.modes else 0
                    point, s = search(model, inputs, nfe, point, bounds.get(nfe), rounds, factors)
                    preset = point.preset(nfe, given["fidelity"].severity)
                    if mode == "fidelity":
                        bounds[nfe] = score(model, given["perceptual"], preset)
                    found[task, mode, nfe, str(severity)] = preset
                    print(f"{task} {severity} {mode} {nfe}: {s} {point}", flush=True)
    text = toml(options.name, found)
    print(text)
    if options.write:
        written(options.write, options.name, text)


if __name__ == "__main__":
    main()
