"""Laws of the functions: what is taken for an image, what comes back, what a notebook shows."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore.errors import RequestError


@pytest.fixture
def model(tiny_model: Path) -> restore.BCM:
    return restore.load(str(tiny_model))


@pytest.fixture
def pixels(photograph) -> np.ndarray:
    return photograph(width=48, height=32)


def denoise(image: object, model: restore.BCM) -> restore.Result:
    return restore.denoise(image, sigma=10, model=model)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_one_picture_is_taken_in_every_form(model, pixels, tmp_path):
    wanted = denoise(pixels, model).image
    path = tmp_path / "a.png"
    path.write_bytes(png(pixels))
    levels = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    with path.open("rb") as file:
        forms = {
            "path": path,
            "text": str(path),
            "bytes": png(pixels),
            "file": file,
            "stream": io.BytesIO(png(pixels)),
            "pillow": Image.fromarray(pixels),
            "double": pixels / 255,
            "single": pixels.astype(np.float32) / 255,
            "tensor": levels,
            "tensor of floats": levels / 255,
            "batch of one": levels[None] / 255,
            "result": restore.Result(
                restore.Picture(pixels), restore.denoise(pixels, sigma=10, model=model).record
            ),
        }
        for name, form in forms.items():
            assert np.array_equal(denoise(form, model).image, wanted), name


def test_floats_between_levels_keep_sixteen_bits(model, pixels):
    fine = (pixels[..., 0] + np.linspace(0, 0.9, 48)) / 256
    made = denoise(fine, model)
    assert made.image.dtype == np.uint16
    assert np.abs(made.image / 65535 - fine).mean() < 0.1


def test_grey_comes_back_as_it_came(model, pixels):
    for form in (
        pixels[..., 0],
        torch.from_numpy(pixels[..., 0]),
        Image.fromarray(pixels).convert("L"),
    ):
        assert denoise(form, model).image.shape == (32, 48)
    assert denoise(pixels[..., :2], model).image.shape == (32, 48, 2)


def test_a_mask_is_taken_as_a_tensor(model, pixels):
    hole = np.zeros((32, 48), bool)
    hole[8:12, 8:20] = True
    wanted = restore.inpaint(pixels, hole, model=model, nfe=1).image
    for mask in (torch.from_numpy(hole), torch.from_numpy(hole)[None], hole.astype(np.float32)):
        found = restore.inpaint(pixels, mask, model=model, nfe=1).image
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.full((8, 8), 200.0), "floats from 0 to 1 were expected, found 200 to 200"),
        (np.full((8, 8), -0.5), r"give \(x \+ 1\) / 2"),
        (np.full((8, 8), np.nan), "floats from 0 to 1"),
        (np.zeros((8, 8), np.int64), "found int64"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"found \(2, 8, 8, 3\)"),
        (torch.zeros(2, 3, 8, 8), "give one image of a batch at a time"),
        (torch.zeros(8, 8, 8), r"found \(8, 8, 8\)"),
        ([np.zeros((8, 8), np.uint8)] * 3, "a list of 3: call it for each, or `restore.batch`"),
        (io.StringIO("text"), "a file opened for bytes was expected"),
        (7, "found int"),
        (None, "found NoneType"),
    ],
)
def test_what_is_no_image_is_refused_in_words(model, image, said):
    with pytest.raises(RequestError, match=said):
        denoise(image, model)


def test_a_notebook_shows_a_picture_and_a_line(model, pixels):
    result = denoise(pixels, model)
    with Image.open(io.BytesIO(result._repr_png_())) as shown:
        assert np.array_equal(np.asarray(shown), result.image)
    assert repr(result).startswith("Result(denoise, 48×32, ok")
    large = restore.Picture(np.zeros((2000, 3000, 1), np.uint16))
    with Image.open(io.BytesIO(large.preview())) as shown:
        assert shown.size == (1024, 683)
    made = restore.generate(2, model=model, size=(16, 16))
    latent = restore.invert(pixels, model=model, nfe=1)
    for shows in (made, latent):
        assert shows._repr_png_().startswith(b"\x89PNG")
    for one in (result, result.picture, made, latent, latent.latent, model):
        assert "\n" not in repr(one)
        assert len(repr(one)) < 120


def test_a_result_is_an_array_and_a_pillow_image(model, pixels):
    result = denoise(pixels, model)
    assert np.array_equal(np.asarray(result), result.image)
    assert np.asarray(result, dtype=np.float32).dtype == np.float32
    changed = np.array(result)
    changed[:] = 0
    assert result.image.any()
    assert np.array_equal(np.asarray(result.pillow()), result.image)


def test_progress_is_told_and_can_cancel(model, pixels):
    calls: list[tuple[int, int]] = []
    hole = np.zeros((32, 48), bool)
    hole[8:12, 8:20] = True
    restore.inpaint(pixels, hole, model=model, nfe=4, progress=lambda *now: calls.append(now))
    assert calls[-1][0] == calls[-1][1] >= 4

    class Stop(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        calls.append((done, total))
        raise Stop

    calls.clear()
    with pytest.raises(Stop):
        restore.inpaint(pixels, hole, model=model, nfe=4, progress=cancel)
    assert len(calls) == 1
