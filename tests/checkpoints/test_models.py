"""Models: what a loaded one is, in which precision, and what is not trusted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import restore
from restore import checkpoints
from restore.batch.restorer import ModelSource
from restore.checkpoints import files, sources
from restore.cli import app
from restore.devices import choose_dtype
from restore.errors import CheckpointError, RequestError
from restore.networks import build
from tests.support.checkpoints import CONFIG, weights
from tests.support.hub_server import HubServer
from tests.support.networks import ADM_SMALL


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


def test_a_class_is_checked_before_the_tensors_are_read(tmp_path, monkeypatch) -> None:
    """A class-conditional model can be a gigabyte."""
    network = build("adm", ADM_SMALL)
    path = tmp_path / "classes.safetensors"
    checkpoints.write(path, network.state_dict(), checkpoints.make_metadata("adm", ADM_SMALL))
    source = ModelSource(checkpoints.resolve(str(path)), "cpu")
    assert source.load(checkpoints.admit_label(2)).network.num_classes == 3
    monkeypatch.setattr(files, "_tensors", None)  # nothing comes as far as that
    for label, sentence in ((None, "give a label from 0 to 2"), (3, "expected 0 to 2")):
        with pytest.raises(RequestError, match=sentence):
            source.load(checkpoints.admit_label(label))
        with pytest.raises(RequestError, match=sentence):
            restore.jpeg(np.zeros((8, 8, 3), np.uint8), model=path, label=label)
        chosen = [] if label is None else ["--label", str(label)]
        for command in (["generate", "-n", "1", "-o", "x.png"], ["bench", "--rows", "none"]):
            found = CliRunner().invoke(app, [*command, "--model", str(path), *chosen])
            assert found.exit_code == 2
            assert sentence in found.output + found.stderr


def test_a_class_is_checked_before_a_known_model_is_downloaded(monkeypatch) -> None:
    monkeypatch.setattr(sources, "fetch", None)  # nothing comes as far as that
    source = ModelSource(checkpoints.resolve("imagenet64"), "cpu", allow_unverified=True)
    with pytest.raises(RequestError, match="give a label from 0 to 999"):
        source.load(checkpoints.admit_label(None))
