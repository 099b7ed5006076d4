"""Fixtures: the tiny model on a Hub on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.editing import TINY
from tests.support.hub_server import HubServer, use_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The loopback Hub with the tiny model, and an empty cache."""
    with HubServer() as server:
        for path in TINY.rglob("*"):
            if path.is_file():
                server.files[str(path.relative_to(TINY))] = path.read_bytes()
        use_hub(server, tmp_path / "cache", monkeypatch)
        yield server
