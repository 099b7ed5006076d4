"""Source: the options on which model runs, and what is taken for one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from restore.cli.options.groups import FLAG

_model = partial(typer.Option, rich_help_panel="Model")

Catalog = Annotated[
    str | None,
    _model(
        envvar="BCM_RESTORE_CATALOG",
        metavar="FILE",
        help="A catalogue of your own, TOML, that adds models to the built-in ones",
    ),
]
Offline = Annotated[
    bool, _model("--offline", metavar=FLAG, help="Download nothing; a model must be here")
]
AllowUnverified = Annotated[
    bool,
    _model(
        "--allow-unverified",
        metavar=FLAG,
        help="Take a model whose hash nobody could check, and print it",
    ),
]


@dataclass(frozen=True)
class Source:
    """Which model, and what is taken for one."""

    model: Annotated[
        str,
        _model(
            "--model",
            "-m",
            envvar="BCM_RESTORE_MODEL",
            metavar="NAME|FILE|hf:...",
            help="NAME of the catalogue, FILE.safetensors, or hf:OWNER/REPO\\[/FILE]@REVISION",
        ),
    ] = "default"
    catalog: Catalog = None
    offline: Offline = False
    allow_unverified: AllowUnverified = False
