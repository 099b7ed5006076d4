"""Tasks: what a user is promised of every result, and what is refused with a sentence."""

import importlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import restore
from restore import metrics
from restore.bcm import BCM
from restore.checkpoints import Checkpoint, Preset, read_catalogue
from restore.defaults import DEFAULT_NFE
from restore.degradations import Jpeg as JpegBox
from restore.degradations import Resize
from restore.errors import ImageError, RequestError
from restore.holes.fill import fill
from restore.images import Picture, as_picture, decode, encode
from restore.jpegfile import read_jpeg
from restore.networks import ADM
from restore.tasks import (
    Deblur,
    Denoise,
    Inpaint,
    Jpeg,
    Settings,
    Superres,
    compare,
    draw_mask,
)
from restore.tasks.jpeg import estimate_quality
from restore.tasks.masks import hole_of, thickness
from restore.tasks.superres import enlarge_bicubic
from restore.tiling import NoiseField
from tests.support.networks import seeded_patch as seeded
from tests.test_jpegfile import flat

filling = importlib.import_module("restore.holes.fill")  # the function has the module's name

TASKS = tuple(DEFAULT_NFE)
MODES = ("fidelity", "perceptual")
RECORD = [
    "schema", "status", "task", "input", "output", "model", "model_sha256", "method", "mode", "nfe",
    "seed", "device", "dtype", "tile", "size_in", "size_out", "seconds", "metrics", "warnings",
    "error",
]  # fmt: skip
ALWAYS = {"psnr_input_db", "consistency_psnr_db", "consistency_exact"}
OWN = {
    "inpaint": {"known_max_error"},
    "jpeg": {"coefficients_kept"},
    "superres": set(),
    "denoise": {"sigma", "residual_sigma"},
    "deblur": {"sigma", "residual_sigma"},
}
ONE = Settings(nfe=1)
LOADED = {"device": "cpu", "dtype": "fp32"}

Run = Callable[..., restore.Result]


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


@pytest.fixture(scope="module")
def real() -> BCM:
    return restore.load("default", **LOADED)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """A face, 96 pixels of it."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[60:156, 180:276])


@pytest.fixture(scope="module")
def clean(astronaut: np.ndarray) -> np.ndarray:
    return astronaut[20:60, 16:72]


@pytest.fixture(scope="module")
def run(model: BCM) -> Run:
    """run(task, pixels, settings): a task on what it is there for."""

    def run(
        task: str, pixels: np.ndarray, settings: Settings = ONE, by: BCM | None = model
    ) -> restore.Result:
        if task == "inpaint":
            hole = scratched(pixels)
            return Inpaint(hole).restore(Inpaint(hole).degrade(as_picture(pixels)), by, settings)
        if task == "jpeg":
            return Jpeg().restore(Jpeg(20).degrade(as_picture(pixels)), by, settings)
        if task == "denoise":
            return Denoise(25).restore(Denoise(25).degrade(as_picture(pixels)), by, settings)
        if task == "deblur":
            return Deblur("gaussian:1.2", sigma=1).restore(
                Deblur("gaussian:1.2").degrade(as_picture(pixels)), by, settings
            )
        return Superres(2).restore(pixels, by, settings)

    return run


def scratched(pixels: np.ndarray) -> np.ndarray:
    """A hole (H, W) bool."""
    height, width = pixels.shape[:2]
    return draw_mask((width, height), "scratches", 1).pixels[..., 0] > 127


def samples(pixels: np.ndarray, channels: int, dtype: type) -> np.ndarray:
    """The picture with so many channels, of alpha more than half, in uint8 or uint16."""
    alpha = 128 + pixels[..., 1:2] // 2
    colours = pixels if channels > 2 else pixels[..., :1]
    found = np.dstack([colours, alpha])[..., :channels]
    if dtype is np.uint8:
        return found
    return found.astype(np.uint16) * 257 - (found > 0) * np.arange(channels, dtype=np.uint16)


def jpeg_bytes(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    quality = {} if "qtables" in options else {"quality": 20}
    Image.fromarray(pixels).save(stream, "JPEG", **(quality | options))
    return stream.getvalue()


def png_bytes(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def resized(pixels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """The picture (H, W, 3) of another (width, height), by Pillow's bicubic, rounded once."""
    planes = [Image.fromarray(plane) for plane in pixels.astype(np.float32).transpose(2, 0, 1)]
    found = [plane.resize(size, Image.Resampling.BICUBIC) for plane in planes]
    return np.rint(np.stack(found, axis=2).clip(0, 255)).astype(np.uint8)


def again(result: restore.Result, folder: Path) -> np.ndarray:
    """The result's pixels, alpha last, once written as PNG and read."""
    result.save(folder / "again.png")
    picture = as_picture(folder / "again.png")
    return restore.Result(picture, {}).image


