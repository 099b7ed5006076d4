"""Record: its keys, what it counts, and what it measures against a reference."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore import metrics
from restore.bcm import BCM
from restore.checkpoints import Checkpoint, Preset, read_catalogue
from restore.defaults import DEFAULT_NFE
from restore.errors import ImageError, RequestError
from restore.images import Picture, as_picture
from restore.record import is_record
from restore.tasks import (
    Inpaint,
    Jpeg,
    Settings,
)
from restore.tasks.superres import enlarge_bicubic
from restore.tiling import NoiseField
from tests.support.networks import seeded_patch as seeded
from tests.support.tasks import ALWAYS, MODES, ONE, OWN, RECORD, TASKS, scratched


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mode", MODES)
def test_the_record_has_its_keys_and_is_strict_json(task, mode, run, clean):
    reference = clean if task != "superres" else np.resize(clean, (80, 112, 3))
    settings = Settings(nfe=2, mode=mode, seed=3, reference=reference)
    report = run(task, clean, settings).report
    assert list(report) == RECORD + ["notes"] * (task == "jpeg")  # of blocks past the edge
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    with_reference = {"psnr_db", "ssim", "psnr_given_db", "gain_db"} | (
        {"masked_psnr_db"} if task == "inpaint" else set()
    )
    assert set(report["metrics"]) == ALWAYS | OWN[task] | with_reference
    assert report["task"] == task
    assert (report["mode"], report["nfe"], report["seed"]) == (mode, 2, 3)
    assert (report["device"], report["dtype"], report["model"]) == ("cpu", "fp32", None)
    assert report["size_out"] == ([112, 80] if task == "superres" else [56, 40])
    assert report["size_in"] == [56, 40]
    assert 5 < report["metrics"]["psnr_input_db"] < 60
    assert report["input"] is report["output"] is report["error"] is None


def test_numbers_of_numpy_make_a_record_too(run, clean):
    settings = Settings(nfe=np.int64(1), seed=np.int64(-5), tile=np.uint8(64))
    report = run("jpeg", clean, settings).report
    json.dumps(report, allow_nan=False)
    assert (report["nfe"], report["seed"]) == (1, -5)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("nfe", range(1, 10))
def test_every_pixel_goes_through_the_evaluations_that_the_record_tells(task, nfe, clean, run):
    counting, count = BCM(seeded()), 0
    forward = counting.network.forward

    def counted(*arguments):
        nonlocal count
        count += 1
        return forward(*arguments)

    counting.network.forward = counted
    if task == "denoise" and nfe > 8:
        with pytest.raises(RequestError, match="orientation"):
            run(task, clean[:16, :16], Settings(nfe=nfe), counting)
        return
    for mode in MODES:
        count = 0
        report = run(task, clean[:16, :16], Settings(nfe=nfe, mode=mode, tile=0), counting).report
        assert report["nfe"] == count == nfe


@pytest.mark.parametrize("task", TASKS)
def test_left_alone_it_takes_the_task_s_own_number_of_evaluations(task, run, clean):
    assert run(task, clean[:16, :16], Settings()).report["nfe"] == DEFAULT_NFE[task]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("tile", ["auto", 24, 0])
def test_progress_counts_to_its_total(task, tile, run, astronaut):
    calls: list[tuple[int, int]] = []
    settings = Settings(nfe=4, tile=tile, progress=lambda *call: calls.append(call))
    run(task, astronaut, settings)
    total = calls[0][1]
    assert calls == [(n, total) for n in range(1, total + 1)]
    assert total > 1 or tile == 0 or task == "denoise"  # which is one level


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mode", MODES)
def test_tiles_do_not_change_the_picture(task, mode, run, astronaut):
    whole, *others = (
        run(task, astronaut, Settings(nfe=2, mode=mode, tile=tile)) for tile in (0, 24, 40, "auto")
    )
    for other in others:
        assert metrics.max_error(whole.image, other.image) <= 1
    assert others[0].report["tile"] < whole.report["tile"]


@pytest.fixture(scope="module")
def own_presets() -> BCM:
    """A model of presets of its own, the perceptual ones with fresh noise."""
    rows = {"fidelity": {1: (Preset((0.3,)),)}, "perceptual": {2: (Preset((0.5, 0.2), noise=0.5),)}}
    model = BCM(seeded())
    model.checkpoint = Checkpoint("own", "file", "own", presets=dict.fromkeys(TASKS, rows))
    return model


@pytest.mark.parametrize("task", TASKS)
def test_the_seed_alone_decides_the_picture(task, run, clean, own_presets):
    def pixels(seed: int, mode: str = "perceptual") -> np.ndarray:
        return run(task, clean, Settings(nfe=2, mode=mode, seed=seed), own_presets).image

    for seed in (0, -1, 2**80):
        assert np.array_equal(pixels(seed), pixels(seed))
    assert not np.array_equal(pixels(1), pixels(2))
    assert np.array_equal(pixels(1, "fidelity"), pixels(2, "fidelity"))


@pytest.mark.parametrize("task", TASKS)
def test_a_preset_without_chroma_draws_grey_noise(task, run, clean, own_presets, monkeypatch):
    rows = own_presets.checkpoint.presets[task]["perceptual"]
    drawn: list[torch.Tensor] = []
    called = NoiseField.__call__

    def kept(self: NoiseField, *where: Any) -> torch.Tensor:
        drawn.append(called(self, *where))
        return drawn[-1]

    monkeypatch.setattr(NoiseField, "__call__", kept)
    for chroma in (1.0, 0.0):
        monkeypatch.setitem(rows, 2, (Preset((0.5, 0.2), noise=0.5, chroma=chroma),))
        drawn.clear()
        run(task, clean, Settings(nfe=2, mode="perceptual"), own_presets)
        assert drawn
        for z in drawn:
            assert torch.allclose(z[:, :1], z[:, 1:2], atol=1e-5) == (chroma == 0)


def test_samples_of_the_embedded_network_are_drawn_in_nearly_grey_noise():
    for modes in read_catalogue()["default"].presets.values():
        for preset in (
            *sum(modes["fidelity"].values(), ()),
            *sum(modes["perceptual"].values(), ()),
        ):
            assert (preset.chroma < 0.5) == (preset.estimator == "jump")
        assert all(p.estimator == "jump" for p in sum(modes["perceptual"].values(), ()))


def test_a_generator_draws_the_seed(model, clean):
    def seed(generator: torch.Generator) -> int:
        data = Jpeg(20).degrade(as_picture(clean))
        return restore.jpeg(data, model=model, nfe=1, generator=generator).report["seed"]

    first, second = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    assert seed(first) == seed(second)
    assert seed(first) != seed(torch.Generator().manual_seed(3))


@pytest.mark.parametrize("task", TASKS)
def test_with_a_reference_the_record_measures(task, run, clean, tmp_path):
    reference = clean if task != "superres" else enlarge_bicubic(Picture(clean), (112, 80)).pixels
    Image.fromarray(reference).save(tmp_path / "clean.png")
    path = tmp_path / "clean.png"
    found = []
    for given in (reference, path, str(path), path.read_bytes(), Image.open(path)):
        result = run(task, clean, Settings(nfe=1, reference=given))
        found.append(result.report["metrics"])
    assert all(other == found[0] for other in found)
    assert found[0]["psnr_db"] == pytest.approx(metrics.psnr(result.image, reference), abs=1e-3)
    assert found[0]["ssim"] == pytest.approx(metrics.ssim(result.image, reference), abs=1e-5)
    if task == "inpaint":
        inside = metrics.psnr(result.image, reference, scratched(clean))
        assert found[0]["masked_psnr_db"] == pytest.approx(inside, abs=1e-3)
        assert found[0]["masked_psnr_db"] < found[0]["psnr_db"]
    if task == "superres":
        assert found[0]["psnr_input_db"] == found[0]["psnr_db"]


@pytest.mark.parametrize("task", TASKS)
def test_a_reference_of_another_size_is_refused_before_any_work(task, run, clean, monkeypatch):
    from restore.tasks import solving

    monkeypatch.setitem(solving.SOLVERS, "bcm", None)
    with pytest.raises(ImageError, match=r"the reference has 9×8 pixels, the result \d+×\d+"):
        run(task, clean, Settings(reference=clean[:8, :9]))


def test_a_reference_may_be_of_another_kind(model, clean):
    data, grey = Jpeg(20).degrade(as_picture(clean)), Jpeg(20).degrade(as_picture(clean[..., 0]))
    plain = Jpeg().restore(data, model, Settings(nfe=1, reference=clean)).report["metrics"]
    deep = clean.astype(np.uint16) * 257
    assert Jpeg().restore(data, model, Settings(nfe=1, reference=deep)).report["metrics"] == plain
    opaque = np.dstack([clean, clean[..., 0]])
    assert Jpeg().restore(data, model, Settings(nfe=1, reference=opaque)).report["metrics"] == plain
    for one, other in ((data, clean[..., 0]), (grey, clean)):
        found = Jpeg().restore(one, model, Settings(nfe=1, reference=other)).report["metrics"]
        assert 5 < found["psnr_db"] < 40


def test_metrics_that_are_no_number_are_null(model, clean):
    small = clean[:8, :8]
    hole = np.zeros((8, 8), bool)
    hole[0, 0] = True
    result = Inpaint(hole).restore(small, model, ONE)
    report = Inpaint(hole).restore(small, model, Settings(nfe=1, reference=result.image)).report
    json.dumps(report, allow_nan=False)
    assert report["metrics"]["ssim"] is None  # too small
    assert report["metrics"]["psnr_db"] is None  # equal
    assert report["metrics"]["masked_psnr_db"] is None


@pytest.mark.parametrize("task", TASKS)
def test_the_gain_is_over_what_was_given(task, run, clean, real):
    pixels = clean[:36, :40]
    reference = (
        np.asarray(Image.fromarray(pixels).resize((80, 72))) if task == "superres" else pixels
    )
    metrics = run(task, pixels, Settings(reference=reference), real).record.metrics
    assert metrics["gain_db"] == pytest.approx(
        metrics["psnr_db"] - metrics["psnr_given_db"], abs=2e-3
    )
    if task != "superres":
        assert metrics["gain_db"] > 0


@pytest.mark.parametrize("seconds", [-1, 1e9, 10**15, float("nan"), "1", None])
def test_what_took_no_time_that_there_is_is_no_record(seconds):
    known = {"status": "ok", "input": "a", "output": "b"}
    assert is_record({**known, "seconds": 3.5})
    assert not is_record({**known, "seconds": seconds})
