"""Tiling: windows equal the whole, noise belongs to the absolute pixel."""

import math
from types import SimpleNamespace

import pytest
import torch

from restore.bcm import BCM
from restore.errors import ImageError, ResourceError
from restore.networks import ADM, PatchUNet
from restore.tiling import (
    NoiseField,
    TiledBCM,
    pixels_at_once,
    spans,
    up_to,
    window_count,
    window_shape,
)
from restore.tiling.windows import windows_at_once
from tests.support.networks import seeded_patch as seeded


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


def denoised(model: BCM, x: torch.Tensor, tile) -> torch.Tensor:
    with torch.no_grad():
        return TiledBCM(model, tile).denoise(x, 0.4)


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
    monkeypatch.setattr(type(model.network), "takes_strips", lambda network: False)
    monkeypatch.setattr("restore.tiling.windows.WINDOW_PIXELS", 200 * 200)
    for size in [(8, 8), (2000, 200), (999, 1501)]:
        h, w = window_shape(model, *size, "auto")
        assert h * w <= 200 * 200
        assert window_count(model, *size, "auto") >= 1


def test_windows_in_strips_hold_more_pixels_in_the_same_memory(model, monkeypatch):
    monkeypatch.setattr("restore.tiling.windows.WINDOW_PIXELS", 200 * 200)
    counts = []
    for strips in (False, True):
        monkeypatch.setattr(type(model.network), "takes_strips", lambda network, s=strips: s)
        counts.append(window_count(model, 999, 1501, "auto"))
    assert counts[1] < counts[0]


def test_windows_of_half_the_precision_hold_more_pixels_in_the_same_memory(monkeypatch):
    monkeypatch.setattr(PatchUNet, "takes_strips", lambda network: False)
    monkeypatch.setattr("restore.tiling.windows.WINDOW_PIXELS", 200 * 200)
    whole, half = BCM(seeded()), BCM(seeded().bfloat16())
    assert pixels_at_once(half) == 2 * pixels_at_once(whole)
    h, w = window_shape(half, 999, 1501, "auto")
    assert 200 * 200 < h * w <= 2 * 200 * 200
    assert window_count(half, 999, 1501, "auto") < window_count(whole, 999, 1501, "auto")


def test_every_window_is_called_once(model):
    calls = []
    x = torch.zeros(1, 3, 100, 150)

    def call(windows, places):
        calls.extend(places)
        return windows

    TiledBCM(model, 24).over(call, x)
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


def test_noise_without_chroma_is_grey_and_as_bright():
    coloured, grey = (NoiseField(0, chroma=c)(0, (0, 256), (0, 256)) for c in (1.0, 0.0))
    assert torch.allclose(grey, coloured.mean(dim=1, keepdim=True).expand(1, 3, -1, -1))
    half = NoiseField(0, chroma=0.5)(0, (0, 256), (0, 256))
    assert torch.allclose(half, (coloured + grey) / 2, atol=1e-6)


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
        whole = TiledBCM(model, 0).over(call, x)
        limit, sizes = 150, []
        parts = TiledBCM(model, 200).over(call, x)
    assert torch.allclose(parts, whole, atol=1e-5)
    assert max(sizes) > limit >= min(sizes)


def test_memory_that_never_suffices_is_the_environments_fault(model):
    def call(windows, places):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(ResourceError, match="out of memory even in"):
        TiledBCM(model).over(call, torch.zeros(1, 3, 500, 500))


def test_an_overflow_in_low_precision_is_done_again_in_float32():
    model = BCM(seeded().bfloat16())
    seen = []

    def call(windows, places):
        seen.append(model.dtype)
        return windows if model.dtype == torch.float32 else windows * float("nan")

    x = TiledBCM(model).over(call, torch.ones(1, 3, 16, 16))
    assert torch.equal(x, torch.ones(1, 3, 16, 16))
    assert seen == [torch.bfloat16, torch.float32]
    assert model.dtype == torch.bfloat16


def test_what_stays_not_finite_is_an_error(model):
    with pytest.raises(ImageError, match="no finite result"):
        TiledBCM(model).over(lambda windows, _: windows * float("nan"), torch.ones(1, 3, 16, 16))


# Several windows together


def noisy_call(model, noise, seen):
    def call(windows, places):
        seen.append(len(places))
        z = noise.at(1, places, windows.device)
        return model.denoise(windows + z, 0.4, None)

    return call


