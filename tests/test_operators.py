"""denoise and deblur: what they promise, their kernels, and the noise that they find."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore import metrics
from restore.bcm import BCM
from restore.degradations import Blur, pad_periodic
from restore.degradations.kernels import make_kernel
from restore.degradations.noise import estimate_sigma
from restore.errors import RequestError
from restore.images import Picture
from restore.solvers import PEERS
from restore.tasks import Settings, blurred, deblur, denoise, noisy
from tests.test_patch import seeded

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


@pytest.mark.parametrize("sigma", [5, 15, 25])
@pytest.mark.parametrize("depth", [8, 16])
def test_the_noise_of_a_picture_is_found(sigma, depth, clean):
    given = noisy(Picture(clean).at_depth(depth), sigma)
    assert estimate_sigma(given) == pytest.approx(sigma, rel=0.3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (40, 40)])
def test_a_picture_without_any_noise_has_none(shape):
    assert estimate_sigma(Picture(np.full((*shape, 3), 77, np.uint8))) == 0


def test_noise_is_added_as_asked():
    flat = np.full((100, 100, 3), 128, np.uint8)
    made = noisy(flat, 10, seed=1).pixels.astype(float) - 128
    assert made.std() == pytest.approx(10, rel=0.02)
    assert abs(made.mean()) < 0.2
    assert np.array_equal(noisy(flat, 10, seed=1).pixels, noisy(flat, 10, seed=1).pixels)
    assert not np.array_equal(noisy(flat, 10, seed=1).pixels, noisy(flat, 10, seed=2).pixels)


@pytest.mark.parametrize("sigma", [0, -1, 256, float("nan"), "much"])
def test_levels_that_cannot_be_are_refused(sigma, model, clean):
    for call in (
        lambda: denoise(clean, model, ONE, sigma=sigma),
        lambda: deblur(clean, "box:3", model, ONE, sigma=sigma),
    ):
        with pytest.raises(RequestError, match="sigma is"):
            call()


@pytest.mark.parametrize(("sigma", "gain"), [(15, 5.0), (50, 9.0)])
@pytest.mark.parametrize("grey", [False, True])
def test_noise_is_removed(sigma, gain, grey, real, clean):
    truth = clean[..., :1] if grey else clean
    given = noisy(truth, sigma)
    result = denoise(given, real, Settings(reference=truth), sigma=sigma)
    assert result.report["nfe"] == 1
    before = metrics.psnr(given.pixels, truth)
    assert result.report["metrics"]["psnr_db"] > before + gain
    assert result.report["metrics"]["sigma"] == sigma
    assert result.report["metrics"]["residual_sigma"] == pytest.approx(sigma, rel=0.15)
    again = denoise(given, real, Settings(nfe=8, reference=truth), sigma=sigma)
    assert again.report["metrics"]["psnr_db"] > result.report["metrics"]["psnr_db"] - 0.05


def test_a_grey_picture_is_denoised_alike_whether_stored_grey_or_in_colour(real, clean):
    grey = noisy(clean[..., :1], 25).pixels
    one = denoise(grey, real, sigma=25).image
    three = denoise(np.repeat(grey, 3, axis=2), real, sigma=25).image
    assert metrics.psnr(np.repeat(one, 3, axis=2), three) > 38


# Kernels


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gaussian:1", (9, 9)),
        ("gaussian:0.3", (5, 5)),
        ("box:1", (1, 1)),
        ("box:4", (4, 4)),
        ("disk:2.5", (7, 7)),
        ("motion:9,0", (3, 11)),
        ("motion:9,90", (11, 3)),
    ],
)
def test_kernels_by_name(name, shape):
    k = make_kernel(name)
    assert k.sum() == pytest.approx(1)
    assert k.min() >= 0
    assert k.shape[0] <= shape[0]
    assert k.shape[1] <= shape[1]
    if "box" not in name:
        centre = [(k.sum(axis=1 - axis) * np.arange(k.shape[axis])).sum() for axis in (0, 1)]
        assert centre == pytest.approx([k.shape[0] // 2, k.shape[1] // 2], abs=1e-6)


def test_kernels_have_the_extent_that_their_names_say():
    def spread(k, axis):
        line, at = k.sum(axis=1 - axis), np.arange(k.shape[axis]) - k.shape[axis] // 2
        return np.sqrt((line * at**2).sum())

    assert spread(make_kernel("gaussian:2"), 0) == pytest.approx(2, rel=0.01)
    assert spread(make_kernel("disk:6"), 1) == pytest.approx(6 / 2, rel=0.01)
    assert spread(make_kernel("motion:20,0"), 1) == pytest.approx(20 / 12**0.5, rel=0.02)
    k = make_kernel("motion:20,30")  # counter-clockwise: up on the right
    assert k[: k.shape[0] // 2, k.shape[1] // 2 + 1 :].sum() > 0.4


def test_kernels_come_from_files_and_arrays(tmp_path):
    k = np.array([[0, 0, 0, 0, 0], [0, 1, 2, 0, 0], [0, 0, 3, 4, 0], [0, 0, 0, 0, 0]], np.uint8)
    Image.fromarray(k * 20).save(tmp_path / "k.png")
    np.save(tmp_path / "k.npy", k)
    wanted = k[1:3, 1:4] / 10
    for given in (k, k.astype(float), tmp_path / "k.png", str(tmp_path / "k.npy")):
        assert np.allclose(make_kernel(given), wanted)


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([[{}]], dtype=object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    "kernel",
    [
        "gaussian:0", "gaussian:-1", "gaussian:nan", "gaussian:", "gaussian:1,2", "box:2.5",
        "motion:9", "disk:1000", "swirl:3", "none.png", np.zeros((3, 3)), np.ones(3),
        np.full((2, 2), np.nan), np.ones((600, 600)), np.array([["a"]]),
    ],
)  # fmt: skip
def test_kernels_that_cannot_be_are_refused(kernel):
    with pytest.raises(RequestError):
        make_kernel(kernel)


@pytest.mark.parametrize("data", [b"", b"not an image", pickled(), pickled()[:20]])
def test_kernel_files_that_are_none_are_refused(data, tmp_path):
    path = tmp_path / "k.npy"
    path.write_bytes(data)
    with pytest.raises(RequestError, match="kernel"):
        make_kernel(path)


# Blur


@pytest.mark.parametrize("kernel", ["gaussian:1.5", "motion:7,30", "box:4"])
def test_a_picture_is_blurred_as_its_degradation_does_it(kernel, clean):
    k = torch.from_numpy(make_kernel(kernel)).float()
    torus = pad_periodic(Picture(clean).tensor(), tuple(k.shape))
    x = Blur(k, tuple(torus.shape[2:]), floor=0)(torus)[:, :, :96, :96]
    found, wanted = blurred(clean, kernel).pixels, Picture(clean).with_tensor(x).pixels
    assert metrics.max_error(found[9:-9, 9:-9], wanted[9:-9, 9:-9]) <= 1


@pytest.mark.parametrize(("kernel", "gain"), [("gaussian:1.6", 3.0), ("motion:9,30", 6.0)])
def test_a_blur_is_undone_with_surroundings_that_nobody_knows(kernel, gain, real, clean):
    inside = slice(16, -16)
    truth = np.ascontiguousarray(clean[inside, inside])
    given = np.ascontiguousarray(blurred(clean, kernel).pixels[inside, inside])
    result = deblur(given, kernel, real, Settings(nfe=4, reference=truth))
    found = result.report["metrics"]
    assert found["psnr_db"] > metrics.psnr(given, truth) + gain
    assert found["consistency_psnr_db"] > 48
    assert found["residual_sigma"] < 1


def test_a_picture_smaller_than_the_kernel_proves_nothing(model, clean):
    found = deblur(clean[:9, :50], "box:15", model, ONE).report["metrics"]
    assert found["consistency_psnr_db"] is found["residual_sigma"] is None
    assert found["consistency_exact"] is False


def test_around_the_picture_is_what_fits_to_it():
    k = torch.from_numpy(make_kernel("motion:9,30")).float()
    scene = torch.nn.functional.avg_pool2d(
        torch.randn(1, 3, 98, 98, generator=torch.Generator().manual_seed(0)), 3, 1
    )
    whole = Blur(k, (96, 96), floor=0)(scene)[:, :, 20:68, 20:68]
    y = pad_periodic(whole, tuple(k.shape))
    blur = Blur(k, tuple(y.shape[2:]), sigma=0.01)
    completed = blur.extrapolate(y, (48, 48))
    assert torch.equal(completed[:, :, :48, :48], whole)

    def error(y):
        x = blur.posterior_mean(torch.zeros_like(y), y, 0.3)[:, :, :48, :48]
        return float((x - scene[:, :, 20:68, 20:68]).square().mean().sqrt())

    assert error(completed) < 0.6 * error(y)


# Methods


@pytest.mark.parametrize("method", [*PEERS, "inversion"])
def test_methods_restore_what_they_have_a_form_for_and_refuse_the_rest(method, model, clean):
    small = clean[:24, :24]
    for task, run in (
        ("denoise", lambda s: denoise(small, model, s, sigma=10)),
        ("deblur", lambda s: deblur(small, "box:3", model, s, sigma=2)),
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
    result = denoise(clean[:24, :24], model, Settings(nfe=1, samples=3), sigma=25)
    assert result.uncertainty is not None
    assert result.uncertainty.max() > 0
    assert result.report["nfe"] == 3


def test_from_python(model, clean):
    small = clean[:24, :24]
    assert restore.denoise(small, sigma=20, model=model).report["task"] == "denoise"
    assert restore.deblur(small, "disk:2", model=model, nfe=2).report["task"] == "deblur"
