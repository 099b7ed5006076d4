"""ImageFunction: laws of a picture that is drawn at any size, and its file."""

import math

import pytest
import torch
from torch import Tensor

from restore.bcm import BCM
from restore.checkpoints.files import write
from restore.errors import CheckpointError, RequestError
from restore.functions import ImageFunction, interpolate_cubic
from restore.tiling import TiledBCM
from tests.support.networks import seeded_function, seeded_patch

LEVELS = [0.002, 0.1, 1.0, 80.0]


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded_function())


def noisy(height: int, width: int, t: float) -> Tensor:
    """A smooth picture with noise of level t."""
    generator = torch.Generator().manual_seed(height)
    rows, columns = torch.arange(height)[:, None] / 7, torch.arange(width) / 5
    x = 0.6 * torch.stack(
        [(rows + columns).sin(), rows.cos() * columns.sin(), columns.cos() + 0 * rows]
    )
    return x[None] + t * torch.randn(1, 3, height, width, generator=generator)


@pytest.mark.parametrize("t", LEVELS)
@pytest.mark.parametrize("u", [0.002, 0.5])
def test_on_the_pixels_it_is_the_jump(model, t, u) -> None:
    x = noisy(16, 16, t)
    with torch.no_grad():
        jumped = model.jump(x, t, u)
    drawn = model.function(x, t, u).render(16, 16)
    assert torch.allclose(drawn, jumped, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("t", LEVELS)
def test_without_a_level_to_go_to_it_is_the_denoiser(model, t) -> None:
    x = noisy(16, 16, t)
    with torch.no_grad():
        denoised = model.denoise(x, t)
    assert torch.allclose(model.function(x, t, None).render(16, 16), denoised, atol=1e-5)


@pytest.mark.parametrize("t", LEVELS)
def test_a_jump_to_its_own_level_is_the_identity(model, t) -> None:
    x = noisy(16, 16, t)
    with torch.no_grad():
        assert torch.allclose(model.jump(x, t, t), x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 40), (37, 21), (9, 5), (1, 1)])
def test_of_pictures_of_any_size_it_is_the_tiled_jump(model, size) -> None:
    x = noisy(*size, 0.3)
    tiled = TiledBCM(model).jump(x, 0.3, 0.002)
    drawn = model.function(x, 0.3).render(*size)
    assert torch.allclose(drawn, tiled, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16), (40, 33), (101, 50)])
def test_a_box_is_that_box_of_the_whole(model, size) -> None:
    function = model.function(noisy(20, 28, 0.3), 0.3)
    whole = function.render(*size)
    assert whole.shape == (1, 3, *size)
    height, width = size
    left, top, w, h = width // 3, height // 4, max(1, width // 2), max(1, height // 3)
    part = function.render(*size, (left, top, w, h))
    assert torch.allclose(part, whole[..., top : top + h, left : left + w], atol=1e-5)


def test_it_is_drawn_in_bands_to_the_same(model, monkeypatch) -> None:
    function = model.function(noisy(20, 28, 0.3), 0.3)
    whole = function.render(50, 60)
    monkeypatch.setattr("restore.functions.MOST_SAMPLES", 100)
    assert torch.allclose(function.render(50, 60), whole, atol=1e-5)


def test_drawings_of_several_sizes_agree() -> None:
    """Of a calm function without the input, the mean of a drawing at 2s is the drawing at s."""
    network = seeded_function()
    network.head.weight.data /= 10
    function = BCM(network).function(noisy(16, 16, 80.0), 80.0)
    for side in (32, 64):
        small, large = function.render(side, side), function.render(2 * side, 2 * side)
        assert small.std() > 0.1
        error = (torch.nn.functional.avg_pool2d(large, 2) - small).square().mean()
        assert 10 * math.log10(4 / float(error)) > 40


def test_smaller_than_the_input_it_is_a_mean(model) -> None:
    function = model.function(noisy(16, 16, 0.1), 0.1)
    points = function.render(16, 16)
    halved = torch.nn.functional.avg_pool2d(points, 2)
    assert torch.allclose(function.render(8, 8), halved, atol=1e-5)
    assert torch.allclose(function.render(1, 1)[..., 0, 0], points.mean(dim=(2, 3)), atol=1e-5)


