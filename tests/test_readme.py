"""README and guides: what they tell people to run is there to be run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from restore.cli.app import app
from tests.support.clock import PATIENCE

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


DEVELOP = 'pip install -e ".[dev]" && python -m pytest -n 2 --dist loadfile'
SETUP = re.compile(r"git clone .*|pip install \. && ")  # done before the test


def test_ci_runs_what_is_told_to_developers():
    assert DEVELOP in README
    assert DEVELOP in (TOP / ".ci" / "run").read_text()


def test_all_that_readme_says_runs_in_order(tmp_path, tiny_model, monkeypatch):
    """Pasted line after line into a shell, in a folder that holds the photographs alone."""
    shutil.copytree(TOP / "examples" / "photos", tmp_path / "examples" / "photos")
    command = tmp_path / "bin" / "bcm-restore"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m restore "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    lines = [SETUP.sub("", line) for block in BLOCKS for line in block.splitlines()]
    ran = 0
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        ran += "bcm-restore" in line
    assert ran >= 15
    for name in ("coffee.html", "print.png", "large.png", "noisy_denoise.png"):
        assert (tmp_path / name).exists(), name
    assert (tmp_path / "restored" / "coffee_q12.jpg").exists()


def test_its_python_runs(tmp_path, monkeypatch):
    shutil.copytree(TOP / "examples" / "photos", tmp_path / "examples" / "photos")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "from_python.png").exists()


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


@pytest.mark.parametrize(
    "line", [c for c in COMMANDS if "bcm-restore" in c and not c.startswith("git ")]
)
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
