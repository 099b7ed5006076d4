"""Job: one input, the output it goes to, and what its header says.

The plan makes all jobs before any work is done, and refuses what could not end well: two inputs
with one output, an output that is an input, what the output's format cannot hold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from restore.cli.inputs import STDIN, Input, find, identity, within
from restore.cli.options import Existing, Files
from restore.cli.terminal import piped
from restore.errors import ImageError, RequestError

if TYPE_CHECKING:
    from restore.images import Outline

STDOUT = "-"
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tiff": "TIFF"}
LONGEST_NAME = 255  # bytes, in all file systems in use


@dataclass(frozen=True)
class Job:
    """`data` holds what came through standard input; `done` says that the output is there already.

    `outline` is None where the header cannot be read, which is found out again in due course.
    """

    input: Input
    output: str
    data: bytes | None = None
    outline: Outline | None = None
    done: bool = False


@dataclass(frozen=True)
class Plan:
    """The jobs and the format of all outputs.

    `passed` FIFOs and devices were passed over, and `earlier` outputs of an earlier run.
    """

    jobs: tuple[Job, ...]
    format: str
    passed: int = 0
    earlier: int = 0


Size = tuple[int, int]
Target = Literal["beside", "folder", "file", "stdout"]


def plan(
    names: Sequence[str],
    task: str,
    files: Files,
    *,
    aside: Sequence[str] = (),
    default_format: str = "png",
    size_out: Callable[[Size], Size] = lambda size: size,
    bits: int | None = None,
    alpha: bool | None = None,
    json: bool = False,
) -> Plan:
    """The jobs of a run; `aside` are files and folders that belong to the inputs, as masks do.

    `size_out` tells the size of an output; `bits` its depth and `alpha` its transparency, where
    they are not the input's. RequestError for all that is asked wrongly.
    """
    from restore.images import check_encodable

    policy = files.policy
    inputs, passed = find(names, files.recursive, aside)
    if not inputs:
        raise RequestError(f"nothing to do: of the inputs, {passed} are FIFOs or devices")
    target = _target(files.output, inputs, json)
    _check_options(files, target)
    format = _format(files, target, default_format)
    ending = "." + next(short for short, name in FORMATS.items() if name == format)

    jobs = [Job(input, _output_of(input, files, target, task, ending)) for input in inputs]
    earlier = _earlier(jobs) if target == "beside" else set()
    jobs = [job for job in jobs if job not in earlier]
    if target != "stdout":
        check_outputs(jobs, target, aside)
        jobs = past_existing(jobs, policy)
    jobs = [job if job.done else _measured(job) for job in jobs]
    for job in jobs:
        if job.outline is None:
            continue
        own = job.outline
        try:
            transparent = own.alpha if alpha is None else alpha
            check_encodable(size_out(own.size), format, transparent, bits or own.depth)
        except RequestError as error:
            raise RequestError(f"{job.input.path!r}: {error}") from error
    return Plan(tuple(jobs), format, passed, len(earlier))


def _target(output: str | None, inputs: Sequence[Input], json: bool) -> Target:
    """What -o means. RequestError where it cannot take the inputs."""
    several = len(inputs) > 1 or bool(inputs[0].folder)
    if output is None:
        output = STDOUT if inputs[0].path == STDIN and not several else None
    if output is None:
        if any(input.path == STDIN for input in inputs):
            raise RequestError("-o DIR is needed: there is no place beside standard input")
        return "beside"
    if not output or "\0" in output:
        raise RequestError(f"-o {output!r} is no file name")
    if output == STDOUT:
        if several:
            raise RequestError("-o - takes one image, and several were given: name a folder")
        if json:
            raise RequestError("standard output takes the image or --json, not both: -o FILE")
        if sys.stdout.isatty():
            raise RequestError("the image would go to the terminal: -o FILE, or pipe it on")
        return "stdout"
    if os.path.isdir(output) or output.endswith(("/", os.sep)):
        return "folder"
    if several:
        from restore.images import ENDINGS

        if os.path.exists(output) or os.path.splitext(output)[1].lower() in ENDINGS:
            raise RequestError(f"-o {output!r} is one file for several images: name a folder")
        return "folder"
    return "file"


def _check_options(files: Files, target: Target) -> None:
    """RequestError for options that would do nothing, and suffixes that are none."""
    if files.suffix is None:
        return
    if target in ("file", "stdout"):
        raise RequestError("--suffix does nothing where -o names the output itself")
    if "/" in files.suffix or os.sep in files.suffix or "\0" in files.suffix:
        raise RequestError(f"--suffix {files.suffix!r} is no part of a file name")


def _format(files: Files, target: Target, default: str) -> str:
    """The format of the outputs. RequestError where -o's ending says another than --format."""
    from restore.images import ENDINGS, format_of

    asked = None if files.format == "auto" else FORMATS[files.format]
    if target != "file":
        return asked or FORMATS[default]
    assert files.output is not None
    known = os.path.splitext(files.output)[1].lower() in ENDINGS
    if asked and not known:
        return asked
    try:
        named = format_of(files.output)
    except RequestError as error:
        raise RequestError(f"-o {error}; a folder ends in /") from error
    if named not in FORMATS.values():
        raise RequestError(f"{named} is read, not written: choose png, jpg, webp or tiff")
    if asked and asked != named:
        raise RequestError(f"-o {files.output!r} and --format {files.format} contradict each other")
    return named


def _output_of(input: Input, files: Files, target: Target, task: str, ending: str) -> str:
    if target == "stdout":
        return STDOUT
    if target == "file":
        assert files.output is not None
        return files.output
    default = f"_{task}" if target == "beside" else ""
    name = input.stem + (default if files.suffix is None else files.suffix) + ending
    if target == "beside":
        return os.path.join(os.path.dirname(input.path), name)
    assert files.output is not None
    return os.path.normpath(os.path.join(files.output, input.place, name))


def _earlier(jobs: Sequence[Job]) -> set[Job]:
    """Jobs whose input, found in a folder, is the output of another: an earlier run made it."""
    makers = {identity(job.output): job for job in jobs}
    return {
        job
        for job in jobs
        if job.input.folder and makers.get(identity(job.input.path), job) is not job
    }


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


def _inode(path: str) -> tuple[int, int] | None:
    """What a file is to the disk, so that no other spelling of its name hides it."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _measured(job: Job) -> Job:
    """The job with its data, where those come through standard input, and its outline."""
    from restore.images import outline

    if job.input.path == STDIN:
        job = replace(job, data=piped())
    try:
        return replace(job, outline=outline(job.input.path if job.data is None else job.data))
    except ImageError:
        return job
