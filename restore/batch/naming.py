"""Naming: what an output is called, and the format that its name says."""

from __future__ import annotations

import os
import re

from restore.batch.inputs import STDIN, Input
from restore.errors import RequestError
from restore.formats import ENDINGS, WRITTEN, format_of

SAME = "same"  # in place of a format: the input's own where we write it, else PNG
ENDING = "{ext}"  # at the end of a template


def format_for(format: str, output: str) -> str:
    """The format of an output in a plan of this format."""
    return format_of(output) if format == SAME else format


def find_ending(path: str) -> str:
    """The ending of an output that keeps its input's format, where we write that."""
    ending = os.path.splitext(path)[1]
    return ending if ENDINGS.get(ending.lower()) in WRITTEN.values() else ".png"


def fill_name(template: str, input: Input, task: str) -> str:
    """The name that a template gives an output, without its ending. RequestError for none."""
    name = input.stem if input.path == STDIN else os.path.basename(input.path)
    known = {"{stem}": input.stem, "{name}": name, "{task}": task}
    parts = re.split(r"(\{stem\}|\{name\}|\{task\})", template)
    if any("{" in part or "}" in part for part in parts[::2]):
        raise RequestError(
            f"--name {template!r}: expected {{stem}}, {{name}} and {{task}} in it, and {{ext}} last"
        )
    if not {"{stem}", "{name}"} & set(parts):
        raise RequestError(f"--name {template!r} gives all outputs one name: add {{stem}}")
    return "".join(known.get(part, part) for part in parts)
