"""Weight files: what is taken, what is refused and why; files we write."""

import hashlib
import json
import os
import pickle
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import torch as library

from restore import checkpoints
from restore.checkpoints import files
from restore.errors import CheckpointError, RequestError
from restore.files import open_atomically
from tests.support.checkpoints import CONFIG, left_over, weights
from tests.support.clock import measure_reference
from tests.support.networks import ADM_SMALL as SMALL


def test_what_is_written_is_read_again_also_by_the_safetensors_library(model: Path) -> None:
    theirs = library.load_file(model)
    ours = files.read_tensors(model, lambda header: None)
    assert ours.metadata["bcm.architecture"] == "patch"
    assert ours.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert ours.tensors.keys() == theirs.keys() == weights().keys()
    for name, value in weights().items():
        assert torch.equal(ours.tensors[name], value)
        assert torch.equal(theirs[name], value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_what_the_library_writes_is_read(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "theirs.safetensors"
    tensors = {"a": torch.randn(3, 5).to(dtype), "b": torch.randn(7)}
    library.save_file(tensors, path, metadata={"k": "v"})
    read = files.read_tensors(path, lambda header: None)
    assert read.metadata == {"k": "v"}
    assert all(torch.equal(read.tensors[name], value) for name, value in tensors.items())


def test_a_file_longer_than_any_header_is_read_whole(tmp_path: Path) -> None:
    path, tensor = tmp_path / "long.safetensors", torch.randn(2_000_000)
    sha256 = files.write(path, {"a": tensor}, {})
    for pin in ("", sha256):
        read = files.read_tensors(path, lambda header: None, sha256=pin)
        assert torch.equal(read.tensors["a"], tensor)
        assert read.sha256 == sha256


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    description = files.make_metadata("patch", CONFIG)
    backwards = dict(reversed(list(description.items())))
    one = files.write(tmp_path / "1", weights(), description)
    two = files.write(tmp_path / "2", dict(reversed(weights().items())), backwards)
    assert one == two == files.digest(tmp_path / "1")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, model: Path) -> None:
    before = model.read_bytes()

    def interrupted() -> None:
        with open_atomically(model) as stream:
            stream.write(b"half")
            raise ValueError

    with pytest.raises(ValueError):
        interrupted()
    assert model.read_bytes() == before
    assert left_over(tmp_path) == [model.name]
    with pytest.raises(RequestError, match="does not exist"):
        files.write(tmp_path / "absent" / "x", {}, {})


def spoiled(data: bytes, header: Callable[[dict], Any] | None = None, extra: int = 0) -> bytes:
    """A weight file with its header changed."""
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + length])
    changed = header(entries) if header else entries
    text = changed if isinstance(changed, bytes) else json.dumps(changed or entries).encode()
    return (len(text) + extra).to_bytes(8, "little") + text + data[8 + length :]


def first(entries: dict) -> str:
    return next(name for name in entries if name != "__metadata__")


def entry(**values: Any) -> Callable[[dict], None]:
    def change(entries: dict) -> None:
        entries[first(entries)].update(values)

    return change


def shifted(entries: dict) -> None:
    start, end = entries[first(entries)]["data_offsets"]
    entries[first(entries)]["data_offsets"] = [start + 4, end + 4]


def doubled(entries: dict) -> bytes:
    name = first(entries)
    text = json.dumps(entries)
    return (text[:-1] + f', "{name}": {json.dumps(entries[name])}' + "}").encode()


def emptied(entries: dict) -> None:
    entries |= {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(9)}


def crowded(entries: dict) -> bytes:
    return b"{" + b",".join(b'"%d":{}' % i for i in range(100_000)) + b"}"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: b"", "an empty file"),
        (lambda d: b"<!DOCTYPE html><html>Sign in</html>", "an HTML page"),
        (lambda d: b"\n<HTML><body>502</body></HTML>", "an HTML page"),
        (lambda d: b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (lambda d: b"PK\x03\x04" + bytes(100), "a zip archive"),
        (lambda d: pickle.dumps({"a": 1}), "a Python pickle"),
        (lambda d: b'{"error": "Not found"}', "JSON error message"),
        (lambda d: b"\x1f\x8b" + bytes(100), "a gzip archive"),
        (lambda d: d[:5], "too few"),
        (lambda d: d[:100], "too few"),
        (lambda d: d[:-1], "truncated"),
        (lambda d: d + b"\0", "truncated"),
        (lambda d: (2**40).to_bytes(8, "little") + d[8:], "too few"),
        (lambda d: (5 * 2**20).to_bytes(8, "little") + b"{" + bytes(6 * 2**20), "at most 4,194"),
        (lambda d: spoiled(d, lambda e: b"{" * 5000), "no JSON"),
        (lambda d: spoiled(d, lambda e: b'{"a":' * 50_000), "no JSON"),
        (lambda d: spoiled(d, lambda e: b"[1, 2]"), "no JSON object"),
        (lambda d: spoiled(d, doubled), "stands there twice"),
        (lambda d: spoiled(d, shifted), "starts at 4"),
        (lambda d: spoiled(d, emptied), "needs 0 bytes"),
        (lambda d: spoiled(d, crowded), "100,000 tensors, at most 10,000"),
        (lambda d: spoiled(d, entry(dtype="F64")), "dtype 'F64' is not taken"),
        (lambda d: spoiled(d, entry(dtype="I64")), "dtype 'I64' is not taken"),
        (lambda d: spoiled(d, entry(dtype=["F32"])), "dtype"),
        (lambda d: spoiled(d, entry(shape=[10**6, 10**6])), "needs 4,000,000,000,000 bytes"),
        (lambda d: spoiled(d, entry(shape=[-1])), "whole numbers"),
        (lambda d: spoiled(d, entry(shape=[1.5])), "whole numbers"),
        (lambda d: spoiled(d, entry(shape=[True])), "whole numbers"),
        (lambda d: spoiled(d, entry(shape=[1] * 9)), "at most 8 dimensions"),
        (lambda d: spoiled(d, entry(more=1)), "expected dtype, shape"),
        (lambda d: spoiled(d, lambda e: e | {"\033[2J": e[first(e)]}), "not printable"),
        (lambda d: spoiled(d, lambda e: e | {"__metadata__": {"a": 1}}), "no strings"),
    ],
)
def test_a_file_that_is_not_in_order_is_refused_before_any_tensor_is_made(
    model: Path, change: Callable[[bytes], bytes], problem: str
) -> None:
    model.write_bytes(change(model.read_bytes()))
    began = time.process_time()
    with pytest.raises(CheckpointError, match=re.escape(problem)) as caught:
        checkpoints.load(str(model), device="cpu")
    used = time.process_time() - began
    assert caught.value.exit_code == 4
    assert str(model) in str(caught.value)
    assert used < 20 * measure_reference()  # the most, of 100,000 tensors, is as much as once


