"""README and guides: what they tell people to run is there to be run."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from restore.cli.app import app

TOP = Path(__file__).resolve().parents[1]
README = (TOP / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.S)
GUIDES = sorted((TOP / "examples").glob("*.md"))
TEXTS = [README, *(guide.read_text() for guide in GUIDES)]
COMMANDS = dict.fromkeys(
    line.split("#")[0].strip()
    for text in TEXTS
    for block in re.findall(r"```sh\n(.*?)```", text, re.S)
    for line in block.splitlines()
)


def test_ci_runs_the_second_command():
    assert BLOCKS[1].strip() in (TOP / ".ci" / "run").read_text()


def test_readme_is_a_page():
    assert len(README.encode()) <= 9000


def test_links_lead_somewhere():
    for path in (TOP / "README.md", *GUIDES):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_files_they_name_are_there():
    named = set(re.findall(r"\b(?:examples|restore|tests)/[\w./]*\w", "\n".join(TEXTS)))
    assert named
    assert not [name for name in named if not (TOP / name).exists() and "NAME" not in name]


@pytest.mark.parametrize("line", [c for c in COMMANDS if "bcm-restore" in c])
def test_every_option_it_shows_exists(line):
    command = shlex.split(line.split("bcm-restore", 1)[1].split("|")[0].replace("'", ""))
    words = [word for word in command if re.fullmatch(r"[a-z]+", word)][:2]
    help_ = None
    for depth in (2, 1):
        found = CliRunner().invoke(app, [*words[:depth], "--help-all"], env={"COLUMNS": "200"})
        if found.exit_code == 0:
            help_ = found.stdout
            break
    assert help_ is not None, line
    for option in (word for word in command if re.fullmatch(r"--?[a-z][a-z-]*", word)):
        assert option in help_, f"{option} of {line}"
