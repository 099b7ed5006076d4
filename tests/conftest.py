"""Fixtures that several rooms share: a tiny model and small photographs."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

if TYPE_CHECKING:
    from tests.support.browser import Browser

TINY = {"channels": [8, 8], "blocks": [1], "middle": 1, "features": 8}


@pytest.fixture(scope="session", autouse=True)
def plain_processor() -> Iterator[None]:
    """One without bf16, wherever the tests run: what auto means is the same everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def audible_signals() -> None:
    """Commands under test hear the signals that a shell's background or nohup would hush."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file of a network that takes no time, with random weights: it restores nothing."""
    from restore.checkpoints import make_metadata, write
    from restore.networks import build

    generator = torch.Generator().manual_seed(0)
    shapes = build("patch", TINY).state_dict()
    weights = {k: torch.randn(v.shape, generator=generator) / 10 for k, v in shapes.items()}
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    write(path, weights, make_metadata("patch", TINY, title="Tiny", license="MIT"))
    return path


@pytest.fixture(scope="session")
def tiny_function(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file of a tiny network that makes functions, of windows of 16 pixels."""
    from restore.checkpoints import make_metadata, write
    from tests.support.networks import seeded_function

    network = seeded_function()
    path = tmp_path_factory.mktemp("models") / "function.safetensors"
    write(path, network.state_dict(), make_metadata("function", network.config, title="Tiny"))
    return path


@pytest.fixture(scope="session")
def photograph() -> Callable[..., np.ndarray]:
    """photograph(name, width, height): a photograph of skimage.data, (H, W, 3) uint8."""

    def reduced(name: str = "astronaut", width: int = 48, height: int = 32) -> np.ndarray:
        from skimage import data

        return np.asarray(Image.fromarray(getattr(data, name)()).resize((width, height)))

    return reduced


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """A headless Chromium with one page; tests that need it are skipped where there is none."""
    from tests.support.browser import CHROMIUM, Browser

    if CHROMIUM is None:
        pytest.skip("no chromium here")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's own reaches a test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("MODEL", "DEVICE", "DTYPE", "CATALOG"):
        monkeypatch.delenv(f"BCM_RESTORE_{name}", raising=False)