# Pictures


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels_and_depth_are_the_picture_s_and_the_picture_stays(
    task, channels, dtype, model, clean, tmp_path
):
    given = samples(clean, channels, dtype)
    before, hole = given.copy(), scratched(given)
    hole_before = hole.copy()
    if task == "inpaint":
        result = Inpaint(hole).restore(given, model, ONE)
    elif task == "jpeg":
        result = Jpeg().restore(given, model, ONE)
    elif task == "denoise":
        result = Denoise().restore(given, model, ONE)
    elif task == "deblur":
        result = Deblur("box:3").restore(given, model, ONE)
    else:
        result = Superres(1.5).restore(given, model, ONE)
    height, width = (60, 84) if task == "superres" else (40, 56)
    assert result.image.shape == (height, width, channels)
    assert result.image.dtype == dtype
    assert np.array_equal(again(result, tmp_path), result.image)
    assert np.array_equal(given, before)
    assert np.array_equal(hole, hole_before)
    if channels in (2, 4) and task in ("jpeg", "denoise", "deblur"):
        assert np.array_equal(result.image[..., -1], given[..., -1])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("height", "width"), [(1, 2), (1, 40), (40, 1), (5, 7), (13, 17), (33, 65)]
)
def test_every_size_is_restored(task, height, width, model, clean):
    pixels = np.resize(clean, (height, width, 3))
    if task == "inpaint":
        hole = np.zeros((height, width), bool)
        hole.flat[::2] = True
        result = Inpaint(hole).restore(pixels, model, ONE)
    elif task == "jpeg":
        result = Jpeg().restore(jpeg_bytes(pixels), model, ONE)
    elif task == "denoise":
        result = Denoise().restore(pixels, model, ONE)
    elif task == "deblur":
        result = Deblur("motion:7,30").restore(pixels, model, ONE)
    else:
        result = Superres(size=(width + 1, height)).restore(pixels, model, ONE)
    assert result.picture.size == (width + (task == "superres"), height)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_no_picture_is_refused(task, model):
    tasks = {
        "inpaint": Inpaint(np.ones((4, 4), bool)),
        "jpeg": Jpeg(),
        "superres": Superres(2),
        "denoise": Denoise(),
        "deblur": Deblur("box:3"),
    }
    for thing in (None, 3, torch.zeros(3, 4, 4), np.zeros((4, 4))):
        with pytest.raises(RequestError, match=r"expected|floats"):
            tasks[task].restore(thing, model)
    with pytest.raises(ImageError, match="not an image"):
        tasks[task].restore(b"GIF89a nothing", model)


def test_what_was_noticed_about_the_picture_is_in_the_record(model, clean, tmp_path):
    picture = Picture(clean, warnings=("it is blue", "it is old"))
    for result in (
        Inpaint(scratched(clean)).restore(picture, model, ONE),
        Superres(2).restore(picture, model, ONE),
    ):
        assert result.report["warnings"] == ["it is blue", "it is old"]
    broken = jpeg_bytes(clean[:38], icc_profile=b"nothing")
    first, second, *_ = Jpeg().restore(broken, model, ONE).report["warnings"]
    assert "ICC profile" in first
    assert "past the edge" in second
    frames = [Image.fromarray(clean), Image.fromarray(255 - clean)]
    frames[0].save(tmp_path / "two.png", save_all=True, append_images=frames[1:])
    result = Superres(2).restore(tmp_path / "two.png", model, ONE)
    assert "first of several" in result.report["warnings"][0]


def test_what_a_file_carries_is_carried_on(model, clean, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(clean).save(tmp_path / "a.png", exif=exif, icc_profile=profile)
    result = Superres(2).restore(tmp_path / "a.png", model, ONE)
    result.save(tmp_path / "b.png")
    assert Image.open(tmp_path / "b.png").getexif()[0x010F] == "A maker"
    assert Image.open(tmp_path / "b.png").info["icc_profile"] == profile
    result.save(tmp_path / "c.png", strip=True)
    assert not Image.open(tmp_path / "c.png").getexif()
    assert result.report["input"] == str(tmp_path / "a.png")
    with pytest.raises(RequestError, match="ends in none of"):
        result.save(tmp_path / "b.bmp")


# The record


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mode", MODES)
def test_the_record_has_its_keys_and_is_strict_json(task, mode, run, clean):
    reference = clean if task != "superres" else np.resize(clean, (80, 112, 3))
    settings = Settings(nfe=2, mode=mode, seed=3, reference=reference)
    report = run(task, clean, settings).report
    assert list(report) == RECORD
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    with_reference = {"psnr_db", "ssim"} | ({"masked_psnr_db"} if task == "inpaint" else set())
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
        for mode, nearly_grey in (("fidelity", False), ("perceptual", True)):
            for preset in sum(modes[mode].values(), ()):
                assert (preset.chroma < 0.5) == nearly_grey


def test_a_generator_draws_the_seed(model, clean):
    def seed(generator: torch.Generator) -> int:
        data = Jpeg(20).degrade(as_picture(clean))
        return restore.jpeg(data, model=model, nfe=1, generator=generator).report["seed"]

    first, second = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    assert seed(first) == seed(second)
    assert seed(first) != seed(torch.Generator().manual_seed(3))


# Settings, models and labels


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"nfe": 0}, "nfe is 0, expected 1 or more"),
        ({"nfe": 2.5}, "nfe is 2.5, expected a whole number"),
        ({"method": "magic"}, "method is 'magic', expected one of bcm"),
        ({"mode": "best"}, "mode is 'best', expected 'fidelity' or 'perceptual'"),
        ({"tile": -1}, "tile is -1, expected 'auto', 0 or a side"),
        ({"tile": "large"}, "tile is 'large', expected a whole number"),
        ({"tile": None}, "tile is None"),
        ({"seed": None}, "seed is None, expected a whole number"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"label": "cat"}, "label is 'cat', expected a whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(RequestError, match=sentence):
        Settings(**settings)


