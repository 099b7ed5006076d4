"""Presets: the tuned settings of our solvers, chosen by severity and spread over evaluations.

This file needs the standard library alone: solvers know presets, not where they are stored. Its
annotations stay types, not strings, since the catalogue checks a row's values by them.
"""

import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

LOWEST, HIGHEST = 0.002, 80.0  # levels of our networks
MOST_CUT = 0.9  # that networks learn
FURTHEST = 2.5  # beyond the last row, in distances of the last two
Estimator = Literal["denoise", "secant", "jump"]
Beside = Literal["coloured", "mapped"]  # networks that do something in a model's place


@dataclass(frozen=True)
class Preset:
    """Tuned settings of the restoration loop: a row of a checkpoint's presets.

    levels: noise levels, first to last.
    estimator: "denoise" (the mean), "jump" (the end of the ODE's path), or "secant" between them.
    aim: of a secant, to which share of its level it is drawn before it is drawn on, 0 to 1.
    noise: the share of fresh noise in each lift, 0 to 1.
    relaxation: the share by which each step is lengthened.
    flips: over how many orientations the mean is taken, 1 to 8.
    turns: whether each level sees the picture in other orientations than the one before.
    delta: by how much the network is told a higher level.
    shrink: half of the share of a JPEG file's boxes that a result may lie in, 0 to 0.5; None where
        the task has none.
    width: by how many times its level an estimate's JPEG coefficients are taken to be off, 0 or
        more: each is then the mean of what its step leaves, and at 0 the nearest in its box.
    closing: by how many times the last level the last estimate's are, 0 or more; 0 is not at all.
    gain: by how many times all that was found since the start is taken before each evaluation: an
        image without its noise looks smoother to the network than it is, which takes too much away.
    cut, low: where `cut` is above 0, what an image lacks is told to the network as noise of a
        spectrum, of the level `low` below that share of the highest frequency, and of each of
        `levels` above it (`restore.coloured_noise`).
    mapped: whether what is missing is told to the network as noise of `levels` in a hole alone
        (`restore.level_map`).
    severity: what the row was tuned at, in the task's own unit (JPEG quality, scale, mean distance
        of a hole's pixels to the known ones), where a task has several rows for one NFE.
    start: a share of each level. Where it is above 0, only noise of that share is added, and the
        network amplifies it to the level, which costs one evaluation more (`solvers/inversion.py`).
    fresh: the share of the amplified noise drawn anew in what the observation leaves open.
    chroma: the share of the noise's colour, 0 to 1; at 0 the noise is grey, as film grain is.
    """

    levels: tuple[float, ...]
    estimator: Estimator = "denoise"
    noise: float = 0.0
    relaxation: float = 0.0
    flips: int = 1
    delta: float = 0.0
    shrink: float | None = None
    severity: float | None = None
    start: float = 0.0
    fresh: float = 0.0
    chroma: float = 1.0
    turns: bool = False
    width: float = 0.0
    closing: float = 0.0
    aim: float = 1.0
    gain: float = 1.0
    cut: float = 0.0
    low: float = LOWEST
    mapped: bool = False

    @property
    def beside(self) -> Beside | None:
        """The kind of the network that the row is for; None for the model itself."""
        return "coloured" if self.cut else "mapped" if self.mapped else None

    @property
    def evaluations(self) -> int:
        """Network evaluations of every pixel: at each level the runs down and any way up."""
        return len(self.levels) * (self.flips + (self.start > 0))


Presets = Mapping[str, Mapping[str, Mapping[int, tuple[Preset, ...]]]]  # task, mode, NFE


def choose(
    rows: Mapping[int, Sequence[Preset]], nfe: int, severity: float | None = None, task: str = ""
) -> Preset:
    """The preset for `nfe` evaluations, not yet spread, at a severity.

    rows: those of one task and mode by their NFE, at least one each. nfe: the largest that was
    tuned up to it is taken, else the smallest there is. severity: above 0, in the unit of `task`;
    between two rows the preset is interpolated, and beyond the last one its levels follow on; None,
    or 0 and below, takes the first row.
    """
    choices = rows[max((n for n in rows if n <= nfe), default=min(rows))]
    tuned = [row for row in choices if row.severity]
    if severity is None or severity <= 0 or len(tuned) < 2:
        return choices[0]
    tuned.sort(key=lambda row: strength(task, row.severity or 0.0))
    places = [strength(task, row.severity or 0.0) for row in tuned]
    at = strength(task, severity)
    after = min(max(bisect(places, at), 1), len(places) - 1)
    apart = places[after] - places[after - 1]
    share = (at - places[after - 1]) / apart if apart else 0.0  # as JPEG qualities 99.5 and 100
    return mix(tuned[after - 1], tuned[after], min(max(share, -FURTHEST), 1 + FURTHEST))


