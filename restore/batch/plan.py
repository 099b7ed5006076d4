"""Plan: all jobs of a run, made before any work is done.

What could not end well is refused: two inputs with one output, an output that is an input, what the
output's format cannot hold. What concerns one file of several fails that file alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from restore.batch.inputs import EVERYTHING, STDIN, Choice, Input, find, is_within, normalise_path
from restore.batch.naming import ENDING, SAME, fill_name, find_ending, format_for
from restore.batch.shards import Shard
from restore.defaults import MAX_PIXELS
from restore.errors import ImageError, RequestError, RestoreError
from restore.files import check_target, is_open_pipe
from restore.formats import ENDINGS, WRITTEN, FormatName, format_of

if TYPE_CHECKING:
    from restore.images import ImageHeader

STDOUT = "-"
LONGEST_NAME = 255  # bytes, in all file systems in use

Existing = Literal["error", "skip", "overwrite"]
Policy = Literal["error", "skip", "repair", "overwrite"]
Target = Literal["beside", "folder", "file", "stdout"]
Size = tuple[int, int]


@dataclass(frozen=True)
class Job:
    """One input, the output it goes to, and what its header says.

    data: what came through standard input.
    header: None where it cannot be read, which is found out again in due course, and where
        the job is refused.
    done: the output is there already.
    again: why it is done although the output is there, where that is so.
    refusal: why it cannot be done, where other files can: reading it fails with that.
    warning: what to say of an output that is left alone.
    top: the folder that was named for the outputs; no part of a path below it may be a link.
    variant: which of several results of the input, from 1; 0 where there is one alone.
    """

    input: Input
    output: str
    data: bytes | None = None
    header: ImageHeader | None = None
    done: bool = False
    again: str = ""
    refusal: str = ""
    warning: str = ""
    top: str | None = None
    variant: int = 0

    @property
    def source(self) -> str | bytes:
        """What its image is read from: a path, or the bytes that came."""
        return self.input.path if self.data is None else self.data

    @property
    def tail(self) -> str:
        """What tells the names of variants apart, "" where there is one result."""
        return f"_{self.variant}" if self.variant else ""


@dataclass(frozen=True)
class Names:
    """What to restore: as named, and as listed in a file; `aside` are masks and references.

    `stdin` gives the bytes of standard input, for the name -. `choice` is of the files in folders.
    """

    given: Sequence[str]
    listed: Sequence[str] = ()
    recursive: bool = False
    aside: Sequence[str] = ()
    stdin: Callable[[], bytes] = bytes
    choice: Choice = EVERYTHING


@dataclass(frozen=True)
class Where:
    """Where results go, and what is done where something is there already.

    output: a file, a folder, "-" for standard output; None is beside each input.
    suffix: put after the input's name in the output's; None is the task's name beside the input,
        nothing in a folder.
    format: of the outputs; "auto" is by the output's ending, else the task's own; "same" is each
        input's own, or PNG where we do not write that.
    existing: "error" refuses to start, "skip" leaves the output alone unless the manifest says that
        it was made otherwise, "repair" makes again too what is no longer as it was written,
        "overwrite" makes all again.
    name: template of the outputs' names, in place of `suffix`: {stem} and {name} are the input's
        without and with its ending, {task} is the task's. At its end, {ext} is the output's
        ending, by `format` "auto" the input's own; without it the ending is added.
    variants: results of each input, of seed, seed + 1, …; of several the names end in _1, _2, ….
    """

    output: str | None = None
    suffix: str | None = None
    format: FormatName = "auto"
    existing: Policy = "error"
    name: str | None = None
    variants: int = 1


@dataclass(frozen=True)
class OutputKind:
    """What a task makes of an image: its size, its depth and whether it has transparency.

    Depth and transparency are the input's where None; `ending` is the default format's. An input of
    more than `max_pixels` is not taken.
    """

    task: str
    size_out: Callable[[Size], Size] = lambda size: size
    bits: int | None = None
    alpha: bool | None = None
    ending: FormatName = "png"
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Plan:
    """The jobs and the format of all outputs, `SAME` where their names say.

    folder: holds all outputs, where there may be several.
    passed: FIFOs and devices that were passed over.
    earlier: outputs of an earlier run that were left out.
    others: images that are for other shards.
    unread: how many files of pictures, by ending, lie in the folders that are none we read.
    existing: what is done where an output exists.
    """

    jobs: tuple[Job, ...]
    format: str
    kind: OutputKind
    folder: str | None = None
    passed: int = 0
    earlier: int = 0
    others: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)
    existing: Policy = "error"


def plan(names: Names, where: Where, kind: OutputKind, shard: Shard | None = None) -> Plan:
    """The plan, or that of a shard. RequestError for all that is asked wrongly."""
    found = find(names.given, names.listed, names.recursive, names.aside, names.choice)
    inputs, passed = found.inputs, found.passed
    target = _target(where.output, inputs)
    if where.name is not None and where.name.endswith(ENDING):
        kept: FormatName = "same" if where.format == "auto" else where.format
        where = replace(where, name=where.name.removesuffix(ENDING), format=kept)
    _check_options(where, target)
    format = _format(where, target, kind.ending)
    ending = "." + next((short for short, name in WRITTEN.items() if name == format), SAME)

    top = where.output if target == "folder" else None
    jobs = [
        _name_output(Job(input, "", top=top, variant=number), where, target, kind.task, ending)
        for input in inputs
        for number in (range(1, where.variants + 1) if where.variants > 1 else (0,))
    ]
    made = find_earlier_outputs(jobs) if target == "beside" else set()
    jobs = [job for job in jobs if job not in made]
    folder = _folder(jobs, where, target)
    if target != "stdout":
        check_outputs(jobs, target, names.aside)
    own = [job for job in jobs if shard is None or job.input in shard]
    if target != "stdout":
        own = mark_existing(own, where.existing)
    stdin = cache(names.stdin)  # it is read once, of whatever variants
    alone = target != "folder" and len(inputs) == 1 and not inputs[0].folder
    own = [job if job.done else read_job(job, format, kind, stdin, alone) for job in own]
    others = len(jobs) - len(own)
    return Plan(
        tuple(own), format, kind, folder, passed, len(made), others, found.unread, where.existing
    )


def read_job(
    job: Job,
    format: str,
    kind: OutputKind,
    stdin: Callable[[], bytes] = bytes,
    alone: bool = False,
) -> Job:
    """The job with its data, where those come through standard input, and its header.

    A job is refused whose result cannot be made, or does not fit into the format. Where it is
    `alone`, the command names this very file, and RequestError is raised; of several, each fails
    for itself.
    """
    from restore.images import read_header, read_image

    try:
        if job.input.path == STDIN:
            job = replace(job, data=stdin())
        elif is_open_pipe(job.input.path):
            job = replace(job, data=read_image(job.input.path, max_pixels=kind.max_pixels))
    except ImageError as error:
        return replace(job, data=b"", refusal=str(error))
    try:
        header = read_header(job.source)
    except ImageError:
        return job
    if math.prod(header.size) > kind.max_pixels:  # one file's failure, as its reading will say
        return job
    if refusal := _find_refusal(job, header, format, kind):
        if alone:
            raise RequestError(f"{job.input.path!r}: {refusal}")
        return replace(job, refusal=refusal)
    return replace(job, header=header)


def _find_refusal(job: Job, header: ImageHeader, format: str, kind: OutputKind) -> str:
    """Why the format cannot hold what a task makes of an image; "" where it can."""
    from restore.images import check_encodable

    alpha = header.alpha if kind.alpha is None else kind.alpha
    try:
        size, depth = kind.size_out(header.size), kind.bits or header.depth
        format = format_for(format, job.output)
        check_encodable(size, format, False, depth)
        if alpha and not (format == "JPEG" and _is_opaque(job, kind)):
            check_encodable(size, format, True, depth)
    except RequestError as error:
        return str(error)
    return ""


def _is_opaque(job: Job, kind: OutputKind) -> bool:
    """Whether an image's alpha hides nothing, as in most screenshots, or cannot be read."""
    from restore.images import as_picture

    try:
        alpha = as_picture(job.source, max_pixels=kind.max_pixels).alpha
    except RestoreError:
        return True  # reading it will say what is wrong
    return alpha is None or bool((alpha == (1 << 8 * alpha.itemsize) - 1).all())


