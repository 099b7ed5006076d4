"""Job: one input, the output it goes to, and what its header says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from restore.batch.inputs import STDIN, Input, identity, within
from restore.errors import RequestError

if TYPE_CHECKING:
    from restore.images import ImageHeader

STDOUT = "-"
LONGEST_NAME = 255  # bytes, in all file systems in use

Existing = Literal["error", "skip", "overwrite"]
Target = Literal["beside", "folder", "file", "stdout"]


@dataclass(frozen=True)
class Job:
    """`data` holds what came through standard input; `done` says that the output is there already.

    `header` is None where the header cannot be read, which is found out again in due course.
    `again` says why it is done although the output is there, where that is so.
    """

    input: Input
    output: str
    data: bytes | None = None
    header: ImageHeader | None = None
    done: bool = False
    again: str = ""


def check_outputs(jobs: Sequence[Job], target: Target, aside: Sequence[str]) -> None:
    """RequestError unless each output is a file of its own, away from all that is read."""
    paths = [job.input.path for job in jobs if job.input.path != STDIN]
    sources = {*map(identity, paths), *map(_inode, paths)} - {None}
    taken: dict[str, str] = {}
    for job in jobs:
        output, source, folder = job.output, job.input.path, job.input.folder
        own = identity(output)
        if own in taken:
            raise RequestError(
                f"{taken[own]!r} and {source!r} have one output, {output!r}: give -o DIR or "
                "--suffix, or run them apart"
            )
        taken[own] = source
        if own in sources or _inode(output) in sources:
            raise RequestError(f"the output {output!r} is an input, and inputs are never changed")
        if within(output, aside):
            raise RequestError(f"the output {output!r} is, or lies among, the masks or references")
        if folder and target == "folder" and within(output, [folder]):
            raise RequestError(
                f"the output {output!r} lies inside the input folder {folder!r}, whose next run "
                "would take it for an input: choose another folder"
            )
        if os.path.islink(output) or (os.path.exists(output) and not os.path.isfile(output)):
            raise RequestError(f"the output {output!r} is a symbolic link, or no regular file")
        if len(os.fsencode(os.path.basename(output))) > LONGEST_NAME:
            raise RequestError(f"the output's name {output!r} is too long: give -o or --suffix")
        if target == "file" and not os.path.isdir(os.path.dirname(output) or os.curdir):
            raise RequestError(f"{output!r} lies in a folder that does not exist: create it first")


def past_existing(jobs: Sequence[Job], policy: Existing) -> list[Job]:
    """The jobs, those whose output is there marked as done where that is the policy."""
    if policy == "overwrite":
        return list(jobs)
    jobs = [replace(job, done=os.path.exists(job.output)) for job in jobs]
    there = [job.output for job in jobs if job.done]
    if there and policy == "error":
        more = f", and so do {len(there) - 1} more outputs" if len(there) > 1 else ""
        raise RequestError(f"{there[0]!r} exists{more}: --existing skip or overwrite (-y)")
    return jobs


def earlier(jobs: Sequence[Job]) -> set[Job]:
    """Jobs whose input, found in a folder, is the output of another: an earlier run made it."""
    makers = {identity(job.output): job for job in jobs}
    return {
        job
        for job in jobs
        if job.input.folder and makers.get(identity(job.input.path), job) is not job
    }


def _inode(path: str) -> tuple[int, int] | None:
    """What a file is to the disk, so that no other spelling of its name hides it."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
