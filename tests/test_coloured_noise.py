"""ColouredNoise: noise of two levels, its filter, and what a network makes of it."""

import math
from dataclasses import replace

import pytest
import torch

import restore
from restore import checkpoints
from restore.bcm import BCM
from restore.coloured_noise import ColouredNoise
from restore.errors import RequestError
from restore.presets import Preset
from restore.settings import Settings
from restore.tasks import Superres, solve_problem
from restore.tasks.schedule import schedule
from restore.training.coloured import draw_spectrum, filter_each, filtered_noise
from tests.support.networks import seeded

NOISY = ColouredNoise(*(torch.tensor([v]) for v in (0.05, 80.0, 0.5)))


def wave(frequency: float, side: int = 192) -> torch.Tensor:
    """Stripes (1, 1, side, side) of a share of the highest frequency."""
    at = torch.arange(side, dtype=torch.float32)
    return (math.pi * frequency * at).cos().expand(1, 1, side, side).clone()


def spectrum_of(low: float, high: float, cut: float) -> ColouredNoise:
    return ColouredNoise.of(low, high, cut, torch.zeros(1))


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.8])
def test_the_filter_keeps_what_is_below_the_cut_and_wieners_share_above(cut):
    """0.02: of a sinc's ripple in Lanczos's window of five lobes, a third beside the cut."""
    spectrum = spectrum_of(0.01, 0.5, cut)
    share = (0.25 + 0.01**2) / (0.25 + 0.5**2)
    middle = (..., slice(48, -48), slice(48, -48))
    for frequency, kept in ((0.6 * cut, 1.0), (min(1.3 * cut, 1.0), share)):
        x = wave(frequency)
        torch.testing.assert_close(spectrum.filter(x)[middle], kept * x[middle], atol=0.02, rtol=0)


