"""Record: what was done with one image and what it proves, one line of JSON.

The fields and their order are the ones that other programs rely on; what only some runs have
(`samples`, `blend`, `levels`, …) follows them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypedDict

SCHEMA = 1
LONGEST = 1e9  # seconds, some thirty years
Status = Literal["ok", "doubtful", "skipped", "failed"]
STATUSES: tuple[Status, ...] = ("ok", "doubtful", "skipped", "failed")
JSON = Any
"""A value of JSON: None, bool, int, float, str, a list or a dict of them."""


class Metrics(TypedDict, total=False):
    """The figures of a record, in dB, levels of 8 bits or shares; None is infinite or unknown.

    psnr_input_db: PSNR of the result to what was given. consistency_psnr_db: of the result,
    degraded again, to what was given; consistency_exact: they are equal. coefficients_kept: share
    of a JPEG file's quantised coefficients that compressing the result gives again, among those in
    blocks inside the picture; coefficients_counted: how many of all those are, where some are not,
    since a block that reaches beyond the edge is neither held nor counted. known_max_error:
    largest change of a known pixel. sigma: the noise that was assumed; residual_sigma: the noise
    that was found. sharpening: the amount of the unsharp mask that was assumed. quality: of the
    JPEG that was mended, on the IJG's scale. hole_share, hole_width: of a hole, its share of the
    picture and its widest place in pixels. psnr_db, ssim, masked_psnr_db: to the clean picture.
    psnr_given_db: of what was given to the clean picture, enlarged where it is smaller; gain_db: by
    how much the result is nearer.
    uncertainty_mean: mean deviation of the draws. round_trip_*: of a picture that went to the
    noise and back. Of an edit, reconstruction_psnr_db and vae_psnr_db are of the source's words and
    of the autoencoder alone to the picture at the working size, changed_share is of pixels that
    moved visibly, outside_max_error the largest change outside the mask.
    """

    psnr_input_db: float | None
    consistency_psnr_db: float | None
    consistency_exact: bool
    coefficients_kept: float
    coefficients_counted: float
    known_max_error: int
    sigma: float
    residual_sigma: float | None
    sharpening: float
    quality: float
    hole_share: float
    hole_width: float
    uncertainty_mean: float
    psnr_db: float | None
    psnr_given_db: float | None
    gain_db: float | None
    ssim: float | None
    masked_psnr_db: float | None
    max_error: int
    round_trip_psnr_db: float | None
    round_trip_ssim: float | None
    middle_round_trip_psnr_db: float | None
    cross_fade_round_trip_psnr_db: float | None
    reconstruction_psnr_db: float | None
    vae_psnr_db: float | None
    changed_share: float | None
    outside_max_error: int


class Cause(TypedDict, total=False):
    """Why an image failed: the error's type, its message, and the stage (reading, …)."""

    type: str
    message: str
    stage: str


@dataclass(frozen=True)
class Record:
    """What was done with one image.

    task: the command's name. status: "ok", "doubtful" (made, but the assumption does not fit),
    "skipped" or "failed". input, output: paths, None for what has none. model, model_sha256: the
    checkpoint. method, mode, nfe, seed, device, dtype, tile: how it ran; nfe counts network
    evaluations of every pixel. size_in, size_out: (width, height). seconds: of the making. metrics:
    what the result proves. warnings: sentences. error: of a failure. more: what only some runs
    have, such as `samples` and `levels`.
    """

    task: str | None = None
    status: Status = "ok"
    input: str | None = None
    output: str | None = None
    model: str | None = None
    model_sha256: str | None = None
    method: str | None = None
    mode: str | None = None
    nfe: int | None = None
    seed: int | None = None
    device: str | None = None
    dtype: str | None = None
    tile: int | None = None
    size_in: tuple[int, int] | None = None
    size_out: tuple[int, int] | None = None
    seconds: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)
    warnings: tuple[str, ...] = ()
    error: Cause | None = None
    more: Mapping[str, JSON] = field(default_factory=dict)

    def as_dict(self) -> dict[str, JSON]:
        """The record as a dictionary of JSON types, in the order of `KEYS`, `more` after them."""
        found: dict[str, JSON] = {"schema": SCHEMA}
        for name in KEYS[1:]:
            value = getattr(self, name)
            found[name] = list(value) if isinstance(value, tuple) else value
        found["metrics"] = dict(self.metrics)
        return {**found, **self.more}

    @classmethod
    def from_dict(cls, value: Mapping[str, JSON]) -> Record:
        """The record of `as_dict`. ValueError for what is none."""
        if not is_record(value):
            raise ValueError("no record: its status, input, output or seconds are not a record's")
        given = {key: item for key, item in value.items() if key in KEYS and item is not None}
        given.pop("schema", None)
        for name in ("size_in", "size_out", "warnings"):
            if isinstance(given.get(name), list):
                given[name] = tuple(given[name])
        more = {key: item for key, item in value.items() if key not in KEYS}
        return cls(**given, more=more)

    def updated(self, **changes: JSON) -> Record:
        """The record with other fields; names that are none of its fields go to `more`."""
        own = {key: item for key, item in changes.items() if key in FIELDS}
        more = {key: item for key, item in changes.items() if key not in FIELDS}
        return replace(self, **own, more={**own.pop("more", self.more), **more})


