"""Samples: several draws, their mean and their spread; the way between two modes; inversion."""

import io
import weakref

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor

import restore
from restore import metrics
from restore.bcm import BCM, SIGMA_MIN
from restore.checkpoints import Preset
from restore.degradations import Free, Mask, Resize
from restore.errors import RequestError
from restore.images import as_picture, decode
from restore.networks import ADM
from restore.solvers import PEERS, bcm, inversion, spread
from restore.solvers.inversion import renew_noise
from restore.tasks import TASKS as RESTORATIONS
from restore.tasks import (
    Inpaint,
    Jpeg,
    Settings,
    Superres,
    draw_mask,
    draws,
)
from restore.tasks.draws import mean_and_spread
from restore.tasks.schedule import schedule
from restore.tiling import NoiseField, TiledBCM
from restore.uncertainty import ENDS, as_levels, chart, colour, scale_end
from tests.support.networks import seeded_patch as seeded

TASKS = ("inpaint", "jpeg", "superres")


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded().requires_grad_(False))


@pytest.fixture(scope="module")
def real() -> BCM:
    return restore.load("default", device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[60:124, 180:260])


@pytest.fixture(scope="module")
def clean(face: np.ndarray) -> np.ndarray:
    return face[8:40, 8:56]


def run(task: str, pixels: np.ndarray, model: BCM, **settings) -> restore.Result:
    if task == "inpaint":
        hole = scratched(pixels)
        return Inpaint(hole).restore(
            Inpaint(hole).degrade(as_picture(pixels)), model, Settings(**settings)
        )
    if task == "jpeg":
        return Jpeg().restore(Jpeg(20).degrade(as_picture(pixels)), model, Settings(**settings))
    return Superres(2).restore(Superres(2).degrade(as_picture(pixels)), model, Settings(**settings))


