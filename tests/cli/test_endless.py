"""What never ends, or waits for ever, is refused before it is in memory, by whatever name."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from restore.cli.terminal import read_stdin
from restore.errors import ImageError
from tests.support.commands import process

MOST = 1 << 17  # bytes that may be asked for before the first decide


class Endless(io.RawIOBase):
    """Zeros without end, as of /dev/zero; whoever reads on is told so."""

    def __init__(self, start: bytes = b"", most: int = MOST) -> None:
        self.start, self.given, self.most = start, 0, most

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= self.most, f"{size} bytes are read at once"
        self.given += size
        assert self.given <= self.most, "more is read than decides"
        found, self.start = self.start[:size], self.start[size:]
        return found + bytes(size - len(found))


class Input:
    """Standard input of a stream."""

    def __init__(self, buffer: io.RawIOBase) -> None:
        self.buffer = buffer

    def isatty(self) -> bool:
        return False


def test_the_first_bytes_of_standard_input_decide(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Input(Endless()))
    with pytest.raises(ImageError, match="not an image"):
        read_stdin(1000)


def test_standard_input_has_a_limit(monkeypatch):
    limit = (1 << 26) + 16 * 1000
    monkeypatch.setattr(sys, "stdin", Input(Endless(b"\x89PNG\r\n\x1a\n", 2 * limit)))
    with pytest.raises(ImageError, match="standard input has more than 67,124,864 bytes"):
        read_stdin(1000)


COMMANDS = {
    "jpeg": ["jpeg", "-", "-o", "out.png"],
    "a folder": ["jpeg", "-", "-o", "out/"],
    "degrade": ["degrade", "jpeg", "-", "-o", "out.jpg"],
    "invert": ["invert", "-", "-o", "out.safetensors"],
    "interpolate": ["interpolate", "clean.png", "-", "-o", "out.gif"],
    "compare": ["compare", "-", "clean.png"],
    "diagnose": ["diagnose", "-"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_what_no_image_comes_through_a_pipe_is_one_failed_input(run, command):
    result = run(*command, input=b"<html>no image</html>")
    assert result.exit_code == 3, result.stderr
    assert "HTML" in result.stderr
    assert "internal" not in result.stderr
    assert not any(path.is_file() for path in Path().rglob("out*"))


@pytest.mark.parametrize("name", ["jpeg", "invert"])
def test_its_record_says_so_too(run, name):
    output = "out.png" if name == "jpeg" else "out.safetensors"
    result = run(name, "-", "-o", output, "--json", input=b"GIF89a and no more")
    record = json.loads(result.stdout.splitlines()[0])
    assert (record["status"], record["input"], result.exit_code) == ("failed", "-", 3)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["jpeg", "--from-file", "pipe", "-o", "out/"], 2),
        (["jpeg", "photo.jpg", "--catalog", "pipe"], 2),
        (["deblur", "clean.png", "--kernel", "pipe"], 2),
        (["edit", "clean.png", "--prompts", "pipe"], 2),
        (["invert", "pipe"], 3),
        (["interpolate", "clean.png", "pipe", "-o", "out.gif"], 3),
        (["interpolate", "pipe", "clean.png", "-o", "out.gif"], 3),
        (["reconstruct", "pipe"], 3),
        (["compare", "pipe", "clean.png"], 3),
        (["compare", "clean.png", "clean.png", "--degraded", "pipe"], 3),
        (["mask", "pipe"], 3),
        (["diagnose", "pipe"], 2),
        (["report", "merge", "pipe"], 5),
        (["models", "verify", "./pipe"], 4),
        (["models", "convert", "pipe", "-o", "x.safetensors"], 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_pipe_of_the_file_system_is_not_waited_for(run, arguments, code, monkeypatch):
    """Opened without a writer it would never return: opening it is forbidden here."""
    os.mkfifo("pipe")
    opened = io.open

    def watched(file, *arguments, **options):
        assert not str(file).endswith("pipe"), "a pipe is opened that nobody may be writing to"
        return opened(file, *arguments, **options)

    monkeypatch.setattr("builtins.open", watched)
    monkeypatch.setattr(io, "open", watched)
    result = run(*arguments)
    assert result.exit_code == code, result.stderr
    assert "internal" not in result.stderr
    assert "AssertionError" not in result.stderr


@pytest.mark.parametrize("arguments", [["--from-file", "-"], ["--from-file", "huge"]])
def test_what_is_no_list_is_one_sentence(run, arguments):
    with open("huge", "wb") as file:
        file.truncate(1 << 20)
    result = run("jpeg", *arguments, "-o", "out/", input=bytes(1 << 20))
    assert result.exit_code == 2
    assert len(result.stderr) < 500
    assert "no list of file names" in result.stderr


def test_a_list_that_begins_as_utf_16_and_is_none_is_refused(run):
    result = run("jpeg", "--from-file", "-", "-o", "out/", input=b"\xff\xfea")
    assert (result.exit_code, "no list" in result.stderr) == (2, True)


def test_a_list_of_any_length_is_not_read(run, monkeypatch):
    monkeypatch.setattr("restore.cli.jobs.LONGEST_LIST", 1000)
    Path("list").write_bytes(b"photo.jpg\n" * 101)
    for result in (
        run("jpeg", "--from-file", "list", "-o", "out/"),
        run("jpeg", "--from-file", "-", "-o", "out/", input=Path("list").read_bytes()),
    ):
        assert result.exit_code == 2
        assert "more than 1,000 bytes" in result.stderr


def test_a_huge_file_in_any_place_is_refused_by_its_first_bytes(run, monkeypatch):
    with open("big.png", "wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no space
    for arguments, code in (
        (["jpeg", "big.png", "-o", "out.png"], 3),
        (["jpeg", "photo.jpg", "big.png", "-o", "out"], 3),
        (["inpaint", "clean.png", "--mask", "big.png"], 3),
        (["denoise", "clean.png", "--reference", "big.png"], 3),
        (["deblur", "clean.png", "--kernel", "big.png"], 2),
        (["superres", "clean.png", "--scale", "2", "-o", "s.png", "--catalog", "big.png"], 2),
        (["invert", "big.png"], 3),
        (["interpolate", "clean.png", "big.png", "-o", "out.gif"], 3),
        (["reconstruct", "big.png"], 3),
        (["compare", "clean.png", "big.png"], 3),
        (["compare", "clean.png", "clean.png", "--degraded", "big.png"], 3),
        (["mask", "big.png", "-o", "m.png"], 3),
        (["degrade", "jpeg", "big.png", "-o", "d.jpg"], 3),
        (["diagnose", "big.png"], 3),
    ):
        result = run(*arguments)
        assert result.exit_code == code, (arguments, result.stderr)
        assert "out of memory" not in result.stderr, arguments


def test_a_pipe_that_the_user_names_is_refused_by_its_first_bytes(here):
    done = process("jpeg", "/dev/stdin", "-o", "out.png", "--json", input=bytes(1 << 20))
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["status"] == "failed"
