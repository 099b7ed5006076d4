"""Config: the command `config show`, what is set and where."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from restore.cli.config_file import (
    BUNDLES,
    ConfigFile,
    Setting,
    find_files,
    list_options,
    read_config,
    refuse,
)
from restore.cli.groups import make_app, show_examples
from restore.cli.options import Json
from restore.cli.terminal import emit, escape, format_json

app = make_app(no_args_is_help=True, help="What is set, and where.")
app.callback()(lambda: None)


@app.command(epilog=show_examples(["config show", "config show jpeg --json"]))
def show(
    command: Annotated[
        str | None,
        typer.Argument(metavar="[COMMAND]", show_default=False, help="The options of this alone"),
    ] = None,
    json: Json = False,
) -> None:
    """Show each option with its value and where that comes from: a file, the environment, or none.

    An option that some commands have otherwise is listed again for each of these.
    """
    from restore.cli.app import COMMANDS

    if command is not None and command not in COMMANDS:
        refuse(f"there is no command {command!r}", command, COMMANDS)
    config = read_config()
    rows = _collect(config, [command] if command else list(COMMANDS))
    files = [str(path) for path in find_files()]
    bundles = {
        name: {key: setting.value for key, setting in own.items()}
        for name, own in config.bundles.items()
    }
    if json:
        options = {name: {"value": value, "source": source} for name, value, source in rows}
        emit(format_json({"files": files, "options": options, "bundles": bundles}))
        return
    for path in files:
        emit(escape(f"{path}: {'read' if Path(path).is_file() else 'not there'}"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        emit(escape(f"{name:{widths[0]}}  {value:{min(widths[1], 40)}}  {source}"))
    for name, own in bundles.items():
        emit(escape(f"--with {name}: " + ", ".join(f"{key} = {v}" for key, v in own.items())))


def _collect(config: ConfigFile, commands: Sequence[str]) -> list[tuple[str, str, str]]:
    """Name, value and source of each option; again for each command where those are unusual."""
    from restore.cli.app import load

    found: dict[str, dict[str, tuple[str, str]]] = {}
    for command in commands:
        loaded = load(command)
        settings = config.choose(command, loaded)
        for name, option in list_options(loaded).items():
            if name not in ("help", "help-all", BUNDLES):
                found.setdefault(name, {})[command] = _look_up(option, settings)
    rows = []
    for name, values in sorted(found.items()):
        usual = max(values.values(), key=list(values.values()).count)
        rows.append((name, *usual))
        others = [(command, pair) for command, pair in values.items() if pair != usual]
        rows += [(f"{command}.{name}", *pair) for command, pair in others]
    return rows


def _look_up(option: Any, settings: Mapping[str, Setting]) -> tuple[str, str]:
    """The value of an option and where it comes from."""
    variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar or ()
    for variable in variables:
        if os.environ.get(variable):
            return os.environ[variable], f"environment, {variable}"
    if setting := settings.get(option.name):
        return _tell(setting.value), setting.source
    shown = option.show_default
    return _tell(shown if isinstance(shown, str) else option.default), "default"


def _tell(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