@pytest.mark.parametrize("seeds", [(7,), (7, 8, 9)])
@pytest.mark.parametrize("batch", [2, 3, 100])
@pytest.mark.parametrize("size", [(101, 203), (40, 300), (7, 5)])
def test_windows_together_give_what_each_gives_alone(model, size, batch, seeds):
    x = torch.randn(len(seeds), 3, *size, generator=torch.Generator().manual_seed(3))
    noise, alone, together = NoiseField(*seeds), [], []
    with torch.no_grad():
        one = TiledBCM(model, 16, batch=1).over(noisy_call(model, noise, alone), x)
        some = TiledBCM(model, 16, batch=batch).over(noisy_call(model, noise, together), x)
    assert torch.allclose(some, one, atol=1e-5)
    count = window_count(model, *size, 16)
    assert alone == [1] * count
    assert sum(together) == count
    assert len(together) == -(-count // batch)


def test_windows_together_of_a_network_with_attention_too():
    torch.manual_seed(0)
    model = BCM(ADM(64, 1, (1, 1), (2,), 16, num_classes=None).eval().requires_grad_(False))
    x = torch.randn(2, 3, 70, 150, generator=torch.Generator().manual_seed(3))
    one = TiledBCM(model, batch=1).denoise(x, 0.4)
    calls = []
    some = TiledBCM(model, batch=4, progress=lambda: calls.append(1)).denoise(x, 0.4)
    assert torch.allclose(some, one, atol=1e-5)
    assert len(calls) == window_count(model, 70, 150, "auto") == 6


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_progress_is_told_of_each_window_though_they_go_together(model, batch):
    calls = []
    TiledBCM(model, 16, None, lambda: calls.append(1), batch).jump(
        torch.zeros(1, 3, 101, 203), 1, 2
    )
    assert len(calls) == window_count(model, 101, 203, 16)


def test_windows_that_do_not_fit_together_go_fewer_at_a_time_and_no_more_again(model):
    x = torch.randn(1, 3, 40, 500, generator=torch.Generator().manual_seed(3))
    tried = []

    def call(windows, places):
        tried.append(len(places))
        if len(places) > 3:
            raise torch.OutOfMemoryError("no")
        return model.denoise(windows, 0.4)

    with torch.no_grad():
        found = TiledBCM(model, 16, batch=16).over(call, x)
        wanted = TiledBCM(model, 16).denoise(x, 0.4)
    count = window_count(model, 40, 500, 16)
    assert count > 16
    assert torch.allclose(found, wanted, atol=1e-5)
    assert tried[:3] == [16, 8, 4]
    assert max(tried[3:]) == 2
    assert sum(tried[3:]) == count


def test_of_windows_together_only_the_one_that_overflowed_is_done_again():
    model = BCM(seeded().bfloat16())
    seen = []

    def call(windows, places):
        seen.append((model.dtype, places))
        result = windows.clone()
        if model.dtype != torch.float32:
            result[[rows[0] == 0 and columns[0] == 0 for rows, columns in places]] = math.inf
        return result

    x = torch.ones(1, 3, 40, 300)
    assert torch.equal(TiledBCM(model, 16, batch=5).over(call, x), x)
    again = [places for dtype, places in seen if dtype == torch.float32]
    assert again == [[seen[0][1][0]]]
    assert model.dtype == torch.bfloat16


def test_a_network_with_attention_that_never_fits_is_the_environments_fault():
    model = BCM(ADM(64, 1, (1, 1), (2,), 16, num_classes=None))

    def call(windows, places):
        raise torch.OutOfMemoryError("no")

    with pytest.raises(ResourceError, match="out of memory even in windows of 64"):
        TiledBCM(model, batch=4).over(call, torch.zeros(1, 3, 100, 100))


def card(monkeypatch, memory: int) -> None:
    """A GPU of so many bytes is seen in place of the CPU."""
    monkeypatch.setattr(BCM, "device", torch.device("cuda"))
    properties = SimpleNamespace(total_memory=memory)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)


def test_on_the_cpu_windows_go_alone_on_a_gpu_as_many_as_its_memory_holds(model, monkeypatch):
    monkeypatch.setattr(type(model.network), "takes_strips", lambda network: False)
    assert windows_at_once(model, 100, 50) == 1
    assert pixels_at_once(model) == 2_500_000
    card(monkeypatch, 80 * 2**30)
    assert pixels_at_once(model) == 80 * 2**30 // 8 // 400
    assert windows_at_once(model, 2_500_000, 6) == 6
    assert windows_at_once(model, 2_500_000, 12) == 6  # even batches: not 10 and 2
    assert windows_at_once(model, 10**9, 5) == 1
    card(monkeypatch, 2**30)
    assert pixels_at_once(model) == 2_500_000


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=str,
)
def test_memory_runs_out_under_many_names(model, error):
    def call(windows, places):
        if len(places) > 1:
            raise error
        return windows

    x = torch.randn(1, 3, 40, 200)
    assert torch.equal(TiledBCM(model, 16, batch=8).over(call, x), x)


def test_any_other_error_of_the_network_goes_up(model):
    def call(windows, places):
        raise RuntimeError("an illegal instruction")

    with pytest.raises(RuntimeError, match="an illegal instruction"):
        TiledBCM(model, 16, batch=8).over(call, torch.zeros(1, 3, 40, 200))