def check_outputs(jobs: Sequence[Job], target: Target, aside: Sequence[str]) -> None:
    """RequestError unless each output is a file of its own, away from all that is read."""
    paths = [job.input.path for job in jobs if job.input.path != STDIN]
    sources = {*map(normalise_path, paths), *map(_inode, paths)} - {None}
    taken: dict[str, str] = {}
    for job in jobs:
        output, source, folder = job.output, job.input.path, job.input.folder
        own = normalise_path(output)
        if own in taken:
            raise RequestError(
                f"{taken[own]!r} and {source!r} have one output, {output!r}: "
                + _advise_apart(taken[own], source)
            )
        taken[own] = source
        if own in sources or _inode(output) in sources:
            raise RequestError(f"the output {output!r} is an input, and inputs are never changed")
        if is_within(output, aside):
            raise RequestError(f"the output {output!r} is, or lies among, the masks or references")
        if folder and target == "folder" and is_within(output, [folder]):
            raise RequestError(
                f"the output {output!r} lies inside the input folder {folder!r}, whose next run "
                "would take it for an input: choose another folder"
            )
        check_target(output, below=job.top)
        if len(os.fsencode(os.path.basename(output))) > LONGEST_NAME:
            raise RequestError(f"the output's name {output!r} is too long: give -o or --suffix")
        if target == "file" and not os.path.isdir(os.path.dirname(output) or os.curdir):
            raise RequestError(f"{output!r} lies in a folder that does not exist: create it first")


