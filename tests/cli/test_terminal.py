"""Laws of the terminal: colour where there is one, a bar at any width, readers that go away."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest
from rich.console import Console

from restore.cli.terminal import Terminal, complain
from restore.record import spell_out
from tests.support.clock import PATIENCE


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_errors_are_in_colour_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for stream, text in ((Screen(), "\x1b[1;31merror:\x1b[0m no"), (io.StringIO(), "error: no")):
        monkeypatch.setattr(sys, "stderr", stream)
        complain("error: no")
        assert stream.getvalue() == f"{text}\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_nobody_gets_colours_that_they_refuse(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setenv(name, value)
    complain("warning: so")
    assert sys.stderr.getvalue() == "warning: so\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_bar_stays(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    bars = Terminal().bars()
    bars.add_task("all", total=1000, completed=250, note="250/1000, 12.3 a minute, about 1 h left")
    bars.add_task("7/1000 holidays/a long folder/IMG_0007.jpg", total=4, completed=1, note="25%")
    console = Console(
        file=io.StringIO(), width=columns, force_terminal=True, color_system="standard"
    )
    with console.capture() as shown:
        console.print(bars)
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown.get()).splitlines()
    assert len(lines) == 2
    assert all(sum(map(line.count, "━╸╺")) >= 10 and len(line) <= columns for line in lines)
    assert "about 1 h left" in lines[0]


@pytest.mark.parametrize("words", [["--help"], ["jpeg", "--help-all"], ["models", "--help"]])
def test_a_reader_that_went_away_is_no_error(words: list[str]) -> None:
    there, back = os.pipe()
    os.close(there)
    command = [sys.executable, "-m", "restore", *words]
    done = subprocess.run(command, stdout=back, stderr=subprocess.PIPE, timeout=PATIENCE)
    os.close(back)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_is_piped_on_arrives() -> None:
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "restore", "--version"], stdout=follower, timeout=PATIENCE
    )
    os.close(follower)
    assert done.returncode == 0
    assert os.read(leader, 100).startswith(b"bcm-restore ")
    os.close(leader)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a\x1b[2Jb", r"a\x1b[2Jb"), ("a\nfailed: b", r"a\nfailed: b"), ("\udcff", r"\udcff"),
     ("\x9bm\u202e", r"\x9bm\u202e"), ("写真 é", "写真 é")],
)  # fmt: skip
def test_no_text_moves_the_cursor_or_begins_a_line(text, said):
    assert spell_out(text) == said