def test_arguments_that_nobody_knows_are_errors(model, clean):
    with pytest.raises(TypeError, match="strength"):
        restore.jpeg(clean, model=model, strength=2)


def test_a_model_without_classes_refuses_a_label(run, clean):
    with pytest.raises(RequestError, match="label is 3, but this model has no classes"):
        run("jpeg", clean, Settings(label=3))


@pytest.fixture(scope="module")
def published() -> BCM:
    """A tiny network of the published kind: windows of 64 pixels, ten classes."""
    torch.manual_seed(0)
    network = ADM(
        64, 1, (1, 1), (2,), 16, num_classes=10
    )  # two channels to a norm, or no class tells
    for p in network.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    return BCM(network.eval().requires_grad_(False))


@pytest.mark.parametrize(
    ("label", "sentence"),
    [(None, "give a label from 0 to 9"), (10, "label is 10, expected 0 to 9"), (-1, "label is -1")],
)
def test_a_class_conditional_model_needs_one_of_its_classes(label, sentence, run, clean, published):
    with pytest.raises(RequestError, match=sentence):
        run("jpeg", clean, Settings(label=label), published)


@pytest.mark.parametrize("task", TASKS)
def test_a_class_conditional_model_restores_in_its_own_windows(task, run, astronaut, published):
    pixels = astronaut[:36, :20] if task == "superres" else astronaut[:72, :40]
    calls: list[tuple[int, int]] = []

    def settings(label: int) -> Settings:
        return Settings(nfe=1, label=label, progress=lambda *call: calls.append(call))

    first, second = (run(task, pixels, settings(label), published) for label in (1, 2))
    assert first.report["tile"] == 64
    assert not np.array_equal(first.image, second.image)
    assert calls[-1][0] == calls[-1][1]
    proof = first.report["metrics"]
    assert proof.get("known_max_error", 0) == 0
    assert proof.get("coefficients_kept", 1) >= 0.999


def test_a_model_s_own_presets_come_first_and_a_mode_that_nobody_tuned_is_refused(clean):
    model = BCM(seeded())
    rows = {"jpeg": {"fidelity": {1: (Preset((0.5,)),)}}}
    model.checkpoint = Checkpoint("own", "file", "own", presets=rows)
    data = Jpeg().degrade(as_picture(clean))
    with torch.no_grad():
        estimate = model.denoise(decode(data).tensor(), 0.5)
    file = read_jpeg(data)
    wanted = JpegBox.from_file(file).project_into_range(estimate, JpegBox.observe(file))
    found = Jpeg().restore(data, model, ONE)
    assert found.report["model"] == "own"
    assert metrics.max_error(found.image, Picture(clean).with_tensor(wanted).pixels) <= 1
    with pytest.raises(RequestError, match="own has no tuned levels for jpeg in perceptual mode"):
        Jpeg().restore(data, model, Settings(mode="perceptual"))
    assert (
        Inpaint(scratched(clean)).restore(clean, model, ONE).report["nfe"] == 1
    )  # by the default's


# Inpaint


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_known_pixels_stay_bit_for_bit(channels, dtype, model, clean, tmp_path):
    given, hole = samples(clean, channels, dtype), scratched(clean)
    result = Inpaint(hole).restore(given, model, Settings(nfe=2, mode="perceptual"))
    for found in (result.image, again(result, tmp_path)):
        assert np.array_equal(found[~hole], given[~hole])
    assert not np.array_equal(result.image[hole], given[hole])
    proof = result.report["metrics"]
    assert proof["known_max_error"] == 0
    assert proof["consistency_exact"] is True
    assert proof["consistency_psnr_db"] is None


def test_the_hole_s_content_makes_no_difference(model, clean):
    hole = scratched(clean)
    first, second = clean.copy(), clean.copy()
    first[hole], second[hole] = 0, 255
    assert np.array_equal(
        Inpaint(hole).restore(first, model, ONE).image,
        Inpaint(hole).restore(second, model, ONE).image,
    )