def test_overlapping_tensors_are_refused(model: Path) -> None:
    def overlap(entries: dict) -> None:
        last = max((e for e in entries.values() if "shape" in e), key=lambda e: e["data_offsets"])
        last["data_offsets"] = [offset - 4 for offset in last["data_offsets"]]

    model.write_bytes(spoiled(model.read_bytes(), overlap))
    with pytest.raises(CheckpointError, match="starts at"):
        checkpoints.load(str(model), device="cpu")


def test_keys_that_do_not_fit_are_counted_and_named(tmp_path: Path) -> None:
    path, tensors = tmp_path / "x.safetensors", weights()
    del tensors["stem.bias"], tensors["head.bias"]
    tensors["extra"] = torch.zeros(1)
    tensors["stem.weight"] = torch.zeros(2, 2)
    files.write(path, tensors, files.make_metadata("patch", CONFIG))
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load(path, device="cpu")
    text = str(caught.value)
    assert "2 missing (stem.bias, head.bias)" in text
    assert "1 unexpected (extra)" in text
    assert "1 of another shape (stem.weight [2, 2] for [8, 12, 3, 3])" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    path, tensors = tmp_path / "x.safetensors", weights()
    tensors["stem.weight"][0, 0, 0, 0] = value
    files.write(path, tensors, files.make_metadata("patch", CONFIG))
    for check in (checkpoints.load, checkpoints.verify):
        with pytest.raises(CheckpointError, match=r"NaN or infinite values in 1 of .*stem\.weight"):
            check(path)


def test_weights_too_large_for_fp16_are_refused_in_fp16_alone(tmp_path: Path) -> None:
    path, tensors = tmp_path / "x.safetensors", weights()
    tensors["stem.weight"][0, 0, 0, 0] = 1e6
    files.write(path, tensors, files.make_metadata("patch", CONFIG))
    assert checkpoints.load(path, device="cpu", dtype="fp32")
    with pytest.raises(CheckpointError, match="taken as float16"):
        checkpoints.load(path, device="cpu", dtype="fp16")


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({}, "does not say which network"),
        ({"bcm.architecture": "patch"}, "no bcm.config"),
        (files.make_metadata("unet9000", CONFIG), "unknown architecture"),
        (files.make_metadata("patch", CONFIG) | {"bcm.config": "{"}, "cannot be read"),
        (files.make_metadata("patch", CONFIG) | {"bcm.config": "[1]"}, "no table"),
        (files.make_metadata("patch", CONFIG, sigma_data=float("nan")), "out of range"),
        (files.make_metadata("patch", CONFIG | {"channels": [10**9, 8]}), "out of range"),
        (files.make_metadata("patch", CONFIG | {"blocks": [10**5]}), "out of range"),
        (files.make_metadata("patch", CONFIG | {"blocks": [1] * 99}), "at most 16"),
        (files.make_metadata("patch", CONFIG | {"features": "8"}), "whole number"),
        (files.make_metadata("patch", CONFIG | {"colour": 8}), "colour"),
        (files.make_metadata("patch", CONFIG | {"channels": [8]}), "patch"),
        (files.make_metadata("adm", SMALL), "does not fit the network"),
    ],
)
def test_metadata_that_build_no_network_are_refused(
    tmp_path: Path, metadata: dict[str, str], problem: str
) -> None:
    path = tmp_path / "x.safetensors"
    files.write(path, weights(), metadata)
    began = time.process_time()
    with pytest.raises(CheckpointError, match=problem):
        checkpoints.load(path, device="cpu")
    assert time.process_time() - began < 20 * measure_reference()


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("pipe.safetensors", "absent.safetensors", ""):
        with pytest.raises(CheckpointError, match="no file"):
            checkpoints.load(f"{tmp_path}/{name}", device="cpu")
