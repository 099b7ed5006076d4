"""Journeys: legs as published, round trips exact where the ODE is known, tiles equal the whole."""

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import restore
from restore import journeys
from restore.bcm import BCM, SIGMA_MIN
from restore.checkpoints import describe, load, write
from restore.errors import ImageError, RequestError
from restore.images import Picture, decode, encode
from restore.journeys import INVERSIONS, RECIPES, ladder, nfe_of, travel
from restore.networks import Network, build
from restore.tasks import Settings, read_latent
from restore.tasks.interpolate import between
from restore.tasks.series import Series, mosaic
from restore.tiling import NoiseField, TiledBCM
from tests.support.networks import ADM_TINY
from tests.support.networks import seeded_patch as seeded

LEVELS = (0.07, 1.0, 15.0, 80.0)
Photograph = Callable[..., np.ndarray]


class Gaussian(Network):
    """The network of images whose pixels are N(0, s²): the ODE's x_u / x_t is known,

    sqrt((u² + s²) / (t² + s²)), and solved for F.
    """

    stride, receptive_field = 1, 1

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        t, u, s = t.double(), u.double(), 0.5
        curve = (t**2 + s**2).sqrt() * (u**2 + s**2).sqrt() - t * u - s**2
        factor = torch.where(t == u, 0, curve / torch.where(t == u, 1, (t - u) * s))
        return x * factor.float().reshape(-1, 1, 1, 1) * self.scale


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


@pytest.fixture
def exact() -> BCM:
    return BCM(Gaussian()).requires_grad_(False)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(1)) * 2 - 1


