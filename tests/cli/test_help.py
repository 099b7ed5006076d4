"""Help and other quick answers come at once, and say what is true."""

import subprocess
import sys

import pytest

import restore
from restore.cli.app import COMMANDS as app_rows
from restore.cli.app import load_command
from restore.cli.commands import PANELS
from tests.support.clock import PATIENCE
from tests.support.commands import (
    COMMANDS,
    MODELS,
    Run,
)

SCREEN = 40  # lines
SINGLE = [name for name, row in app_rows.items() if row.examples]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["jpeg", "--help"], ["models", "list"]]
)
def test_quick_answers_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, atexit; from time import process_time; began = process_time()\n"
        "atexit.register(lambda: print(process_time() - began, *sys.modules, file=sys.stderr))\n"
        f"sys.argv[1:] = {arguments!r}; from restore.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    seconds, *modules = done.stderr.split()
    assert done.returncode == 0
    assert done.stdout
    assert not {"torch", "numpy", "PIL", "cv2", "skimage", "huggingface_hub"} & set(modules)
    assert float(seconds) < 1.5


@pytest.mark.parametrize("name", app_rows)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    """The list is made without the commands, so their first lines stand in it once more."""
    said = (load_command(name).help or "").split("\n\n")[0]
    assert " ".join(said.split()) == app_rows[name].help


def test_the_list_of_commands_imports_none() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from restore.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([name for name in sys.modules if name in "
        "('restore.cli.restoration', 'restore.cli.models', 'restore.batch.plan')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    "command", [(name,) for name in COMMANDS] + [("models", n) for n in MODELS]
)
def test_every_command_has_help_with_examples(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert command == ("models",) or f"$ bcm-restore {' '.join(command)}" in result.stdout


def test_help_has_panels_and_names_the_defaults(run: Run) -> None:
    text = " ".join(run("inpaint", "--help-all").stdout.replace("│", " ").split())
    panels = [f"─ {panel} ─" for panel in ("Task", *PANELS[2:]) if panel != "Control"]
    assert sorted(panels, key=text.index) == panels
    for default in ("(8)", "64 million", "JPEG 95, WebP lossless"):
        assert default in text
    for variable in ("MODEL", "DEVICE", "DTYPE", "CATALOG"):
        assert f"BCM_RESTORE_{variable}" in text


def test_version_is_the_package_s(run: Run) -> None:
    assert run("--version").stdout == f"bcm-restore {restore.__version__}\n"


@pytest.mark.parametrize("name", SINGLE)
def test_help_is_a_screen(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(name, "--help").stdout.splitlines()
    assert lines[0].startswith(f"Usage: bcm-restore {name}")
    assert len(lines) <= SCREEN
    assert max(map(len, lines[: lines.index("Examples")])) <= 80


@pytest.mark.parametrize("name", SINGLE)
def test_help_all_names_every_option(run: Run, name: str) -> None:
    text = run(name, "--help-all").stdout
    for option in load_command(name).params:
        assert max(option.opts, key=len) in text or option.param_type_name == "argument"


def test_help_tells_the_default_of_its_own_task(run: Run) -> None:
    for name, nfe in (("jpeg", 4), ("denoise", 1), ("superres", 8)):
        text = " ".join(run(name, "--help").stdout.split())
        assert f"Network evaluations for every pixel [{nfe}]" in text
