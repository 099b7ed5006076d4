"""Encoding: the options on how a result is put into a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from restore.cli.options.groups import FLAG
from restore.errors import RequestError

_coding = partial(typer.Option, rich_help_panel="Encoding")


@dataclass(frozen=True)
class Encoding:
    """How a result is put into a file."""

    quality: Annotated[
        int | None,
        _coding(
            min=1,
            max=100,
            metavar="N",
            show_default="JPEG 95, WebP lossless",
            help="Of JPEG and WebP, 1 to 100",
        ),
    ] = None
    depth: Annotated[
        Literal["auto", "8", "16"], _coding(help="Bits a sample; auto is the input's")
    ] = "auto"
    strip: Annotated[
        bool,
        _coding("--strip", metavar=FLAG, help="Leave EXIF out; the colour profile always stays"),
    ] = False

    @property
    def bits(self) -> int | None:
        return None if self.depth == "auto" else int(self.depth)

    def check(self, format: str) -> None:
        """RequestError for an option that would do nothing in this format."""
        if self.quality is not None and format not in ("JPEG", "WEBP"):
            raise RequestError(f"--quality does nothing in {format}, which loses nothing")
