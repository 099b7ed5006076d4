"""Checkpoints: from a row of `weights.toml` over a verified file to a model, and back to a file.

Names are imported when first used: reading the catalogue needs the standard library alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore.checkpoints.cards import EvalResult, make_card, publish
    from restore.checkpoints.catalogue import Checkpoint, Preset, read_catalogue, resolve
    from restore.checkpoints.conversion import convert
    from restore.checkpoints.files import make_metadata, write
    from restore.checkpoints.models import admit_label, load, load_beside, verify
    from restore.checkpoints.sources import fetch, find_caches, locate, remove

ROOMS = {
    "cards": ("EvalResult", "make_card", "publish"),
    "catalogue": ("Checkpoint", "Preset", "read_catalogue", "resolve"),
    "conversion": ("convert",),
    "files": ("make_metadata", "write"),
    "models": ("admit_label", "load", "load_beside", "verify"),
    "sources": ("find_caches", "fetch", "locate", "remove"),
}


def __getattr__(name: str) -> object:
    for room, names in ROOMS.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{room}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
