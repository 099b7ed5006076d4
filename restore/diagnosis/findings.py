"""Findings: what a diagnosis found, each in a plain line, with its figures and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from restore.diagnosis.compression import COMPRESSED, Compression
from restore.diagnosis.holes import Hole
from restore.diagnosis.noise import NOISY, NoiseEstimate
from restore.record import JSON

if TYPE_CHECKING:
    from restore.diagnosis.diagnosis import Diagnosis

FAINT = f"Weaker than {NOISY} levels: to denoise takes more than it gives."
ENLARGED = (
    "Nothing is left of that file to hold a result to: `jpeg --assume-quality 75` takes some of "
    "its blocks away."
)
REDUCED = "Too little is left of its blocks to be taken away."
NOTHING = "Nothing to mend was found: left alone, its pixels stay as they are."
FindingName = Literal[
    "kind", "file", "history", "scaled", "noise", "reduction", "edges", "hole", "left", "verdict"
]


@dataclass(frozen=True)
class Finding:
    """One finding.

    name: what it is about. sentence: it in words. figures: its numbers. advice: what that means for
    a restoration, or "". command: what to type, the program's name left out and the picture's
    written as {}, or "" where there is nothing to do.
    """

    name: FindingName
    sentence: str
    figures: dict[str, JSON] = field(default_factory=dict)
    advice: str = ""
    command: str = ""

    def as_dict(self) -> dict[str, JSON]:
        """The finding as JSON has it."""
        return asdict(self)


def list_findings(found: Diagnosis) -> tuple[Finding, ...]:
    """All findings of a diagnosis, what kind of picture it is first and what follows last."""
    return tuple(_list(found))


def _list(found: Diagnosis) -> Iterator[Finding]:
    yield Finding("kind", found.kind.sentence, {"kind": found.kind.name})
    for name, one in (("file", found.file), ("history", found.history)):
        if one is not None:
            yield _describe_compression("file" if name == "file" else "history", one)
    if found.scaled is not None:
        figures: dict[str, JSON] = {
            "factor": found.scaled.factor, "strength": found.scaled.strength,
        }  # fmt: skip
        advice = ENLARGED if found.scaled.factor > 1 else REDUCED
        yield Finding("scaled", found.scaled.sentence, figures, advice)
    if found.noise is not None:
        yield _describe_noise(found.noise)
    if found.kind.photographic:
        yield _describe_reduction(found)
    if found.detail is not None and found.detail.sentence:
        detail = found.detail
        figures = {
            "blur": detail.blur, "overshoot": detail.overshoot, "amount": detail.amount,
        }  # fmt: skip
        command = "" if detail.sharpened else f"deblur {{}} --kernel gaussian:{detail.blur:.1f}"
        yield Finding("edges", detail.sentence, figures, command=command)
    if found.hole is not None:
        yield _describe_hole(found.hole)
    yield _conclude(found)


def _describe_compression(name: Literal["file", "history"], one: Compression) -> Finding:
    figures: dict[str, JSON] = {
        "kind": one.kind, "quality": one.quality, "offset": list(one.offset), "comb": one.comb,
    }  # fmt: skip
    if one.quality > COMPRESSED:
        return Finding(name, one.sentence, figures, "Too little is lost to be seen.")
    recut = one.kind == "earlier" and one.offset != (0, 0)
    return Finding(name, one.sentence, figures, command="auto {}" if recut else "jpeg {}")


def _describe_noise(noise: NoiseEstimate) -> Finding:
    figures: dict[str, JSON] = asdict(noise)
    del figures["sentence"]
    if noise.sigma < NOISY:
        return Finding("noise", noise.sentence, figures, FAINT)
    return Finding("noise", noise.sentence, figures, command="denoise {}")


def _describe_reduction(found: Diagnosis) -> Finding:
    """How far the picture is from an exact reduction of a larger one."""
    sigma = found.tolerance
    figures: dict[str, JSON] = {"tolerance": sigma}
    if found.file is not None and found.file.quality <= COMPRESSED and not sigma:
        said = "To be enlarged it is held to its JPEG coefficients."
    elif sigma:
        said = f"Off by {sigma:.1f} levels from the exact reduction of a larger picture."
    else:
        said = "It may be the exact reduction of a larger picture."
    advice = f"Enlarged, it is held with a tolerance of {sigma:.1f} levels." if sigma else ""
    return Finding("reduction", said, figures, advice)


def _describe_hole(hole: Hole) -> Finding:
    figures: dict[str, JSON] = {
        "width": hole.width, "share": hole.share, "beyond": hole.beyond,
    }  # fmt: skip
    return Finding("hole", hole.sentence, figures, command="inpaint {} --mask MASK")


def _conclude(found: Diagnosis) -> Finding:
    sound = found.sound and found.hole is None
    figures: dict[str, JSON] = {"sound": sound}
    if not sound:
        command = "auto {} --mask MASK" if found.hole else "auto {}"
        return Finding("verdict", "All of it at once:", figures, command=command)
    if found.kind.photographic:
        return Finding("verdict", NOTHING, figures)
    return Finding("verdict", "It is left alone: restoring is for photographs.", figures)
