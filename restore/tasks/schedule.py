"""Schedule: the presets that a result takes, each with its share of it."""

from __future__ import annotations

from dataclasses import replace

from restore.checkpoints import Checkpoint, read_catalogue
from restore.defaults import DEFAULT_NFE
from restore.errors import RequestError
from restore.presets import Preset, spread
from restore.settings import Mode, Settings
from restore.solvers import PEERS, check_method
from restore.tasks.rules import LEVELS, RULES
from restore.tiling import Tile

DRAW_NOISE = 0.6  # where a preset has none: the mean of draws is as near as one run without noise
START = 0.1  # of each level, where the method is inversion: the noise that the network amplifies


def schedule(
    checkpoint: Checkpoint | None, task: str, settings: Settings, severity: float | None = None
) -> list[tuple[float, Preset]]:
    """Of one draw, by the checkpoint's presets; shares of 0 are left out.

    Draws need noise, so that a preset without any, as in fidelity mode, gets some. A published
    method brings its own levels and knows no modes; tasks in RULES have theirs by the noise, which
    `severity` then is. RequestError where nothing is tuned, or the method can do neither the task
    nor with so many evaluations.
    """
    nfe = settings.nfe or DEFAULT_NFE[task]
    check_method(settings.method, task, nfe)
    if settings.method in PEERS:
        sigma = (severity or 0.0) / LEVELS if task in RULES else 0.0
        return [(1.0, _published(task, settings, nfe, sigma))]
    return [
        (share, _preset(checkpoint, task, mode, nfe, settings, severity))
        for mode, share in _shares(settings).items()
    ]


def _published(task: str, settings: Settings, nfe: int, sigma: float) -> Preset:
    if settings.mode != "fidelity" or settings.blend is not None:
        raise RequestError(
            f"the method {settings.method} has one way alone: leave mode and blend out"
        )
    return PEERS[settings.method].schedule(nfe, task, sigma)


def _shares(settings: Settings) -> dict[Mode, float]:
    if settings.blend is None:
        return {settings.mode: 1.0}
    ends: dict[Mode, float] = {"fidelity": 1 - settings.blend, "perceptual": settings.blend}
    return {mode: share for mode, share in ends.items() if share}


def _preset(
    checkpoint: Checkpoint | None,
    task: str,
    mode: Mode,
    nfe: int,
    settings: Settings,
    severity: float | None,
) -> Preset:
    if checkpoint is None or task not in checkpoint.presets:
        checkpoint = read_catalogue()["default"]  # nobody tuned the model

    def preset_for(nfe: int) -> Preset:
        if task not in checkpoint.presets and task in RULES:
            draws = settings.samples > 1
            return RULES[task](mode, nfe, 1.0 if severity is None else severity, draws)
        return checkpoint.preset(task, mode, nfe, severity)

    if settings.method == "inversion":
        tuned = preset_for(nfe // 2)
        sampled = task == "inpaint" and mode == "perceptual"  # what fills the hole is drawn anew
        fresh = 1.0 if sampled else tuned.fresh
        return spread(replace(tuned, flips=1, start=tuned.start or START, fresh=fresh), nfe)
    preset = spread(preset_for(nfe), nfe)
    if settings.samples > 1 and not (preset.noise or preset.start):
        return replace(preset, noise=DRAW_NOISE)
    return preset


def evaluations_of(task: str, settings: Settings) -> int:
    """Network evaluations of every pixel, in all draws and both ends of a blend together."""
    nfe = settings.nfe or DEFAULT_NFE[task]
    return settings.samples * nfe * len(_shares(settings))


def mode_of(settings: Settings) -> Mode | None:
    """The mode that a result is of; None between the two, and of methods that have none."""
    if settings.method in PEERS:
        return None
    modes = list(_shares(settings))
    return modes[0] if len(modes) == 1 else None


def tile_of(settings: Settings) -> Tile:
    """The side of a window, or "auto" where the method has no other idea of that."""
    peer = PEERS.get(settings.method)
    return peer.auto if peer and settings.tile == "auto" else settings.tile
