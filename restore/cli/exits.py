"""Exit: how a run ends, as a code for scripts.

    0 all done    1 internal error    2 usage error    3 some inputs failed
    4 model       5 environment       129, 130, 143 interrupted by HUP, INT, TERM

Our errors carry their code; here is the one place where an exception becomes one. Of a command or
an option that there is not, it is said which was meant.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from restore.cli.commands import BESIDE, take_all
from restore.cli.terminal import VERBOSE, complain, print_traceback
from restore.devices import is_out_of_memory
from restore.errors import RequestError, ResourceError, RestoreError

HINT = "; -v shows the traceback, `bcm-restore env` what to add to a bug report"
MEANT = {  # names of commands that people try, and ours
    "upscale": "superres", "enlarge": "superres", "resize": "superres", "sr": "superres",
    "super-resolution": "superres", "remove": "inpaint", "erase": "inpaint", "fill": "inpaint",
    "heal": "inpaint", "dejpeg": "jpeg", "deblock": "jpeg", "artifacts": "jpeg",
    "clean": "denoise", "sharpen": "deblur", "unblur": "deblur", "fix": "auto",
    "repair": "auto", "restore": "auto", "enhance": "auto", "analyse": "diagnose",
    "analyze": "diagnose", "check": "diagnose", "scratches": "mask", "morph": "interpolate",
    "sample": "generate", "benchmark": "bench", "info": "env", "version": "env",
    "download": "models", "settings": "config",
}  # fmt: skip
OPTIONS_MEANT = {  # options that people try, and ours, of which the command may have some
    "-s": ("--scale", "--sigma", "--seed"), "--factor": ("--scale",), "--upscale": ("--scale",),
    "--steps": ("--nfe",), "--resume": ("--existing skip",),
    "--skip": ("--existing skip",), "--overwrite": ("-y",), "--force": ("-y",), "-f": ("-y",),
    "--out": ("--output",), "--outdir": ("--output",), "--output-dir": ("--output",),
    "--jobs": ("--workers",), "-j": ("--workers",), "--gpu": ("--device cuda",),
    "--cpu": ("--device cpu",), "--html": ("--report",), "--config": ("--with",),
}  # fmt: skip
NAMED_ALONE = "images are named without an option, as in `bcm-restore jpeg photo.jpg`"


class NothingNamed(RequestError):
    """No input was named, so that nothing can be done; examples show how."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to end; its code is 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Commands(TyperGroup):
    """The group of all commands, which turns what they raise into one line and an exit code."""

    def list_examples(self, name: str) -> Sequence[str]:
        """What to type for a command, without the program's name."""
        return ()

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except Exception as error:
            if text := describe_usage(error):
                complain(f"error: {text}")
                raise typer.Exit(2) from error
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in MEANT and args[0] not in self.commands and not ctx.resilient_parsing:
            meant = MEANT[args[0]]
            example = [*self.list_examples(meant), f"{meant} --help"][0]
            raise RequestError(
                f"no command is called {args[0]!r}: did you mean {meant}? As in "
                f"`bcm-restore {example}`"
            )
        name, command, rest = super().resolve_command(ctx, args)
        take_all(ctx, rest)
        return name, command, name_report(rest)

    def invoke(self, ctx: Any) -> Any:
        cause: Exception
        try:
            check_folder()
            with mute_warnings():
                return super().invoke(ctx)
        except RestoreError as error:
            message, code, cause = str(error), error.exit_code, error
        except KeyboardInterrupt as stop:
            complain("interrupted")
            raise typer.Exit(getattr(stop, "exit_code", 130)) from stop
        except MemoryError as error:
            message, code, cause = "out of memory: close other programs", 5, error
        except Exception as error:
            if text := describe_usage(error):
                message, code, cause = text, 2, error
            elif hasattr(error, "exit_code") or isinstance(error, typer.Abort):
                raise  # Typer's own: the normal way out
            else:
                message, code, cause = f"internal error: {describe_error(error)}{HINT}", 1, error
        complain(f"error: {message}")
        if isinstance(cause, NothingNamed) or type(cause).__name__ == "MissingParameter":
            for line in self.list_examples(ctx.invoked_subcommand or ""):
                complain(f"  $ bcm-restore {line}")
        if ctx.meta.get(VERBOSE):
            print_traceback(cause)
        raise typer.Exit(code) from cause


def check_folder() -> None:
    """ResourceError where the current folder was deleted: libraries end the process there."""
    try:
        os.getcwd()
    except OSError as error:
        raise ResourceError(
            "the current folder is no longer there: change to one that is"
        ) from error


def name_report(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, a `--report` that no name follows being named `BESIDE`."""
    found: list[str] = []
    for number, argument in enumerate(arguments):
        following = arguments[number + 1 : number + 2]
        bare = argument == "--report" and (not following or following[0].startswith("-"))
        if bare and "--" not in found and following != ["-"]:
            argument = f"--report={BESIDE}"
        found.append(argument)
    return found


def choose_exit_code(error: Exception) -> int:
    """The exit code that an error means when it ends one input after the run has begun.

    Asked wrongly is said of whole runs, so there it is a failed input.
    """
    if isinstance(error, RestoreError):
        return 3 if error.exit_code == 2 else error.exit_code
    return 5 if is_out_of_memory(error) else 1


def describe_error(error: Exception) -> str:
    """An error of somebody else's in words, its kind first."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextmanager
def mute_warnings() -> Iterator[None]:
    """Within, warnings of Python are dropped, unless asked for by `python -W`.

    What matters in them is in the record, in words of ours.
    """
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        yield


@contextmanager
def catch_interrupts() -> Iterator[None]:
    """Within, INT, TERM and HUP raise `Interrupted`; one that the caller ignores stays ignored.

    After one the process leaves at once, without waiting for any thread.
    """
    stops: list[int] = []

    def interrupt(number: int, frame: object) -> NoReturn:
        stops.append(number)
        raise Interrupted(number)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    except (Interrupted, SystemExit):  # from within the commands, before or after them
        if stops:
            _leave(128 + stops[0])
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def describe_usage(error: Exception) -> str:
    """What Typer says of wrong usage, on one line, and what was meant; "" of anything else."""
    form = getattr(error, "format_message", None)
    if form is None or type(error).__name__ == "NoArgsIsHelpError":
        return ""
    option = getattr(error, "option_name", "")
    context = getattr(error, "ctx", None)
    text = " ".join(form().split()).rstrip(".")
    if type(error).__name__ == "NoSuchOption":
        known = {name for one in context.command.params for name in one.opts} if context else set()
        meant = [words for words in OPTIONS_MEANT.get(option, ()) if words.split()[0] in known]
        text = f"no option is called {option}: did you mean {' or '.join(meant)}" if meant else text
        text = NAMED_ALONE if option in ("-i", "--input") and not meant else text
    path = context.command_path if context else "bcm-restore"
    name = getattr(getattr(error, "param", None), "name", None)
    source = context.get_parameter_source(name) if context and name else None
    if source is not None and source.name == "DEFAULT_MAP":
        text = f"{text}, in bcm-restore.toml"
    return f"{text[:1].lower()}{text[1:]}; `{path} --help` shows how"
