"""Fixtures: a weight file, a catalogue that names it, and a Hub on this machine."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from restore.checkpoints import files, sources
from tests.support.checkpoints import CONFIG, REPO, weights
from tests.support.hub_server import COMMIT, HubServer, use_hub


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A good weight file with its metadata."""
    path = tmp_path / "model.safetensors"
    files.write(
        path, weights(), files.make_metadata("patch", CONFIG, title="A title", license="MIT")
    )
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
    from huggingface_hub import constants

    with HubServer() as server:
        server.files[model.name] = model.read_bytes()
        use_hub(server, tmp_path, monkeypatch)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)
        monkeypatch.setattr(sources, "PAUSE", 0)
        yield server
