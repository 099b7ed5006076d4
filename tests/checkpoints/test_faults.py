"""Faults of checkpoints, through the command line: refused with code 4, and nothing is written."""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from restore.checkpoints import catalogue, conversion
from restore.cli import app
from restore.errors import CheckpointError, RequestError, ResourceError
from tests.support.clock import measure_reference

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(*arguments): the command line within this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


class Call:
    """Pickles into a call."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def saved(value: object, **options: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def archived(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def refused(run: Run, data: bytes) -> str:
    """Convert a file into the place of another, and see it refused; what was said."""
    Path("x.pt").write_bytes(data)
    Path("x.safetensors").write_bytes(b"previous")
    result = run("models", "convert", "x.pt", "-o", "x.safetensors", "-y")
    assert result.exit_code == 4, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "weights_only" not in result.stderr
    assert Path("x.safetensors").read_bytes() == b"previous"
    assert sorted(os.listdir()) == ["x.pt", "x.safetensors"]
    return result.stderr


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code_runs_none(
    run: Run, monkeypatch: pytest.MonkeyPatch, forced: bool, legacy: bool
) -> None:
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    data = saved({"a": Call(os.mkdir, "ran")}, _use_new_zipfile_serialization=not legacy)
    assert "mkdir: it holds code, which is never run" in refused(run, data)


def test_what_a_file_names_is_printed_without_its_control_characters(run: Run) -> None:
    name = b"cposix\n\x1b[2Jsystem\n(tR."
    said = refused(run, archived({"x/data.pkl": name, "x/version": b"3"}))
    assert r"posix.\x1b[2Jsystem" in said
    with zipfile.ZipFile("x.pt", "w") as archive:
        archive.writestr("a\x1b[2J/b", b"")
    with pytest.raises(CheckpointError) as caught:
        conversion.read_published("x.pt")
    assert str(caught.value).isprintable()
    Path("x.pt").write_bytes(saved({"a\n": torch.ones(2)}))
    with pytest.raises(CheckpointError, match="no name of a weight") as caught:
        conversion.read_published("x.pt")
    assert str(caught.value).isprintable()


def test_an_archive_whose_offsets_point_before_its_start_is_damaged(run: Run) -> None:
    """zipfile seeks there, which the system calls an invalid argument, no fault of the disk."""
    data = bytearray(saved({"a": torch.ones(2)}))
    end = data.rindex(b"PK\5\6")
    data[end + 16 : end + 20] = (0xFFFFFF00).to_bytes(4, "little")
    assert "damaged or truncated zip archive" in refused(run, bytes(data[:100]) + bytes(data[end:]))


def test_tuples_of_tuples_do_not_take_for_ever(run: Run) -> None:
    """As the key of a dictionary their hash is asked for, which nothing interrupts."""
    doubled = b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(60))
    bomb = b"\x80\x02}K\1K\2\x86" + doubled + b"K\1s."
    began = time.process_time()
    said = refused(run, archived({"x/data.pkl": bomb, "x/version": b"3"}))
    assert "its pickle is a bomb" in said
    assert time.process_time() - began < 20 * measure_reference()


def test_a_pickle_without_end_is_given_up(run: Run) -> None:
    began = time.process_time()
    data = archived({"x/data.pkl": b"\x80\x02" + b"N0" * 10**6 + b"N.", "x/version": b"3"})
    assert "far more than a state dict" in refused(run, data)
    assert time.process_time() - began < 20 * measure_reference()


def test_a_pickle_that_says_nothing_of_its_fault_is_named_by_its_kind(run: Run) -> None:
    data = archived({"x/data.pkl": b"\x80\x02K\x01(.", "x/version": b"3"})
    assert "no readable PyTorch file: " in refused(run, data)
    assert not refused(run, data).rstrip().endswith(":")


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000])
def test_a_catalogue_of_numbers_and_nests_without_end_is_refused(run: Run, value: str) -> None:
    Path("own.toml").write_text(f"[mine]\nbytes = {value}\n")
    result = run("models", "list", "--catalog", "own.toml")
    assert result.exit_code == 2
    assert "own.toml is no valid TOML" in result.stderr
    with pytest.raises(RequestError):
        catalogue.read_catalogue("own.toml")


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "C:\\x", "//host/x", "a\0b", "/etc/x", "https://host/x", "~/x"]
)
def test_hostile_names_of_repositories_and_files_are_asked_wrongly(run: Run, name: str) -> None:
    for spec in (f"hf:{name}@{'0' * 40}", f"hf:a/b/{name}@{'0' * 40}", f"hf:a/b@{name}"):
        result = run("models", "path", spec)
        assert result.exit_code == 2, (spec, result.output)
    row = {"source": "hub", "repo": "a/b", "revision": "0" * 40, "file": "m.safetensors"}
    for key in ("repo", "file", "revision"):
        lines = [f"{k} = {json.dumps(v)}\n" for k, v in (row | {key: name}).items()]
        Path("own.toml").write_text(f"[mine]\nverified = false\n{''.join(lines)}")
        assert run("models", "list", "--catalog", "own.toml").exit_code == 2
    assert os.listdir() == ["own.toml"]


def test_a_model_that_does_not_fit_into_memory_is_code_5(
    run: Run, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("restore.checkpoints.files._grown", fail)
    result = run("models", "verify", tiny_model)
    assert result.exit_code == ResourceError.exit_code == 5
    assert "does not fit into memory" in result.stderr