MASKS = {
    "bool": lambda hole, _: hole,
    "bool (H, W, 1)": lambda hole, _: hole[..., None],
    "bool view": lambda hole, _: hole.T.copy().T,
    "uint8": lambda hole, _: hole * np.uint8(255),
    "just above the threshold": lambda hole, _: np.where(hole, 128, 127).astype(np.uint8),
    "uint16": lambda hole, _: hole * np.uint16(65535),
    "RGB": lambda hole, _: np.dstack([hole * np.uint8(255)] * 3),
    "Pillow L": lambda hole, _: Image.fromarray(hole * np.uint8(255)),
    "Pillow 1": lambda hole, _: Image.fromarray(hole),
    "Picture": lambda hole, _: Picture(hole[..., None] * np.uint8(255)),
    "bytes": lambda hole, _: png_bytes(Image.fromarray(hole * np.uint8(255))),
    "1-bit file": lambda hole, path: Image.fromarray(hole).save(path) or path,
    "name": lambda hole, path: Image.fromarray(hole * np.uint8(255)).save(path) or str(path),
    "opaque": lambda hole, _: np.dstack([hole * np.uint8(255), np.full_like(hole, 255, np.uint8)]),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_come_in_many_ways(kind, model, clean, tmp_path):
    hole = scratched(clean)
    mask = MASKS[kind](hole, tmp_path / "mask.png")
    found, warnings = hole_of(mask, Picture(clean))
    assert np.array_equal(found, hole)
    assert warnings == ()
    given = Inpaint(hole).degrade(as_picture(clean))
    wanted, result = (
        Inpaint(hole).restore(given, model, ONE),
        Inpaint(mask).restore(given, model, ONE),
    )
    assert np.array_equal(wanted.image, result.image)


def test_a_coloured_mask_is_taken_with_a_warning(model, clean):
    hole = scratched(clean)
    red = np.zeros_like(clean)
    red[hole, 0] = 255
    result = Inpaint(red).restore(clean, model, ONE)
    assert np.array_equal((result.image != clean).any(axis=2) & ~hole, np.zeros_like(hole))
    assert result.report["warnings"] == ["the mask is coloured: its brightest channel was taken"]


@pytest.mark.parametrize("hidden", [0, 255])
def test_transparent_pixels_of_a_mask_are_black_with_a_warning(hidden, clean):
    hole = scratched(clean)
    strokes = np.dstack([np.where(hole, 255, hidden)] * 3 + [np.where(hole, 200, 0)])
    strokes[~hole & (np.arange(56) < 9)] = 0, 0, 0, 255  # some of the rest is black to the eye
    found, warnings = hole_of(strokes.astype(np.uint8), Picture(clean))
    assert np.array_equal(found, hole)
    assert "transparency was ignored" in warnings[0]


def test_what_was_noticed_about_the_mask_is_in_the_record(model, clean):
    mask = Picture(scratched(clean)[..., None] * np.uint8(255), warnings=("it has frames",))
    assert Inpaint(mask).restore(clean, model, ONE).report["warnings"] == ["mask: it has frames"]


@pytest.mark.parametrize(
    ("mask", "error", "sentence"),
    [
        (np.eye(40, 56, dtype=np.uint8), ImageError, "values are 0 and 1"),
        (np.eye(40, 56, dtype=np.uint16), ImageError, "values are 0 and 1"),
        (np.ones((40, 56), np.uint8), ImageError, "values are 0 and 1"),
        (np.zeros((40, 56), np.uint8), ImageError, "the mask is empty: no pixel is white"),
        (np.full((40, 56), 127, np.uint8), ImageError, "the mask is empty"),
        (np.zeros((40, 56), bool), ImageError, "the mask is empty"),
        (np.ones((40, 56), bool), ImageError, "covers the whole picture"),
        (np.full((40, 56, 3), 255, np.uint8), ImageError, "covers the whole picture"),
        (np.eye(56, 40, dtype=bool), ImageError, "mask has 40×56 pixels, the picture 56×40"),
        (np.eye(4, dtype=np.uint8) * 255, ImageError, "mask has 4×4 pixels"),
        (np.ones(56, bool), RequestError, r"\(H, W\) of bool was expected, found \(56,\)"),
        (np.ones((40, 56, 3), bool), RequestError, "of bool was expected"),
        (np.eye(40, 56), RequestError, "floats"),
        (np.eye(40, 56, dtype=int), RequestError, "uint8 or uint16 was expected"),
        ("alpha", ImageError, "needs a picture with transparency"),
        ("nowhere.png", ImageError, "does not exist"),
        (None, RequestError, "inpaint needs a mask"),
    ],
)
def test_masks_that_nobody_can_have_meant_are_refused(mask, error, sentence, model, clean):
    with pytest.raises(error, match=sentence):
        Inpaint(mask).restore(clean, model)


def test_masks_are_inverted_and_grow(clean):
    hole = np.zeros((40, 56), bool)
    hole[10:12, 20:25] = True
    picture = Picture(clean)
    assert np.array_equal(hole_of(~hole, picture, invert=True)[0], hole)
    grown = np.zeros_like(hole)
    grown[7:15, 17:28] = True
    assert np.array_equal(hole_of(hole, picture, dilate=3)[0], grown)
    kept, _ = hole_of(~hole, picture, invert=True, dilate=3)  # inverted first
    assert np.array_equal(kept, grown)
    for dilate in (40, 10**9):
        with pytest.raises(ImageError, match="covers the whole"):
            hole_of(hole, picture, dilate=dilate)
    for dilate in (-1, 1.5):
        with pytest.raises(RequestError, match=f"dilate is {dilate}, expected 0 or more"):
            hole_of(hole, picture, dilate=dilate)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_pixels_are_restored_and_come_out_opaque(dtype, model, clean):
    given, hole = samples(clean, 4, dtype), scratched(clean)
    given[hole] = 0
    for dilate in (0, 1):
        result = Inpaint("alpha", dilate=dilate).restore(given, model, ONE)
        wide, _ = hole_of(hole, Picture(clean), dilate=dilate)
        assert (result.image[wide, 3] == np.iinfo(dtype).max).all()
        assert np.array_equal(result.image[~wide], given[~wide])
        assert result.image[hole, :3].any()


# Fill


def filled(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture with a hole, whose content was garbage, filled."""
    picture, known = Picture(pixels), torch.from_numpy(~hole)[None, None]
    x = picture.tensor()
    x[:, :, torch.from_numpy(hole)] = 9.0
    wanted = x.clone()
    assert fill(x, known) is x
    assert torch.equal(torch.where(known, x, 0), torch.where(known, wanted, 0))
    assert -1 <= float(x.min()) <= float(x.max()) <= 1
    return picture.with_tensor(x).pixels


@pytest.mark.parametrize("kind", ["half", "scratches"])
def test_thin_holes_are_filled_as_by_the_biharmonic_equation(kind, astronaut):
    from skimage.restoration import inpaint_biharmonic

    hole = draw_mask((96, 96), kind, 1).pixels[..., 0] > 127
    wanted = inpaint_biharmonic(
        Inpaint(hole).degrade(as_picture(astronaut)).pixels, hole, channel_axis=2
    )
    wanted = np.rint(wanted.clip(0, 1) * 255).astype(np.uint8)
    reached = metrics.psnr(filled(astronaut, hole), astronaut, hole)
    assert reached > metrics.psnr(wanted, astronaut, hole) - 0.1
    assert metrics.psnr(filled(astronaut, hole), wanted, hole) > 34


def test_a_smooth_picture_is_filled_across_a_huge_hole():
    ramp = np.linspace(40, 200, 300)
    pixels = np.rint(np.stack([ramp[:, None] + 0 * ramp] * 3, axis=2)).astype(np.uint8)
    hole = np.ones((300, 300), bool)
    hole[:2] = hole[-2:] = hole[:, :2] = hole[:, -2:] = False
    assert metrics.max_error(filled(pixels, hole), pixels) < 40
    flat_grey = np.full_like(pixels, 77)
    assert metrics.max_error(filled(flat_grey, hole), flat_grey) <= 1
    hole[:] = True
    hole[299, 299] = False  # one pixel is known
    assert metrics.max_error(filled(flat_grey, hole), flat_grey) <= 1


def test_strips_and_windows_of_a_fill_leave_no_trace(astronaut, monkeypatch):
    for kind in ("half", "scratches", "block"):
        hole = draw_mask((96, 96), kind, 2).pixels[..., 0] > 127
        whole = filled(astronaut, hole)
        with monkeypatch.context() as patch:
            patch.setattr(filling, "STRIP", 16)
            assert metrics.max_error(filled(astronaut, hole), whole) <= 1  # threads round apart
            patch.setattr(filling, "WINDOW", 48)
            parts = filled(astronaut, hole)
        assert metrics.psnr(parts, whole, hole) > 40
        difference = metrics.psnr(parts, astronaut, hole) - metrics.psnr(whole, astronaut, hole)
        assert abs(difference) < 0.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (53, 1), (2, 3), (31, 64)])
def test_pictures_of_any_shape_are_filled(shape):
    pixels = np.full((*shape, 3), 90, np.uint8)
    hole = np.ones(shape, bool)
    assert np.abs(filled(pixels, hole).astype(int) - 127).max() <= 1  # nothing known: mid-grey
    hole[0, 0] = False
    assert metrics.max_error(filled(pixels, hole), pixels) <= 1
    hole[:] = False
    assert np.array_equal(filled(pixels, hole), pixels)


def test_thickness_is_the_mean_distance_to_what_is_known():
    hole = np.zeros((9, 9), bool)
    hole[4, 4] = True
    assert thickness(hole) == 1
    hole[:, 3:6] = True
    assert thickness(hole) == pytest.approx(4 / 3, abs=0.05)


# Jpeg

FILES = {
    "4:2:0": {"subsampling": "4:2:0"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:4:4": {"subsampling": "4:4:4"},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "quality 1": {"quality": 1},
    "quality 75": {"quality": 75},
    "own tables": {"qtables": [range(10, 330, 5), [20] * 64, [40] * 64], "subsampling": 0},
    "grey": {},
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("odd", [False, True])
def test_compressed_again_the_result_is_the_given_file(kind, mode, odd, model, clean, tmp_path):
    pixels = clean[: 37 if odd else 32, : 51 if odd else 48]
    options = dict(FILES[kind])
    data = jpeg_bytes(pixels[..., 1] if kind == "grey" else pixels, **options)
    (tmp_path / "a.jpg").write_bytes(data)
    given = data if odd else tmp_path / "a.jpg"
    result = Jpeg().restore(given, model, Settings(nfe=2, mode=mode))
    assert result.report["input"] == (None if odd else str(tmp_path / "a.jpg"))
    assert result.image.shape == (*pixels.shape[:2], 1 if kind == "grey" else 3)
    assert bool(result.report["warnings"]) is odd  # some blocks reach past the edge
    proof = result.report["metrics"]
    assert proof["coefficients_kept"] >= 0.999
    assert proof["consistency_exact"] is (proof["consistency_psnr_db"] is None)
    written = again(result, tmp_path)
    file = read_jpeg(data)
    options |= {"qtables": [part.table.ravel().tolist() for part in file.components]}
    options.pop("quality", None)
    once_more = read_jpeg(jpeg_bytes(written.squeeze(), **options))
    for a, b in zip(file.components, once_more.components, strict=True):
        assert (a.coefficients == b.coefficients)[a.known].mean() >= 0.998


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_bytes_of_a_file_come_in_any_container(kind, model, clean):
    data = Jpeg().degrade(as_picture(clean))
    wanted, result = Jpeg().restore(data, model, ONE), Jpeg().restore(kind(data), model, ONE)
    assert np.array_equal(wanted.image, result.image)
    assert "coefficients_kept" in result.report["metrics"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_file_comes_out_upright_and_is_held_all_the_same(orientation, model, clean):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg_bytes(clean, exif=exif)
    size = [40, 56] if orientation > 4 else [56, 40]
    seen = decode(data)
    result = Jpeg().restore(data, model, Settings(nfe=1, reference=seen))
    assert result.report["size_in"] == result.report["size_out"] == list(seen.size) == size
    assert result.picture.orientation == 1
    proof = result.report["metrics"]
    assert proof["coefficients_kept"] >= 0.999
    assert proof["psnr_db"] == proof["psnr_input_db"] > 15  # the reference is the input, seen
    found = compare(result.picture, seen, data)
    assert found["coefficients_kept"] == proof["coefficients_kept"]
    assert found["psnr_input_db"] == proof["psnr_input_db"]
    with pytest.raises(ImageError, match="the reference has"):
        Jpeg().restore(data, model, Settings(reference=np.rot90(seen.pixels)))


@pytest.mark.parametrize("sampling", ["411", "440"])
def test_samplings_that_our_encoder_does_not_write_are_proven_too(sampling, model, clean):
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    options = [cv2.IMWRITE_JPEG_QUALITY, 20, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    data = cv2.imencode(".jpg", clean[:32, :32, ::-1], options)[1].tobytes()
    assert read_jpeg(data).components[1].sampling == {"411": (1, 4), "440": (2, 1)}[sampling]
    proof = Jpeg().restore(data, model, ONE).report["metrics"]
    assert proof["coefficients_kept"] >= 0.999
    assert proof["consistency_psnr_db"] is None or proof["consistency_psnr_db"] > 50


@pytest.mark.parametrize("factors", [[(1, 1), (2, 2), (2, 2)], [(2, 2), (1, 2), (1, 1)]])
def test_odd_samplings_do_not_stop_the_proof(factors, model):
    result = Jpeg().restore(flat(factors, 64, 32), model, ONE)
    assert result.image.shape == (32, 64, 3)
    assert result.report["metrics"]["coefficients_kept"] > 0.9


def test_a_file_of_which_nothing_is_known_is_held_to_nothing(model, clean):
    for data in (jpeg_bytes(clean, keep_rgb=True), jpeg_bytes(clean[:5, :7])):
        report = Jpeg().restore(data, model, ONE).report
        assert any("unconstrained" in warning for warning in report["warnings"])
        assert report["metrics"]["consistency_psnr_db"] is None
        assert report["metrics"]["consistency_exact"] is False
        assert "coefficients_kept" not in report["metrics"]


def test_pictures_that_are_no_jpeg_file_are_held_to_nothing(model, clean, tmp_path):
    Image.fromarray(clean).save(tmp_path / "a.png")
    lazy = Image.open(io.BytesIO(Jpeg().degrade(as_picture(clean))))
    name = str(tmp_path / "a.png")
    for given in (name, encode(Picture(clean)), clean, Picture(clean), lazy):
        report = Jpeg().restore(given, model, ONE).report
        assert "no coefficients are known" in report["warnings"][-1]
        assert set(report["metrics"]) == ALWAYS
        assert report["metrics"]["consistency_psnr_db"] is None
        assert report["metrics"]["consistency_exact"] is False
        assert report["input"] == (name if given is name else None)


def test_jpeg_files_that_cannot_be_read_are_refused(model, clean):
    cmyk = io.BytesIO()
    Image.fromarray(clean).convert("CMYK").save(cmyk, "JPEG")
    with pytest.raises(ImageError, match="CMYK"):
        Jpeg().restore(cmyk.getvalue(), model)
    with pytest.raises(ImageError, match="damaged"):
        Jpeg().restore(Jpeg(90).degrade(as_picture(clean))[:-300], model)
    with pytest.raises(ImageError, match="more than the 100 allowed"):
        Jpeg().restore(Jpeg().degrade(as_picture(clean)), model, max_pixels=100)


@pytest.mark.parametrize("quality", range(5, 100, 5))
def test_the_quality_of_a_file_is_read_from_its_tables(quality, clean):
    for pixels in (clean, clean[..., 0]):
        file = read_jpeg(jpeg_bytes(pixels, quality=quality))
        assert estimate_quality(file) == pytest.approx(quality, abs=2)


# Superres


@pytest.mark.parametrize("scale", [1.1, 1.7, 2, 2.5, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_shrunk_again_the_result_is_the_given_picture(scale, channels, real, astronaut):
    small = samples(
        Superres(scale).degrade(as_picture(astronaut[:64, :80])).pixels, channels, np.uint8
    )
    result = Superres(scale).restore(small, real, ONE)
    height, width = (round(side * scale) for side in small.shape[:2])
    assert result.picture.size == (width, height)
    assert result.report["size_out"] == [width, height]
    proof = result.report["metrics"]
    assert proof["consistency_psnr_db"] is None or proof["consistency_psnr_db"] >= 55
    if channels == 3:
        assert metrics.psnr(resized(result.image, small.shape[1::-1]), small) >= 55


@pytest.mark.parametrize("size", [(57, 40), (56, 80), (100, 99), (300, 41)])
def test_it_enlarges_to_any_size(size, model, clean):
    result = Superres(size=size).restore(clean, model, ONE)
    assert result.picture.size == size
    assert result.report["metrics"]["psnr_input_db"] > 10


def test_the_input_is_enlarged_as_pillow_does(clean):
    for size in ((112, 80), (95, 68), (56, 41), (300, 200)):
        wanted = resized(clean, size)
        found = enlarge_bicubic(Picture(clean), size).pixels
        assert metrics.max_error(found, wanted) <= 1
        assert metrics.psnr(found, wanted) > 60


def test_transparency_is_enlarged_too(model, clean):
    given = samples(clean, 4, np.uint8)
    given[..., 3] = np.where(np.arange(56) < 28, 255, 3)
    alpha = Superres(2).restore(given, model, ONE).image[..., 3]
    assert alpha.shape == (80, 112)
    assert (alpha[:, :46] == 255).all()
    assert (alpha[:, 66:] == 3).all()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "give either a scale or a size"),
        ({"scale": 2, "size": (112, 80)}, "give either a scale or a size"),
        ({"scale": 1}, "scale is 1, expected a factor above 1"),
        ({"scale": 0.5}, "scale is 0.5"),
        ({"scale": -2}, "scale is -2"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"scale": "2"}, "scale is '2'"),
        ({"scale": 1.001}, "56×40 is not larger than the given 56×40"),
        ({"size": (56, 40)}, "56×40 is not larger"),
        ({"size": (112, 39)}, "112×39 is not larger"),
        ({"size": (112.5, 80)}, "expected .width, height. in pixels"),
        ({"size": (112,)}, "expected .width, height. in pixels"),
        ({"size": 112}, "expected .width, height. in pixels"),
        ({"scale": 1000}, "over the limit of 64 megapixels"),
        ({"scale": 1e306}, "over the limit of 64 megapixels"),
        ({"size": (10**9, 10**9)}, "over the limit of 64 megapixels"),
    ],
)
def test_enlargements_that_cannot_be_are_refused(asked, sentence, model, clean):
    with pytest.raises(RequestError, match=sentence):
        Superres(asked.get("scale"), size=asked.get("size")).restore(clean, model)


def test_the_limit_on_pixels_is_the_caller_s(model, clean):
    with pytest.raises(RequestError, match="over the limit of 0 megapixels"):
        Superres(2).restore(clean, model, ONE, max_pixels=4000)
    with pytest.raises(ImageError, match="more than the 2000 allowed"):
        Superres(2).restore(encode(Picture(clean)), model, ONE, max_pixels=2000)


# References


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
    from restore.tasks import restoration

    monkeypatch.setitem(restoration.SOLVERS, "bcm", None)
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


# Compare


def test_compare_measures_against_the_clean_picture(clean, tmp_path):
    worse = clean.copy()
    worse[3, 4, 1] ^= 8
    Image.fromarray(worse).save(tmp_path / "worse.png")
    found = compare(tmp_path / "worse.png", clean)
    assert list(found) == ["psnr_db", "ssim", "max_error"]
    assert found["max_error"] == 8
    assert found["psnr_db"] == pytest.approx(metrics.psnr(worse, clean), abs=1e-3)
    assert compare(clean, clean) == {"psnr_db": None, "ssim": 1.0, "max_error": 0}
    assert compare(clean.astype(np.uint16) * 257, clean)["max_error"] == 0


def test_compare_tells_how_consistent_a_result_is(model, clean):
    data = Jpeg(20).degrade(as_picture(clean))
    result = Jpeg().restore(data, model, ONE)
    found, proof = compare(result.picture, clean, data), result.report["metrics"]
    for name in ("psnr_input_db", "consistency_psnr_db", "coefficients_kept"):
        assert found[name] == proof[name]
    assert compare(result.picture.at_depth(16), clean, data)["coefficients_kept"] >= 0.999
    assert (
        compare(clean, clean, Jpeg(80).degrade(as_picture(255 - clean)))["coefficients_kept"] < 0.9
    )

    small = Superres(2).degrade(as_picture(clean))
    result = Superres(2).restore(small, model, ONE)
    found, proof = compare(result.picture, clean, small), result.report["metrics"]
    for name in ("psnr_input_db", "consistency_psnr_db"):
        assert found[name] == proof[name]

    found = compare(clean, clean, 255 - clean)
    assert set(found) == {"psnr_db", "ssim", "max_error", "psnr_input_db"}
    assert found["psnr_input_db"] == pytest.approx(metrics.psnr(clean, 255 - clean), abs=1e-3)


def test_compare_refuses_sizes_that_do_not_fit(clean):
    with pytest.raises(ImageError, match="the output has 56×40 pixels, the reference 55×40"):
        compare(clean, clean[:, 1:])
    with pytest.raises(ImageError, match="has 112×40 pixels, more than the output"):
        compare(clean, clean, np.hstack([clean, clean]))


# Degrade


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_compressed_is_the_jpeg_file_of_any_picture(sampling, channels, clean):
    data = Jpeg(30, sampling=sampling).degrade(as_picture(samples(clean, channels, np.uint16)))
    file = read_jpeg(data)
    assert estimate_quality(file) == pytest.approx(30, abs=1)
    assert len(file.components) == (1 if channels < 3 else 3)
    if channels > 2:
        u, v = int(sampling[2]), int(sampling[4])
        assert file.components[1].sampling == (1 if v else 2, 4 // u)


def test_reduced_is_pillow_s_bicubic(clean):
    for scale in (2, 3.3, 1.01, 100):
        small = Superres(scale).degrade(as_picture(clean))
        size = max(1, round(56 / scale)), max(1, round(40 / scale))
        assert small.size == size
        wanted = Image.fromarray(clean).resize(size, Image.Resampling.BICUBIC)
        assert metrics.max_error(small.pixels, np.asarray(wanted)) <= 1
    assert Superres(2).degrade(as_picture(samples(clean, 4, np.uint16))).alpha.shape == (20, 28)


def test_holed_is_grey_in_the_hole_alone(clean):
    hole = scratched(clean)
    for dtype in (np.uint8, np.uint16):
        given = samples(clean, 4, dtype)
        found = Inpaint(hole).degrade(as_picture(given))
        assert (found.pixels[hole] == np.iinfo(dtype).max // 2).all()
        assert np.array_equal(found.pixels[~hole], given[~hole, :3])
        assert np.array_equal(found.alpha, given[..., 3])
        assert np.array_equal(given, samples(clean, 4, dtype))


def test_random_masks_are_of_their_kind_and_depend_on_the_seed_alone():
    def hole(kind: str, seed: int, size: tuple[int, int] = (200, 120)) -> np.ndarray:
        picture = draw_mask(size, kind, seed)
        assert picture.size == size
        assert set(np.unique(picture.pixels)) <= {0, 255}
        return picture.pixels[..., 0] > 127

    assert hole("half", 0).mean() == pytest.approx(0.5, abs=0.02)
    assert 0.02 < hole("scratches", 0).mean() < 0.4
    assert thickness(hole("scratches", 0)) < 3
    assert hole("scratches", 0, (1200, 1100)).mean() > 0.02
    block = hole("block", 0)
    assert block.sum() == 50 * 30
    assert block[45:75, 75:125].all()
    for kind in ("half", "scratches"):
        assert np.array_equal(hole(kind, 7), hole(kind, 7))
        assert not np.array_equal(hole(kind, 7), hole(kind, 8))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: Jpeg(0).degrade(as_picture(x)), "quality is 0, expected 1 to 100"),
        (lambda x: Jpeg(101).degrade(as_picture(x)), "quality is 101"),
        (
            lambda x: Jpeg(50, sampling="4:1:0").degrade(as_picture(x)),
            "sampling is '4:1:0', expected one of 4:4:4",
        ),
        (lambda x: Jpeg().degrade(as_picture(np.zeros((1, 66000), np.uint8))), "too many for JPEG"),
        (lambda x: Superres(1).degrade(as_picture(x)), "scale is 1, expected a factor above 1"),
        (lambda x: Superres(float("nan")).degrade(as_picture(x)), "scale is nan"),
        (lambda x: Superres(float("inf")).degrade(as_picture(x)), "scale is inf"),
        (lambda x: draw_mask((8, 8), "dots"), "expected half, scratches or block"),
        (lambda x: draw_mask((8, 8), "half", -1), "seed is -1, expected 0 or more"),
        (lambda x: draw_mask((8, 0), "half"), "a mask of 8×0 pixels"),
    ],
)
def test_degradations_that_cannot_be_are_refused(call, sentence, clean):
    with pytest.raises(RequestError, match=sentence):
        call(clean)


# The embedded network


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
    assert result.report["metrics"]["consistency_psnr_db"] >= 55


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
