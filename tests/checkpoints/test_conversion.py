"""Conversion: what PyTorch files are taken, and that no code in one runs."""

import io
import os
import pickle
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from restore import checkpoints
from restore.checkpoints import conversion, files
from restore.errors import CheckpointError, RequestError
from tests.support.checkpoints import left_over
from tests.support.networks import ADM_SMALL as SMALL
from tests.support.networks import SHARED, beside
from tests.support.networks import small_adm as small_network
from tests.support.networks import small_adm_inputs as small_inputs


class Trap:
    """Pickles into a call that makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.marker}",)


def convert(source: Path, **values: Any) -> dict[str, Any]:
    return checkpoints.convert(source, source.with_suffix(".safetensors"), **values)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("forced", [False, True])
def test_a_pickle_that_runs_code_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, legacy: bool, forced: bool
) -> None:
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path, marker = tmp_path / "evil.pt", tmp_path / "marker"
    torch.save({"a": Trap(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match=r"(posix|nt)\.system") as caught:
        convert(path)
    assert not marker.exists()
    assert "weights_only" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_global_that_slips_past_our_list_still_meets_pytorchs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setattr(conversion, "check_pickle", lambda path, data: None)
    path, marker = tmp_path / "evil.pt", tmp_path / "marker"
    torch.save({"a": Trap(marker)}, path)
    with pytest.raises(CheckpointError, match="no readable PyTorch file") as caught:
        convert(path)
    assert not marker.exists()
    assert "weights_only" not in str(caught.value)


def stack_global(name: bytes) -> bytes:
    """A pickle of protocol 4 that calls builtins.NAME, which names its global on the stack."""
    module = b"\x8c\x08builtins"
    return b"\x80\x04" + module + b"\x8c" + bytes([len(name)]) + name + b"\x93\x8c\x011\x85R."


def archived(data: bytes, compression: int = zipfile.ZIP_STORED, **more: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in ({"data.pkl": data, "version": b"3"} | more).items():
            archive.writestr(f"x/{name}", content)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return stream.getvalue()


def saved(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def overlapping() -> bytes:
    """Two members of the archive at one place."""
    data = bytearray(archived(pickle.dumps(1, 2), y=b"abc"))
    central = [m.start() for m in re.finditer(b"PK\x01\x02", data)]
    data[central[1] + 42 : central[1] + 46] = data[central[0] + 42 : central[0] + 46]
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "an empty file"),
        (b"<html>", "an HTML page"),
        (saved({"a": torch.ones(2)}, _use_new_zipfile_serialization=False), "a Python pickle"),
        (stack_global(b"eval"), "builtins.eval"),
        (archived(stack_global(b"exec")), "builtins.exec"),
        (tarred(), "a tar archive"),
        (archived(pickle.dumps(1, 2), **{"constants.pkl": b""}), "TorchScript"),
        (archived(pickle.dumps(1, 2), **{"code/x.py": b""}), "TorchScript"),
        (archived(bytes(10**7), zipfile.ZIP_DEFLATED), "archive bomb"),
        (archived(bytes(17 * 2**20)), "its pickle has more than"),
        (overlapping(), "overlaps|damaged"),
        (saved({"a": torch.ones(2)})[:-30], "damaged or truncated"),
        (archived(b"junk"), "no readable PyTorch file"),
        (archived(b""), "no readable PyTorch file"),
        (archived(pickle.dumps({"a": 1}, 2)), "no tensors"),
        (saved([torch.ones(2)]), "no tensors"),
        (saved({1: torch.ones(2)}), "no tensors"),
        (saved({"a": {"x": torch.ones(2)}, "b": {"x": torch.ones(2)}}), r"several .*\(a, b\)"),
        (saved({"a": torch.ones(2).to_sparse()}), "a sparse tensor"),
        (saved({"a": torch.ones(2, dtype=torch.complex64)}), "a complex tensor"),
        (saved({"a": torch.ones(2, dtype=torch.int64)}), "LongStorage"),
        (saved({"a": torch.ones(1).expand(10**6, 10**6)}), r"expanded: \[1000000, 1000000\]"),
        (saved({"a": torch.ones(2)}), "time_embed_align"),
    ],
)
def test_what_is_no_archive_of_plain_tensors_is_called_what_it_is(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=problem) as caught:
        convert(path)
    assert "weights_only" not in str(caught.value)
    assert left_over(tmp_path) == ["x.pt"]


@pytest.mark.filterwarnings("ignore")
def test_quantised_tensors_are_refused(tmp_path: Path) -> None:
    try:
        quantised = torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)
    except (AttributeError, RuntimeError):
        pytest.skip("this PyTorch has no quantised tensors any more")
    path = tmp_path / "x.pt"
    torch.save({"a": quantised}, path)
    with pytest.raises(CheckpointError, match="a quantised tensor"):
        convert(path)


def test_an_archive_of_a_published_file_is_to_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "27134694.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bcf/ema.pt", b"")
    with pytest.raises(CheckpointError, match=r"holds bcf/ema\.pt\. Unpack it first"):
        convert(path)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The small network as torch.save writes it."""
    path = tmp_path / "ema_1.pt"
    torch.save(small_network().state_dict(), path)
    return path


