"""The finder's network: windows give what the whole gives, and its file what was saved."""

import numpy as np
import pytest
import torch

from restore.defects import network
from restore.defects.network import FinderNetwork, load_finder, save, score_pixels
from restore.errors import CheckpointError


def noise(height: int, width: int) -> torch.Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(16, 16), (50, 33), (1, 1), (300, 270)])
def test_windows_give_what_the_whole_gives(size, monkeypatch):
    x = noise(*size)
    whole = score_pixels(load_finder(), x)
    assert whole.shape == (2, *size)
    monkeypatch.setattr(network, "WINDOW", 64)
    # Convolutions of another shape add up in another order, in float32.
    assert np.abs(score_pixels(load_finder(), x) - whole).max() < 1e-3


def test_a_network_comes_back_from_its_file_in_half_precision(tmp_path, monkeypatch):
    made = FinderNetwork()
    save(made, tmp_path / "finder.safetensors")
    monkeypatch.setattr(network, "FILE", tmp_path / "finder.safetensors")
    loaded = load_finder.__wrapped__()
    for name, value in made.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float())


def test_another_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "finder.safetensors").write_bytes(b"not weights at all")
    monkeypatch.setattr(network, "FILE", tmp_path / "finder.safetensors")
    with pytest.raises(CheckpointError):
        load_finder.__wrapped__()
