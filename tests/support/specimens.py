"""Specimens: good files of every kind that we read, and how each kind is read.

The fuzzer damages them. A reader raises what is wrong with a file, or AssertionError where what it
read breaks a law of ours.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from PIL import Image, ImageCms, features

from restore import checkpoints
from restore.batch.manifest import Fingerprint, Manifest, ManifestEntry
from restore.checkpoints import catalogue, files
from restore.checkpoints.catalogue import Checkpoint
from restore.images import Picture, decode, encode, read_header
from restore.images.metadata import Metadata, Resolution
from restore.journeys.latent import Latent, read_latent
from restore.jpegfile import read_jpeg
from restore.networks import build
from restore.record import Record
from restore.tasks import inpaint  # noqa: F401 - the rooms that fuzzing reaches are loaded before
from restore.tasks.masks import hole_of

WIDTH, HEIGHT = 40, 32
MAX_PIXELS = 2**20
TINY = {"channels": [8, 8], "blocks": [1], "middle": 1, "features": 8}
SMALL = {
    "model_channels": 32, "num_res_blocks": 1, "channel_mult": [1, 1], "num_head_channels": 16,
    "attention_strides": [2],
}  # fmt: skip
TOKENS = (
    b"0", b"-1", b"1", b"4", b"2147483648", b"18446744073709551616", b"1e400", b"1.5", b"nan",
    b"NaN", b"-Infinity", b"true", b"null", b"[]", b"{}", b'""', b'"../x"', b"'\\u0000'", b"[",
    b"]", b"{", b"}", b",", b'"', b"=", b"\n", b"F16", b"F64", b"[[[[[[[[", b"1" * 5000,
    b"\xff\xfe", b"\xf0\x9f\x98\x80", b"99999999999999999999e9999", b"1979-05-27", b"default",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """seeds() gives good files; read(data, folder) reads one, with a folder to put it into."""

    seeds: Callable[[], tuple[bytes, ...]]
    read: Callable[[bytes, Path], Any]


def photograph() -> Image.Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(0).integers(0, 40, (HEIGHT, WIDTH, 3))
    return Image.fromarray((np.dstack((x * 5, y * 6, x + y)) + noise).astype(np.uint8))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def described() -> bytes:
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0112: 6, 0x8769: {0x9003: "2024:01:02 03:04:05"}})
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 1.5)}
    return exif.tobytes()


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def jpegs() -> tuple[bytes, ...]:
    photo = photograph()
    grey, inks = photo.convert("L"), photo.convert("CMYK")
    return (
        saved(photo, "JPEG", subsampling="4:2:0"),
        saved(photo, "JPEG", subsampling="4:4:4", quality=95, optimize=True),
        saved(photo, "JPEG", subsampling="4:2:2", restart_marker_blocks=2),
        saved(photo, "JPEG", progressive=True),
        saved(grey, "JPEG"),
        saved(grey, "JPEG", progressive=True),
        saved(photo, "JPEG", keep_rgb=True),
        saved(inks, "JPEG"),
        saved(photo, "JPEG", exif=described(), icc_profile=profile(), comment=b"words"),
        saved(photo, "MPO", save_all=True, append_images=[photo]),
    )


@cache
def images() -> tuple[bytes, ...]:
    photo = photograph()
    noise = np.random.default_rng(1).integers(0, 2**16, (HEIGHT, WIDTH, 4), np.uint16)
    clear = photo.copy()
    clear.putalpha(photo.convert("L"))
    palette = photo.quantize(16)
    adorned = {"exif": described(), "icc_profile": profile()}
    found = [*jpegs()]
    for image in (
        photo,
        clear,
        palette,
        photo.convert("L"),
        photo.convert("LA"),
        photo.convert("1"),
    ):
        found.append(saved(image, "PNG"))
        found.append(saved(image, "TIFF"))
    found += [
        saved(palette, "PNG", transparency=3),
        saved(photo, "PNG", **adorned),
        saved(photo, "PNG", save_all=True, append_images=[palette.convert("RGB")]),
        encode(Picture(noise[..., :3], noise[..., 3], profile(), described()), "PNG"),
        encode(Picture(noise[..., :1]), "PNG"),
        interlaced(),
        saved(photo, "WEBP"),
        saved(clear, "WEBP", lossless=True, **adorned),
        saved(clear, "WEBP", alpha_quality=50),
        saved(photo, "WEBP", save_all=True, append_images=[clear.convert("RGB")]),
        saved(photo, "TIFF", compression="tiff_lzw"),
        encode(Picture(np.asarray(photo), icc=profile(), exif=described()), "TIFF"),
        saved(photo, "TIFF", compression="tiff_deflate", save_all=True, append_images=[photo]),
        saved(photo, "TIFF", compression="jpeg"),
        saved(photo.convert("1"), "TIFF", compression="group4"),
        saved(photo, "TIFF", compression="packbits"),
        saved(photo.convert("CMYK"), "TIFF"),
        encode(Picture(noise[..., :3], noise[..., 3]), "TIFF"),
        encode(Picture(noise[..., :1]), "TIFF"),
    ]
    for layout in ({"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">", "rowsperstrip": 3}):
        for pixels in (noise[..., :3], np.asarray(photo)):
            stream = io.BytesIO()
            tifffile.imwrite(stream, pixels, photometric="rgb", **layout)
            found.append(stream.getvalue())
    if features.check("avif"):
        found += [saved(photo, "AVIF"), saved(clear, "AVIF", **adorned)]
    for pixels in (np.asarray(photo), noise[..., :1]):
        spoken = Picture(pixels, exif=described(), metadata=spoken_of())
        found += [encode(spoken, format) for format in ("PNG", "TIFF")]
    found += [encode(Picture(np.asarray(photo), metadata=spoken_of()), "JPEG")]
    found += [saved(palette, "GIF"), saved(palette, "GIF", transparency=3), saved(photo, "BMP")]
    found += [saved(photo, "GIF", save_all=True, append_images=[palette.convert("RGB")])]
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:  # a preview, and below it the picture
        small = np.asarray(photo.resize((8, 8)))
        writer.write(small, subfiletype=1, subifds=1, photometric="rgb", metadata=None)
        writer.write(np.asarray(photo), subfiletype=0, photometric="rgb", metadata=None)
    return (*found, stream.getvalue())


def spoken_of() -> Metadata:
    """Metadata of every kind."""
    return Metadata(
        Resolution(300.0, 150.0),
        xmp=b'<x tiff:Orientation="6"><exif:PixelXDimension>9</exif:PixelXDimension></x>',
        iptc=b"\x1c\x02\x78\0\x05words",
        comment=b"a comment",
        texts=(("Title", "words"), ("Author", "写真")),
        colours=((b"gAMA", (100000).to_bytes(4, "big")),),
        geotiff=((33550, (0.5, 0.5, 0.0)), (34735, (1, 1, 0, 1, 1025, 0, 1, 2)), (34737, "map|")),
    )


def interlaced() -> bytes:
    """An interlaced PNG, as OpenCV and Pillow do not write it: Adam7 of a grey 8 x 8 picture."""
    passes = ((1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8))  # rows and columns of each
    lines = b"".join((b"\0" + bytes(range(w))) * h for h, w in passes)
    header = (8).to_bytes(4, "big") * 2 + bytes((8, 0, 0, 0, 1))
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(content).to_bytes(4, "big")
        + name
        + content
        + zlib.crc32(name + content).to_bytes(4, "big")
        for name, content in parts
    )


def read_image(data: bytes, folder: Path) -> None:
    picture = decode(data, max_pixels=MAX_PIXELS)
    planned = read_header(data)
    found = picture.size, picture.depth
    assert (planned.size, planned.depth) == found, f"{planned} but {found}"
    assert planned.alpha or picture.alpha is None, planned
    again = decode(encode(picture, "PNG"), max_pixels=MAX_PIXELS)
    assert np.array_equal(again.pixels, picture.pixels)


@cache
def masks() -> tuple[bytes, ...]:
    hole = np.zeros((HEIGHT, WIDTH), np.uint8)
    hole[8:20, 10:30] = 255
    mask = Image.fromarray(hole)
    colour = mask.convert("RGB")
    clear = colour.copy()
    clear.putalpha(mask)
    plain = [saved(mask, format) for format in ("PNG", "JPEG", "WEBP", "TIFF")]
    return (*plain, saved(mask.convert("1"), "PNG"), saved(colour, "PNG"), saved(clear, "PNG"))


def read_mask(data: bytes, folder: Path) -> None:
    picture = Picture(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    hole, _ = hole_of(data, picture, dilate=1)
    assert hole.shape == (HEIGHT, WIDTH)
    assert 0 < hole.sum() < hole.size


@cache
def weights() -> tuple[bytes, ...]:
    network = build("patch", TINY).state_dict()
    half = {name: value.half() for name, value in network.items()}
    described = files.make_metadata("patch", TINY, title="Tiny", license="MIT")
    return tuple(b"".join(files.serialize(tensors, described)) for tensors in (network, half))


def read_weights(data: bytes, folder: Path) -> None:
    path = folder / "x.safetensors"
    path.write_bytes(data)
    checkpoints.load(Checkpoint("x", "file", str(path)), device="cpu")


@cache
def pickles() -> tuple[bytes, ...]:
    network = {k: v.half() for k, v in build("adm", SMALL).state_dict().items()}
    files.list_shapes("adm", SMALL)  # torch loads half of itself the first time
    few = {"a": torch.ones(2, 3), "b": torch.ones(4).half(), "c": torch.ones(6).bfloat16()[1:]}
    found = []
    for value in (
        network,
        few,
        {"ema": few, "step": 3},
        {f"module.{k}": v for k, v in few.items()},
    ):
        stream = io.BytesIO()
        torch.save(value, stream)
        found.append(stream.getvalue())
    stream = io.BytesIO()
    torch.save({"a": torch.ones(3)}, stream, _use_new_zipfile_serialization=False)
    return (*found, stream.getvalue())


def read_pickle(data: bytes, folder: Path) -> None:
    path = folder / "x.pt"
    path.write_bytes(data)
    checkpoints.convert(
        path, folder / "y.safetensors", config={"num_head_channels": 16}, overwrite=True
    )


@cache
def catalogues() -> tuple[bytes, ...]:
    own = (
        '[mine]\nsource = "hub"\nrepo = "a/b"\nrevision = "' + "0" * 40 + '"\n'
        'file = "m.safetensors"\nverified = false\ntasks = ["jpeg"]\nclasses = 10\n'
        "[mine.config]\nchannels = [8, 8]\n[mine.presets.jpeg.fidelity]\n"
        "4 = { levels = [0.5, 0.1], severity = 10.0, flips = 2 }\n"
        '8 = [{ levels = [1.0], estimator = "jump" }, { levels = [2.0], severity = 3.5 }]\n'
    )
    whole = catalogue.find_builtin().read_text().replace("[default", "[other")
    start = whole.index("[")
    return own.encode(), whole[start : start + 3000].rpartition("\n")[0].encode()


def read_catalogue(data: bytes, folder: Path) -> None:
    path = folder / "own.toml"
    path.write_bytes(data)
    for row in catalogue._read(path).values():  # without our own, which takes its time
        assert row.name
        for task, modes in row.presets.items():
            for mode in modes:
                if modes[mode]:
                    assert row.preset(task, mode, 4, 10.0).levels


@cache
def latents() -> tuple[bytes, ...]:
    x = torch.randn(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    plain = Picture(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    rich = Picture(
        np.zeros((HEIGHT, WIDTH, 3), np.uint16), np.full((HEIGHT, WIDTH), 7, np.uint16),
        profile(), described(), metadata=spoken_of(),
    )  # fmt: skip
    levels = (0.02, 0.3, 1.0)
    return tuple(
        Latent(x, levels, 3, label, "default", "0" * 64, picture).encode()
        for picture, label in ((plain, None), (rich, 5))
    )


def read_latents(data: bytes, folder: Path) -> None:
    path = folder / "x.safetensors"
    path.write_bytes(data)
    latent = read_latent(path, max_pixels=MAX_PIXELS)
    assert latent.encode()
    assert json.dumps([latent.seed, latent.label, *latent.levels], allow_nan=False)


@cache
def manifests() -> tuple[bytes, ...]:
    made = Fingerprint(3, 5, "0" * 64)
    error = {"type": "ImageError", "message": "damaged PNG", "stage": "reading"}
    records = ({"status": "ok"}, {"status": "failed", "error": error})
    lines = []
    for n, more in enumerate(records):
        record = Record(task="jpeg", nfe=4, input=f"{n}.jpg", output=f"{n}.png").updated(**more)
        line = record.as_dict()
        values = {"manifest": 1, "when": 1.5 + n, "path": f"{n}.png", "record": line}
        values |= {"settings": {"nfe": 4}, "inputs": [asdict(made)], "output": asdict(made)}
        lines.append(json.dumps(values).encode() + b"\n")
    return b"".join(lines), lines[0] * 3


def read_manifest(data: bytes, folder: Path) -> None:
    path = folder / ".bcm-restore.jsonl"
    path.write_bytes(data)
    manifest = Manifest(str(path))
    for name, entry in manifest.made.items():
        where = str(folder / "none.png")
        assert isinstance(entry.difference({"nfe": 4}, [where]), str), name
        assert entry.record.status == "ok"
    manifest.open()  # a torn tail is closed, and what follows it is a line of its own
    try:
        manifest.add_entry(ManifestEntry("new.png", Record(input="a", output="b")))
    finally:
        manifest.close()
    assert path.read_bytes().startswith(data)
    assert path.read_bytes().splitlines()[-1].startswith(b'{"manifest": 1')


KINDS = {
    "images": Kind(images, read_image),
    "jpegs": Kind(jpegs, lambda data, folder: read_jpeg(data)),
    "masks": Kind(masks, read_mask),
    "safetensors": Kind(weights, read_weights),
    "pickles": Kind(pickles, read_pickle),
    "catalogues": Kind(catalogues, read_catalogue),
    "latents": Kind(latents, read_latents),
    "manifests": Kind(manifests, read_manifest),
}
