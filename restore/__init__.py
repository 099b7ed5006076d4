"""bcm-restore: image restoration with a bidirectional consistency model, zero-shot but for noise.

    import restore

    model = restore.load("default")
    result = restore.jpeg("photo.jpg", model=model, nfe=2)
    result.save("photo.png")
    result.report["metrics"]
    for record in restore.batch(Jpeg(), "photos", "restored"):  # from restore.tasks import Jpeg
        print(record.output, record.status)

Importing is cheap: torch loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from restore.api import (
    auto,
    batch,
    deblur,
    denoise,
    diagnose,
    edit,
    generate,
    hold,
    inpaint,
    interpolate,
    invert,
    jpeg,
    reconstruct,
    render,
    superres,
)
from restore.errors import CheckpointError, ImageError, RequestError, ResourceError, RestoreError

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.checkpoints import load
    from restore.functions import ImageFunction
    from restore.images import Picture
    from restore.journeys import Inversion, Latent, Series
    from restore.result import Result
    from restore.settings import Settings
    from restore.tasks import solve
    from restore.tasks.compare import compare

    __version__: str

__all__ = [
    "BCM",
    "CheckpointError",
    "ImageError",
    "ImageFunction",
    "Inversion",
    "Latent",
    "Picture",
    "RequestError",
    "ResourceError",
    "RestoreError",
    "Result",
    "Series",
    "Settings",
    "auto",
    "batch",
    "compare",
    "deblur",
    "denoise",
    "diagnose",
    "edit",
    "generate",
    "hold",
    "inpaint",
    "interpolate",
    "invert",
    "jpeg",
    "load",
    "reconstruct",
    "render",
    "solve",
    "superres",
]


_HOMES = {
    "BCM": "restore.bcm",
    "ImageFunction": "restore.functions",
    "Inversion": "restore.journeys",
    "Latent": "restore.journeys",
    "Picture": "restore.images",
    "Result": "restore.result",
    "Series": "restore.journeys",
    "compare": "restore.tasks",
    "Settings": "restore.settings",
    "load": "restore.checkpoints",
    "solve": "restore.tasks",
}


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bcm-restore")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