FIELDS = tuple(f.name for f in fields(Record))
KEYS = (
    "schema", "status", "task", "input", "output", "model", "model_sha256", "method", "mode", "nfe",
    "seed", "device", "dtype", "tile", "size_in", "size_out", "seconds", "metrics", "warnings",
    "error",
)  # fmt: skip


def is_record(value: JSON) -> bool:
    """Whether a value that was read has what a summary needs."""
    if not isinstance(value, Mapping) or value.get("status") not in STATUSES:
        return False
    seconds, error = value.get("seconds"), value.get("error")
    if not isinstance(value.get("input"), str | None) or not isinstance(seconds, int | float):
        return False
    if not 0 <= seconds < LONGEST:
        return False
    if not isinstance(value.get("output"), str):
        return False
    if value["status"] != "failed":
        return True
    return isinstance(error, dict) and all(
        isinstance(error.get(key), str) for key in ("type", "message")
    )


def describe_proof(metrics: Metrics) -> list[str]:
    """What a record's metrics prove, each in a few words."""
    parts = []
    if (kept := metrics.get("coefficients_kept")) is not None:
        counted = metrics.get("coefficients_counted")
        rest = "" if counted is None else f" ({1 - counted:.1%} reach past the edge, uncounted)"
        parts.append(f"{kept:.2%} of the coefficients kept{rest}")
    elif metrics.get("consistency_exact"):
        parts.append("consistent to the last bit")
    elif (decibels := metrics.get("consistency_psnr_db")) is not None:
        parts.append(f"consistent to {decibels:.1f} dB")
    if (returned := metrics.get("round_trip_psnr_db")) is not None:
        parts.append(f"comes back at {returned:.2f} dB")
    if (changed := metrics.get("changed_share")) is not None:
        parts.append(f"{changed:.1%} of the pixels changed")
    if (returned := metrics.get("reconstruction_psnr_db")) is not None:
        parts.append(f"the source's words give it back at {returned:.2f} dB")
    if (psnr := metrics.get("psnr_db")) is not None:
        parts.append(f"PSNR {psnr:.2f} dB{_describe_gain(metrics.get('gain_db'))}")
    return parts


def _describe_gain(gain: float | None) -> str:
    """How a PSNR to the clean picture compares with that of what was given."""
    if gain is None:
        return ""
    if abs(gain) < 0.005:
        return ", as far from the reference as what was given"
    way = "nearer to the reference" if gain > 0 else "further from the reference"
    return f", {abs(gain):.2f} dB {way} than what was given"


def round_decibels(value: float) -> float | None:
    """A PSNR to 0.001 dB; None where it is infinite (equal images)."""
    return round(value, 3) if math.isfinite(value) else None


def round_share(value: float) -> float | None:
    """A share or an SSIM to 1e-5; None where it is no number."""
    return None if math.isnan(value) else round(value, 5)


def name_of(image: object) -> str | None:
    """The name of an image's file; None for an image in memory."""
    return os.fsdecode(image) if isinstance(image, str | os.PathLike) else None


def spell_out(text: str) -> str:
    """Text on one line whose control characters, lone surrogates and the like are spelled out."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
