"""Group: options that go together, the fields of a frozen dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints

import typer

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
    groups: dict[str, Any] = {}
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        group = hints[name]
        if is_dataclass(group):
            groups[name] = group
            types = get_type_hints(group, include_extras=True)
            rows = [
                (field.name, _default_of(field), types[field.name]) for field in _ordered(group)
            ]
        else:
            needed = parameter.default is inspect.Parameter.empty
            rows = [(name, MISSING if needed else parameter.default, group)]
        for option, default, kind in rows:
            keyword = inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            parameters.append(keyword if default is MISSING else keyword.replace(default=default))

    def call(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _default_of(field: Field[Any]) -> Any:
    """What an option is where it is not given; MISSING where it has to be."""
    factory = field.default_factory
    return field.default if factory is MISSING else factory()


def _ordered(group: Any) -> list[Field[Any]]:
    """The fields of a group as help lists them: its own before what it inherits."""
    own = inspect.get_annotations(group)
    return sorted(fields(group), key=lambda field: field.name not in own)
