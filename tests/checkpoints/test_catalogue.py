"""The catalogue, and how a model is asked for."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from restore import checkpoints
from restore.checkpoints import files, sources
from restore.checkpoints.catalogue import Checkpoint, Preset
from restore.errors import RequestError
from tests.support.checkpoints import CONFIG, REPO
from tests.support.clock import PATIENCE
from tests.support.hub_server import COMMIT


def test_the_builtin_rows_are_there_and_the_unverified_ones_say_so() -> None:
    rows = checkpoints.read_catalogue()
    assert rows["default"].source == "embedded"
    assert rows["default"].verified
    assert rows["default"].license == "MIT"
    for name in ("imagenet64", "imagenet64-deep"):
        assert not rows[name].verified
        assert (rows[name].classes, rows[name].resolution) == (1000, 64)
    published = rows["imagenet64"]
    assert len(files.list_shapes(published.architecture, published.config)) == 504


@pytest.mark.parametrize("name", ["default", "function", "function-fashion"])
def test_an_embedded_checkpoint_fits_its_network_and_its_hash(name: str) -> None:
    row = checkpoints.resolve(name)
    assert files.list_shapes(row.architecture, row.config)
    if sources.locate(row) is None:
        pytest.skip("the embedded weights are not in this checkout")
    assert checkpoints.verify(name) == row.sha256


def test_reading_the_catalogue_imports_neither_torch_nor_the_hub() -> None:
    code = (
        "import sys, restore.checkpoints as c; c.read_catalogue(); c.resolve('hf:a/b@main');"
        "print({'torch', 'numpy', 'huggingface_hub', 'safetensors'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
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
            "'denoise' or 'secant' or 'jump'",
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