def test_the_continuation_is_keys_cubic() -> None:
    x = torch.randn(2, 3, 9, 11)
    rows, columns = torch.arange(9) + 0.5, torch.arange(11) + 0.5
    assert torch.equal(interpolate_cubic(x, rows, columns), x)
    line = torch.arange(11.0).square().expand(1, 1, 9, 11)  # which a cubic with a = -1/2 keeps
    between = torch.linspace(2, 9, 23).double()
    found = interpolate_cubic(line, rows, between)[0, 0, 0]
    assert torch.allclose(found, (between - 0.5).square().float(), atol=1e-4)


def test_a_box_outside_is_refused(model) -> None:
    function = model.function(noisy(16, 16, 1.0), 1.0)
    for box in [(-1, 0, 4, 4), (0, 0, 0, 4), (5, 0, 4, 4), (0, 7, 2, 2)]:
        with pytest.raises(RequestError, match="not inside 8×8"):
            function.render(8, 8, box)
    with pytest.raises(RequestError, match="none to draw"):
        function.render(0, 8)


def test_a_network_of_pixels_has_no_function() -> None:
    with pytest.raises(RequestError, match="architecture is function"):
        BCM(seeded_patch()).function(torch.zeros(1, 3, 16, 16), 1.0)


def test_saved_and_loaded_it_draws_the_same_bits(model, tmp_path) -> None:
    function = model.function(noisy(20, 28, 0.3), 0.3)
    function.save(tmp_path / "f.safetensors")
    loaded = ImageFunction.load(tmp_path / "f.safetensors")
    assert torch.equal(loaded.render(33, 40), function.render(33, 40))
    assert loaded.size == (28, 20)


def test_half_the_bytes_draw_nearly_the_same(model, tmp_path) -> None:
    function = model.function(noisy(16, 16, 0.3), 0.3)
    function.save(tmp_path / "half.safetensors", half=True)
    assert len(function.encode(half=True)) < 0.6 * len(function.encode())
    drawn = ImageFunction.load(tmp_path / "half.safetensors").render(32, 32)
    assert torch.allclose(drawn, function.render(32, 32), atol=0.02)
    assert not torch.equal(drawn, function.render(32, 32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {}}, "no image function"),
        ({"metadata": {"bcm.gain": "nan"}}, "its metadata"),
        ({"metadata": {"bcm.window": "6"}}, "multiple of 4"),
        ({"metadata": {"bcm.window": "0"}}, "its metadata"),
        ({"tensors": {"x": torch.zeros(3, 16, 16)}}, "its x is"),
        ({"tensors": {"x": torch.zeros(1, 3, 40, 16)}}, "another shape"),
        ({"tensors": {"theta": torch.zeros(1, 4, 4, 7)}}, "another shape"),
        ({"tensors": {"theta": torch.zeros(())}}, "another shape"),
        ({"tensors": {"shared.first.bias": torch.zeros(3)}}, "another shape"),
        ({"tensors": {"more": torch.zeros(1)}}, "unexpected"),
        ({"tensors": {"x": torch.full((1, 3, 16, 16), math.inf)}}, "infinite"),
    ],
)
def test_a_file_that_is_none_is_refused(model, tmp_path, change, message) -> None:
    function = model.function(noisy(16, 16, 0.3), 0.3)
    tensors = {"x": function.x, "theta": function.theta}
    tensors |= {f"shared.{name}": value for name, value in function.shared.items()}
    metadata = {"bcm.function": "1", "bcm.base": "1", "bcm.gain": "1", "bcm.window": "16"}
    more = change.get("metadata")
    write(
        tmp_path / "f.safetensors",
        tensors | change.get("tensors", {}),
        metadata if more is None else {**metadata, **more} if more else {},
    )
    with pytest.raises(CheckpointError, match=message):
        ImageFunction.load(tmp_path / "f.safetensors")


def test_more_pixels_than_admitted_are_refused(model, tmp_path) -> None:
    model.function(noisy(16, 16, 0.3), 0.3).save(tmp_path / "f.safetensors")
    with pytest.raises(CheckpointError, match="more than the 100 allowed"):
        ImageFunction.load(tmp_path / "f.safetensors", max_pixels=100)
    with pytest.raises(CheckpointError, match="there is no file"):
        ImageFunction.load(tmp_path / "none.safetensors")
