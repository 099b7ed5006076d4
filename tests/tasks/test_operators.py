"""denoise and deblur: what they promise."""

import numpy as np
import pytest
import torch

import restore
from restore import metrics
from restore.bcm import BCM
from restore.degradations import Blur, pad_periodic
from restore.degradations.kernels import make_kernel
from restore.errors import RequestError
from restore.images import Picture, as_picture
from restore.solvers import PEERS
from restore.tasks import Deblur, Denoise, Settings
from tests.support.networks import seeded_patch as seeded

ONE = Settings(nfe=1)


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


@pytest.fixture(scope="module")
def real() -> BCM:
    return restore.load("default", device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[60:156, 180:276])


# Noise


@pytest.mark.parametrize("sigma", [0, -1, 256, float("nan"), "much"])
def test_levels_that_cannot_be_are_refused(sigma, model, clean):
    for call in (
        lambda: Denoise(sigma).restore(clean, model, ONE),
        lambda: Deblur("box:3", sigma=sigma).restore(clean, model, ONE),
    ):
        with pytest.raises(RequestError, match="sigma is"):
            call()


@pytest.mark.parametrize(("sigma", "gain"), [(15, 5.0), (50, 9.0)])
@pytest.mark.parametrize("grey", [False, True])
def test_noise_is_removed(sigma, gain, grey, real, clean):
    truth = clean[..., :1] if grey else clean
    given = Denoise(sigma).degrade(as_picture(truth))
    result = Denoise(sigma).restore(given, real, Settings(reference=truth))
    assert result.report["nfe"] == 1
    before = metrics.psnr(given.pixels, truth)
    assert result.report["metrics"]["psnr_db"] > before + gain
    assert result.report["metrics"]["sigma"] == sigma
    assert result.report["metrics"]["residual_sigma"] == pytest.approx(sigma, rel=0.15)
    again = Denoise(sigma).restore(given, real, Settings(nfe=8, reference=truth))
    assert again.report["metrics"]["psnr_db"] > result.report["metrics"]["psnr_db"] - 0.05


def test_a_grey_picture_is_denoised_alike_whether_stored_grey_or_in_colour(real, clean):
    grey = Denoise(25).degrade(as_picture(clean[..., :1])).pixels
    one = Denoise(25).restore(grey, real).image
    three = Denoise(25).restore(np.repeat(grey, 3, axis=2), real).image
    assert metrics.psnr(np.dstack([one] * 3), three) > 38


# Kernels


# Blur


@pytest.mark.parametrize("kernel", ["gaussian:1.5", "motion:7,30", "box:4"])
def test_a_picture_is_blurred_as_its_degradation_does_it(kernel, clean):
    k = torch.from_numpy(make_kernel(kernel)).float()
    torus = pad_periodic(Picture(clean).tensor(), tuple(k.shape))
    x = Blur(k, tuple(torus.shape[2:]), floor=0)(torus)[:, :, :96, :96]
    found, wanted = (
        Deblur(kernel).degrade(as_picture(clean)).pixels,
        Picture(clean).with_tensor(x).pixels,
    )
    assert metrics.max_error(found[9:-9, 9:-9], wanted[9:-9, 9:-9]) <= 1


@pytest.mark.parametrize(("kernel", "gain"), [("gaussian:1.6", 3.0), ("motion:9,30", 6.0)])
def test_a_blur_is_undone_with_surroundings_that_nobody_knows(kernel, gain, real, clean):
    inside = slice(16, -16)
    truth = np.ascontiguousarray(clean[inside, inside])
    given = np.ascontiguousarray(Deblur(kernel).degrade(as_picture(clean)).pixels[inside, inside])
    result = Deblur(kernel).restore(given, real, Settings(nfe=4, reference=truth))
    found = result.report["metrics"]
    assert found["psnr_db"] > metrics.psnr(given, truth) + gain
    assert found["consistency_psnr_db"] > 48
    assert found["residual_sigma"] < 1


def test_a_picture_smaller_than_the_kernel_proves_nothing(model, clean):
    found = Deblur("box:15").restore(clean[:9, :50], model, ONE).report["metrics"]
    assert found["consistency_psnr_db"] is found["residual_sigma"] is None
    assert found["consistency_exact"] is False


# Methods


@pytest.mark.parametrize("method", [*PEERS, "inversion"])
def test_methods_restore_what_they_have_a_form_for_and_refuse_the_rest(method, model, clean):
    small = clean[:24, :24]
    for task, run in (
        ("denoise", lambda s: Denoise(10).restore(small, model, s)),
        ("deblur", lambda s: Deblur("box:3", sigma=2).restore(small, model, s)),
    ):
        settings = Settings(nfe=4, method=method)
        able = task in PEERS[method].tasks if method in PEERS else task == "deblur"
        if not able:
            with pytest.raises(RequestError, match=f"no form for {task}: give one of bcm"):
                run(settings)
            continue
        report = run(settings).report
        assert (report["method"], report["nfe"]) == (method, 4)
        assert report.get("gradients") == (1 if method.startswith(("dps", "pgdm")) else None)


def test_draws_of_a_denoised_picture_differ(model, clean):
    result = Denoise(25).restore(clean[:24, :24], model, Settings(nfe=1, samples=3))
    assert result.uncertainty is not None
    assert result.uncertainty.max() > 0
    assert result.report["nfe"] == 3


def test_from_python(model, clean):
    small = clean[:24, :24]
    assert restore.denoise(small, sigma=20, model=model).report["task"] == "denoise"
    assert restore.deblur(small, "disk:2", model=model, nfe=2).report["task"] == "deblur"
