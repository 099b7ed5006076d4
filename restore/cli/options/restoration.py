"""Restoration: the options on how an image is restored, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from restore.cli.machine import Machine
from restore.defaults import DEFAULT_NFE, Method

_restoration = partial(typer.Option, rich_help_panel="Restoration")


@dataclass(frozen=True)
class Restoration(Machine):
    """How an image is restored, and on what."""

    nfe: Annotated[
        int | None,
        _restoration(
            min=1,
            metavar="N",
            show_default=", ".join(f"{task} {nfe}" for task, nfe in DEFAULT_NFE.items()),
            help="Network evaluations for every pixel, in each draw and at each end of a blend; "
            "the default is the best measured",
        ),
    ] = None
    mode: Annotated[
        Literal["fidelity", "perceptual"],
        _restoration(help="Nearest on average, or sharp"),
    ] = "fidelity"
    blend: Annotated[
        float | None,
        _restoration(
            min=0,
            max=1,
            metavar="A",
            help="Instead of a mode: between fidelity, 0, and perceptual, 1; both are run",
        ),
    ] = None
    method: Annotated[
        Method,
        _restoration(
            help="bcm is ours; inversion lifts by noise that the network amplifies; the others "
            "are published ones, for comparison, and with -ccdf begun closer, for few evaluations",
        ),
    ] = "bcm"
    samples: Annotated[
        int,
        _restoration(
            min=1, metavar="K", help="Draws, of seed, seed + 1, …; the result is their mean"
        ),
    ] = 1
    uncertainty: Annotated[
        str | None,
        _restoration(
            metavar="FILE|DIR",
            help="Where the draws disagree, as a picture; in DIR one of each input's name",
        ),
    ] = None
    seed: Annotated[
        int, _restoration(metavar="N", help="Of the noise; the same seed gives the same pixels")
    ] = 0
    label: Annotated[
        int | None,
        _restoration(min=0, metavar="CLASS", help="What a class-conditional model is to see"),
    ] = None
    reference: Annotated[
        str | None,
        _restoration(
            metavar="FILE|DIR",
            help="The clean image, for metrics alone; in DIR the one of the input's name",
        ),
    ] = None
