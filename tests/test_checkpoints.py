"""Checkpoints: what is taken, what is refused and why; downloads that fail; files we write."""

import hashlib
import io
import json
import os
import pickle
import re
import resource
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import torch as library

import restore
from restore import checkpoints
from restore.checkpoints import conversion, files, sources
from restore.checkpoints.cards import Figure
from restore.checkpoints.catalogue import Checkpoint, Preset, builtin
from restore.devices import choose_dtype
from restore.errors import CheckpointError, RequestError, ResourceError
from restore.files import open_atomically
from restore.networks import build
from tests.support.hub_server import COMMIT, HubServer
from tests.support.networks import ADM_SMALL as SMALL
from tests.support.networks import SHARED, beside
from tests.support.networks import small_adm as small_network
from tests.support.networks import small_adm_inputs as small_inputs

CONFIG = {"channels": [8, 8], "blocks": [1], "middle": 1, "features": 8}
REPO = "someone/photo-model"


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    network = build("patch", CONFIG)
    return {name: torch.randn_like(value) / 10 for name, value in network.state_dict().items()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A good weight file with its metadata."""
    path = tmp_path / "model.safetensors"
    files.write(path, weights(), files.describe("patch", CONFIG, title="A title", license="MIT"))
    return path


@pytest.fixture
def catalogue(tmp_path: Path, model: Path) -> Callable[..., Path]:
    """Writes a user's catalogue with one row, [mine], and returns its path."""

    def written(**values: Any) -> Path:
        row = {
            "source": "hub",
            "repo": REPO,
            "revision": COMMIT,
            "file": model.name,
            "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
            "bytes": model.stat().st_size,
            "architecture": "patch",
        } | values
        lines = [f"{k} = {json.dumps(v)}" for k, v in row.items() if v is not None]
        config = [f"{k} = {json.dumps(v)}" for k, v in CONFIG.items()]
        path = tmp_path / "own.toml"
        path.write_text("\n".join(["[mine]", *lines, "", "[mine.config]", *config, ""]))
        return path

    return written


@pytest.fixture
def hub(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The loopback Hub, serving the good file, with an empty cache of its own."""
    from huggingface_hub import constants, file_download

    with HubServer() as server:
        server.files[model.name] = model.read_bytes()
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        for module in (constants, file_download):  # older clients read their own copy
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)
        monkeypatch.setattr(sources, "PAUSE", 0)
        yield server


def row(source: str, server: HubServer, model: Path, **values: Any) -> Checkpoint:
    data = server.files[model.name]
    known = {
        "name": "mine",
        "source": source,
        "file": model.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "repo": REPO if source == "hub" else "",
        "revision": COMMIT if source == "hub" else "",
        "url": "" if source == "hub" else f"{server.address}/plain/{model.name}",
    }
    return Checkpoint(**known | values)


def left_over(folder: Path) -> list[str]:
    """Names of files with content below a folder, locks and tags aside."""
    return [p.name for p in folder.rglob("*") if p.is_file() and p.suffix not in (".lock", ".TAG")]


# The catalogue


def test_the_builtin_rows_are_there_and_the_unverified_ones_say_so() -> None:
    rows = checkpoints.read_catalogue()
    assert rows["default"].source == "embedded"
    assert rows["default"].verified
    assert rows["default"].license == "MIT"
    for name in ("imagenet64", "imagenet64-deep"):
        assert not rows[name].verified
        assert (rows[name].classes, rows[name].resolution) == (1000, 64)
    published = rows["imagenet64"]
    assert len(files.table(published.architecture, published.config)) == 504


def test_the_default_fits_its_network_and_its_hash() -> None:
    default = checkpoints.resolve("default")
    assert files.table(default.architecture, default.config)
    if sources.locate(default) is None:
        pytest.skip("the embedded weights are not in this checkout")
    assert checkpoints.verify("default") == default.sha256


def test_reading_the_catalogue_imports_neither_torch_nor_the_hub() -> None:
    code = (
        "import sys, restore.checkpoints as c; c.read_catalogue(); c.resolve('hf:a/b@main');"
        "print({'torch', 'numpy', 'huggingface_hub', 'safetensors'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_users_catalogue_adds_rows_by_path_and_by_environment(
    catalogue: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalogue()
    assert checkpoints.resolve("mine", path).repo == REPO
    with pytest.raises(RequestError, match="no model is named 'mine'"):
        checkpoints.resolve("mine")
    monkeypatch.setenv("BCM_RESTORE_CATALOG", str(path))
    assert checkpoints.resolve("mine").config == CONFIG


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[x", "no valid TOML"),
        ("x = 1", "expected a table"),
        ("[default]\nsource='url'\nfile='a'\nverified=false\nurl='http://a/b'", "is taken"),
        ("[x]\nsource='url'", "'file' is missing"),
        ("[x]\nsource='ftp'\nfile='a'", "expected 'embedded'"),
        ("[x]\nsource='file'\nfile='a'\nverified=false", "source is"),
        ("[x]\nsource='url'\nfile='a'\nhash='1'", "unknown key 'hash'"),
        ("[x]\nsource='url'\nfile='a'\nbytes='1'", "expected int"),
        ("[x]\nsource='url'\nfile='a'\nurl='http://a/b'", "needs sha256"),
        ("[x]\nsource='url'\nfile='a'\nurl='file:///a/b'\nverified=false", "no http"),
        ("[x]\nsource='hub'\nfile='a'\nrepo='a/b'\nrevision='main'\nverified=false", "commit"),
        ("[X]\nsource='url'\nfile='a'", "lower case"),
        ("[x]\nsource='url'\nfile='a'\npresets=3", "expected a table"),
        ("[x]\nsource='url'\nfile='a'\n[x.presets.jpeg.fidelity]\n0={levels=[1]}", "evaluations"),
        ("[x]\nsource='url'\nfile='a'\n[x.presets.jpeg.fidelity]\n1={levels=[-1]}", "levels"),
        (
            "[x]\nsource='url'\nfile='a'\n[x.presets.jpeg.fidelity]\n1={levels=[1], estimator='e'}",
            "'denoise' or 'jump'",
        ),
    ],
)
def test_a_catalogue_that_cannot_be_is_refused_with_its_place(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(RequestError, match=problem) as caught:
        checkpoints.read_catalogue(path)
    assert str(path) in str(caught.value)
    with pytest.raises(RequestError, match="cannot read"):
        checkpoints.read_catalogue(tmp_path / "absent.toml")


def test_a_preset_is_the_largest_tuned_below_interpolated_by_severity() -> None:
    one, two, ten = Preset((0.1,)), Preset((0.2,), severity=2), Preset((0.3,), severity=10)
    model = Checkpoint("m", "file", "f", presets={"jpeg": {"fidelity": {2: (one,), 4: (two, ten)}}})
    assert model.preset("jpeg", "fidelity", 1) == one  # the smallest there is
    assert model.preset("jpeg", "fidelity", 3) == one
    assert model.preset("jpeg", "fidelity", 9) == two  # the first
    assert model.preset("jpeg", "fidelity", 9, severity=2) == two
    assert 0.2 < model.preset("jpeg", "fidelity", 9, severity=5).levels[0] < 0.3
    with pytest.raises(RequestError, match="no tuned levels for superres"):
        model.preset("superres", "fidelity", 4)


def test_pinning_rewrites_two_lines_and_nothing_else(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "weights.toml"
    text = builtin().read_text()
    path.write_text(text)
    pinned = checkpoints.pin(path, "default", model)
    assert pinned.bytes == model.stat().st_size
    assert pinned.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    before, after = text.splitlines(), path.read_text().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [f'sha256 = "{pinned.sha256}"', f"bytes = {pinned.bytes}"]
    with pytest.raises(RequestError, match="no line sha256"):
        checkpoints.pin(path, "imagenet64", model)


# How a model is asked for


def test_a_hub_address_is_taken_apart() -> None:
    short = checkpoints.resolve(f"hf:{REPO}@{COMMIT}")
    assert (short.repo, short.file, short.revision) == (REPO, "model.safetensors", COMMIT)
    long = checkpoints.resolve(f"hf:{REPO}/deep/er.safetensors@main")
    assert (long.file, long.revision) == ("deep/er.safetensors", "main")
    assert short.presets == checkpoints.resolve("default").presets


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "a\0b",
        "no-such-name",
        "https://example.org/model.safetensors",
        "hf:",
        "hf:someone/model",
        "hf:someone@main",
        "hf:../model@main",
        "hf:someone/..@main",
        "hf:someone/mo..del@main",
        "hf:someone/model/../x.safetensors@main",
        "hf:someone/model//x.safetensors@main",
        "hf:someone/model/.x@main",
        "hf:someone/model/C:x@main",
        "hf:someone/model/x\\y@main",
        "hf:someone/model/x\0y@main",
        "hf:someone/model@../../main",
        "hf:someone/model@/main",
        "hf:https://x/y@main",
    ],
)
def test_a_hostile_or_unknown_name_is_asked_wrongly(spec: str) -> None:
    with pytest.raises(RequestError) as caught:
        checkpoints.resolve(spec)
    assert caught.value.exit_code == 2
    assert "\0" not in str(caught.value)


def test_a_name_nearly_right_is_suggested() -> None:
    with pytest.raises(RequestError, match="did you mean 'imagenet64'"):
        checkpoints.resolve("imagenet_64")


# Weight files


def test_what_is_written_is_read_again_also_by_the_safetensors_library(model: Path) -> None:
    theirs = library.load_file(model)
    ours = files.read(model, lambda header: None)
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
    read = files.read(path, lambda header: None)
    assert read.metadata == {"k": "v"}
    assert all(torch.equal(read.tensors[name], value) for name, value in tensors.items())


def test_a_file_longer_than_any_header_is_read_whole(tmp_path: Path) -> None:
    path, tensor = tmp_path / "long.safetensors", torch.randn(2_000_000)
    sha256 = files.write(path, {"a": tensor}, {})
    for pin in ("", sha256):
        read = files.read(path, lambda header: None, sha256=pin)
        assert torch.equal(read.tensors["a"], tensor)
        assert read.sha256 == sha256


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    description = files.describe("patch", CONFIG)
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
    started = time.monotonic()
    with pytest.raises(CheckpointError, match=re.escape(problem)) as caught:
        checkpoints.load(str(model), device="cpu")
    assert caught.value.exit_code == 4
    assert str(model) in str(caught.value)
    assert time.monotonic() - started < 5


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
    files.write(path, tensors, files.describe("patch", CONFIG))
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
    files.write(path, tensors, files.describe("patch", CONFIG))
    for check in (checkpoints.load, checkpoints.verify):
        with pytest.raises(CheckpointError, match=r"NaN or infinite values in 1 of .*stem\.weight"):
            check(path)


def test_weights_too_large_for_fp16_are_refused_in_fp16_alone(tmp_path: Path) -> None:
    path, tensors = tmp_path / "x.safetensors", weights()
    tensors["stem.weight"][0, 0, 0, 0] = 1e6
    files.write(path, tensors, files.describe("patch", CONFIG))
    assert checkpoints.load(path, device="cpu", dtype="fp32")
    with pytest.raises(CheckpointError, match="taken as float16"):
        checkpoints.load(path, device="cpu", dtype="fp16")


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({}, "does not say which network"),
        ({"bcm.architecture": "patch"}, "no bcm.config"),
        (files.describe("unet9000", CONFIG), "unknown architecture"),
        (files.describe("patch", CONFIG) | {"bcm.config": "{"}, "cannot be read"),
        (files.describe("patch", CONFIG) | {"bcm.config": "[1]"}, "no table"),
        (files.describe("patch", CONFIG, sigma_data=float("nan")), "out of range"),
        (files.describe("patch", CONFIG | {"channels": [10**9, 8]}), "out of range"),
        (files.describe("patch", CONFIG | {"blocks": [10**5]}), "out of range"),
        (files.describe("patch", CONFIG | {"blocks": [1] * 99}), "at most 16"),
        (files.describe("patch", CONFIG | {"features": "8"}), "whole number"),
        (files.describe("patch", CONFIG | {"colour": 8}), "colour"),
        (files.describe("patch", CONFIG | {"channels": [8]}), "patch"),
        (files.describe("adm", SMALL), "does not fit the network"),
    ],
)
def test_metadata_that_build_no_network_are_refused(
    tmp_path: Path, metadata: dict[str, str], problem: str
) -> None:
    path = tmp_path / "x.safetensors"
    files.write(path, weights(), metadata)
    started = time.monotonic()
    with pytest.raises(CheckpointError, match=problem):
        checkpoints.load(path, device="cpu")
    assert time.monotonic() - started < 5


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("pipe.safetensors", "absent.safetensors", ""):
        with pytest.raises(CheckpointError, match="no file"):
            checkpoints.load(f"{tmp_path}/{name}", device="cpu")


# Models


def test_a_loaded_model_is_the_file_ready_for_inference(model: Path) -> None:
    loaded = checkpoints.load(model, device="cpu")
    network = build("patch", CONFIG)
    network.load_state_dict(weights())
    x, t, u = torch.randn(2, 3, 16, 16), torch.tensor([0.5]), torch.tensor([0.1])
    torch.testing.assert_close(loaded.network(x, t, u), network(x, t, u), rtol=1e-4, atol=1e-5)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    stem = loaded.network.get_parameter("stem.weight")
    assert stem.is_contiguous(memory_format=torch.channels_last)
    assert loaded.dtype == torch.float32
    assert loaded.sha256 == files.digest(model)
    assert loaded.checkpoint is not None
    assert (loaded.checkpoint.license, loaded.checkpoint.summary) == ("MIT", "A title")
    assert checkpoints.verify(model) == loaded.sha256


def test_device_and_dtype_are_used_or_refused(model: Path) -> None:
    assert checkpoints.load(model, device="cpu", dtype="bf16").dtype == torch.bfloat16
    absent = ["mps", "cuda", "cuda:7"] if not torch.cuda.is_available() else ["cuda:77"]
    for name in ("tpu", "cpu:3", "meta", "auto:1", *absent):
        with pytest.raises(RequestError, match="device"):
            checkpoints.load(model, device=name)
    with pytest.raises(RequestError, match="dtype 'int8'"):
        checkpoints.load(model, device="cpu", dtype="int8")


@pytest.mark.parametrize(
    ("instructions", "dtype"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True, "avx512_bf16": False}, torch.bfloat16),
        ({"avx512_f": True, "avx512_bf16": False}, torch.float32),
        ({"neon": True, "bf16": True}, torch.float32),  # nobody measured that
        ({}, torch.float32),
    ],
)
def test_auto_is_bf16_where_the_cpu_computes_in_it(
    model: Path, monkeypatch: pytest.MonkeyPatch, instructions: dict[str, bool], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions, raising=False)
    assert checkpoints.load(model, device="cpu").dtype == dtype
    assert checkpoints.load(model, device="cpu", exact=True).dtype == torch.float32
    assert checkpoints.load(model, "cpu", "bf16", exact=True).dtype == torch.bfloat16
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert choose_dtype("auto", torch.device("cpu")) == torch.float32


def test_where_a_cpu_computes_in_bf16_restorations_do_and_journeys_keep_float32(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    pixels = np.full((16, 16, 3), 128, np.uint8)
    name = str(model)
    latent = restore.invert(pixels, model=name, nfe=1)
    assert restore.jpeg(pixels, model=name, nfe=1).report["dtype"] == "bf16"
    for report in (
        latent.report,
        restore.reconstruct(latent, model=name).report,
        restore.generate(1, model=name, size=(16, 16)).report,
        restore.interpolate(pixels, pixels, 2, model=name).report,
    ):
        assert report["dtype"] == "fp32"


def test_auto_is_float32_where_torch_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_dtype("auto", torch.device("cpu")) == torch.float32


def test_one_flipped_bit_in_a_pinned_file_is_found(
    catalogue: Callable[..., Path], model: Path, hub: HubServer
) -> None:
    own = catalogue()
    path = sources.fetch(checkpoints.resolve("mine", own))
    assert checkpoints.load("mine", device="cpu", catalogue=own).sha256 == files.digest(path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.resolve().write_bytes(data)
    for check in (checkpoints.load, checkpoints.verify):
        with pytest.raises(CheckpointError, match="SHA-256") as caught:
            check("mine", catalogue=own)
        assert "models rm" in str(caught.value)
    path.resolve().write_bytes(data[:-1])
    with pytest.raises(CheckpointError, match="bytes for"):
        checkpoints.load("mine", catalogue=own)


def test_an_unverified_row_loads_only_when_that_is_allowed_and_its_hash_is_said(
    catalogue: Callable[..., Path], hub: HubServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{hub.address}/plain/model.safetensors"
    own = catalogue(
        source="url", url=url, repo=None, revision=None, sha256=None, bytes=None, verified=False
    )
    with pytest.raises(CheckpointError, match="--allow-unverified"):
        checkpoints.load("mine", device="cpu", catalogue=own)
    assert not hub.seen  # refused before any download
    loaded = checkpoints.load("mine", device="cpu", catalogue=own, allow_unverified=True)
    assert loaded.sha256 in caplog.text


def test_the_published_rows_say_how_they_are_had(hub: HubServer) -> None:
    for name in ("imagenet64", "imagenet64-deep"):
        for allowed in (False, True):
            with pytest.raises(CheckpointError, match="models convert") as caught:
                checkpoints.load(name, device="cpu", allow_unverified=allowed)
            assert "figshare.com" in str(caught.value)
    assert not hub.seen


# Downloads


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_download_happens_once_and_is_the_file(
    source: str, hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    checkpoint = row(source, hub, model)
    assert sources.locate(checkpoint) is None
    path = sources.fetch(checkpoint)
    assert path.read_bytes() == model.read_bytes()
    assert sources.locate(checkpoint) == path
    tokens = {headers.get("authorization") for _, _, headers in hub.seen}
    assert tokens == ({"Bearer hf_secret"} if source == "hub" else {None})
    asked = len(hub.seen)
    assert sources.fetch(checkpoint) == path
    assert sources.fetch(checkpoint, offline=True) == path
    assert len(hub.seen) == asked
    assert sources.remove(checkpoint) == path
    assert sources.locate(checkpoint) is None
    assert sources.remove(checkpoint) is None


def test_the_hubs_own_hash_checks_what_no_catalogue_pins(hub: HubServer, model: Path) -> None:
    spec = f"hf:{REPO}@{COMMIT}"
    assert checkpoints.load(spec, device="cpu").sha256 == files.digest(model)
    path = sources.locate(checkpoints.resolve(spec))
    assert path is not None
    path.resolve().write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(CheckpointError, match="SHA-256"):
        checkpoints.load(spec, device="cpu")


def test_removing_a_file_leaves_what_another_commit_shares(hub: HubServer, model: Path) -> None:
    one, other = row("hub", hub, model), row("hub", hub, model, revision="f" * 40)
    path = sources.fetch(one)
    twin = Path(str(path).replace(COMMIT, "f" * 40))
    twin.parent.mkdir()
    twin.symlink_to(os.readlink(path))
    sources.remove(one)
    assert sources.locate(one) is None
    assert sources.fetch(other, offline=True).read_bytes() == model.read_bytes()


def test_a_branch_can_move_and_needs_permission(hub: HubServer) -> None:
    with pytest.raises(CheckpointError, match="branch or a tag"):
        checkpoints.load(f"hf:{REPO}@main", device="cpu")
    assert checkpoints.load(f"hf:{REPO}@main", device="cpu", allow_unverified=True)


@pytest.mark.parametrize("source", ["hub", "url"])
def test_wrong_bytes_of_the_right_size_are_dropped(
    source: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    hub.fault = "wrong bytes"
    with pytest.raises(CheckpointError, match="SHA-256") as caught:
        sources.fetch(row(source, hub, model))
    assert "dropped" in str(caught.value)
    assert sources.locate(row(source, hub, model)) is None
    assert left_over(tmp_path) == [model.name]
    hub.fault = None
    assert sources.fetch(row(source, hub, model)).read_bytes() == model.read_bytes()


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_file_of_another_size_is_refused(
    source: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="expected 17"):
        sources.fetch(row(source, hub, model, bytes=17))
    assert left_over(tmp_path) == [model.name]


def test_a_page_in_place_of_the_file_is_called_a_page(hub: HubServer, model: Path) -> None:
    checkpoint = row("url", hub, model, bytes=0)
    hub.files[model.name] = b"<!doctype html><title>Sign in</title>"
    with pytest.raises(CheckpointError, match="HTML page"):
        sources.fetch(checkpoint)


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_cut_connection_is_taken_up_where_it_was_cut(
    source: str, hub: HubServer, model: Path
) -> None:
    if source == "hub":
        pytest.importorskip("huggingface_hub", minversion="2.0")  # older clients give up
    hub.cuts = 1
    assert sources.fetch(row(source, hub, model)).read_bytes() == model.read_bytes()
    assert hub.ranges() == ["", "bytes=1000-"]


def test_what_a_cut_download_left_is_used_by_the_next(
    hub: HubServer, model: Path, tmp_path: Path
) -> None:
    hub.cuts = 99
    with pytest.raises(CheckpointError, match="cut after 4,000 of") as caught:
        sources.fetch(row("url", hub, model))
    assert "--model FILE" in str(caught.value)
    assert left_over(tmp_path / "assets") == ["model.safetensors.part"]
    hub.cuts = 0
    assert sources.fetch(row("url", hub, model)).read_bytes() == model.read_bytes()
    assert hub.ranges()[-1] == "bytes=4000-"
    assert left_over(tmp_path / "assets") == ["model.safetensors"]


def test_a_part_that_is_not_of_this_file_does_no_harm(hub: HubServer, model: Path) -> None:
    checkpoint = row("url", hub, model)
    part = sources._folder(checkpoint) / "model.safetensors.part"
    part.parent.mkdir(parents=True)
    for rest in (bytes(10), bytes(checkpoint.bytes)):
        part.write_bytes(rest)
        with pytest.raises(CheckpointError, match="dropped"):
            sources.fetch(checkpoint)
        assert not part.exists()
    part.write_bytes(bytes(checkpoint.bytes + 5))  # too long: it is seen to be another's at once
    assert sources.fetch(checkpoint).read_bytes() == model.read_bytes()


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("missing repository", "no such repository"),
        ("missing revision", "404"),
        ("missing file", "404"),
        ("unauthorised", "HF_TOKEN"),
        ("gated", "gated: accept its terms"),
        ("broken", "the server answered 500"),
    ],
)
def test_a_refusal_names_its_cause_and_the_ways_out(
    fault: str, problem: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    hub.fault = fault
    with pytest.raises(CheckpointError, match=problem) as caught:
        sources.fetch(row("hub", hub, model))
    for way in ("HTTPS_PROXY", "HF_ENDPOINT", "--model FILE"):
        assert way in str(caught.value)
    assert "\n" not in str(caught.value)
    if fault in ("missing file", "unauthorised", "broken"):
        with pytest.raises(CheckpointError, match=r"404|401|500"):
            sources.fetch(row("url", hub, model))
    assert left_over(tmp_path) == [model.name]


@pytest.mark.parametrize("source", ["hub", "url"])
def test_an_unreachable_server_is_given_up_soon(
    source: str, hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = row(source, hub, model)
    monkeypatch.setattr(sources, "TIMEOUT", 0.3)
    hub.silent = True
    started = time.monotonic()
    with pytest.raises(CheckpointError, match="could not be downloaded"):
        sources.fetch(checkpoint)
    hub.server.server_close()
    with pytest.raises(CheckpointError, match="could not be downloaded"):
        sources.fetch(checkpoint)
    assert time.monotonic() - started < 10


def test_offline_means_that_nobody_is_asked(
    hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    for source in ("hub", "url"):
        with pytest.raises(CheckpointError, match=r"offline mode is on.*models download mine"):
            sources.fetch(row(source, hub, model), offline=True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(CheckpointError, match="offline mode is on"):
            sources.fetch(row(source, hub, model))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert not hub.seen


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_full_disk_is_seen_beforehand(
    source: str, hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources.shutil, "disk_usage", lambda path: type("", (), {"free": 10}))
    with pytest.raises(ResourceError, match=r"10 left.*HF_HOME") as caught:
        sources.fetch(row(source, hub, model))
    assert caught.value.exit_code == 5
    assert hub.ranges() in ([], [""])  # the hub is asked for the size alone


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_disk_that_fills_up_leaves_nothing_behind(
    source: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    if source == "hub":
        pytest.importorskip("huggingface_hub", minversion="2.0")  # older ones keep it to resume
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(ResourceError, match="no space left"):
            sources.fetch(row(source, hub, model))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sources.locate(row(source, hub, model)) is None
    assert left_over(tmp_path) == [model.name]


def test_a_cache_that_cannot_be_written_is_an_error_of_the_environment(
    hub: HubServer, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", "cache")

    monkeypatch.setattr(sources.Path, "mkdir", refuse)
    with pytest.raises(ResourceError, match="HF_HOME"):
        sources.fetch(row("url", hub, model))


def test_the_hubs_environment_variables_are_honoured(
    hub: HubServer, catalogue: Callable[..., Path], tmp_path: Path
) -> None:
    code = "import restore.checkpoints as c; print(c.fetch(c.resolve('mine')))"
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "BCM_RESTORE_CATALOG": str(catalogue()),
    }
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        environment.pop(name, None)

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=environment | more, capture_output=True, text=True, timeout=60
        )

    assert "offline mode is on" in run(HF_HUB_OFFLINE="1").stderr
    assert not hub.seen
    assert run().stdout.startswith(str(tmp_path / "home" / "hub"))
    asked = len(hub.seen)
    assert run(HF_HUB_OFFLINE="1").stdout.startswith(str(tmp_path / "home"))
    assert len(hub.seen) == asked


def test_a_users_own_file_and_the_packages_are_never_removed(model: Path) -> None:
    for spec in (str(model), "default"):
        with pytest.raises(RequestError, match="nothing that was downloaded"):
            sources.remove(checkpoints.resolve(spec))
    assert model.exists()


# Conversion


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
    torch.testing.assert_close(output, small_network()(*small_inputs()), rtol=0, atol=1e-5)
    metadata = files.read(target, lambda header: None).metadata
    assert metadata == files.describe(
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


# Cards


def test_what_is_published_loads_from_the_hub(
    hub: HubServer, model: Path, tmp_path: Path, catalogue: Callable[..., Path]
) -> None:
    from huggingface_hub import ModelCard

    figure = Figure("jpeg", "quality 10", "LIVE1", "psnr", 26.1, nfe=2, baseline=25.69)
    folder = tmp_path / "card"
    checkpoint = checkpoints.resolve("mine", catalogue(license="MIT", tasks=["jpeg"]))
    paths = checkpoints.publish(checkpoint, folder, [figure])
    assert sorted(p.name for p in paths) == ["README.md", "config.json", "model.safetensors"]
    assert paths[2].read_bytes() == model.read_bytes()
    facts = json.loads(paths[1].read_text())
    assert (facts["config"], facts["sha256"]) == (CONFIG, files.digest(model))

    text = paths[0].read_text()
    front = ModelCard(text).data.to_dict()
    assert front["license"] == "mit"
    assert front["pipeline_tag"] == "image-to-image"
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 26.1
    assert "| jpeg, quality 10 | LIVE1 | fidelity | 2 | psnr | 25.69 | 26.10 |" in text
    assert files.digest(model) in text

    hub.files["model.safetensors"] = paths[2].read_bytes()
    assert checkpoints.load(f"hf:{REPO}@{COMMIT}", device="cpu").sha256 == facts["sha256"]
    with pytest.raises(RequestError, match="exists"):
        checkpoints.publish(checkpoint, folder)
    assert checkpoints.publish(checkpoint, folder, overwrite=True)


def test_a_card_without_figures_shows_the_tuned_levels() -> None:
    default = checkpoints.resolve("default")
    text = checkpoints.card(default, ())
    assert "model-index" not in text
    assert "## Tuned levels" in text
    assert "Results" not in text


def test_the_embedded_checkpoint_ships_its_story_and_its_figures() -> None:
    text = checkpoints.card(checkpoints.resolve("default"))
    for part in ("model-index", "## Trained on", "## Results", "## Tuned levels"):
        assert part in text


def test_every_name_of_the_room_can_be_had() -> None:
    for name in checkpoints.__all__:
        assert getattr(checkpoints, name) is not None
    with pytest.raises(AttributeError):
        _ = checkpoints.nothing
