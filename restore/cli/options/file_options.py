"""FileOptions: the options on what is read, where the results go, and how they are encoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore.batch.plan import Existing, Policy
from restore.cli.commands import FLAG
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError
from restore.formats import FormatName

if TYPE_CHECKING:
    from restore.batch.restorer import Encoding

_input = partial(typer.Option, rich_help_panel="Input")
_output = partial(typer.Option, rich_help_panel="Output")

Images = Annotated[
    list[str],
    typer.Argument(
        default_factory=list,
        show_default=False,
        help="Image files, folders of them, patterns such as 'a/*.jpg', or - for standard input; "
        "PNG, JPEG, WebP, TIFF, AVIF, BMP, GIF and HEIC are read",
    ),
]
Yes = Annotated[bool, _output("--yes", "-y", metavar=FLAG, help="The same as --existing overwrite")]
MaxPixels = Annotated[
    int,
    _input(
        min=1,
        metavar="N",
        show_default=f"{MAX_PIXELS / 1e6:.0f} million",
        help="Refuse images of more pixels, read or made",
    ),
]
WhereExists = Annotated[
    Existing, _output(help="Where an output exists: refuse to start, leave it, or replace it")
]


@dataclass(frozen=True)
class Inputs:
    """Which files are read, where nothing is written."""

    recursive: Annotated[
        bool,
        _input(
            "--recursive",
            "-r",
            metavar=FLAG,
            help="Folders with all below them; the tree is kept under -o DIR",
        ),
    ] = False
    from_file: Annotated[
        str | None,
        _input(
            metavar="LIST",
            show_default=False,
            help="More names, one a line, from a file or -; relative ones keep their folders "
            "under -o DIR",
        ),
    ] = None
    null: Annotated[
        bool,
        _input("--null", "-0", metavar=FLAG, help="The names in LIST end in NUL, as from -print0"),
    ] = False
    include: Annotated[
        list[str],
        _input(
            metavar="GLOB",
            show_default=False,
            help="Of folders, only files that fit: '*.jpg', 'scans/*'; may be repeated",
        ),
    ] = field(default_factory=list)
    exclude: Annotated[
        list[str],
        _input(
            metavar="GLOB",
            show_default=False,
            help="Of folders, leave out files, or folders, that fit; may be repeated",
        ),
    ] = field(default_factory=list)
    max_pixels: MaxPixels = MAX_PIXELS


@dataclass(frozen=True)
class Files(Inputs):
    """Which files are read, and where the results go."""

    output: Annotated[
        str | None,
        _output(
            "--output",
            "-o",
            metavar="FILE|DIR",
            show_default="beside the input, NAME_TASK.png",
            help="Where the result goes; - is standard output",
        ),
    ] = None
    existing: Annotated[
        Policy,
        _output(
            help="Where an output exists: refuse to start, leave it, or replace it. skip makes "
            "again what the manifest tells was made by other settings, by another model or of "
            "other inputs; repair also what has changed since it was written"
        ),
    ] = "error"
    yes: Yes = False
    suffix: Annotated[
        str | None,
        _output(
            metavar="TEXT",
            show_default="_TASK beside the input, none in a folder of outputs",
            help="Put after the input's name in the output's",
        ),
    ] = None
    name: Annotated[
        str | None,
        _output(
            metavar="TEMPLATE",
            show_default=False,
            help="In place of --suffix: {stem} and {name} are the input's without and with its "
            "ending, {task} is the task's; {ext} last keeps the input's ending and format",
        ),
    ] = None
    format: Annotated[
        FormatName,
        _output(
            help="Of the output; auto is by -o's ending, else PNG, same is each input's where it "
            "is one of these"
        ),
    ] = "auto"

    @property
    def policy(self) -> Policy:
        """What to do where an output exists. RequestError where two options contradict."""
        if self.yes and self.existing == "repair":
            raise RequestError("--existing repair and -y contradict each other: give one of them")
        return "repair" if self.existing == "repair" else choose_policy(self.existing, self.yes)


def choose_policy(existing: Existing, yes: bool) -> Existing:
    """What to do where an output exists. RequestError where the two contradict."""
    if yes and existing == "skip":
        raise RequestError("--existing skip and -y contradict each other: give one of them")
    return "overwrite" if yes else existing


_coding = partial(typer.Option, rich_help_panel="Encoding")


@dataclass(frozen=True)
class EncodingOptions:
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

    def choose(self, format: str | None = None) -> Encoding:
        """The encoding in a format, None before a plan has one; errors as of `Encoding`."""
        from restore.batch.restorer import Encoding

        return Encoding(format, self.quality, self.bits, self.strip)
