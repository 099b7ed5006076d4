"""ConfigFile: the user's own defaults, bcm-restore.toml.

    device = "cpu"            # for every command that has the option
    [jpeg]                    # for one command
    quality = 92
    [with.print]              # a bundle: --with print
    mode = "perceptual"

`bcm-restore.toml` is read in the current folder and in the user's; where both say something, the
former counts. A flag outdoes a bundle, a bundle the environment, that a file, and a file the
default.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import typer

from restore.errors import RequestError
from restore.formats import ENDINGS, LOSSY

NAME = "bcm-restore.toml"
BUNDLES = "with"  # the table of bundles
RIVALS = (("yes", "existing"), ("mode", "blend"), ("scale", "size"), ("suffix", "name"))

Value = str | bool | list[str]


@dataclass(frozen=True)
class Setting:
    """What a file says of an option."""

    value: Value
    source: str


@dataclass(frozen=True)
class ConfigFile:
    """settings: of an option, "quality", or of a command's, "jpeg.quality"; both by their names on
    the command line without dashes. bundles: settings that go together, by name.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    bundles: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)

    def choose(self, name: str, command: Any) -> dict[str, Setting]:
        """The settings for a command, by the names of its parameters."""
        found = {}
        for key, option in list_options(command).items():
            setting = self.settings.get(f"{name}.{key}") or self.settings.get(key)
            if setting:
                found[option.name] = setting
        return found

    def defaults(self, name: str, command: Any, arguments: Sequence[str] = ()) -> dict[str, object]:
        """As Typer takes the settings of a command; for a group of commands a table of tables."""
        if hasattr(command, "commands"):
            return {key: self.defaults(name, one) for key, one in command.commands.items()}
        given = _name_given(command, arguments)
        rivals = {rival for pair in RIVALS if given & set(pair) for rival in pair}
        chosen = self.choose(name, command)
        if "quality" in chosen and not _is_lossy(arguments, chosen):
            rivals.add("quality")  # it is meant for the files that it is something to
        return {key: setting.value for key, setting in chosen.items() if key not in rivals}

    def expand(self, command: Any, arguments: Sequence[str]) -> list[str]:
        """The arguments of a command, after those that its bundles stand for.

        RequestError for a bundle that there is not, or that has an option the command has not.
        """
        options = list_options(command)
        if BUNDLES not in options:
            return list(arguments)
        given = _name_given(command, arguments)
        rivals = {rival for pair in RIVALS if given & set(pair) for rival in pair}
        found: list[str] = []
        for bundle in _bundles_in(arguments):
            if bundle not in self.bundles:
                refuse(f"--with {bundle}: {NAME} has no bundle of that name", bundle, self.bundles)
            for key, setting in self.bundles[bundle].items():
                if key not in options:
                    problem = f"--with {bundle}: {command.name} has no option {key!r}"
                    refuse(f"{problem} ({setting.source})", key, options)
                if options[key].name not in rivals:
                    found += _spell(options[key], setting.value)
        return [*found, *arguments]


def find_files() -> list[Path]:
    """Where there may be a file: here, and in the user's folder; the first says more."""
    return [Path(NAME), Path(typer.get_app_dir("bcm-restore")) / NAME]


def read_config_files() -> ConfigFile:
    """The files, the one here over the user's; RequestError for what cannot be in one."""
    settings: dict[str, Setting] = {}
    bundles: dict[str, Mapping[str, Setting]] = {}
    for path in reversed(find_files()):
        if not path.is_file():
            continue
        for key, value in _parse(path).items():
            if key == BUNDLES and isinstance(value, dict):
                bundles |= {name: _read_table(path, name, own) for name, own in value.items()}
            elif isinstance(value, dict):
                own = _read_table(path, key, value)
                settings |= {f"{key}.{name}": setting for name, setting in own.items()}
            else:
                settings |= _read_table(path, "", {key: value})
    if settings or bundles:
        _check_names(settings, bundles)
    return ConfigFile(settings, bundles)


