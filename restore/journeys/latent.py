"""Latent: a picture at a higher noise level, with all that it takes to come back.

It is a safetensors file of one tensor, "latent" (1, 3, H, W), and "alpha" (H, W) where the picture
had transparency; how it was made and what the picture's file carried are strings in its metadata.
Nothing in it is ever run, and it is read only once everything about it is in order.
"""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from restore.bcm import SIGMA_MAX, SIGMA_MIN
from restore.checkpoints import files
from restore.checkpoints.headers import Header
from restore.defaults import MAX_PIXELS
from restore.errors import CheckpointError, ImageError
from restore.images import Picture
from restore.images.exif import list_tags
from restore.images.metadata import decode_metadata, encode_metadata, fits
from restore.images.picture import NO_METADATA

KIND = "bcm.latent"
LONGEST_BLOCK = 2**20  # bytes of a profile or an EXIF block; a file's header ends at 4 MiB
MOST_LEVELS = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Latent:
    """x (1, 3, H, W) float32 on the CPU, at noise level levels[-1].

    levels: rising, the first is that of the noise added at the start. seed: of that noise. label:
    the class that the model saw; None for none. model, model_sha256: name and SHA-256 of the
    model's file, "" where it comes from none. picture: what the inverted picture's file
    carried; its pixels say depth, size and whether it is grey, and hold nothing.
    """

    x: Tensor
    levels: tuple[float, ...]
    seed: int
    label: int | None
    model: str
    model_sha256: str
    picture: Picture

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.x.shape[3], self.x.shape[2]

    def __repr__(self) -> str:
        width, height = self.size
        return f"Latent({width}×{height}, level {self.levels[-1]:g}, seed {self.seed})"

    def encode(self) -> bytes:
        """The bytes of its file; equal latents give equal bytes."""
        picture = self.picture
        tensors = {"latent": self.x}
        if picture.alpha is not None:
            tensors["alpha"] = torch.from_numpy(picture.alpha.astype(np.float32))
        metadata = {
            KIND: "1",
            "bcm.levels": json.dumps(self.levels),
            "bcm.seed": str(self.seed),
            "bcm.label": "" if self.label is None else str(self.label),
            "bcm.model": self.model,
            "bcm.model_sha256": self.model_sha256,
            "bcm.depth": str(picture.depth),
            "bcm.channels": str(picture.pixels.shape[2]),
        }
        for name, block in (("bcm.icc", picture.icc), ("bcm.exif", picture.exif)):
            if block:
                metadata[name] = base64.b64encode(block).decode()
        if picture.metadata != NO_METADATA:
            metadata["bcm.metadata"] = encode_metadata(picture.metadata)
        return b"".join(files.serialize(tensors, metadata))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write its file, whole or not at all; ResourceError where that cannot be."""
        from restore.files import write_atomically

        write_atomically(path, self.encode())


def keep_metadata(source: Picture) -> tuple[Picture, list[str]]:
    """What a latent keeps of a picture, and warnings on what it leaves out."""
    kept = {"icc": source.icc, "exif": source.exif}
    warnings = []
    for name, block in kept.items():
        if block and len(block) > LONGEST_BLOCK:
            kept[name] = None
            title = "ICC profile" if name == "icc" else "EXIF block"
            warnings.append(f"the {title} of {len(block):,} bytes is too long for a latent")
    metadata = source.metadata
    if (length := len(encode_metadata(metadata))) > LONGEST_BLOCK:
        metadata = metadata.without_private()
        warnings.append(f"XMP, texts and the like of {length:,} bytes are too long for a latent")
    picture = Picture(_empty(source), source.alpha, format="PNG", metadata=metadata)
    return replace(picture, icc=kept["icc"], exif=kept["exif"]), warnings


def read_latent(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Latent:
    """The latent in a file. ImageError, saying why, for every other or damaged file."""
    where = repr(os.fspath(path))
    try:
        weights = files.read_tensors(
            os.fspath(path), lambda header: _admit(header, where, max_pixels)
        )
    except CheckpointError as error:
        raise ImageError(str(error)) from error
    except ValueError as error:
        raise ImageError(f"{where} is no file name: {error}") from error
    x = weights.tensors["latent"]
    alpha = weights.tensors.get("alpha")
    if not all(bool(value.isfinite().all()) for value in weights.tensors.values()):
        raise ImageError(f"{where} is no latent to come back from: it holds NaN or infinity")
    try:
        return _latent(x, alpha, weights.metadata)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ImageError(f"{where} is no latent of ours: its metadata, {error}") from error


def _admit(header: Header, where: str, max_pixels: int) -> None:
    """ImageError unless the tensors are a latent's, of an admitted size, and say so."""
    shapes = header.shapes
    if header.metadata.get(KIND) != "1":
        raise ImageError(f"{where} is a safetensors file, but no latent that `invert` wrote")
    shape = shapes.get("latent", ())
    alien = sorted(shapes.keys() - {"latent", "alpha"})
    wrong = any(entry.dtype != "F32" for entry in header.entries.values())
    if len(shape) != 4 or shape[:2] != (1, 3) or alien or wrong:
        raise ImageError(f"{where} is no latent (1, 3, H, W) in float32: {shapes}"[:300])
    if shapes.get("alpha", shape[2:]) != shape[2:]:
        raise ImageError(f"{where}: its transparency has another size than its latent")
    if math.prod(shape[2:]) > max_pixels:
        raise ImageError(
            f"{where} claims {shape[3]}x{shape[2]} pixels, more than the {max_pixels} allowed; "
            "see --max-pixels"
        )


