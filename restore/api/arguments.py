"""Arguments that the functions have in common: the model, once loaded, and the settings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from restore.errors import RequestError

if TYPE_CHECKING:
    import torch

    from restore.bcm import BCM
    from restore.settings import Mode, Progress, Settings, Tile
    from restore.tasks import ImageLike

    Model = BCM | str | os.PathLike[str] | None


def make_settings(
    seed: int,
    generator: torch.Generator | None,
    tile: Tile,
    label: int | None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    method: str = "bcm",
    reference: ImageLike | None = None,
    samples: int = 1,
    blend: float | None = None,
    progress: Progress | None = None,
    start: ImageLike | None = None,
    strength: float = 1.0,
) -> Settings:
    """The settings of a run; `generator` draws the seed where it is given."""
    from restore.settings import Settings

    if generator is not None:
        import torch

        drawn = torch.randint(2**62, (), generator=generator, device=generator.device)
        seed = int(drawn)
    return Settings(
        nfe=nfe,
        mode=mode,
        method=method,
        seed=seed,
        tile=tile,
        label=label,
        reference=reference,
        samples=samples,
        blend=blend,
        progress=progress,
        start=start,
        strength=strength,
    )


def load_model(
    model: Model, device: str, label: int | Literal["any"] | None, *, exact: bool = False
) -> BCM:
    """The model of a name or file, loaded once; one that is loaded stays as it is.

    label: a class, which is checked before the model's tensors are read; "any" is not. exact: in
    float32, whatever the machine likes best.
    """
    if model is None or isinstance(model, str | os.PathLike):
        spec = "default" if model is None else os.fspath(model)
        changed = os.stat(spec).st_mtime_ns if os.path.isfile(spec) else 0
        return _load_once(spec, device, exact, changed, _Class(label))
    if device != "auto":
        raise RequestError(
            f"device is {device!r}, and the model is on {model.device} already: give one of the two"
        )
    return model


@dataclass(frozen=True)
class _Class:
    """A class that a model is loaded for; every class has the same model."""

    label: int | Literal["any"] | None = field(compare=False)


@lru_cache(maxsize=4)
def _load_once(spec: str, device: str, exact: bool, changed: int, wanted: _Class) -> BCM:
    """`changed`: when a file did, so that one written anew is loaded anew."""
    from restore.checkpoints import admit_label, load

    admit = None if wanted.label == "any" else admit_label(wanted.label)
    return load(spec, device, exact=exact, admit=admit)