def complete_bundles(incomplete: str) -> list[str]:
    """The bundles that begin so, for a shell."""
    try:
        return [name for name in read_config_files().bundles if name.startswith(incomplete)]
    except RequestError:
        return []


def _parse(path: Path) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise RequestError(f"{str(path)!r} cannot be read: {error}") from error


def _read_table(path: Path, name: str, table: object) -> dict[str, Setting]:
    if not isinstance(table, dict):
        raise RequestError(f"{str(path)!r}: [{BUNDLES}] holds bundles, and {name} is none")
    found = {}
    for key, value in table.items():
        if isinstance(value, dict):
            raise RequestError(f"{str(path)!r}: {name}.{key} is a table, expected a value")
        if isinstance(value, list):
            kept: Value = [str(one) for one in value]
        else:
            kept = value if isinstance(value, bool) else str(value)
        found[key.replace("_", "-")] = Setting(kept, str(path))
    return found


def _check_names(
    settings: Mapping[str, Setting], bundles: Mapping[str, Mapping[str, Setting]]
) -> None:
    """RequestError for a name of an option or of a command that there is not."""
    from restore.cli.app import COMMANDS, load_command

    options = {name: set(list_options(load_command(name))) - {BUNDLES} for name in COMMANDS}
    every = set().union(*options.values())
    named = [*settings.items(), *(pair for own in bundles.values() for pair in own.items())]
    for name, setting in named:
        command, _, key = name.rpartition(".")
        if command and command not in COMMANDS:
            refuse(f"{setting.source!r}: there is no command {command!r}", command, COMMANDS)
        known = options[command] if command else every
        if key not in known:
            refuse(f"{setting.source!r}: there is no option {name!r}", key, known)


def refuse(problem: str, name: str, known: Iterable[str]) -> NoReturn:
    """RequestError, with the known name that is nearest."""
    near = difflib.get_close_matches(name, list(known), 1)
    raise RequestError(problem + (f": did you mean {near[0]!r}?" if near else ""))


def list_options(command: Any) -> dict[str, Any]:
    """The options of a command, or of all commands of a group, by name without dashes."""
    found: dict[str, Any] = {}
    for one in getattr(command, "commands", {}).values():
        found |= list_options(one)
    for option in command.params:
        if option.param_type_name == "option":
            found[max(option.opts, key=len).lstrip("-")] = option
    return found


def _name_given(command: Any, arguments: Sequence[str]) -> set[str]:
    """The names of the parameters that arguments name."""
    words = {word.split("=")[0] for word in arguments}
    return {option.name for option in command.params if words & set(option.opts)}


def _is_lossy(arguments: Sequence[str], chosen: Mapping[str, Setting]) -> bool:
    """Whether the output is said to be of a format that loses something."""
    named = [str(chosen[key].value) for key in ("output", "format") if key in chosen]
    for number, word in enumerate(arguments):
        option, _, value = word.partition("=")
        if option in ("-o", "--output", "--format"):
            named += [value] if value else arguments[number + 1 : number + 2]
        elif option == "--name":
            named += ["same"] * word.endswith("{ext}")
    endings = tuple(ending[1:] for ending, format in ENDINGS.items() if format in LOSSY)
    return any(name.lower().endswith((*endings, "same")) for name in named)


def _bundles_in(arguments: Sequence[str]) -> list[str]:
    found: list[str] = []
    for number, word in enumerate(arguments):
        if word == "--":
            break
        if word == f"--{BUNDLES}":
            found += arguments[number + 1 : number + 2]
        elif word.startswith(f"--{BUNDLES}="):
            found.append(word.partition("=")[2])
    return found


def _spell(option: Any, value: Value) -> list[str]:
    """An option with its value, as it is typed."""
    name = max(option.opts, key=len)
    if value is True:
        return [name]
    if value is False:
        return list(option.secondary_opts[:1])
    return [word for one in (value if isinstance(value, list) else [value]) for word in (name, one)]