def _advise_apart(one: str, other: str) -> str:
    """What to do about two inputs with one output."""
    if os.path.basename(one) != os.path.basename(other):
        known = {find_ending(path) for path in (one, other)}
        template = "{stem}_{task}{ext}" if len(known) > 1 else "{name}"
        return f"--name '{template}' keeps them apart"
    return "name a folder that holds both, with -r and -o DIR, or run them apart"


def mark_existing(jobs: Sequence[Job], policy: Policy) -> list[Job]:
    """The jobs; those whose output exists are marked as done, unless the policy is to overwrite.

    RequestError where the policy is "error" and an output exists.
    """
    if policy == "overwrite":
        return list(jobs)
    jobs = [replace(job, done=os.path.exists(job.output)) for job in jobs]
    there = [job.output for job in jobs if job.done]
    if there and policy == "error":
        more = f", and so do {len(there) - 1} more outputs" if len(there) > 1 else ""
        raise RequestError(f"{there[0]!r} exists{more}: --existing skip or overwrite (-y)")
    return jobs


def find_earlier_outputs(jobs: Sequence[Job]) -> set[Job]:
    """Jobs whose input, found in a folder, is the output of another: an earlier run made it."""
    makers = {normalise_path(job.output): job for job in jobs}
    return {
        job
        for job in jobs
        if job.input.folder and makers.get(normalise_path(job.input.path), job) is not job
    }


def _target(output: str | None, inputs: Sequence[Input]) -> Target:
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
        return "stdout"
    if os.path.isdir(output) or output.endswith(("/", os.sep)):
        return "folder"
    if several:
        if os.path.exists(output) or os.path.splitext(output)[1].lower() in ENDINGS:
            raise RequestError(f"-o {output!r} is one file for several images: name a folder")
        return "folder"
    return "file"


def _check_options(where: Where, target: Target) -> None:
    """RequestError for options that would do nothing, and parts of names that are none."""
    if where.variants < 1:
        raise RequestError(f"variants is {where.variants}, expected 1 or more")
    if where.variants > 1 and target == "stdout":
        raise RequestError("standard output takes one image, not several variants: -o FILE")
    if where.suffix is not None and where.name is not None:
        raise RequestError("--suffix and --name both say what outputs are called: give one")
    for option, text in (("--suffix", where.suffix), ("--name", where.name)):
        if text is None:
            continue
        if target in ("file", "stdout"):
            raise RequestError(f"{option} does nothing where -o names the output itself")
        if "/" in text or os.sep in text or "\0" in text:
            raise RequestError(f"{option} {text!r} is no part of a file name")
    if where.name is not None:
        fill_name(where.name, Input("x"), "")


def _format(where: Where, target: Target, default: str) -> str:
    """The format of the outputs. RequestError where -o's ending says another than --format."""
    if where.format == SAME:
        if target in ("file", "stdout"):
            raise RequestError("--format same does nothing where -o names the output itself")
        return SAME
    asked = None if where.format == "auto" else WRITTEN[where.format]
    if target != "file":
        return asked or WRITTEN[default]
    assert where.output is not None
    known = os.path.splitext(where.output)[1].lower() in ENDINGS
    if asked and not known:
        return asked
    try:
        named = format_of(where.output)
    except RequestError as error:
        raise RequestError(f"-o {error}; a folder ends in /") from error
    if named not in WRITTEN.values():
        raise RequestError(f"{named} is read, not written: choose one of {', '.join(WRITTEN)}")
    if asked and asked != named:
        raise RequestError(f"-o {where.output!r} and --format {where.format} contradict each other")
    return named


def _name_output(job: Job, where: Where, target: Target, task: str, ending: str) -> Job:
    """The job with the path of its output."""
    input = job.input
    if target == "stdout":
        return replace(job, output=STDOUT)
    if target == "file":
        assert where.output is not None
        stem, ending = os.path.splitext(where.output)
        return replace(job, output=stem + job.tail + ending)
    if where.name is not None:
        name = fill_name(where.name, input, task)
    else:
        default = f"_{task}" if target == "beside" else ""
        name = input.stem + (default if where.suffix is None else where.suffix)
    name += job.tail + (find_ending(input.path) if ending == f".{SAME}" else ending)
    if target == "beside":
        return replace(job, output=os.path.join(os.path.dirname(input.path), name))
    assert where.output is not None
    path = os.path.normpath(os.path.join(where.output, input.place, name))
    return replace(job, output=path)


def _folder(jobs: Sequence[Job], where: Where, target: Target) -> str | None:
    """The folder of all outputs: -o DIR, the one folder named, or where all of several lie."""
    if target == "folder":
        return where.output
    tops = {job.input.folder or os.path.dirname(job.output) or os.curdir for job in jobs}
    several = len({job.input for job in jobs}) > 1 or any(job.input.folder for job in jobs)
    return tops.pop() if target == "beside" and several and len(tops) == 1 else None


def _inode(path: str) -> tuple[int, int] | None:
    """What a file is to the disk, so that no other spelling of its name hides it."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
