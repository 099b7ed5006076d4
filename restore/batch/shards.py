"""Shard: the share of a batch that one of several machines does.

An image belongs to shard h mod N, h being a hash of its place and name that is the same on every
machine and in every run; so shards need no word with each other, and none changes when files come
or go.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from restore.batch.inputs import Input
from restore.errors import RequestError

AUTO = "auto"


@dataclass(frozen=True)
class Shard:
    """Shard `index` of `count`, counted from 1."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise RequestError(
                f"shard {self.index}/{self.count}: expected 1/{self.count} to "
                f"{self.count}/{self.count}"
            )

    def __contains__(self, input: Input) -> bool:
        digest = hashlib.sha256(os.fsencode(input.key)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def shard_of(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """The shard that I/N says, or with auto the environment. RequestError for what is none."""
    if text == AUTO:
        found = _assigned(environment)
        if found is None:
            raise RequestError(
                "--shard auto: neither Slurm's SLURM_ARRAY_TASK_ID and _COUNT nor torchrun's RANK "
                "and WORLD_SIZE are set; give I/N"
            )
        return found
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    if not match:
        raise RequestError(f"--shard {text!r}: expected I/N, counted from 1, as in 3/8, or auto")
    return Shard(int(match[1]), int(match[2]))


def assigned(environment: Mapping[str, str] = os.environ) -> Shard | None:
    """The shard that Slurm's array or torchrun assigned, if any did."""
    try:
        return _assigned(environment)
    except RequestError:
        return None


def _assigned(environment: Mapping[str, str]) -> Shard | None:
    def number(name: str, default: int) -> int:
        value = environment.get(name, str(default))
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise RequestError(f"{name} is {value!r}, expected a number")
        return int(value)

    if {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"} <= environment.keys():
        first, step = number("SLURM_ARRAY_TASK_MIN", 0), number("SLURM_ARRAY_TASK_STEP", 1) or 1
        index = (number("SLURM_ARRAY_TASK_ID", 0) - first) // step
        return Shard(index + 1, number("SLURM_ARRAY_TASK_COUNT", 1))
    if {"RANK", "WORLD_SIZE"} <= environment.keys():
        return Shard(number("RANK", 0) + 1, number("WORLD_SIZE", 1))
    return None