def _latent(x: Tensor, alpha: Tensor | None, metadata: Mapping[str, str]) -> Latent:
    """The latent of a file's tensors; ValueError, TypeError or KeyError for wrong metadata."""
    levels = json.loads(metadata["bcm.levels"])
    if not isinstance(levels, list) or not 2 <= len(levels) <= MOST_LEVELS:
        raise ValueError("expected a list of levels")
    numbers = tuple(float(level) for level in levels)
    inside = all(SIGMA_MIN <= level <= SIGMA_MAX for level in numbers)
    if not inside or any(t > u for t, u in pairwise(numbers)):
        raise ValueError(f"the levels do not rise within [{SIGMA_MIN}, {SIGMA_MAX:g}]")
    depth, channels = metadata["bcm.depth"], metadata["bcm.channels"]
    if depth not in ("8", "16") or channels not in ("1", "3"):
        raise ValueError(f"a depth of {depth[:9]!r} bits and {channels[:9]!r} channels")
    kind = np.uint8 if depth == "8" else np.uint16
    height, width = x.shape[2:]
    opacity = None
    if alpha is not None:
        values = alpha.numpy().round().clip(0, np.iinfo(kind).max)
        opacity = values.astype(kind)
    blocks: dict[str, bytes | None] = {}
    for name in ("icc", "exif"):
        text = metadata.get(f"bcm.{name}")
        blocks[name] = base64.b64decode(text, validate=True) if text else None
    if blocks["icc"] and not fits(blocks["icc"], grey=channels == "1"):
        raise ValueError("an ICC profile that does not fit")
    if blocks["exif"]:
        try:
            list_tags(blocks["exif"])
        except Exception as error:  # garbage fails in many ways
            raise ValueError("an EXIF block that cannot be read") from error
    more = decode_metadata(metadata["bcm.metadata"]) if "bcm.metadata" in metadata else NO_METADATA
    label = metadata["bcm.label"]
    picture = Picture(_blank(height, width, int(channels), kind), opacity, metadata=more)
    return Latent(
        x,
        numbers,
        int(metadata["bcm.seed"]),
        int(label) if label else None,
        metadata["bcm.model"],
        metadata["bcm.model_sha256"],
        replace(picture, icc=blocks["icc"], exif=blocks["exif"]),
    )


def _empty(picture: Picture) -> np.ndarray:
    width, height = picture.size
    return _blank(height, width, picture.pixels.shape[2], picture.pixels.dtype)


def _blank(height: int, width: int, channels: int, kind: DTypeLike) -> np.ndarray:
    """Pixels that take no memory."""
    return np.broadcast_to(np.zeros((), kind), (height, width, channels))