HEADS = {"num_head_channels": 16}


def test_a_converted_file_is_the_same_model(published: Path) -> None:
    found = convert(published, config=HEADS, title="Small", license="MIT", training="none")
    assert found["config"] == SMALL | {
        k: list(SMALL[k]) for k in ("channel_mult", "attention_strides")
    }
    target = published.with_suffix(".safetensors")
    loaded = checkpoints.load(target, device="cpu")
    assert loaded.sha256 == found["sha256"]
    output = loaded.network(*small_inputs())
    # float32's 1.2e-7, times the norms of sums of a few hundred products in a dozen layers
    torch.testing.assert_close(output, small_network()(*small_inputs()), rtol=0, atol=1e-4)
    metadata = files.read_tensors(target, lambda header: None).metadata
    assert metadata == files.make_metadata(
        "adm", found["config"], title="Small", license="MIT", training="none"
    )
    assert loaded.checkpoint is not None
    assert loaded.checkpoint.classes == 3


@beside
def test_the_golden_file_converts_and_reproduces_its_jump(tmp_path: Path) -> None:
    target = tmp_path / "tiny.safetensors"
    checkpoints.convert(SHARED / "adm_tiny.pt", target, config=HEADS)
    golden = np.load(SHARED / "adm_tiny_io.npz")
    x, t, u, label, jump = (torch.from_numpy(golden[k]) for k in ("x", "t", "u", "label", "jump"))
    jumped = checkpoints.load(target, device="cpu").jump(x, t, u, label)
    torch.testing.assert_close(jumped, jump, rtol=0, atol=1e-4)


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod."])
def test_wrappers_and_parts_are_unwrapped(tmp_path: Path, wrapper: str) -> None:
    state = {f"{wrapper}{k}": v for k, v in small_network().state_dict().items()}
    path = tmp_path / "x.pt"
    torch.save({"ema": state, "model": state, "step": 3}, path)
    with pytest.raises(RequestError, match="it has ema, model"):
        convert(path, config=HEADS, part="optimizer")
    assert convert(path, config=HEADS, part="ema")["parameters"] > 0


def test_half_precision_halves_the_file(published: Path) -> None:
    single = convert(published, config=HEADS)["bytes"]
    half = convert(published, config=HEADS, dtype="float16", overwrite=True)["bytes"]
    assert 0.45 < half / single < 0.55


def test_a_conversion_asked_wrongly_is_refused_before_reading(published: Path) -> None:
    with pytest.raises(RequestError, match=r"must end in \.safetensors"):
        checkpoints.convert(published, published.with_suffix(".bin"))
    with pytest.raises(RequestError, match="dtype 'int8'"):
        convert(published, dtype="int8")
    published.with_suffix(".safetensors").touch()
    with pytest.raises(RequestError, match="exists"):
        convert(published)
    with pytest.raises(CheckpointError, match="heads of 48 channels do not divide"):
        convert(published, config={"num_head_channels": 48}, overwrite=True)


@pytest.mark.parametrize(
    ("drop", "problem"),
    [
        ("out.2.bias", "1 missing"),
        ("input_blocks.0.0.weight", "lacks a tensor"),
        ("time_embed_align.weight", "no bidirectional"),
    ],
)
def test_a_state_dict_that_lacks_a_tensor_is_refused(
    published: Path, drop: str, problem: str
) -> None:
    state = torch.load(published, weights_only=True)
    del state[drop]
    torch.save(state, published)
    with pytest.raises(CheckpointError, match=problem):
        convert(published, config=HEADS)
