"""LevelMap: noise in a hole alone, what is left of it, and what fills the hole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import restore
from restore import checkpoints, metrics
from restore.bcm import BCM
from restore.degradations import Grey, Mask
from restore.errors import RequestError
from restore.holes import fill
from restore.level_map import GUESS, LevelMap
from restore.presets import Preset
from restore.settings import Settings
from restore.solvers.bcm import bcm
from restore.tasks import Inpaint, solve_problem
from restore.tasks.schedule import schedule
from restore.tiling import NoiseField, TiledBCM, window_count
from restore.training.level_maps import add_grain, draw_level_map, guess_smoothly
from tests.support.networks import seeded

SIDE = 64


def make_maps(n: int, t: float = 80.0) -> LevelMap:
    """Holes of random pixels."""
    hole = torch.rand(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(3)) < 0.4
    return LevelMap.of(hole.float(), t)


def make_images(n: int, seed: int = 0) -> torch.Tensor:
    """Smooth ones (n, 3, SIDE, SIDE), of waves."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, 4, 4, generator=generator) / 3
    size = (SIDE, SIDE)
    return torch.nn.functional.interpolate(x, size, mode="bicubic", align_corners=False)


def test_what_is_known_stays_and_what_is_not_is_the_guess():
    """At the highest level nothing of the image is left in the hole, at the lowest all of it."""
    x, guess = torch.randn(2, 2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    for t, wanted in ((80.0, guess), (0.002, x)):
        maps = make_maps(2, t)
        hole = (maps.hole > 0).expand_as(x)
        left = maps.weigh(guess, x)
        assert torch.equal(left[~hole], x[~hole])
        torch.testing.assert_close(left[hole], wanted[hole], atol=0.002, rtol=0)


def test_what_is_left_is_the_mean_of_what_may_have_been():
    """Of pictures about a guess, noisy at level t: no other share of the two is nearer."""
    generator = torch.Generator().manual_seed(1)
    guess, detail, z = torch.randn(3, 1, 3, 256, 256, generator=generator)
    x, t = guess + GUESS * detail, 0.2
    maps = LevelMap.of(torch.ones(1, 1, 256, 256), t)
    left = maps.weigh(guess, x + t * z)
    error = (left - x).square().mean()
    for share in (0.9, 1.1):
        assert (guess + share * (left - guess) - x).square().mean() > error
    assert float(error.sqrt()) == pytest.approx(float(maps.level), rel=0.02)


def test_the_level_grows_with_that_of_the_hole_up_to_what_a_guess_lacks():
    levels = [float(make_maps(1, t).level) for t in (0.002, 0.05, 0.5, 80.0)]
    assert levels == sorted(levels)
    assert levels[0] == pytest.approx(0.002, rel=0.01)
    assert levels[-1] == pytest.approx(GUESS, rel=0.01)


def test_the_denoiser_of_a_map_is_edms_at_its_level():
    """D(x) = c_skip(t) x + c_out(t) F(c_in(t) x), for each image of a batch as for it alone."""
    model = BCM(seeded("mapped"))
    maps = LevelMap(make_maps(2).hole, torch.tensor([80.0, 0.1]))
    x = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = model.denoise_filtered(x, maps)
        for n in range(2):
            one = LevelMap(maps.hole[n : n + 1], maps.t[n : n + 1])
            t, s = float(one.level), 0.5
            norm = t**2 + s**2
            f = model.network.remove_noise(x[n : n + 1] / norm**0.5, one)
            wanted = s**2 / norm * x[n : n + 1] + t * s / norm**0.5 * f
            torch.testing.assert_close(found[n : n + 1], wanted, atol=1e-4, rtol=1e-4)


def test_the_network_sees_where_the_hole_is():
    """The same picture with another hole comes out otherwise; without one, as of white noise."""
    model = BCM(seeded("mapped"))
    x, maps = make_images(1), make_maps(1)
    with torch.no_grad():
        found = model.denoise_filtered(x, maps)
        other = model.denoise_filtered(x, LevelMap(maps.hole.flip(2), maps.t))
        none = model.denoise_filtered(x, LevelMap(torch.zeros_like(maps.hole), maps.t))
        white = model.denoise(x, float(maps.level))
    assert float((found - other).abs().max()) > 1e-3
    torch.testing.assert_close(none, white, atol=1e-4, rtol=1e-4)


def test_training_guesses_as_the_solver_starts():
    """0.002 of [-1, 1], a quarter of a level: conjugate gradients end where little is left."""
    maps = draw_level_map(6, SIDE, torch.Generator().manual_seed(5))
    x = make_images(6).clamp(-1, 1)
    guessed = guess_smoothly(x, maps.hole)
    for image, hole, found in zip(x.split(1), maps.hole.split(1), guessed.split(1), strict=True):
        wanted = fill(image.clone(), hole == 0)
        torch.testing.assert_close(found, wanted, atol=0.002, rtol=0)


def test_drawn_holes_are_of_every_kind():
    """Single pixels, blobs and streaks; no image all hole or none, most of the highest level."""
    maps = draw_level_map(300, SIDE, torch.Generator().manual_seed(0))
    share = maps.hole.mean(dim=(1, 2, 3))
    assert 0.02 < float(share.min()) <= float(share.max()) < 0.95
    assert 0.6 < float((maps.t == 80).float().mean()) < 0.9
    assert float(maps.t.min()) >= 0.02
    edges = (maps.hole.diff(dim=3) != 0).float().mean(dim=(1, 2, 3))
    border = edges / (2 * share * (1 - share))  # 1 where pixels know nothing of each other
    assert 0.2 < float((border > 0.9).float().mean()) < 0.5
    assert 0.1 < float((border < 0.3).float().mean()) < 0.6


def test_known_pixels_are_noisy_in_a_share_of_the_images_by_the_levels_said():
    x = torch.zeros(400, 3, 32, 32)
    level = add_grain(x, torch.Generator().manual_seed(0)).std(dim=(1, 2, 3))
    noisy = level[level > 0]
    assert 0.28 < len(noisy) / 400 < 0.42
    assert 0.009 < float(noisy.min()) < 0.02
    assert 0.2 < float(noisy.max()) < 0.28


def run(x, hole, preset, *, grey=False, tile="auto"):
    """What the solver makes of images, the network a tiny one."""
    degradation = Mask(~hole)
    y = degradation(x)
    start = fill(x.clone(), ~hole)
    denoiser = TiledBCM(BCM(seeded("mapped")), tile)
    return bcm(
        denoiser, Grey(degradation) if grey else degradation, y, start, preset, NoiseField(0)
    )


PRESET = Preset((80.0, 0.1), mapped=True, flips=2, turns=True)


def test_the_solver_keeps_what_is_known_and_tiles_exactly():
    """0.001, an eighth of a level: windows are summed in another order."""
    x = torch.cat(make_images(3).clamp(-1, 1).split(1), dim=3)
    hole = torch.rand(x[:, :1].shape, generator=torch.Generator().manual_seed(1)) < 0.5
    assert window_count(BCM(seeded("mapped")), *x.shape[2:], 16) > 2
    whole = run(x, hole, PRESET, tile=0)
    assert torch.equal(whole[~hole.expand_as(x)], x[~hole.expand_as(x)])
    assert whole.shape == x.shape
    torch.testing.assert_close(run(x, hole, PRESET, tile=16), whole, atol=0.001, rtol=0)
    one = x.mean(dim=1, keepdim=True).expand_as(x).contiguous()
    found = run(one, hole, PRESET, grey=True)
    torch.testing.assert_close(found, found[:, :1].expand_as(found), atol=1e-6, rtol=0)


def test_a_map_turns_with_the_picture():
    """A mean over all eight orientations comes out mirrored where what goes in does.

    0.002, a quarter of a level: the start's conjugate gradients end in another order of sums.
    """
    x = make_images(1).clamp(-1, 1)
    hole = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) < 0.5
    preset = Preset((80.0,), mapped=True, flips=8)
    wanted = run(x, hole, preset)
    for turn in (lambda image: image.mT.contiguous(), lambda image: image.flip(3)):
        found = run(turn(x), turn(hole), preset)
        torch.testing.assert_close(found, turn(wanted), atol=0.002, rtol=0)