def calls_of(model: BCM, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """The levels that the model's jumps are asked for, from now on; they do nothing."""
    calls: list[tuple[float, float]] = []

    def jump(x, t, u, label=None):
        calls.append((t, u))
        return x

    monkeypatch.setattr(model, "jump", jump)
    return calls


@pytest.mark.parametrize(
    ("recipe", "published"),
    [
        ("one-step", [(80, 0.002)]),
        ("ancestral", [(80, 2.4), (2.4, 0.002)]),
        ("zigzag", [(80, 0.002), (0.1, 1.2), (1.2, 0.002)]),
        ("mixed", [(80, 3), (3, 0.002), (0.12, 0.4), (0.4, 0.002)]),
    ],
)
def test_a_recipe_makes_exactly_the_published_calls(exact, monkeypatch, recipe, published):
    calls = calls_of(exact, monkeypatch)
    journeys.generate(TiledBCM(exact), (8, 8), RECIPES[recipe], noise=NoiseField(0))
    assert calls == published
    assert nfe_of(RECIPES[recipe]) == len(published)


@pytest.mark.parametrize(("nfe", "published"), [(1, [(0.07, 80)]), (2, [(0.07, 15), (15, 80)])])
def test_inversion_makes_exactly_the_published_calls(exact, monkeypatch, x, nfe, published):
    calls = calls_of(exact, monkeypatch)
    levels = INVERSIONS[nfe]
    journeys.invert(TiledBCM(exact), x, levels, noise=NoiseField(0))
    assert calls == published
    calls.clear()
    journeys.reconstruct(TiledBCM(exact), x, levels, noise=NoiseField(0))
    assert calls == [(u, t) for t, u in reversed(published)]


def test_a_leg_first_adds_the_noise_that_is_missing_up_to_its_level(exact):
    z = travel(TiledBCM(exact), torch.zeros(1, 3, 128, 128), (0.5,), (2.0,), noise=NoiseField(3))
    assert float(z.std()) == pytest.approx(2, rel=0.01)
    again = travel(TiledBCM(exact), z.clone(), (2.0,), noise=NoiseField(4), level=2.0)
    assert torch.equal(again, z)


def test_generation_starts_from_pure_noise_of_80(exact, monkeypatch):
    calls_of(exact, monkeypatch)
    noise = NoiseField(5)
    x = journeys.generate(TiledBCM(exact), (40, 24), RECIPES["one-step"], noise=noise)
    assert torch.equal(x, 80 * noise(0, (0, 24), (0, 40)))


def test_every_leg_has_noise_of_its_own(exact, monkeypatch):
    calls_of(exact, monkeypatch)
    x = journeys.generate(
        TiledBCM(exact), (64, 64), ((1.0, 0.002), (1.0, 0.002)), noise=NoiseField(5)
    )
    first = NoiseField(5)(0, (0, 64), (0, 64))
    correlation = torch.corrcoef(torch.stack([(x - first).flatten(), first.flatten()]))
    assert abs(float(correlation[0, 1])) < 0.05


@pytest.mark.parametrize(
    "legs", [((1.0, 2.0), (0.5, 1.0)), ((100.0, 1.0),), ((0.001, 1.0),), ((),)]
)
def test_legs_that_cannot_be_gone_are_refused(exact, legs):
    with pytest.raises(ValueError, match="leg"):
        travel(TiledBCM(exact), torch.zeros(1, 3, 8, 8), *legs, noise=NoiseField(0))


def test_generation_of_a_known_distribution_has_its_spread(exact):
    for legs in RECIPES.values():
        x = journeys.generate(TiledBCM(exact), (128, 128), legs, noise=NoiseField(1))
        assert float(x.std()) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("nfe", [1, 2, 3])
def test_a_round_trip_along_a_known_ode_is_exact(exact, x, level, nfe):
    levels = ladder(0.07, level, nfe)
    z = journeys.invert(TiledBCM(exact), x, levels, noise=NoiseField(2))
    gain = math.sqrt((level**2 + 0.25) / (0.07**2 + 0.25))
    start = x + 0.07 * NoiseField(2)(0, (0, 24), (0, 40))
    assert torch.allclose(z, gain * start, rtol=1e-4, atol=1e-4 * gain)
    back = journeys.reconstruct(TiledBCM(exact), z, levels, noise=NoiseField(2))
    assert torch.allclose(back, x, atol=1e-4)


@pytest.mark.parametrize("start", [SIGMA_MIN, 0.07, 1.0])
def test_a_round_trip_to_its_own_start_is_exact_to_rounding_for_any_network(model, x, start):
    levels = ladder(start, start, 2)
    z = journeys.invert(TiledBCM(model), x, levels, noise=NoiseField(2))
    back = journeys.reconstruct(TiledBCM(model), z, levels, noise=NoiseField(2))
    assert torch.allclose(back, x, atol=1e-5)


@pytest.mark.parametrize("nfe", [1, 2, 4, 5])
@pytest.mark.parametrize("ends", [(0.02, 30.0), (0.002, 0.002), (0.07, 0.07), (80.0, 80.0)])
def test_a_ladder_rises_from_start_to_level(nfe, ends):
    levels = ladder(*ends, nfe)
    assert len(levels) == nfe + 1
    assert (levels[0], levels[-1]) == ends
    assert list(levels) == sorted(levels)


@pytest.mark.parametrize("ends", [(1.0, 0.5, 1), (0.001, 1.0, 1), (1.0, 81.0, 1), (0.1, 1.0, 0)])
def test_a_ladder_that_leads_nowhere_is_refused(ends):
    with pytest.raises(ValueError, match="no ladder"):
        ladder(*ends)


@pytest.mark.parametrize("level", [1.0, 80.0])
def test_more_evaluations_bring_the_embedded_network_steadily_nearer(photograph, level):
    model, image = load("default", "cpu"), photograph(width=48, height=48)
    found = [
        restore.invert(image, model=model, nfe=nfe, level=level).report["metrics"]
        for nfe in (1, 2, 4, 8, 16)
    ]
    psnr = [metrics["round_trip_psnr_db"] for metrics in found]
    assert all(more > less - 0.3 for less, more in itertools.pairwise(psnr)), psnr
    assert psnr[-1] > psnr[0] + 5


@pytest.mark.parametrize("tile", [16, 40])
def test_tiles_equal_the_whole(model, tile):
    noise = NoiseField(1)
    whole = journeys.generate(TiledBCM(model, 0), (150, 101), RECIPES["zigzag"], noise=noise)
    parts = journeys.generate(TiledBCM(model, tile), (150, 101), RECIPES["zigzag"], noise=noise)
    assert torch.allclose(parts, whole, atol=1e-4)
    levels = ladder(0.07, 15.0, 2)
    whole = journeys.invert(TiledBCM(model, 0), whole, levels, noise=noise)
    parts = journeys.invert(TiledBCM(model, tile), parts, levels, noise=noise)
    assert torch.allclose(parts, whole, atol=1e-3)


def test_a_window_of_a_sample_starts_from_the_same_noise_as_the_larger_sample(exact):
    large = journeys.generate(TiledBCM(exact), (200, 150), noise=NoiseField(1))
    small = journeys.generate(TiledBCM(exact), (90, 70), noise=NoiseField(1))
    assert torch.allclose(large[:, :, :70, :90], small)


def test_refinement_never_ends_further_off_and_helps_the_embedded_network(photograph):
    model = load("default", "cpu")
    x = Picture(photograph(width=48, height=48)).tensor()
    way = {"noise": NoiseField(0)}
    levels = ladder(0.07, 1.0, 2)
    z = journeys.invert(TiledBCM(model), x, levels, **way)
    errors = []
    for times in (0, 1, 2):
        latent, back = journeys.refine(TiledBCM(model), x, z, levels, times, **way)
        assert torch.equal(back, journeys.reconstruct(TiledBCM(model), latent, levels, **way))
        errors.append(float((back.clamp(-1, 1) - x).square().mean()))
    assert errors[1] < errors[0] / 4
    assert errors[2] <= errors[1]


def test_more_evaluations_bring_a_picture_back_nearer(photograph):
    model = load("default", "cpu")
    found = [
        restore.invert(photograph(width=48, height=48), model=model, nfe=nfe, level=1).report
        for nfe in (1, 2, 4, 8)
    ]
    figures = [report["metrics"]["round_trip_psnr_db"] for report in found]
    assert figures == sorted(figures)


# Interpolation


def test_a_cross_fade_lies_below_its_frames_where_it_is_asked_for(exact, photograph):
    a, b = photograph(), photograph("coffee")
    frames, both = (
        restore.interpolate(a, b, 3, model=exact, level=2, cross_fade=asked).images
        for asked in (False, True)
    )
    for number, (frame, pair) in enumerate(zip(frames, both, strict=True)):
        assert np.array_equal(pair[:32], frame)
        fade = between(Picture(a), Picture(b), number / 2).pixels
        assert np.array_equal(pair[32:], fade)


def test_interpolation_keeps_to_the_sphere_and_ends_exactly():
    a, b = NoiseField(0)(0, (0, 64), (0, 64)), NoiseField(1)(0, (0, 64), (0, 64))
    assert torch.equal(journeys.interpolate(a, b, 0), a)
    assert torch.equal(journeys.interpolate(a, b, 1), b)
    for share in (0.25, 0.5, 0.9):
        assert float(journeys.interpolate(a, b, share).std()) == pytest.approx(1, rel=0.02)
    assert float(torch.lerp(a, b, 0.5).std()) < 0.75  # what a cross-fade does to noise
    assert torch.allclose(journeys.interpolate(a, a, 0.3), a)
    backward = journeys.interpolate(b, a, 0.75)
    assert torch.allclose(journeys.interpolate(a, b, 0.25), backward, atol=1e-6)


def test_the_ends_of_an_interpolation_are_the_reconstructions(model, photograph):
    a, b = photograph(), photograph("coffee")
    series = restore.interpolate(a, b, 3, model=model, nfe=2, level=2, seed=5)
    for image, pixels in ((a, series.images[0]), (b, series.images[-1])):
        latent = restore.invert(image, model=model, nfe=2, level=2, seed=5)
        assert np.array_equal(restore.reconstruct(latent, model=model).image, pixels)
    assert len(series) == series.report["frames"] == 3
    assert {"round_trip_psnr_db", "cross_fade_round_trip_psnr_db"} <= series.report[
        "metrics"
    ].keys()


def test_frames_along_a_known_ode_begin_and_end_with_the_pictures(exact, photograph):
    a, b = photograph(), photograph("coffee")
    series = restore.interpolate(a, b, 4, model=exact, level=80)
    assert np.abs(series.images[0].astype(int) - a).max() <= 1
    assert np.abs(series.images[-1].astype(int) - b).max() <= 1


def test_two_sizes_have_no_frames_between_them(exact, photograph):
    with pytest.raises(ImageError, match="48×32 and 40×32"):
        restore.interpolate(photograph(), photograph(width=40), model=exact)
    with pytest.raises(RequestError, match="2 or more"):
        restore.interpolate(photograph(), photograph(), 1, model=exact)


def test_frames_are_of_the_larger_depth_and_grey_only_where_both_are(exact, photograph):
    rgb = photograph()
    grey = rgb[..., :1].astype(np.uint16) * 257
    mixed = restore.interpolate(rgb, grey, 2, model=exact)
    assert mixed.images[0].shape == (32, 48, 3)
    assert mixed.images[0].dtype == np.uint16
    assert restore.interpolate(grey, grey, 2, model=exact).images[1].shape == (32, 48, 1)
    clear = np.dstack([rgb, np.zeros((32, 48), np.uint8)])
    halfway = between(Picture(rgb), Picture(clear[..., :3], clear[..., 3]), 0.5)
    assert (halfway.alpha == 128).all()


@pytest.mark.parametrize(("name", "frames"), [("f.gif", 3), ("f.webp", 3), ("f.png", 1)])
def test_a_series_is_saved_by_its_name(exact, photograph, tmp_path: Path, name, frames):
    series = restore.interpolate(photograph(), photograph("coffee"), 3, model=exact)
    series.save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert getattr(image, "n_frames", 1) == frames
        assert image.size == ((48, 32) if frames > 1 else (144, 32))
    series.save(tmp_path / "folder")
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == ["0.png", "1.png", "2.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "folder" / "2.png")), series.images[2])


def test_a_series_that_its_file_cannot_hold_is_refused(photograph, tmp_path: Path):
    clear = Picture(photograph(), np.zeros((32, 48), np.uint8))
    with pytest.raises(RequestError, match="GIF holds no partial"):
        Series((clear, clear), 2, {}).save(tmp_path / "a.gif")
    with pytest.raises(RequestError, match="ends in none of"):
        Series((clear,), 1, {}).save(tmp_path / "a.bmp")


def test_a_grid_has_its_samples_in_rows():
    pictures = [Picture(np.full((2, 3, 3), n, np.uint8)) for n in range(1, 4)]
    grid = mosaic(pictures, 2).pixels[..., 0]
    assert grid[:, [0, 3]].tolist() == [[1, 2], [1, 2], [3, 0], [3, 0]]


# Samples


def test_a_sample_is_that_of_its_seed_however_many_are_drawn(model):
    many = restore.generate(3, model=model, size=(32, 24), seed=4).images
    assert np.array_equal(many[2], restore.generate(model=model, size=(32, 24), seed=6).images[0])
    assert not np.array_equal(many[0], many[1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"recipe": "two-step"}, "recipe is 'two-step', expected one of one-step"),
        ({"n": 0}, "0 samples"),
        ({"size": (10**5, 10**5)}, "more than the 64000000 pixels"),
        ({"label": 3}, "has no classes"),
    ],
)
def test_samples_that_cannot_be_are_refused(model, arguments, sentence):
    with pytest.raises(RequestError, match=sentence):
        restore.generate(model=model, **arguments)