def test_white_noise_is_not_filtered():
    x = torch.randn(1, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(spectrum_of(0.3, 0.3, 0.4).filter(x), x)
    assert float(spectrum_of(0.3, 0.3, 0.4).level) == pytest.approx(0.3)
    assert float(spectrum_of(0.7, 0.3, 0.4).level) == pytest.approx(0.3)  # held to the higher one


def test_the_filter_works_in_place_and_keeps_what_it_was_given():
    x = torch.randn(2, 3, 70, 33, generator=torch.Generator().manual_seed(0))
    kept = x.clone()
    filtered = NOISY.filter(x)
    assert torch.equal(x, kept)
    assert NOISY.filter(x, out=x) is x
    assert torch.equal(x, filtered)


def test_training_filters_as_the_solver_does():
    generator = torch.Generator().manual_seed(3)
    spectra = draw_spectrum(3, generator)
    x = torch.randn(3, 3, 64, 48, generator=generator)
    for n, one in enumerate(filter_each(x, spectra)):
        same = ColouredNoise(*(v[n : n + 1] for v in (spectra.low, spectra.high, spectra.cut)))
        torch.testing.assert_close(same.filter(x[n : n + 1])[0], one, atol=1e-4, rtol=1e-4)


def test_the_noise_that_is_left_is_that_of_the_levels():
    """Far from the cut: s sqrt(w (1 - w)) / w below it, the filter's share of the level above."""
    low, high, cut = 0.1, 0.4, 0.5
    z = torch.randn(64, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    spectrum = ColouredNoise(*(torch.full((64,), v) for v in (low, high, cut)))
    power = torch.fft.fft2(filtered_noise(z, spectrum)).abs().square().mean(dim=(0, 1)) / 64**2
    share = float(spectrum.kept[0])
    assert float(power[:10, :10].mean().sqrt()) == pytest.approx(low, rel=0.03)
    assert float(power[24:40].mean().sqrt()) == pytest.approx(share * high, rel=0.03)


def test_drawn_spectra_are_in_range_and_some_are_white():
    spectra = draw_spectrum(4000, torch.Generator().manual_seed(0))
    assert bool((spectra.low <= spectra.high).all())
    assert 0.003 <= float(spectra.low.min()) <= float(spectra.high.max()) <= 80
    assert 0.11 <= float(spectra.cut.min()) <= float(spectra.cut.max()) <= 0.9
    assert 0.04 < float((spectra.low == spectra.high).float().mean()) < 0.08


def test_the_denoiser_of_coloured_noise_is_edms_at_its_level():
    """D(x) = c_skip(t) x + c_out(t) F(c_in(t) x), t the spectrum's own level."""
    model = BCM(seeded("coloured"))
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = model.denoise_filtered(x, NOISY)
        t, s = float(NOISY.level), 0.5
        norm = t**2 + s**2
        f = model.network.remove_noise(x / norm**0.5, NOISY)
    torch.testing.assert_close(found, s**2 / norm * x + t * s / norm**0.5 * f)


def test_each_image_of_a_batch_may_have_a_spectrum_of_its_own():
    model = BCM(seeded("coloured"))
    x = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    spectra = draw_spectrum(3, torch.Generator().manual_seed(1))
    with torch.no_grad():
        together = model.denoise_filtered(x, spectra)
        for n in range(3):
            own = ColouredNoise(*(v[n : n + 1] for v in (spectra.low, spectra.high, spectra.cut)))
            alone = model.denoise_filtered(x[n : n + 1], own)
            torch.testing.assert_close(together[n : n + 1], alone, atol=1e-4, rtol=1e-4)


def test_white_noise_is_coloured_noise_of_levels_alike():
    model = BCM(seeded("coloured"))
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        white = model.denoise(x, 0.3)
        same = model.denoise_filtered(x, ColouredNoise.of(0.3, 0.3, 0.5, x))
    torch.testing.assert_close(white, same, atol=1e-5, rtol=1e-5)


def test_a_network_says_what_it_cannot_do():
    x = torch.zeros(1, 3, 16, 16)
    with pytest.raises(RequestError, match="no jumps"):
        BCM(seeded("coloured")).jump(x, 0.1, 0.002)
    with pytest.raises(RequestError, match="white noise alone"):
        BCM(seeded("patch")).denoise_filtered(x, NOISY)


def presets_of(task: Superres, settings: Settings, severity: float = 2.0, kind: str = ""):
    found = schedule(checkpoints.resolve("default"), task, settings, severity, kind)
    return [preset for _, preset in found]


def test_enlarging_by_default_tells_the_network_a_cut_at_the_small_pictures_detail():
    """It shrinks as the picture grows, also between and beyond the scales that were tuned."""
    task = Superres(scale=2)
    cuts = [presets_of(task, Settings(nfe=n), s)[0].cut for n in (1, 4, 8) for s in (1.5, 2, 3, 8)]
    assert all(0.1 < cut <= 0.9 for cut in cuts)
    for some in (cuts[:4], cuts[4:8], cuts[8:]):
        assert some == sorted(some, reverse=True)
        assert len(set(some)) == 4


@pytest.mark.parametrize(
    "settings",
    [
        Settings(nfe=4, mode="perceptual"),
        Settings(nfe=4, samples=2),
        Settings(nfe=4, method="inversion"),
        Settings(nfe=4, method="ddrm"),
    ],
)
def test_what_needs_jumps_or_white_noise_stays_with_the_model(settings):
    assert all(preset.cut == 0 for preset in presets_of(Superres(scale=2), settings))


def test_another_model_enlarges_with_its_own_network(tiny_model, photograph):
    own = checkpoints.load(tiny_model, device="cpu", dtype="fp32")
    result = restore.superres(photograph(), scale=2, model=own, nfe=2)
    assert "coloured" not in result.report


def test_the_record_names_the_network_that_enlarged(photograph):
    task = Superres(scale=2, sigma=0)
    problem = task.open(photograph())
    default = restore.load("default", device="cpu", dtype="fp32")
    report = solve_problem(problem, default, Settings(nfe=2)).report
    row = checkpoints.resolve("coloured")
    assert (report["model"], report["coloured"]) == ("default", "coloured")
    assert report["coloured_sha256"] == row.sha256
    alone = restore.load("coloured", device="cpu", dtype="fp32")
    same = solve_problem(problem, alone, Settings(nfe=2)).report
    assert (same["model"], "coloured" in same) == ("coloured", False)
    assert report["nfe"] == same["nfe"] == 2


def test_a_cut_asks_no_other_network_behind_an_own_models_back(tiny_model, photograph):
    own = checkpoints.load(tiny_model, device="cpu", dtype="fp32")
    problem = Superres(scale=2, sigma=0).open(photograph())
    with pytest.raises(RequestError, match="white noise alone"):
        solve_problem(problem, own, Settings(nfe=1), presets=[(1.0, Preset((1.0,), cut=0.5))])


def test_a_catalogue_that_names_no_such_network_is_a_usage_error():
    row = replace(checkpoints.resolve("default"), coloured="colored")
    with pytest.raises(RequestError, match="coloured"):
        schedule(row, Superres(scale=2), Settings(nfe=1), 2.0)


def test_the_network_sees_what_the_filter_leaves(photograph, monkeypatch):
    """At a level of 80 nothing above the cut, whatever the start has there."""
    seen = []
    model = BCM(seeded("coloured"))
    remove = model.network.remove_noise

    def watched(x, noise):
        seen.append(x.clone())
        return remove(x, noise)

    monkeypatch.setattr(model.network, "remove_noise", watched)
    task = Superres(scale=2, sigma=0)
    problem = task.open(photograph())
    start = task.guess(problem, task.observe(problem, model.device), seed=0)
    told = Preset((80.0,), cut=0.5)
    solve_problem(problem, model, Settings(nfe=1, tile=0), presets=[(1.0, told)])
    noise = ColouredNoise.of(told.low, 80.0, told.cut, start)
    expected = noise.filter(start) / (float(noise.level) ** 2 + 0.25) ** 0.5
    torch.testing.assert_close(seen[0], expected, atol=1e-3, rtol=1e-3)
