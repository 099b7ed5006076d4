"""The embedded network improves what it is given."""

import cv2
import numpy as np
import pytest

import restore
from restore import metrics
from restore.degradations import Resize
from restore.images import as_picture, decode
from restore.tasks import (
    Inpaint,
    Jpeg,
    Settings,
    Superres,
    draw_mask,
)
from restore.tasks.superres import enlarge_bicubic
from tests.support.tasks import MODES, TASKS, samples


@pytest.mark.parametrize("nfe", [1, 4])
def test_a_jpeg_file_of_quality_10_is_improved(nfe, real, astronaut):
    data = Jpeg(10).degrade(as_picture(astronaut))
    result = restore.jpeg(data, model=real, nfe=nfe, reference=astronaut)
    decoded = metrics.psnr(decode(data).pixels, astronaut)
    assert result.report["metrics"]["psnr_db"] > decoded + 0.3
    assert result.report["metrics"]["coefficients_kept"] >= 0.999
    assert result.report["model"] == "default"
    assert result.report["model_sha256"] == real.sha256


def test_an_enlargement_by_two_beats_exact_back_projection(real, astronaut):
    small = Superres(2).degrade(as_picture(astronaut))
    resize, y = Resize((96, 96), (48, 48)), small.tensor()
    plain = resize.project_into_range(enlarge_bicubic(small, (96, 96)).tensor(), y)
    result = restore.superres(small, 2, model=real, reference=astronaut)
    wanted = metrics.psnr(small.with_tensor(plain).pixels, astronaut)
    assert result.report["metrics"]["psnr_db"] > wanted
    held = result.record.metrics
    assert held["consistency_exact"] or held["consistency_psnr_db"] >= 55


def test_scratches_are_filled_better_than_by_navier_and_stokes(real, astronaut):
    hole = draw_mask((96, 96), "scratches", 3).pixels[..., 0]
    given = Inpaint(hole).degrade(as_picture(astronaut))
    plain = cv2.inpaint(given.pixels, hole, 3, cv2.INPAINT_NS)
    result = restore.inpaint(given, hole, model=real, reference=astronaut)
    wanted = metrics.psnr(plain, astronaut, hole > 0)
    assert result.report["metrics"]["masked_psnr_db"] > wanted
    assert result.report["metrics"]["known_max_error"] == 0


@pytest.mark.parametrize("task", TASKS)
def test_both_modes_are_as_consistent(task, run, real, astronaut):
    found = [run(task, astronaut[:64, :56], Settings(mode=mode), real) for mode in MODES]
    assert not np.array_equal(found[0].image, found[1].image)
    for result in found:
        proof = result.report["metrics"]
        assert proof.get("coefficients_kept", 1) >= 0.999
        assert proof.get("known_max_error", 0) == 0
        if task == "superres":
            assert proof["consistency_exact"] or proof["consistency_psnr_db"] >= 55


def test_the_model_may_be_left_out_or_named(clean):
    data = Jpeg().degrade(as_picture(clean))
    assert restore.jpeg(data, nfe=1).report["model"] == "default"
    assert restore.jpeg(data, model="default", nfe=1).report["model"] == "default"


@pytest.mark.gpu
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_gpu_gives_the_same_picture(task, channels, run, real, astronaut):
    pixels = samples(astronaut, channels, np.uint8)
    settings = Settings(nfe=2)
    there = run(task, pixels, settings, restore.load("default", "cuda", "fp32"))
    assert there.report["device"].startswith("cuda")
    assert metrics.max_error(there.image, run(task, pixels, settings, real).image) <= 2
    assert run(task, pixels, settings, None).picture.size == there.picture.size
