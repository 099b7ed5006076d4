"""As a process: pipes, signals and terminals."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.clock import PATIENCE
from tests.support.commands import (
    copies,
    process,
)


def test_a_real_pipe_carries_the_image_alone() -> None:
    done = process("jpeg", "-", "--nfe", 1, input=Path("photo.jpg").read_bytes())
    assert done.returncode == 0
    assert done.stdout.startswith(b"\x89PNG")
    assert done.stdout.endswith(b"IEND\xaeB`\x82")
    assert b"NFE 1" in done.stderr


def test_a_closed_pipe_is_quiet_and_changes_nothing_but_the_output() -> None:
    copies(["a.jpg", "b.jpg"])
    reader, writer = os.pipe()
    os.close(reader)
    done = process("jpeg", "a.jpg", "b.jpg", "-q", "--nfe", 1, capture_output=False, stdout=writer,
                   stderr=subprocess.PIPE)  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert Path("b_jpeg.png").is_file()


def test_an_old_terminal_never_crashes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    for arguments in (["--help"], ["jpeg", "--help"], ["models", "list"], ["jpeg", "漢字.gif/"]):
        done = process(*arguments)
        assert done.returncode in (0, 2), done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_soon_and_nothing_half_written(number: int, code: int) -> None:
    copies(["a.jpg", "b.jpg"])
    command = [sys.executable, "-m", "restore", "jpeg", "a.jpg", "b.jpg", "--json", "--nfe", "9999"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    assert child.stderr.readline() == "starting: loading torch\n"
    assert "NFE 9999" in child.stderr.readline()
    time.sleep(0.3)
    child.send_signal(number)
    out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == code
    assert "interrupted" in err
    assert "Traceback" not in err
    assert json.loads(out)["summary"]["left"] == 2
    assert not [name for name in os.listdir(".") if "_jpeg" in name or name.endswith(".tmp")]


def on_terminal(*arguments: str) -> tuple[int, str]:
    """A process whose standard streams are all one terminal: its code and what it showed."""
    code, shown = pty.fork(), b""
    pid, terminal = code
    if pid == 0:  # pragma: no cover
        os.execv(sys.executable, [sys.executable, "-m", "restore", *arguments])
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # its end
        pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_a_terminal_gets_a_bar_and_never_an_image() -> None:
    code, shown = on_terminal("jpeg", "photo.jpg", "--nfe", "30")
    assert code == 0
    assert "100%" in shown
    assert "photo_jpeg.png\r\n" in shown
    assert on_terminal("jpeg", "photo.jpg", "-o", "-")[0] == 2
    assert on_terminal("jpeg", "-", "-o", "out.png")[0] == 2
