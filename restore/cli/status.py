"""Status: `config show`, `env` and `report merge`, what is set, what is here, what was done."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from restore.batch.manifest import Tally, keep_latest, read_entries
from restore.cli.commands import make_app, show_examples
from restore.cli.config_file import (
    BUNDLES,
    ConfigFile,
    Setting,
    find_files,
    list_options,
    read_config_files,
    refuse,
)
from restore.cli.options.run_options import Json, Verbose
from restore.cli.run import summarise_run
from restore.cli.terminal import emit
from restore.errors import RequestError
from restore.jsonlines import to_json
from restore.record import spell_out

PACKAGES = (
    "bcm-restore", "torch", "numpy", "pillow", "opencv-python-headless", "scikit-image",
    "safetensors", "huggingface-hub", "typer", "rich",
)  # fmt: skip
SETTINGS = (
    "BCM_RESTORE_MODEL", "BCM_RESTORE_DEVICE", "BCM_RESTORE_DTYPE", "BCM_RESTORE_CATALOG",
    "HF_HOME", "HF_HUB_OFFLINE", "HF_ENDPOINT", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
    "PYTORCH_ENABLE_MPS_FALLBACK",
)  # fmt: skip
SECRETS = ("HF_TOKEN",)  # said to be set, never shown

config = make_app(no_args_is_help=True, help="What is set, and where.")
report = make_app(no_args_is_help=True, help="What batches have done, by their manifests.")
for group in (config, report):
    group.callback()(lambda: None)


def env(json: Json = False, verbose: Verbose = False) -> None:
    """Print versions, devices, caches: what to paste in a bug report."""
    facts = _facts()
    if json:
        emit(to_json(facts))
        return
    for title, rows in facts.items():
        emit(title)
        for name, value in rows.items():
            emit(f"  {name}: {spell_out(str(value))}")


def _facts() -> dict[str, dict[str, str]]:
    return {
        "versions": _versions(),
        "devices": _devices(),
        "caches": _caches(),
        "catalogue": _catalogue(),
        "terminal": {
            "stdout": f"{sys.stdout.encoding}, {'a' if sys.stdout.isatty() else 'no'} terminal",
            "stderr": f"{sys.stderr.encoding}, {'a' if sys.stderr.isatty() else 'no'} terminal",
        },
        "variables": {
            **{name: os.environ[name] for name in SETTINGS if name in os.environ},
            **{name: "set, not shown" for name in SECRETS if name in os.environ},
        },
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def _devices() -> dict[str, str]:
    import torch

    found: dict[str, str] = {
        "cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "cuda": "none",
        "mps": "here" if torch.backends.mps.is_available() else "none",
    }
    if torch.cuda.is_available():
        found["cuda"] = f"{torch.version.cuda}, {torch.cuda.device_count()} devices"
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{device.name}, {device.total_memory / 2**30:.1f} GiB"
    return found


def _caches() -> dict[str, str]:
    from restore.checkpoints import find_caches

    return {
        name: f"{path}, {'here' if path.is_dir() else 'not made yet'}"
        for name, path in find_caches().items()
    }


def _catalogue() -> dict[str, str]:
    from restore.checkpoints import locate, read_catalogue
    from restore.checkpoints.catalogue import find_builtin

    found = {"built-in": str(find_builtin())}
    own = os.environ.get("BCM_RESTORE_CATALOG")
    if own:
        found["own"] = f"{own}, {'here' if Path(own).is_file() else 'not there'}"
        if not Path(own).is_file():
            return found
    for name, row in read_catalogue().items():
        path = locate(row)
        found[name] = f"{row.source}, {path or 'not on this machine'}"
    return found


@config.command(epilog=show_examples(["config show", "config show jpeg --json"]))
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
    found = read_config_files()
    rows = _collect(found, [command] if command else list(COMMANDS))
    files = [str(path) for path in find_files()]
    bundles = {
        name: {key: setting.value for key, setting in own.items()}
        for name, own in found.bundles.items()
    }
    if json:
        options = {name: {"value": value, "source": source} for name, value, source in rows}
        emit(to_json({"files": files, "options": options, "bundles": bundles}))
        return
    for path in files:
        emit(spell_out(f"{path}: {'read' if Path(path).is_file() else 'not there'}"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        emit(spell_out(f"{name:{widths[0]}}  {value:{min(widths[1], 40)}}  {source}"))
    for name, own in bundles.items():
        emit(spell_out(f"--with {name}: " + ", ".join(f"{key} = {v}" for key, v in own.items())))


def _collect(config: ConfigFile, commands: Sequence[str]) -> list[tuple[str, str, str]]:
    """Name, value and source of each option; again for each command where those are unusual."""
    from restore.cli.app import load_command

    found: dict[str, dict[str, tuple[str, str]]] = {}
    for command in commands:
        loaded = load_command(command)
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


def _tell(value: object) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@report.command(
    epilog=show_examples(
        ["report merge out/.bcm-restore*.jsonl", "report merge shards/*.jsonl --json"]
    )
)
def merge(
    manifest: Annotated[
        list[str], typer.Argument(show_default=False, help="Manifests, as the shards wrote them")
    ],
    json: Json = False,
) -> None:
    """Sum up what batches did, by their manifests: counts, and failures by kind.

    Of an output that occurs more than once the latest line counts. Ends with 3
    where an image is left that failed.
    """
    made = keep_latest(read_entries(manifest), key=lambda entry: entry.record.output or "")
    if not made:
        raise RequestError("no manifest has a line of ours")
    tally = Tally.of(entry.record for entry in made.values())
    if json:
        summary = {**tally.counts(), "seconds": round(tally.seconds, 3)}
        files = {"manifests": len(manifest), "failures": tally.failures()}
        emit(to_json({"summary": {**summary, **files}}))
    else:
        for line in summarise_run(tally, tally.seconds, {}):
            emit(spell_out(line))
    if tally.count["failed"]:
        raise typer.Exit(3)
