"""One GPU: what it gives is what the CPU gives, and the same bytes each time.

    pytest -m gpu tests/test_gpu.py

needs a card. Results agree where the mean squared error of one, as a picture in [-1, 1], is 60 dB
below the square of its range.
"""

import dataclasses
import math

import numpy as np
import pytest
import torch

import restore
from restore import checkpoints
from restore.bcm import BCM
from restore.images import Picture
from restore.images.transfer import fetch_pixels, send_pixels
from restore.solvers import PEERS
from restore.tiling import NoiseField, TiledBCM
from tests.support.networks import seeded_patch as seeded

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no card here"),
]
CARD = torch.device("cuda")


@pytest.fixture(scope="module")
def models() -> dict[str, BCM]:
    """The embedded network in float32, by device."""
    return {name: checkpoints.load("default", name, "fp32") for name in ("cpu", "cuda")}


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    error = (a.cpu().double() - b.cpu().double()).square().mean()
    return 10 * math.log10(4 / max(float(error), 1e-20))


def photograph_of(photograph, width: int = 320, height: int = 240) -> np.ndarray:
    return photograph(width=width, height=height)


@pytest.mark.parametrize("tile", ["auto", 64, 0])
def test_an_evaluation_agrees_with_the_cpus_to_60_db(models, photograph, tile):
    x = Picture(photograph_of(photograph)).tensor()
    x = x + 0.3 * NoiseField(0)(0, (0, 240), (0, 320))
    for t in (0.05, 0.3, 2.0):
        found = TiledBCM(models["cuda"], tile).denoise(x.to(CARD), t)
        assert decibels(found, TiledBCM(models["cpu"]).denoise(x, t)) > 60


def test_windows_together_agree_with_windows_alone_to_60_db(models, photograph):
    x = Picture(photograph_of(photograph)).tensor().to(CARD)
    alone = TiledBCM(models["cuda"], 64, batch=1).denoise(x, 0.3)
    for batch in (2, 5, "auto"):
        assert decibels(TiledBCM(models["cuda"], 64, batch=batch).denoise(x, 0.3), alone) > 60


def results(model: BCM, image: np.ndarray, **options) -> dict[str, np.ndarray]:
    hole = np.zeros(image.shape[:2], bool)
    hole[::3] = True
    return {
        "inpaint": restore.inpaint(image, hole, model=model, **options).image,
        "superres": restore.superres(image, 2, model=model, **options).image,
        "jpeg": restore.jpeg(image, model=model, **options).image,
        "denoise": restore.denoise(image, sigma=20, model=model, **options).image,
    }


def test_tasks_agree_with_the_cpus_to_60_db(models, photograph):
    image = photograph_of(photograph, 200, 150)
    there, here = (results(models[name], image) for name in ("cuda", "cpu"))
    for task in here:
        error = np.square(there[task].astype(float) - here[task]).mean()
        assert 10 * math.log10(255**2 / max(error, 1e-9)) > 60, task


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_the_same_bytes_twice(photograph, dtype):
    image = photograph_of(photograph)
    model = checkpoints.load("default", "cuda", dtype)
    first, again = (results(model, image, seed=3, tile=64) for _ in range(2))
    for task in first:
        assert np.array_equal(first[task], again[task]), task


def test_auto_is_bf16_and_loses_little(models, photograph):
    model = checkpoints.load("default", "cuda")
    assert model.dtype == torch.bfloat16
    x = Picture(photograph_of(photograph)).tensor().to(CARD)
    low, full = (TiledBCM(one).denoise(x, 0.3) for one in (model, models["cuda"]))
    assert decibels(low, full) > 55  # 68 on a CPU


def test_memory_that_runs_out_is_met_with_fewer_and_smaller_windows(models):
    """Of a card that is nearly full, on which one window of the whole does not fit."""
    model = models["cuda"]
    x = torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(0)).to(CARD)
    wanted = TiledBCM(model).denoise(x, 0.4)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(CARD).total_memory
    held = torch.cuda.memory_allocated()
    torch.cuda.set_per_process_memory_fraction((held + 200 * 2**20) / total)
    try:
        found = TiledBCM(model, 256, batch=16).denoise(x, 0.4)
        assert decibels(found, wanted) > 60
        found = TiledBCM(model, 0).denoise(x, 0.4)
        assert decibels(found, wanted) > 60
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_nothing_waits_for_the_card_within_a_call():
    model = BCM(seeded().to(CARD)).requires_grad_(False)
    x = torch.zeros(1, 3, 64, 64, device=CARD)
    model.denoise(x, 0.4)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        model.denoise(x, 0.4)
        model.jump(x, 0.4, 0.002)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_goes_there_and_comes_back(depth, channels):
    kind = np.uint8 if depth == 8 else np.uint16
    pixels = np.random.default_rng(0).integers(0, 2**depth, (96, 67, channels), kind)
    picture = Picture(pixels[::-1])
    x = send_pixels(picture, CARD)
    assert torch.equal(x.cpu(), picture.tensor())
    assert np.array_equal(fetch_pixels(picture, x).pixels, picture.pixels)
    clear = dataclasses.replace(picture, alpha=pixels[..., 0])
    assert np.array_equal(fetch_pixels(clear, x).alpha, clear.alpha)
    assert fetch_pixels(clear, x[..., :40, :30]).size == (30, 40)


@pytest.mark.parametrize("name", PEERS)
def test_peers_run_there(models, photograph, name):
    image = photograph_of(photograph, 96, 64)
    hole = np.zeros(image.shape[:2], bool)
    hole[::3] = True
    result = restore.inpaint(image, hole, model=models["cuda"], method=name, nfe=6)
    assert result.report["metrics"]["known_max_error"] == 0
