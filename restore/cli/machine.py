"""Machine: what a network runs on, as the options of every command that runs one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from restore.errors import RequestError

_machine = partial(typer.Option, rich_help_panel="Machine")


@dataclass(frozen=True)
class Processor:
    """The device, the precision there, and the threads of the CPU."""

    device: Annotated[
        str,
        _machine(
            envvar="BCM_RESTORE_DEVICE",
            metavar="auto|cpu|cuda[:N]|mps",
            help="Used or refused, never replaced; auto is a GPU where there is one",
        ),
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"],
        _machine(
            envvar="BCM_RESTORE_DTYPE",
            help="auto is bf16 where the GPU or CPU computes in it, fp32 elsewhere and on the way "
            "to the noise and back",
        ),
    ] = "auto"
    threads: Annotated[
        int | None,
        _machine(min=1, metavar="N", show_default="torch's choice", help="Of the CPU"),
    ] = None


@dataclass(frozen=True)
class Machine(Processor):
    """What a network runs on, and how an image is cut."""

    tile: Annotated[
        str,
        _machine(
            metavar="auto|0|N",
            help="Side of a window in pixels; auto is by memory, 0 the whole image at once",
        ),
    ] = "auto"

    @property
    def side(self) -> int | Literal["auto"]:
        """The tile as a number. RequestError for what is none."""
        if self.tile == "auto":
            return "auto"
        if not self.tile.isdecimal():
            raise RequestError(f"--tile {self.tile!r}: expected auto, 0 or a number of pixels")
        return int(self.tile)
