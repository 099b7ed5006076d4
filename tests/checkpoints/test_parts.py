"""Parts: rows of several files, what is told of them, and files read tensor by tensor."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restore import checkpoints
from restore.checkpoints.catalogue import read_catalogue
from restore.checkpoints.files import TensorFile, digest
from restore.checkpoints.parts import describe_download, verify_file
from restore.errors import CheckpointError, RequestError

GOOD = 'role="unet"\nrepo="a/b"\nrevision="main"\nfile="unet/x.safetensors"\n'


def catalogue(tmp_path: Path, part: str, row: str = 'source = "parts"') -> Path:
    path = tmp_path / "own.toml"
    path.write_text(f"[mine]\n{row}\n[[mine.parts]]\n{part}")
    return path


def test_a_row_of_parts_is_a_row_for_each_file(tmp_path: Path) -> None:
    row = checkpoints.resolve("mine", catalogue(tmp_path, GOOD))
    (file,) = row.files()
    assert (file.name, file.role, file.repo) == ("mine", "unet", "a/b")
    assert (file.source, file.file, file.verified) == ("hub", "unet/x.safetensors", False)
    assert checkpoints.resolve("default").files() == (checkpoints.resolve("default"),)


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (GOOD.replace("unet", "engine", 1), "part engine: expected one of unet, vae"),
        (GOOD.replace("a/b", "../b"), "is no repository"),
        (GOOD.replace("unet/x", "../x"), "is no plain file name"),
        (GOOD + 'sha256="abc"', "64 hexadecimal digits"),
        (GOOD + "times=[19]", "adapters, and they alone"),
        (GOOD.replace("unet", "forward", 1), "adapters, and they alone"),
        (GOOD.replace("unet", "forward", 1) + "times=[0]", "from 1 to 999"),
        (GOOD + "colour=1", "unknown key 'colour'"),
    ],
)
def test_parts_that_cannot_be_are_refused_with_their_place(
    tmp_path: Path, part: str, problem: str
) -> None:
    with pytest.raises(RequestError, match=problem) as caught:
        read_catalogue(catalogue(tmp_path, part))
    assert "[mine]" in str(caught.value)


def test_parts_and_their_source_go_together(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="go together"):
        read_catalogue(catalogue(tmp_path, GOOD, 'source = "hub"'))


def test_a_model_for_editing_restores_nothing() -> None:
    with pytest.raises(RequestError, match=r"icd-sd15 edits pictures by words"):
        checkpoints.load("icd-sd15", device="cpu")


def test_gigabytes_and_licences_are_told_without_asking_anybody() -> None:
    said = describe_download(checkpoints.resolve("icd-sd15").parts)
    assert said.startswith("5.3 GB in 9 files; licences: ")
    assert "CreativeML OpenRAIL-M" in said
    assert describe_download(checkpoints.resolve("icd-sdxl").parts).count("OpenRAIL++-M") == 2


def test_a_part_is_compared_with_its_size_and_hash(tmp_path: Path) -> None:
    (row,) = checkpoints.resolve("mine", catalogue(tmp_path, GOOD)).files()
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert verify_file(path, row) == digest(path)
    pinned = checkpoints.resolve(
        "mine", catalogue(tmp_path, GOOD + f'sha256="{digest(path)}"\nbytes=3')
    ).files()[0]
    assert verify_file(path, pinned) == digest(path)
    path.write_bytes(b"abd")
    with pytest.raises(CheckpointError, match="is not the file it should be"):
        verify_file(path, pinned)
    path.write_bytes(b"ab")
    with pytest.raises(CheckpointError, match="2 bytes for 3"):
        verify_file(path, pinned)


# Files read tensor by tensor


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.safetensors"
    tensors = {
        "a": torch.randn(3, 5),
        "b": torch.randn(7).bfloat16(),
        "position_ids": torch.arange(5),
    }
    save_file(tensors, path)
    return path


def test_each_tensor_is_the_one_that_was_written(large: Path) -> None:
    from safetensors.torch import load_file

    file = TensorFile(large, sha256=digest(large), size=large.stat().st_size)
    expected = load_file(large)
    assert set(file.names) == set(expected)
    assert file.sha256 == digest(large)
    for name in ("position_ids", "b", "a", "b"):  # in any order, and again
        assert torch.equal(file.tensor(name), expected[name])
        assert file.tensor(name).dtype == expected[name].dtype
    one = file.tensor("a").fill_(0)
    assert not torch.equal(one, file.tensor("a"))
    file.close()


def test_a_change_after_hashing_is_found_out(large: Path) -> None:
    file = TensorFile(large)
    data = large.read_bytes()
    large.write_bytes(data[:-4])
    with pytest.raises(CheckpointError, match="changed while it was in use"):
        file.tensor("a")


def test_what_is_not_in_order_is_refused_as_elsewhere(large: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="SHA-256"):
        TensorFile(large, sha256="0" * 64)
    with pytest.raises(CheckpointError, match="bytes for 7"):
        TensorFile(large, size=7)
    with pytest.raises(CheckpointError, match="there is no file"):
        TensorFile(tmp_path / "absent")
    large.write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="an HTML page"):
        TensorFile(large)
