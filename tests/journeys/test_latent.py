"""Latents: all that it takes to come back, and files that are none."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore.checkpoints import load, make_metadata, write
from restore.errors import ImageError, RequestError
from restore.images import Picture, decode, encode
from restore.images.metadata import Metadata, Resolution
from restore.journeys import build_ladder, read_latent
from restore.settings import Settings

Photograph = Callable[..., np.ndarray]


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


def test_a_latent_holds_what_stands_beside_the_pixels(tmp_path: Path, exact, photograph):
    metadata = Metadata(Resolution(300.0, 300.0), xmp=b"<x/>", comment=b"words")
    restore.invert(Picture(photograph(), metadata=metadata), model=exact).save(tmp_path / "l")
    assert restore.reconstruct(tmp_path / "l", model=exact).picture.metadata == metadata


def test_metadata_too_long_for_a_latent_are_named(tmp_path: Path, exact, photograph):
    metadata = Metadata(Resolution(300.0, 300.0), xmp=bytes(2**20))
    made = restore.invert(Picture(photograph(), metadata=metadata), model=exact)
    assert "too long for a latent" in made.report["warnings"][0]
    made.save(tmp_path / "l")
    back = restore.reconstruct(tmp_path / "l", model=exact).picture.metadata
    assert back == Metadata(Resolution(300.0, 300.0))


def test_equal_inversions_give_equal_files(tmp_path: Path, exact, photograph):
    for name in "ab":
        restore.invert(photograph(), model=exact, seed=3).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_latent_says_how_it_was_made(latent: Path, tiny_model: Path):
    found = read_latent(latent)
    assert found.levels == build_ladder(0.07, 2.0, 2)
    assert (found.seed, found.label, found.size) == (9, None, (48, 32))
    assert found.model_sha256 == load(tiny_model, "cpu").sha256
    report = restore.reconstruct(latent, model=load(tiny_model, "cpu")).report
    assert (report["seed"], report["nfe"], report["task"]) == (9, 2, "reconstruct")


def test_a_latent_of_another_model_is_refused(latent: Path, exact):
    with pytest.raises(RequestError, match=r"made by the model tiny.*give the one that made it"):
        restore.reconstruct(latent, model=exact)


def test_settings_that_a_latent_has_are_refused(latent: Path, tiny_model: Path):
    from restore.journeys import reconstruct

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
        {"metadata": "[]"},
        {"metadata": '{"xmp": "%%%"}'},
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
    metadata = {**make_metadata("patch", {}), "bcm.latent": "1"}
    write(tmp_path / "l.safetensors", tensors, metadata)
    with pytest.raises(ImageError, match=sentence):
        read_latent(tmp_path / "l.safetensors")