def test_the_network_is_given_what_the_filter_leaves(monkeypatch):
    """At the highest level the guess, whatever an estimate before it has there."""
    x, seen = make_images(1).clamp(-1, 1), []
    hole = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) < 0.5
    denoise = BCM.denoise_filtered

    def watched(model, image, noise):
        seen.append(image.clone())
        return denoise(model, image, noise)

    monkeypatch.setattr(BCM, "denoise_filtered", watched)
    run(x, hole, Preset((80.0, 80.0), mapped=True))
    guess = fill(x.clone(), ~hole)
    for image in seen:
        torch.testing.assert_close(image, guess, atol=1e-3, rtol=0)
    assert len(seen) == 2


def test_a_map_is_for_holes_alone():
    task = restore.tasks.Superres(scale=2, sigma=0)
    problem = task.open(np.zeros((32, 32, 3), np.uint8))
    coloured = restore.load("mapped", device="cpu", dtype="fp32")
    with pytest.raises(RequestError, match="holes alone"):
        solve_problem(problem, coloured, Settings(nfe=1), presets=[(1.0, PRESET)])


def presets_of(settings: Settings, kind: str = "") -> list[Preset]:
    found = schedule(checkpoints.resolve("default"), Inpaint, settings, 1.5, kind)
    return [preset for _, preset in found]


@pytest.mark.parametrize("nfe", [1, 2, 4, 8, 16])
def test_thin_holes_are_filled_by_the_map_in_fidelity_mode(nfe):
    (preset,) = presets_of(Settings(nfe=nfe))
    assert preset.mapped
    assert preset.levels[0] == 80
    assert all(t < 0.1 for t in preset.levels[1:])
    assert preset.evaluations == nfe


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (Settings(nfe=4, mode="perceptual"), ""),
        (Settings(nfe=4, samples=2), ""),
        (Settings(nfe=4, method="inversion"), ""),
        (Settings(nfe=4, start="another.png"), ""),
        (Settings(nfe=4), "patch"),
    ],
)
def test_what_is_drawn_or_taken_from_elsewhere_stays_with_the_model(settings, kind):
    assert not any(preset.mapped for preset in presets_of(settings, kind))


def test_one_evaluation_fills_better_than_the_start(photograph):
    """Where half of the pixels are missing; the record says by which network."""
    pixels = restore.images.as_picture(photograph()).pixels
    hole = np.random.default_rng(0).random(pixels.shape[:2]) < 0.5
    damaged = np.where(hole[..., None], np.uint8(0), pixels)
    start, found = (restore.inpaint(damaged, hole, nfe=nfe, device="cpu") for nfe in (0, 1))
    before, after = (metrics.psnr(one.image, pixels, hole) for one in (start, found))
    assert after > before + 0.1
    assert found.report["mapped"] == "mapped"
    assert "mapped" not in start.report
