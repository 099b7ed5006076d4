"""Job: what the options on files say, as the plan of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from restore.batch.inputs import STDIN, Choice, check_inputs, split_names
from restore.batch.plan import STDOUT, Names, OutputKind, Plan, Size, Where
from restore.batch.plan import plan as planned
from restore.cli.config_file import find_files
from restore.cli.exits import NothingNamed
from restore.cli.options.file_options import Files, Inputs
from restore.cli.options.run_options import RunOptions
from restore.cli.terminal import Terminal, open_stdin, read_stdin
from restore.errors import ImageError, RequestError
from restore.files import read_bytes, read_stream
from restore.formats import FormatName

LONGEST_LIST = 1 << 28  # bytes: some millions of names


def plan_run(
    names: Sequence[str],
    task: str,
    files: Files,
    run: RunOptions,
    *,
    aside: Sequence[str] = (),
    ending: FormatName = "png",
    size_out: Callable[[Size], Size] = lambda size: size,
    bits: int | None = None,
    alpha: bool | None = None,
) -> Plan:
    """The plan of a run; `aside` are files and folders that belong to the inputs, as masks do.

    The rest is what `OutputKind` holds. RequestError for all that is usage error.
    """
    kind = OutputKind(task, size_out, bits, alpha, ending, files.max_pixels)
    named = replace(list_names(names, files, run), aside=aside)
    return planned(named, choose_output(files), kind, run.share)


def begin_command(names: Sequence[str] | None, terminal: Terminal) -> None:
    """Refuse mistyped names at once, then say that the libraries, which take a second, load.

    names: as typed; None where a command takes none.
    """
    check_inputs(names or ())
    if names != [] and "torch" not in sys.modules:
        used = "".join(f", settings of {path}" for path in find_files() if path.is_file())
        terminal.say(f"starting: loading torch{used}")


def list_names(names: Sequence[str], files: Files, run: RunOptions) -> Names:
    """What is named as an input. RequestError where nothing is, or standard output is taken."""
    listed = read_list(files, names)
    if files.output == STDOUT or (files.output is None and [*names, *listed] == [STDIN]):
        check_stdout(run.json, "image")
    choice = Choice(files.include, files.exclude)
    stdin = partial(read_stdin, files.max_pixels)
    return Names(names, listed, files.recursive, stdin=stdin, choice=choice)


def choose_output(files: Files) -> Where:
    """Where the outputs go."""
    return Where(files.output, files.suffix, files.format, files.policy, files.name)


def check_stdout(json: bool, what: str) -> None:
    """RequestError where standard output cannot take the bytes of a file."""
    if json:
        raise RequestError(f"standard output takes the {what} or --json, not both: -o FILE")
    if sys.stdout.isatty():
        raise RequestError(f"the {what} would go to the terminal: -o FILE, or pipe it on")


def read_list(files: Inputs, names: Sequence[str]) -> list[str]:
    """The names in the list that --from-file names.

    RequestError for a list that cannot be read, and where there is no name at all.
    """
    path = files.from_file
    if not names and path is None:
        raise NothingNamed("nothing to do: name images, folders of them, or --from-file LIST")
    if path is None:
        if files.null:
            raise RequestError("--null says how the names in --from-file end: give that too")
        return []
    if path == STDIN and STDIN in names:
        raise RequestError("- was given as an image and as a list: there is one standard input")
    try:
        if path == STDIN:
            data = read_stream(open_stdin("a list of names"), "standard input", limit=LONGEST_LIST)
        else:
            data = read_bytes(path, limit=LONGEST_LIST)
    except ImageError as error:
        raise RequestError(f"--from-file {path!r} cannot be read: {error}") from error
    return split_names(data, files.null)
