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


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """The shard that I/N says, or with auto the environment. RequestError for what is none."""
    if text == AUTO:
        found = _read_environment(environment)
        if found is None:
            raise RequestError(
                "--shard auto: nothing says which one: no array or srun of Slurm, no RANK and "
                "WORLD_SIZE of torchrun, no JOB_COMPLETION_INDEX of Kubernetes; give I/N"
            )
        return found
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    if not match:
        raise RequestError(f"--shard {text!r}: expected I/N, counted from 1, as in 3/8, or auto")
    return Shard(int(match[1]), int(match[2]))


def find_assigned(environment: Mapping[str, str] = os.environ) -> Shard | None:
    """The shard that Slurm, torchrun or Kubernetes assigned, if any did."""
    try:
        return _read_environment(environment)
    except RequestError:
        return None


def _read_environment(environment: Mapping[str, str]) -> Shard | None:
    """An array's or an indexed job's share, and of that the process's own."""

    def number(name: str, default: int) -> int:
        value = environment.get(name, str(default))
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise RequestError(f"{name} is {value!r}, expected a number")
        return int(value)

    outer = inner = None
    if {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"} <= environment.keys():
        first, step = number("SLURM_ARRAY_TASK_MIN", 0), number("SLURM_ARRAY_TASK_STEP", 1) or 1
        index = (number("SLURM_ARRAY_TASK_ID", 0) - first) // step
        outer = Shard(index + 1, number("SLURM_ARRAY_TASK_COUNT", 1))
    elif "JOB_COMPLETION_INDEX" in environment:
        if "JOB_COMPLETIONS" not in environment:
            raise RequestError(
                "JOB_COMPLETION_INDEX says which pod of a job this is, but Kubernetes does not say "
                "of how many: set JOB_COMPLETIONS to the job's completions"
            )
        outer = Shard(number("JOB_COMPLETION_INDEX", 0) + 1, number("JOB_COMPLETIONS", 1))
    if {"RANK", "WORLD_SIZE"} <= environment.keys():
        inner = Shard(number("RANK", 0) + 1, number("WORLD_SIZE", 1))
    elif {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"} <= environment.keys():  # srun's, not sbatch's
        inner = Shard(number("SLURM_PROCID", 0) + 1, number("SLURM_STEP_NUM_TASKS", 1))
    if outer and inner:
        index = (outer.index - 1) * inner.count + inner.index
        return Shard(index, outer.count * inner.count)
    return outer or inner
