"""Laws of a batch whose disk, terminal or names are against it."""

import errno
import json
import os
import pty
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from restore.batch.manifest import MANIFEST
from tests.support.batches import FAST, bytes_in, jpeg, lines, photos
from tests.support.clock import PATIENCE

pytestmark = pytest.mark.usefixtures("clean")


def process(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "restore", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, **options)


def test_a_file_too_large_for_the_disk_fails_alone_and_leaves_what_was_there() -> None:
    photos("in/a.jpg", "in/b.jpg")
    Image.effect_noise((200, 200), 90).convert("RGB").save("in/large.jpg", quality=30)
    Path("out").mkdir()
    Path("out/large.png").write_bytes(b"mine")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = process("jpeg", "in", "-o", "out", "-y", *FAST, preexec_fn=limit)
    assert done.returncode == 3
    assert b"large.jpg: writing: " in done.stderr
    assert b"arge" in done.stderr
    assert Path("out/large.png").read_bytes() == b"mine"
    assert sorted(os.listdir("out")) == [MANIFEST, "a.png", "b.png", "large.png"]
    assert [line["record"]["status"] for line in lines()] == ["ok", "ok", "failed"]


def test_a_disk_that_takes_nothing_more_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    names = photos(*(f"in/{i}.jpg" for i in range(9)))
    fsync, count = os.fsync, [0]

    def full(file: int) -> None:
        count[0] += 1
        if count[0] > 4:  # the probe and three files
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    result = jpeg(*names, "-o", "out", code=5)
    assert "the disk is full" in result.stderr
    assert "error: cannot write into" in result.stderr
    assert sorted(bytes_in("out")) == ["0.png", "1.png", "2.png"]
    monkeypatch.undo()


def test_a_full_file_system_is_found_before_the_model_loads(here: Path) -> None:
    photos("in/a.jpg")
    Path("small").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "small"]).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(OSError, match="space"):
            Path("small/ballast").write_bytes(bytes(1 << 20))
        done = process("jpeg", "in", "-o", "small", "-m", "default", *FAST)
        assert done.returncode == 5
        assert b"cannot write into" in done.stderr
        assert b"NFE" not in done.stderr
        assert os.listdir("small") == ["ballast"]
    finally:
        subprocess.run(["umount", "small"], check=True)


def test_a_manifest_that_cannot_be_written_ends_the_run_before_it_begins() -> None:
    photos("in/a.jpg", "in/b.jpg")
    Path("file").write_text("")
    result = jpeg("in", "-o", "out", "--manifest", "file/m.jsonl", code=5)
    assert "manifest" in result.stderr
    assert bytes_in("out") == {}


def test_a_reader_that_goes_away_changes_nothing_but_the_output() -> None:
    photos(*(f"in/{i}.jpg" for i in range(9)))
    command = f"{sys.executable} -m restore jpeg in -o out --json --nfe 1 | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "ok"
    assert b"Traceback" not in done.stderr
    assert len(bytes_in("out")) == 9


def test_hostile_names_come_through_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "[x].jpg",
        "[red]a.jpg",
        "new\nline.jpg",
        "\x1b[31mred.jpg",
        "é😀.jpg",
        "n\udcff.jpg",
        "-r.jpg",
    ]
    photos(*(f"in/{name}" for name in names))
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    done = process("jpeg", "in", "-o", "out", *FAST)
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    assert sorted(bytes_in("out")) == sorted(f"{name[:-4]}.png" for name in names)
    assert process("jpeg", "in", "-o", "out", "--existing", "skip", *FAST).stdout == b""


def test_a_terminal_sees_which_file_how_many_and_how_long() -> None:
    photos(*(f"in/{i}.jpg" for i in range(4)))
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.environ["COLUMNS"] = "100"
        os.execv(sys.executable, [sys.executable, "-m", "restore", "jpeg", "in", "-o", "out"])
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # its end
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode()
    assert "4/4 in/3.jpg" in text
    assert "4/4, " in text
    assert "a minute, about " in text
    assert [line for line in text.splitlines() if line.strip().endswith("out/3.png")]


def test_a_disk_that_cannot_confirm_is_named_once_and_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos("in/a.jpg", "in/b.jpg")

    def refuse(file: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    result = jpeg("in", "-o", "out")
    assert result.stderr.count("cannot confirm what is written") == 1
    assert sorted(bytes_in("out")) == ["a.png", "b.png"]
