"""Arguments that the functions of the interface share, and what becomes of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

    from restore.bcm import BCM
    from restore.tasks import Settings

    Model = BCM | str | os.PathLike[str] | None

Mode = Literal["fidelity", "perceptual"]


def settings_of(
    seed: int,
    generator: torch.Generator | None,
    tile: int | Literal["auto"],
    label: int | None,
    nfe: int | None = None,
    mode: Mode = "fidelity",
    method: str = "bcm",
    reference: Any = None,
    samples: int = 1,
    blend: float | None = None,
) -> Settings:
    """What a task is run with; `generator` draws the seed where it is given."""
    from restore.tasks import Settings

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
    )


def loaded(model: Model, *, exact: bool = False) -> BCM | None:
    """The model of a name or file; one that is loaded stays, None is the embedded default.

    `exact`: in float32, whatever the machine likes best.
    """
    if isinstance(model, (str, os.PathLike)):
        from restore.checkpoints import load

        return load(os.fspath(model), exact=exact)
    return model