def test_a_class_conditional_network_goes_there_and_back_on_its_own_windows(photograph):
    torch.manual_seed(0)
    network = build("adm", ADM_TINY).eval().requires_grad_(False)
    for p in network.parameters():
        p.add_(0.02 * torch.randn(p.shape))
    model = BCM(network)
    assert restore.generate(model=model, label=3).report["size_out"] == [64, 64]
    one, other = (
        restore.generate(model=model, label=label, size=(80, 64)).images[0] for label in (3, 4)
    )
    assert one.shape == (64, 80, 3)
    assert not np.array_equal(one, other)
    with pytest.raises(RequestError, match="class-conditional: give a label from 0 to 9"):
        restore.generate(model=model)
    image = photograph(width=64, height=64)
    latent = restore.invert(image, model=model, label=3, level=0.07)
    assert np.array_equal(restore.reconstruct(latent, model=model).image, image)


# Latents


@pytest.fixture
def latent(tmp_path: Path, tiny_model: Path, photograph: Photograph) -> Path:
    path = tmp_path / "latent.safetensors"
    restore.invert(photograph(), model=load(tiny_model, "cpu"), nfe=2, level=2, seed=9).save(path)
    return path


def test_a_latent_holds_all_it_takes_to_come_back(tmp_path: Path, exact, photograph):
    from io import BytesIO

    from PIL import ImageCms
    from PIL.ExifTags import Base

    deep = photograph().astype(np.uint16) * 257
    alpha = np.arange(32 * 48, dtype=np.uint16).reshape(32, 48)
    exif = Image.Exif()
    exif[Base.Artist] = "somebody"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    given = decode(encode(Picture(deep, alpha, profile, exif.tobytes())))
    for source in (given, decode(encode(Picture(deep[..., :1])))):
        restore.invert(source, model=exact).save(tmp_path / "l.safetensors")
        result = restore.reconstruct(tmp_path / "l.safetensors", model=exact)
        back = decode(encode(result.picture))
        assert np.abs(back.pixels.astype(int) - source.pixels).max() <= 8
        assert back.pixels.shape == source.pixels.shape
        assert (back.icc, back.depth) == (source.icc, 16)
        assert (back.exif is None) == (source.exif is None)
        assert (back.alpha is None) == (source.alpha is None)
        assert back.alpha is None or np.array_equal(back.alpha, source.alpha)
    assert BytesIO(encode(result.picture)).read(4) == b"\x89PNG"


