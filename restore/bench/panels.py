"""Panels: what a bench draws of an exercise: quality against evaluations, and against seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from restore.bench.cells import OURS
from restore.bench.exercises import Exercise
from restore.bench.plots import Panel, Series
from restore.bench.summary import Line, by_exercise
from restore.solvers import PEERS, PUBLISHED


def panels(lines: Iterable[Line]) -> list[tuple[Panel, Panel]]:
    """A row for each exercise."""
    return [_row(exercise, some) for exercise, some in by_exercise(lines).items()]


def _row(exercise: Exercise, lines: Sequence[Line]) -> tuple[Panel, Panel]:
    y = "PSNR in the hole, dB" if exercise.quality == "masked_psnr_db" else "PSNR, dB"
    by_method: dict[str, list[Line]] = {}
    for line in lines:
        by_method.setdefault(line.label, []).append(line)
    for some in by_method.values():
        some.sort(key=lambda line: line.nfe)

    def series(x: Callable[[Line], float], level: bool) -> list[Series]:
        return [
            Series(
                label,
                look(some[0]),
                [(x(line), line.quality, tooltip(line)) for line in some],
                level and some[0].nfe == 0,
            )
            for label, some in by_method.items()
        ]

    evaluations = series(lambda line: line.nfe, True)
    seconds = series(lambda line: max(line.seconds, 1e-4), False)
    return (
        Panel(exercise.title, "network evaluations", y, evaluations, "each"),
        Panel("the same against time", "seconds a picture", y, seconds, "decades", named=False),
    )


def look(line: Line) -> str:
    """The classes of a line's marks: a colour for each method, dashes for the perceptual mode,
    dots for a published method that has a form for few evaluations.
    """
    if line.kind == "classical":
        return "classic"
    number = [*OURS, *PUBLISHED].index(line.method.removesuffix("-ccdf"))
    kind = "ours" if line.kind == "ours" else "peer"
    if line.mode == "perceptual":
        kind += " dashed"
    if f"{line.method}-ccdf" in PEERS:  # not what it can do in so few evaluations
        kind += " dotted"
    return f"s{number} {kind}"


def tooltip(line: Line) -> str:
    """All that a mark says when it is pointed at."""
    parts = [f"{line.label}, NFE {line.nfe}" if line.nfe else line.label]
    parts.append(f"{line.quality:.2f} dB, {line.seconds:.3g} s a picture")
    if "ssim" in line.metrics:
        parts.append(f"SSIM {line.metrics['ssim']:.4f}")
    return "\n".join(parts)
