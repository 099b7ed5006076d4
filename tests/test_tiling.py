"""Tiling: windows equal the whole, noise belongs to the absolute pixel."""

import pytest
import torch
from test_patch import seeded

from restore.bcm import BCM
from restore.errors import ImageError, ResourceError
from restore.tiling import NoiseField, Windowed, spans, up_to, window_count, window_shape


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


def denoised(model: BCM, x: torch.Tensor, tile) -> torch.Tensor:
    with torch.no_grad():
        return Windowed(model, tile).denoise(x, 0.4)


@pytest.mark.parametrize("length", [1, 7, 64, 65, 199, 1000, 1003])
@pytest.mark.parametrize(("window", "halo", "stride"), [(64, 16, 8), (72, 24, 4), (256, 112, 8)])
def test_kept_parts_cover_once_and_lie_a_halo_from_every_cut(length, window, halo, stride):
    whole = up_to(length, stride)
    found = spans(whole, window, halo, stride)
    assert [s.first for s in found] == [0, *(s.last for s in found[:-1])]
    assert found[-1].last == whole
    for s in found:
        assert s.stop - s.start == min(window, whole)
        assert s.start % stride == 0
        assert s.start == 0 or s.first - s.start >= halo
        assert s.stop == whole or s.stop - s.last >= halo


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (1, 90), (64, 64), (101, 203), (197, 130)])
@pytest.mark.parametrize("tile", [16, 40, "auto"])
def test_a_tiled_run_equals_an_untiled_one(model, size, tile, monkeypatch):
    monkeypatch.setattr("restore.tiling.windows.WINDOW_PIXELS", 120 * 120)
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(denoised(model, x, tile), denoised(model, x, 0), atol=1e-5)


def test_windows_of_an_automatic_tile_stay_within_memory(model, monkeypatch):
    monkeypatch.setattr("restore.tiling.windows.WINDOW_PIXELS", 200 * 200)
    for size in [(8, 8), (2000, 200), (999, 1501)]:
        h, w = window_shape(model, *size, "auto")
        assert h * w <= 200 * 200
        assert window_count(model, *size, "auto") >= 1


def test_every_window_is_called_once(model):
    calls = []
    x = torch.zeros(1, 3, 100, 150)

    def call(windows, places):
        calls.extend(places)
        return windows

    Windowed(model, 24).over(call, x)
    assert len(calls) == len(set(calls)) == window_count(model, 100, 150, 24)


def test_noise_is_the_same_whatever_the_region():
    noise = NoiseField(7)
    whole = noise(2, (0, 300), (0, 280))
    assert torch.equal(noise(2, (100, 290), (33, 207)), whole[:, :, 100:290, 33:207])
    assert not torch.equal(noise(3, (0, 300), (0, 280)), whole)
    assert not torch.equal(NoiseField(8)(2, (0, 300), (0, 280)), whole)


def test_noise_is_standard_normal_and_its_cells_are_independent():
    noise = NoiseField(0)(0, (0, 512), (0, 512))
    assert abs(float(noise.mean())) < 0.01
    assert abs(float(noise.std()) - 1) < 0.01
    cells = noise.unfold(2, 128, 128).unfold(3, 128, 128).reshape(3, 16, -1)
    for channel in cells:
        correlation = torch.corrcoef(channel) - torch.eye(16)
        assert float(correlation.abs().max()) < 0.05


@pytest.mark.parametrize("seed", [0, -1, 2**62, 2**64 + 5])
def test_any_integer_is_a_seed(seed):
    assert torch.isfinite(NoiseField(seed)(0, (0, 4), (0, 4))).all()


def test_memory_that_runs_out_is_met_with_smaller_windows_and_the_same_pixels(model):
    x = torch.randn(1, 3, 64, 500, generator=torch.Generator().manual_seed(3))
    noise, sizes = NoiseField(1), []

    def call(windows, places):
        sizes.append(windows.shape[-1])
        if windows.shape[-1] > limit:
            raise torch.OutOfMemoryError("no")
        return model.denoise(windows + noise.at(0, places, x.device), 0.4)

    with torch.no_grad():
        limit = 1000
        whole = Windowed(model, 0).over(call, x)
        limit, sizes = 150, []
        parts = Windowed(model, 200).over(call, x)
    assert torch.allclose(parts, whole, atol=1e-5)
    assert max(sizes) > limit >= min(sizes)


def test_memory_that_never_suffices_is_the_environments_fault(model):
    def call(windows, places):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(ResourceError, match="out of memory even in"):
        Windowed(model).over(call, torch.zeros(1, 3, 500, 500))


def test_an_overflow_in_low_precision_is_done_again_in_float32():
    model = BCM(seeded().bfloat16())
    seen = []

    def call(windows, places):
        seen.append(model.dtype)
        return windows if model.dtype == torch.float32 else windows * float("nan")

    x = Windowed(model).over(call, torch.ones(1, 3, 16, 16))
    assert torch.equal(x, torch.ones(1, 3, 16, 16))
    assert seen == [torch.bfloat16, torch.float32]
    assert model.dtype == torch.bfloat16


def test_what_stays_not_finite_is_an_error(model):
    with pytest.raises(ImageError, match="no finite result"):
        Windowed(model).over(lambda windows, _: windows * float("nan"), torch.ones(1, 3, 16, 16))