def test_equal_inversions_give_equal_files(tmp_path: Path, exact, photograph):
    for name in "ab":
        restore.invert(photograph(), model=exact, seed=3).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_latent_says_how_it_was_made(latent: Path, tiny_model: Path):
    found = read_latent(latent)
    assert found.levels == ladder(0.07, 2.0, 2)
    assert (found.seed, found.label, found.size) == (9, None, (48, 32))
    assert found.model_sha256 == load(tiny_model, "cpu").sha256
    report = restore.reconstruct(latent, model=load(tiny_model, "cpu")).report
    assert (report["seed"], report["nfe"], report["task"]) == (9, 2, "reconstruct")


def test_a_latent_of_another_model_is_refused(latent: Path, exact):
    with pytest.raises(RequestError, match=r"made by the model tiny.*give the one that made it"):
        restore.reconstruct(latent, model=exact)


def test_settings_that_a_latent_has_are_refused(latent: Path, tiny_model: Path):
    from restore.tasks import reconstruct

    with pytest.raises(RequestError, match="the latent's own"):
        reconstruct(latent, load(tiny_model, "cpu"), Settings(nfe=3))


def rewritten(path: Path, **metadata: str) -> Path:
    """The latent with other metadata."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header["__metadata__"] |= {f"bcm.{key}": value for key, value in metadata.items()}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])
    return path


@pytest.mark.parametrize(
    "metadata",
    [
        {"levels": "[0.07]"},
        {"levels": "[2.0, 0.07]"},
        {"levels": "[0.07, NaN]"},
        {"levels": "[0.07, 1e9]"},
        {"levels": "{}"},
        {"levels": '["a", "b"]'},
        {"levels": "[" * 10**5},
        {"seed": "now"},
        {"seed": "9" * 10**4},
        {"label": "x"},
        {"depth": "32"},
        {"channels": "4"},
        {"icc": "%%%"},
        {"icc": "AAAA"},
        {"latent": "2"},
    ],
    ids=str,
)
def test_a_latent_of_impossible_metadata_is_refused(latent: Path, metadata):
    with pytest.raises(ImageError, match="latent"):
        read_latent(rewritten(latent, **metadata))


def test_files_that_are_no_latents_are_refused(latent: Path, tmp_path: Path, tiny_model: Path):
    raw = latent.read_bytes()
    path = tmp_path / "other.safetensors"
    for data in (b"", raw[:-1], raw[:200], raw + b"\0", b"\x80\x04pickle", b"\xff" * 64):
        path.write_bytes(data)
        with pytest.raises(ImageError, match="safetensors file"):
            read_latent(path)
    with pytest.raises(ImageError, match="no latent that `invert` wrote"):
        read_latent(tiny_model)
    with pytest.raises(ImageError, match="there is no file"):
        read_latent(tmp_path / "nothing")
    with pytest.raises(ImageError, match="more than the 100 allowed"):
        read_latent(latent, max_pixels=100)


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"latent": torch.zeros(1, 4, 8, 8)}, "is no latent"),
        ({"latent": torch.zeros(3, 8, 8)}, "is no latent"),
        ({"latent": torch.zeros(1, 3, 8, 8).half()}, "is no latent"),
        ({"other": torch.zeros(1, 3, 8, 8)}, "is no latent"),
        ({"latent": torch.full((1, 3, 8, 8), math.nan)}, "NaN"),
        ({"latent": torch.zeros(1, 3, 8, 8), "alpha": torch.zeros(4, 4)}, "another size"),
    ],
)
def test_latents_of_impossible_tensors_are_refused(tmp_path: Path, tensors, sentence):
    metadata = {**describe("patch", {}), "bcm.latent": "1"}
    write(tmp_path / "l.safetensors", tensors, metadata)
    with pytest.raises(ImageError, match=sentence):
        read_latent(tmp_path / "l.safetensors")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"level": 0.01}, "expected 0.002 <= start <= level"),
        ({"level": 90}, "<= 80"),
        ({"start": 0.0}, "expected 0.002"),
        ({"refine": -1}, "refine is -1"),
        ({"nfe": 0}, "nfe is 0"),
    ],
)
def test_inversions_that_cannot_be_are_refused(exact, photograph, arguments, sentence):
    with pytest.raises(RequestError, match=sentence):
        restore.invert(photograph(), model=exact, **arguments)
