"""Schedule: the presets that a result takes, each with its share of it."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

from restore.checkpoints import Checkpoint, read_catalogue, resolve
from restore.errors import RequestError
from restore.presets import Preset, resample, spread
from restore.settings import Mode, Settings, Tile
from restore.solvers import PEERS, check_method
from restore.tasks.task import LEVELS, Task

DRAW_NOISE = 0.6  # where a preset has none: the mean of draws is as near as one run without noise
START = 0.1  # of each level, where the method is inversion: the noise that the network amplifies

AnyTask = Task | type[Task]


def schedule(
    checkpoint: Checkpoint | None,
    task: AnyTask,
    settings: Settings,
    severity: float | None = None,
    kind: str = "",
) -> list[tuple[float, Preset]]:
    """The presets of one draw, by the checkpoint's rows; shares of 0 are left out.

    Draws and variants need noise, so that a preset without any, as in fidelity mode, gets some. A
    published method brings its own levels and knows no modes. A task that nobody tuned may derive
    its presets from the severity.

    Args:
        checkpoint: whose presets they are; where it has none for the task, the default's are taken.
        task: what is restored.
        settings: how it runs.
        severity: of the problem, in the task's unit; None where no file is known yet.
        kind: which of the task's presets, "" for those of its name, else those of "name-kind".

    Raises:
        RequestError: the method can do neither the task nor with so many evaluations.
    """
    nfe = choose_nfe(task, settings)
    if nfe == 0:
        if not task.holds:
            raise RequestError(
                f"nfe is 0, and {task.name} holds no result: the noise of what is given leaves "
                "every image possible; give 1 or more evaluations"
            )
        return []
    check_method(settings.method, task.name, nfe)
    if settings.method in PEERS:
        sigma = (severity or 0.0) / LEVELS if task.noisy else 0.0
        return [(1.0, _schedule_published(task, settings, nfe, sigma, severity))]
    return [
        (share, _choose_preset(checkpoint, task, mode, nfe, settings, severity, kind))
        for mode, share in _weigh_modes(settings).items()
    ]


def count_evaluations(task: AnyTask, settings: Settings) -> int:
    """Network evaluations of every pixel, in all draws and both ends of a blend together."""
    return settings.samples * choose_nfe(task, settings) * len(_weigh_modes(settings))


def choose_nfe(task: AnyTask, settings: Settings) -> int:
    """Network evaluations of one draw."""
    return task.default_nfe if settings.nfe is None else settings.nfe


def shorten(preset: Preset) -> Preset:
    """A preset begun nearer, for a start that is a result already: the last half of its levels.

    By their logarithm, as in CCDF (Chung et al. 2022, arXiv 2112.05146). One level stays.
    """
    first, last = preset.levels[0], preset.levels[-1]
    ends = (math.sqrt(first * last), last)
    return replace(preset, levels=resample(ends, len(preset.levels)))


def choose_mode(settings: Settings) -> Mode | None:
    """The mode that a result is of; None between the two, and of methods that have none."""
    if settings.method in PEERS:
        return None
    modes = list(_weigh_modes(settings))
    return modes[0] if len(modes) == 1 else None


def choose_tile(settings: Settings) -> Tile:
    """The side of a window, or "auto" where the method has no other idea of that."""
    peer = PEERS.get(settings.method)
    return peer.auto if peer and settings.tile == "auto" else settings.tile


def _schedule_published(
    task: AnyTask, settings: Settings, nfe: int, sigma: float, severity: float | None
) -> Preset:
    if settings.mode != "fidelity" or settings.blend is not None:
        raise RequestError(
            f"the method {settings.method} has one way alone: leave mode and blend out"
        )
    return PEERS[settings.method].schedule(nfe, task.name, sigma, severity)


def _weigh_modes(settings: Settings) -> dict[Mode, float]:
    if settings.blend is None:
        return {settings.mode: 1.0}
    ends: dict[Mode, float] = {"fidelity": 1 - settings.blend, "perceptual": settings.blend}
    return {mode: share for mode, share in ends.items() if share}


def _find_beside(
    checkpoint: Checkpoint | None, name: str, mode: Mode, settings: Settings
) -> Checkpoint | None:
    """The row of another noise's network that does this in the checkpoint's place, or None.

    Draws need noise that is white, and jumps; a map's network knows the smooth guess alone.
    """
    plain = settings.method == "bcm" and settings.samples == 1 and not settings.varied
    if checkpoint is None or not plain:
        return None
    names = checkpoint.coloured, checkpoint.mapped if settings.start is None else ""
    rows = (_read_row(name) for name in names if name)
    return next((row for row in rows if mode in row.presets.get(name, {})), None)


@functools.lru_cache(maxsize=4)
def _read_row(name: str) -> Checkpoint:
    return resolve(name)


def _choose_preset(
    checkpoint: Checkpoint | None,
    task: AnyTask,
    mode: Mode,
    nfe: int,
    settings: Settings,
    severity: float | None,
    kind: str = "",
) -> Preset:
    name = f"{task.name}-{kind}" if kind else task.name
    beside = _find_beside(checkpoint, name, mode, settings)
    if checkpoint is None or name not in checkpoint.presets:
        checkpoint = read_catalogue()["default"]  # nobody tuned the model

    def find(nfe: int) -> Preset:
        if beside is not None:
            return beside.preset(name, mode, nfe, severity)
        if name not in checkpoint.presets:
            draws = settings.samples > 1 or settings.varied
            derived = task.derive_preset(mode, nfe, 1.0 if severity is None else severity, draws)
            if derived is not None:
                return derived
        return checkpoint.preset(name, mode, nfe, severity)

    if settings.method == "inversion":
        tuned = find(nfe // 2)
        fresh = 1.0 if task.drawn and mode == "perceptual" else tuned.fresh
        return spread(replace(tuned, flips=1, start=tuned.start or START, fresh=fresh), nfe)
    preset = spread(find(nfe), nfe)
    if (settings.samples > 1 or settings.varied) and not (preset.noise or preset.start):
        return replace(preset, noise=DRAW_NOISE)
    return preset
