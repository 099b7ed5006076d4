"""State: parts of a bounded size, and an index that only ever names whole ones."""

import pytest
import torch

from restore.training import read_state, state, write_state


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {f"t{n}": torch.full((100,), float(value + n)) for n in range(10)} | {
        "step": torch.tensor(3.0)
    }


def test_a_state_comes_back_in_parts_of_a_bounded_size(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(state, "PART_BYTES", 1000)  # two tensors of 400 bytes each
    write_state(tmp_path, tensors(1), {"step": 7, "elapsed": 0.5})
    parts = sorted(tmp_path.glob("*.safetensors"))
    assert len(parts) == 5
    assert all(path.stat().st_size < 2000 for path in parts)  # with their headers
    found, counts = read_state(tmp_path)
    assert counts == {"step": 7, "elapsed": 0.5}
    assert all(torch.equal(found[k], v) for k, v in tensors(1).items())


def test_the_state_before_is_gone_once_the_new_one_is_there(tmp_path) -> None:
    for step in (1, 2):
        write_state(tmp_path, tensors(step), {"step": step})
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["state-2-0.safetensors"]


def test_a_write_that_is_cut_short_leaves_the_state_before(tmp_path, monkeypatch) -> None:
    write_state(tmp_path, tensors(1), {"step": 1})

    def fail(path, data):
        raise OSError("the disk is full")

    monkeypatch.setattr(state, "write_atomically", fail)  # the parts are there, the index is not
    with pytest.raises(OSError, match="full"):
        write_state(tmp_path, tensors(2), {"step": 2})
    found, counts = read_state(tmp_path)
    assert counts["step"] == 1
    assert torch.equal(found["t0"], torch.full((100,), 1.0))


def test_there_is_no_state_in_an_empty_folder(tmp_path) -> None:
    assert read_state(tmp_path) is None