def strength(task: str, severity: float) -> float:
    """How bad a severity is, on a scale on which presets change evenly: a logarithm.

    Of a JPEG file's quality, 1 to 100, it is that of the quantisation steps, which the IJG's
    encoder makes 5000 / q or 200 - 2 q per cent of its tables; of all else that of the severity.
    """
    if task != "jpeg":
        return math.log(severity)
    percent = 5000 / severity if severity < 50 else 200 - 2 * severity
    return math.log(max(percent, 1.0))


def mix(a: Preset, b: Preset, share: float) -> Preset:
    """The preset at `share` of the way from a (0) to b (1); beyond them levels and cuts go on.

    What has no middle (estimator, flips, turns, map, how many levels, whether there is a start) is
    that of the nearer one. Levels and cuts are interpolated in their logarithm, the rest linearly.
    """
    if a == b or share in (0, 1):
        return b if share == 1 else a
    near, far = (a, b) if share <= 0.5 else (b, a)
    to_far = share if near is a else 1 - share
    other = resample(far.levels, len(near.levels))
    levels = (
        math.exp(_lerp(math.log(t), math.log(u), to_far))
        for t, u in zip(near.levels, other, strict=True)
    )
    inside = min(max(to_far, 0.0), 1.0)
    cut = near.cut and min(near.cut * ((far.cut or near.cut) / near.cut) ** to_far, MOST_CUT)
    same = near.estimator == far.estimator
    return replace(
        near,
        levels=tuple(min(max(t, LOWEST), HIGHEST) for t in levels),
        noise=_lerp(near.noise, far.noise, inside) if same else near.noise,
        relaxation=_lerp(near.relaxation, far.relaxation, inside),
        delta=_lerp(near.delta, far.delta, inside) if same else near.delta,
        shrink=(
            near.shrink
            if near.shrink is None or far.shrink is None
            else _lerp(near.shrink, far.shrink, inside)
        ),
        aim=_lerp(near.aim, far.aim, inside) if same else near.aim,
        width=_lerp(near.width, far.width, inside),
        gain=_lerp(near.gain, far.gain, inside),
        cut=cut,
        low=_lerp(near.low, far.low, inside),
        closing=_lerp(near.closing, far.closing, inside),
        severity=None,
        start=_lerp(near.start, far.start, inside) if near.start and far.start else near.start,
        fresh=_lerp(near.fresh, far.fresh, inside),
        chroma=_lerp(near.chroma, far.chroma, inside),
    )


def spread(preset: Preset, nfe: int) -> Preset:
    """A preset for exactly `nfe` network evaluations, its levels interpolated in their logarithm.

    Flips, and the way up by the network, are kept where they divide `nfe`, else dropped.
    """
    plainer = replace(preset, flips=1)
    choices = preset, plainer, replace(preset, start=0.0), replace(plainer, start=0.0)
    each = [choice.evaluations // len(choice.levels) for choice in choices]
    preset, steps = next((c, nfe // n) for c, n in zip(choices, each, strict=True) if nfe % n == 0)
    if steps == len(preset.levels):
        return preset
    if preset.mapped and steps > 1 and len(preset.levels) > 1:  # the first is what a hole is
        first, *others = preset.levels
        return replace(preset, levels=(first, *resample(others, steps - 1)))
    return replace(preset, levels=resample(preset.levels, steps))


def resample(levels: Sequence[float], n: int) -> tuple[float, ...]:
    """n levels along the given ones, interpolated in their logarithm; one is taken in the middle.

    levels: one or more, above 0. n: 1 or more.
    """
    logs, last = [math.log(level) for level in levels], len(levels) - 1
    places = [last * i / (n - 1) for i in range(n)] if n > 1 else [last / 2]
    return tuple(math.exp(_between(logs, place)) for place in places)


def _between(values: Sequence[float], place: float) -> float:
    """The value at a place from 0 to the last index, linear between neighbours."""
    before = min(int(place), len(values) - 1)
    after = min(before + 1, len(values) - 1)
    return _lerp(values[before], values[after], place - before)


def _lerp(a: float, b: float, share: float) -> float:
    return a + share * (b - a)
