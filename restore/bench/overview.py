"""Overview: a bench in one table, a row for each method and a column for each task, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from restore.bench.exercises import Exercise
from restore.bench.summary import Line, Verdict, verdicts

GAP = " / "  # between the figures at each NFE


def as_markdown(lines: Sequence[Line], facts: Mapping[str, str]) -> str:
    """The table, what it rests on and who is ahead, for a README. `facts` as for the page."""
    tasks: dict[str, dict[Exercise, None]] = {}
    methods: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: line.kind == "classical"):
        tasks.setdefault(line.exercise.task, {})[line.exercise] = None
        methods.setdefault(line.label, []).append(line)
    nfe = sorted({line.nfe for line in lines if line.nfe})
    quality = {
        label: {task: _by_nfe(some, exercises) for task, exercises in tasks.items()}
        for label, some in methods.items()
    }
    best = {
        (task, n): max(found[task][n] for found in quality.values() if n in found[task])
        for task in tasks
        for n in nfe
        if any(n in found[task] for found in quality.values())
    }

    def cell(label: str, task: str) -> str:
        found = quality[label][task]
        if 0 in found or not found:
            return "".join(f"{value:.2f}" for value in found.values())
        texts = [f"{found[n]:.2f}" if n in found else "–" for n in nfe]
        return GAP.join(
            f"**{text}**" if n in found and found[n] == best[task, n] else text
            for n, text in zip(nfe, texts, strict=True)
        )

    head = ["method", *(_titled(task, some) for task, some in tasks.items()), "texture error", "s"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for label, some in methods.items():
        last = [line for line in some if line.nfe == max(one.nfe for one in some)]
        texture = _mean(last, lambda line: line.metrics["texture_error"])
        seconds = _mean(last, lambda line: line.seconds)
        rows.append([label, *(cell(label, task) for task in tasks), texture, seconds])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join([table, _explained(nfe, tasks, facts), *_judged(verdicts(lines))]) + "\n"


def _by_nfe(lines: Iterable[Line], exercises: Mapping[Exercise, None]) -> dict[int, float]:
    """The mean over a task's exercises at each NFE at which all of them were measured."""
    found: dict[int, list[float]] = {}
    for line in lines:
        if line.exercise in exercises:
            found.setdefault(line.nfe, []).append(line.quality)
    whole = {nfe: values for nfe, values in found.items() if len(values) == len(exercises)}
    return {nfe: statistics.mean(whole[nfe]) for nfe in sorted(whole)}


def _titled(task: str, exercises: Iterable[Exercise]) -> str:
    return f"{task} {'; '.join(one.severity for one in exercises)}"


def _mean(lines: Sequence[Line], figure: Callable[[Line], float]) -> str:
    return f"{statistics.mean(map(figure, lines)):.2f}"


def _explained(nfe: Sequence[int], tasks: Iterable[str], facts: Mapping[str, str]) -> str:
    at = f"PSNR in dB at {GAP.join(map(str, nfe))} network evaluations" if nfe else "PSNR in dB"
    last = f" at {nfe[-1]}" if nfe else ""
    holes = ", of holes inside them" if "inpaint" in tasks else ""
    return (
        f"{at}, mean over {facts['pictures']}, and over each task's severities{holes}; the best "
        "that a network does in bold. Texture error: how far gradients are from the clean ones, "
        f"block by block; s: seconds a picture ({facts['machine']}); both{last}, over all tasks."
    )


def _judged(found: Sequence[Verdict]) -> list[str]:
    """Where bcm in fidelity mode is ahead of every peer, and where it is not."""
    if not found:
        return []
    ahead = [one.ahead_db for one in found]
    behind = [
        f"{one.exercise.name} at NFE {one.nfe} ({one.best.method}, by {-one.ahead_db:.2f} dB)"
        for one in found
        if one.ahead_db < 0
    ]
    text = (
        f"bcm in fidelity mode is at or above the best peer in {len(found) - len(behind)} of "
        f"{len(found)} comparisons, by {min(ahead):+.2f} to {max(ahead):+.2f} dB"
    )
    return [f"{text}; behind in {', '.join(behind)}." if behind else f"{text}."]
