"""Command: made of a function; options in groups, and help of one screen or of every option.

A group is a frozen dataclass of options that go together, or of such groups.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Protocol, cast, get_type_hints

import typer
from typer.core import TyperCommand

from restore.cli.terminal import emit
from restore.defaults import DEFAULT_NFE

BESIDE = ":beside:"  # the name of a page that is to lie beside the output
FLAG = ""  # where others name their value, a flag has none


def make_app(*, add_completion: bool = False, **settings: Any) -> typer.Typer:
    """A Typer app in the manner of all commands; the arguments are Typer's."""
    return typer.Typer(
        add_completion=add_completion,
        context_settings={"help_option_names": ["-h", "--help", "--help-all"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        **settings,
    )


def show_examples(lines: Sequence[str]) -> str:
    """The end of a command's help: what to type, the program's name left out of `lines`."""
    return "\n".join(["[bold]Examples[/bold]", *(f"$ bcm-restore {line}" for line in lines)])


def flatten(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter that is a group of options replaced by those options."""
    parameters: list[inspect.Parameter] = []
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        needed = parameter.default is inspect.Parameter.empty
        default = MISSING if needed else parameter.default
        for option, value, kind in _list_options(name, default, hints[name]):
            keyword = inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            parameters.append(keyword if value is MISSING else keyword.replace(default=value))

    def call(**values: object) -> None:
        command(
            **{name: _take(name, kind, values) for name, kind in hints.items() if name != "return"}
        )

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _list_options(name: str, default: object, kind: object) -> Iterator[tuple[str, object, object]]:
    """Name, default and type of an option, or of each in a group and in the groups in that."""
    if not is_dataclass(kind):
        yield name, default, kind
        return
    types = get_type_hints(kind, include_extras=True)
    for field in _ordered(kind):
        yield from _list_options(field.name, _default_of(field), types[field.name])


def _take(name: str, kind: object, values: dict[str, object]) -> object:
    """The value of a parameter, which is taken out of `values`."""
    if not is_dataclass(kind):
        return values.pop(name)
    types = get_type_hints(kind, include_extras=True)
    own = {field.name: _take(field.name, types[field.name], values) for field in fields(kind)}
    return kind(**own)  # type: ignore[operator]


def _default_of(field: Field[object]) -> object:
    """What an option is where it is not given; MISSING where it has to be."""
    factory = field.default_factory
    return field.default if factory is MISSING else factory()


def _ordered(group: Any) -> list[Field[object]]:
    """The fields of a group as help lists them: its own before what it inherits."""
    own = inspect.get_annotations(group)
    return sorted(fields(group), key=lambda field: field.name not in own)


ALL = "restore.help-all"  # where the context of a command keeps that all is asked for
PANELS = (
    "Task", "Journey", "Restoration", "Control", "Input", "Output", "Encoding", "Model", "Machine",
    "Run", "Many machines",
)  # fmt: skip
SHARED = PANELS[2:]  # what many commands have: one screen shows the common of these
COMMON = ("output", "mode", "nfe", "recursive", "yes", "report", "json", "model")
FEW = 12  # options that one screen shows whichever they are
SHORT = 30  # letters of a default
WIDEST = 34  # columns of an option and its value


class Parameter(Protocol):
    """What help reads of an option or argument, of whichever click Typer carries."""

    name: str
    opts: list[str]
    param_type_name: str
    nargs: int
    metavar: str | None
    help: str | None
    default: object
    show_default: object


class Command(TyperCommand):
    """A command whose options are listed by panel, and which has a short help and a long one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        parameters = cast(list[Parameter], self.params)
        parameters.sort(key=_panel_number)
        for option in parameters:
            if option.name == "nfe" and self.name in DEFAULT_NFE:
                option.show_default = str(DEFAULT_NFE[self.name])

    def format_help(self, ctx: Any, formatter: Any) -> None:
        parameters = cast(list[Parameter], self.get_params(ctx))
        options = [one for one in parameters if one.param_type_name == "option"]
        if ctx.meta.get(ALL):
            super().format_help(ctx, formatter)
        else:
            _print_screen(self, ctx, options)


def take_all(ctx: typer.Context, arguments: list[str]) -> None:
    """Note in the context whether --help-all is among the arguments of a command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ctx.meta[ALL] = "--help-all" in arguments[:end]


def _panel_number(option: Parameter) -> int:
    panel = getattr(option, "rich_help_panel", None)
    if option.param_type_name == "argument":
        return -2
    return PANELS.index(panel) if panel in PANELS else -1


def _print_screen(command: Command, ctx: typer.Context, options: list[Parameter]) -> None:
    """The usage, what the command does, the options most used, examples."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    shown = [one for one in options if _is_own(one) or one.name in COMMON]
    shown = options if len(options) <= FEW else shown
    paragraphs = re.sub(r"(?<!\n)\n(?!\n)", " ", (command.help or "").strip())
    text = paragraphs.replace("\\[", "[")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(max_width=WIDEST, no_wrap=True, overflow="ellipsis")
    grid.add_column()
    for one in (*(p for p in cast(list[Parameter], command.params) if p not in options), *shown):
        if "--help" not in one.opts:
            grid.add_row(Text(_title(one), style="bold cyan"), Text(_describe(one)))
    with console.capture() as captured:
        console.print(Text.from_markup(f"[bold]Usage:[/bold] {_usage(command, ctx)}"))
        console.print(Text(f"\n{text}"))
        console.print()
        console.print(grid)
        if command.epilog:
            console.print()
            console.print(Text.from_markup(command.epilog), soft_wrap=True)
        left = len(options) - len(shown)
        if left:
            console.print(f"\n--help-all shows all options, {left} more")
    emit("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _is_own(option: Parameter) -> bool:
    return getattr(option, "rich_help_panel", None) not in SHARED and "--help" not in option.opts


def _usage(command: Command, ctx: typer.Context) -> str:
    from rich.markup import escape

    return escape(" ".join([ctx.command_path, *command.collect_usage_pieces(ctx)]))


def _title(option: Parameter) -> str:
    """An option, its short name first, and what stands for its value."""
    if option.param_type_name == "argument":
        return str(option.metavar or f"{option.name.upper()}{'...' * (option.nargs != 1)}")
    names = ", ".join(sorted(option.opts, key=len)[:2])
    kind = getattr(option, "type_descriptor", None) or getattr(option, "type", None)
    choices = getattr(kind, "choices", None)
    value = option.metavar if option.metavar is not None else "|".join(map(str, choices or ()))
    return f"{names} {value}".rstrip()


def _describe(option: Parameter) -> str:
    """The first clause of an option's help, and its default if that is short."""
    text = re.split(r"[;:] | \(", option.help or "")[0].replace("\\[", "[")
    default = option.show_default
    if default is True or default is None:
        default = option.default
    told = isinstance(default, str | int | float) and not isinstance(default, bool)
    return f"{text} [{default}]" if told and 0 < len(str(default)) <= SHORT else text