def scratched(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    return draw_mask((width, height), "scratches", 1).pixels[..., 0] > 127


def holds(result: restore.Result) -> bool:
    """Whether a result degrades to its input, as the record proves."""
    found = result.report["metrics"]
    if result.report["task"] == "superres":
        return found["consistency_exact"] or found["consistency_psnr_db"] > 57
    return found.get("known_max_error", 0) == 0 and found.get("coefficients_kept", 1) >= 0.9999


class Counted:
    """How many images went through a model's network while this lasts."""

    def __init__(self, model: BCM) -> None:
        self.network, self.forward, self.images = model.network, model.network.forward, 0

    def __enter__(self) -> "Counted":
        def counted(x: Tensor, *rest):
            self.images += len(x)
            return self.forward(x, *rest)

        self.network.forward = counted
        return self

    def __exit__(self, *_) -> None:
        self.network.forward = self.forward


# The mean and the spread of draws


def image_of(seed: int) -> Tensor:
    return torch.randn(1, 3, 300, 7, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_mean_and_spread_are_those_of_all_draws_together(batch):
    def draw(seeds):
        return torch.cat([image_of(seed) for seed in seeds])

    together = draw(range(5))
    mean, spread = mean_and_spread(draw, range(5), batch)
    assert torch.allclose(mean, together.mean(dim=0, keepdim=True), atol=1e-6)
    assert torch.allclose(spread, together.var(dim=0).mean(dim=0).sqrt(), atol=1e-6)


def test_one_draw_is_itself_and_has_no_spread():
    mean, spread = mean_and_spread(lambda seeds: image_of(*seeds), [3], 1)
    assert torch.equal(mean, image_of(3))
    assert spread is None


def test_however_many_the_draws_only_one_is_in_memory():
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()

    def draw(seeds):
        assert len(alive) <= 1  # the last one, still named
        x = image_of(*seeds)
        alive.add(x)
        return x

    mean_and_spread(draw, range(9), 1)


def test_small_images_are_drawn_together_and_large_ones_one_by_one():
    assert draws.batch_of(6, (64, 64), "bcm") == 6
    assert draws.batch_of(100, (64, 64), "bcm") == draws.MOST_AT_ONCE
    assert draws.batch_of(6, (4000, 3000), "bcm") == 1
    assert draws.batch_of(6, (64, 64), "dps") == 1  # its step is by the norm of a whole batch


# Samples of a task


@pytest.mark.parametrize("mode", ["fidelity", "perceptual"])
@pytest.mark.parametrize("task", TASKS)
def test_a_result_of_samples_is_the_mean_of_its_draws(task, mode, clean, model):
    several = run(task, clean, model, nfe=2, mode=mode, samples=3, seed=5)
    assert several.report["samples"] == 3
    assert several.uncertainty.shape == several.image.shape[:2]
    assert several.uncertainty.max() > 0
    if mode == "perceptual":  # its draws are what one run gives
        single = [run(task, clean, model, nfe=2, mode=mode, seed=5 + k).image for k in range(3)]
        mean = np.mean(single, axis=0, dtype=np.float64)
        assert np.abs(several.image - mean).max() <= 1  # each was rounded
        spread = np.sqrt(np.var(single, axis=0, ddof=1).mean(axis=2))
        assert np.abs(several.uncertainty - spread).mean() < 0.5


@pytest.mark.parametrize("task", TASKS)
def test_the_mean_of_draws_keeps_what_is_known(task, clean, real):
    assert holds(run(task, clean, real, nfe=1, samples=4))


def test_known_pixels_have_no_spread(clean, model):
    hole = scratched(clean)
    result = run("inpaint", clean, model, nfe=1, samples=3)
    assert not result.uncertainty[~hole].any()
    assert result.uncertainty[hole].all()
    found = result.report["metrics"]["uncertainty_mean"]
    assert found == pytest.approx(result.uncertainty[hole].mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "nfe"),
    [
        ({"nfe": 2}, 2),
        ({"nfe": 2, "samples": 3}, 6),
        ({"nfe": 3, "samples": 3, "mode": "perceptual"}, 9),
        ({"nfe": 2, "blend": 0}, 2),
        ({"nfe": 2, "blend": 0.5}, 4),
        ({"nfe": 2, "blend": 1}, 2),
        ({"nfe": 2, "blend": 0.5, "samples": 2}, 8),
        ({"nfe": 4, "method": "inversion"}, 4),
        ({"nfe": 2, "method": "inversion", "samples": 2, "mode": "perceptual"}, 4),
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_the_record_counts_every_evaluation(task, settings, nfe, clean, model):
    calls: list[tuple[int, int]] = []
    with Counted(model) as counted:
        result = run(task, clean, model, **settings, progress=lambda *call: calls.append(call))
    assert result.report["nfe"] == nfe == counted.images
    assert calls[-1][0] == calls[-1][1]
    assert all(total == calls[0][1] for _, total in calls)


def test_draws_are_the_same_one_by_one_and_together(clean, model, monkeypatch):
    together = run("jpeg", clean, model, nfe=2, samples=3)
    monkeypatch.setattr(draws, "MOST_AT_ONCE", 1)
    apart = run("jpeg", clean, model, nfe=2, samples=3)
    assert metrics.max_error(together.image, apart.image) <= 1
    assert np.allclose(together.uncertainty, apart.uncertainty, atol=1e-2)


def test_the_same_seed_gives_the_same_draws(clean, model):
    first, again, other = (
        run("superres", clean, model, nfe=1, samples=2, seed=seed) for seed in (7, 7, 8)
    )
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.uncertainty, again.uncertainty)
    assert not np.array_equal(first.uncertainty, other.uncertainty)


@pytest.mark.parametrize("task", TASKS)
def test_spread_is_larger_where_the_error_is(task, face, real):
    result = run(task, face, real, nfe=2, samples=4)
    error = np.sqrt(np.square(result.image.astype(float) - face).mean(axis=2))
    where = scratched(face) if task == "inpaint" else np.ones(error.shape, bool)
    assert spearmanr(result.uncertainty[where], error[where]).statistic > 0.15
    near = [cv2.blur(values * where, (9, 9)) for values in (result.uncertainty, error)]
    assert spearmanr(near[0][where], near[1][where]).statistic > 0.3


def test_fidelity_s_mean_of_draws_is_as_near_as_its_one_run(face, real):
    one, mean = (
        metrics.psnr(run("jpeg", face, real, nfe=2, samples=samples).image, face)
        for samples in (1, 4)
    )
    assert mean > one - 0.1


def test_a_spread_is_upright_as_its_picture(clean, model):
    data = Jpeg(20).degrade(as_picture(clean))
    turned = Image.open(io.BytesIO(data))
    exif = turned.getexif()
    exif[0x0112] = 6
    marker = exif.tobytes()
    segment = b"\xff\xe1" + (len(marker) + 2).to_bytes(2, "big") + marker
    plain = Jpeg().restore(data, model, Settings(nfe=1, samples=2))
    upright = Jpeg().restore(data[:2] + segment + data[2:], model, Settings(nfe=1, samples=2))
    assert upright.uncertainty.shape == upright.image.shape[:2]
    assert np.array_equal(upright.uncertainty, np.rot90(plain.uncertainty, -1))


def test_the_function_takes_what_the_command_line_does(clean, model, tmp_path):
    data = Jpeg(20).degrade(as_picture(clean))
    result = restore.jpeg(data, model=model, nfe=1, samples=2, blend=0.5)
    assert (result.report["nfe"], result.report["samples"], result.report["blend"]) == (4, 2, 0.5)
    assert result.report["mode"] is None
    result.save_uncertainty(tmp_path / "spread.png")
    chart = decode((tmp_path / "spread.png").read_bytes())
    assert np.array_equal(chart.pixels, result.uncertainty_picture().pixels)
    with pytest.raises(RequestError, match="one draw has no spread"):
        restore.jpeg(data, model=model, nfe=1).save_uncertainty(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"samples": 0}, "samples is 0, expected 1 to"),
        ({"samples": 1.5}, "samples is 1.5, expected a whole number"),
        ({"blend": 1.5}, "blend is 1.5, expected 0 .fidelity. to 1"),
        ({"blend": float("nan")}, "blend is nan"),
        ({"blend": "half"}, "blend is 'half', expected a number"),
        ({"blend": 0.5, "mode": "perceptual"}, "leave mode out"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(RequestError, match=sentence):
        Settings(**settings)


# The chart


def test_a_chart_shows_each_pixel_by_its_share_of_the_scale():
    spread = np.zeros((40, 400), np.float32)
    spread[:, 200:] = 8
    drawn = chart(spread, 4).pixels
    assert drawn.shape[1] == 400
    assert drawn.shape[0] > 40
    assert np.array_equal(drawn[0, [0, 399]], colour(np.array([[0, 1]]))[0])
    assert chart(spread[:, :5], 4).size[0] > 200  # a scale has to be read


@pytest.mark.parametrize("largest", [0.0, 0.3, 1.0, 3.3, 127.0, 200.0])
def test_a_scale_ends_at_the_next_round_number(largest):
    end = scale_end(np.linspace(0, largest, 10_000, dtype=np.float32).reshape(100, 100))
    assert end in ENDS
    assert end == ENDS[-1] or end >= 0.99 * largest
    assert end == ENDS[0] or ENDS[ENDS.index(end) - 1] < largest


def test_a_few_wild_pixels_do_not_flatten_a_scale():
    spread = np.full((100, 100), 1.5, np.float32)
    spread[0, 0] = 120
    assert scale_end(spread) == 2


def test_a_spread_is_told_in_levels_of_eight_bits():
    assert as_levels(torch.full((2, 3), 2 / 255)).tolist() == [[pytest.approx(1)] * 3] * 2


# Blend


@pytest.mark.parametrize("task", TASKS)
def test_the_ends_of_a_blend_are_the_two_modes(task, clean, model):
    for blend, mode in ((0.0, "fidelity"), (1.0, "perceptual")):
        mixed = run(task, clean, model, nfe=2, blend=blend)
        assert np.array_equal(mixed.image, run(task, clean, model, nfe=2, mode=mode).image)
        assert mixed.report["mode"] == mode


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("blend", [0.1, 0.5, 0.8])
def test_every_blend_lies_between_and_keeps_what_is_known(task, blend, clean, real):
    ends = [run(task, clean, real, nfe=1, blend=end) for end in (0, 1)]
    mixed = run(task, clean, real, nfe=1, blend=blend)
    straight = sum(
        w * end.image.astype(float) for w, end in zip((1 - blend, blend), ends, strict=True)
    )
    assert np.abs(mixed.image - straight).max() <= 1
    assert holds(mixed)


# Inversion


def half_known() -> Tensor:
    return torch.rand(1, 1, 24, 40, generator=torch.Generator().manual_seed(0)) < 0.5


@pytest.mark.parametrize("fresh", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("estimator", ["denoise", "jump"])
def test_what_inversion_restores_degrades_to_the_observation(estimator, fresh, model):
    clean = torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(1)) - 0.5
    preset = Preset((0.5, 0.1), estimator=estimator, start=0.2, fresh=fresh)
    for degradation, tolerance in ((Mask(half_known()), 0), (Resize((24, 40), (9, 20)), 2e-2)):
        y = degradation(clean)
        x = inversion(
            TiledBCM(model), degradation, y, torch.zeros_like(clean), preset, NoiseField(0)
        )
        assert torch.allclose(degradation(x), y, atol=tolerance)


def test_inversion_amplifies_a_little_noise_and_comes_down(model):
    x = torch.rand(1, 3, 24, 40) - 0.5
    with torch.no_grad():
        little = x + 0.1 * NoiseField(3)(0, (0, 24), (0, 40))
        wanted = model.jump(model.jump(little, 0.1, 0.5), 0.5, SIGMA_MIN).clamp(-1, 1)
    preset = Preset((0.5,), estimator="jump", start=0.2)
    for solver in (inversion, bcm):  # the loop does the same where a preset asks for it
        found = solver(TiledBCM(model), Free(), None, x.clone(), preset, NoiseField(3))
        assert torch.allclose(found, wanted, atol=1e-5)


def test_in_noise_space_the_known_pixels_keep_their_noise_and_the_hole_gets_new(model):
    x, x_t = torch.rand(2, 1, 3, 24, 40, generator=torch.Generator().manual_seed(1))
    known = half_known()
    found = renew_noise(x_t.clone(), x.clone(), 0.7, 1.0, Mask(known), NoiseField(4), 2)
    new = x + 0.7 * NoiseField(4)(2, (0, 24), (0, 40))
    assert torch.allclose(found, torch.where(known, x_t, new), atol=1e-6)
    same = renew_noise(x_t.clone(), x.clone(), 0.7, 0.0, Mask(known), NoiseField(4), 2)
    assert torch.allclose(same, x_t, atol=1e-6)


def test_what_fills_a_hole_in_perceptual_mode_comes_of_new_noise():
    for task in TASKS:
        for mode in ("fidelity", "perceptual"):
            settings = Settings(nfe=4, method="inversion", mode=mode)
            ((share, preset),) = schedule(None, RESTORATIONS[task], settings)
            assert (share, preset.evaluations) == (1, 4)
            assert preset.start > 0
            assert (preset.fresh == 1) == ((task, mode) == ("inpaint", "perceptual"))


def test_inversion_needs_a_way_up_and_a_way_down(clean, model):
    with pytest.raises(RequestError, match=r"nfe is 3, and each level takes 2 .* a multiple of 2"):
        run("jpeg", clean, model, nfe=3, method="inversion")
    assert run("jpeg", clean, model, nfe=2, method="inversion").report["method"] == "inversion"


@pytest.mark.parametrize("nfe", range(1, 10))
def test_a_preset_that_amplifies_is_spread_to_exactly_the_evaluations_asked_for(nfe):
    for preset in (Preset((0.8, 0.2), start=0.1), Preset((0.4,), start=0.1, flips=2)):
        assert spread(preset, nfe).evaluations == nfe
    assert spread(Preset((0.8, 0.2), start=0.1), 6).start == 0.1


# Classes


@pytest.fixture(scope="module")
def classes() -> BCM:
    """A tiny network of the published kind: windows of 64 pixels, ten classes."""
    torch.manual_seed(0)
    network = ADM(64, 1, (1, 1), (2,), 16, num_classes=10)
    for p in network.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    return BCM(network.eval().requires_grad_(False))


@pytest.mark.parametrize("method", ["bcm", "inversion"])
@pytest.mark.parametrize("task", TASKS)
def test_class_conditional_networks_draw_and_invert_by_their_label(task, method, clean, classes):
    options = {"nfe": 2, "samples": 2, "method": method}
    one, other = (run(task, clean, classes, label=label, **options) for label in (2, 3))
    assert one.report["nfe"] == 4
    assert not np.array_equal(one.uncertainty, other.uncertainty)
    with pytest.raises(RequestError, match="give a label from 0 to 9"):
        run(task, clean, classes, **options)


def test_class_conditional_networks_blend_by_their_label(clean, classes):
    one, other = (run("jpeg", clean, classes, label=n, nfe=1, blend=0.5).image for n in (2, 3))
    assert not np.array_equal(one, other)


# Published methods


@pytest.mark.parametrize("method", PEERS)
def test_published_methods_count_their_evaluations_and_have_no_modes(method, clean, model):
    task = "inpaint" if "inpaint" in PEERS[method].tasks else "superres"
    with Counted(model) as counted:
        result = run(task, clean, model, nfe=4, method=method)
    assert (result.report["method"], result.report["mode"]) == (method, None)
    assert result.report["nfe"] == 4
    assert counted.images <= 4  # a way back through the network counts, and is no call
    for settings in ({"blend": 0.5}, {"mode": "perceptual"}):
        with pytest.raises(RequestError, match=f"{method} has one way alone"):
            run(task, clean, model, nfe=4, method=method, **settings)


def test_a_method_without_a_form_for_a_task_says_who_has_one(clean, model):
    for method, peer in PEERS.items():
        for task in set(TASKS) - set(peer.tasks):
            with pytest.raises(RequestError, match=f"{method} has no form for {task}: give one"):
                run(task, clean, model, nfe=4, method=method)
