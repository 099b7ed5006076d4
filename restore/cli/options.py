"""Option: a named setting of a command, defined once and shared.

Options that go together are the fields of a frozen dataclass; `flattened` gives a command whose
parameter is such a group the group's options.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import partial
from typing import Annotated, Any, Literal, get_type_hints

import typer

from restore.cli.machine import Machine
from restore.cli.terminal import VERBOSE, Terminal
from restore.defaults import DEFAULT_NFE, MAX_PIXELS
from restore.errors import RequestError

_input = partial(typer.Option, rich_help_panel="Input")
_output = partial(typer.Option, rich_help_panel="Output")
_coding = partial(typer.Option, rich_help_panel="Encoding")
_model = partial(typer.Option, rich_help_panel="Model")
_restoration = partial(typer.Option, rich_help_panel="Restoration")
_run = partial(typer.Option, rich_help_panel="Run")


FLAG = ""  # where others name their value, a flag has none


def _noted(context: typer.Context, value: bool) -> bool:
    """Keep -v where the exit's handler finds it."""
    context.meta[VERBOSE] = value
    return value


Images = Annotated[
    list[str],
    typer.Argument(
        show_default=False,
        help="PNG, JPEG, WebP, TIFF or AVIF files, folders of them, or - for standard input",
    ),
]
Quiet = Annotated[
    bool, _run("--quiet", "-q", metavar=FLAG, help="Say nothing but errors and warnings")
]
Verbose = Annotated[
    bool,
    _run("--verbose", "-v", metavar=FLAG, callback=_noted, help="Say more; tracebacks of errors"),
]
Json = Annotated[
    bool, _run("--json", metavar=FLAG, help="Records as lines of JSON on standard output")
]
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
Existing = Literal["error", "skip", "overwrite"]
WhereExists = Annotated[
    Existing, _output(help="Where an output exists: refuse to start, leave it, or replace it")
]
Format = Literal["auto", "png", "jpg", "webp", "tiff"]


@dataclass(frozen=True)
class Files:
    """Which files are read, and where the results go."""

    recursive: Annotated[
        bool,
        _input(
            "--recursive",
            "-r",
            metavar=FLAG,
            help="Folders with all below them; the tree is kept under -o DIR",
        ),
    ] = False
    max_pixels: MaxPixels = MAX_PIXELS
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
    existing: WhereExists = "error"
    yes: Yes = False
    suffix: Annotated[
        str | None,
        _output(
            metavar="TEXT",
            show_default="_TASK beside the input, none in a folder of outputs",
            help="Put after the input's name in the output's",
        ),
    ] = None
    format: Annotated[Format, _output(help="Of the output; auto is by -o's ending, else PNG")] = (
        "auto"
    )

    @property
    def policy(self) -> Existing:
        """What to do where an output exists. RequestError where two options contradict."""
        return policy_of(self.existing, self.yes)


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


@dataclass(frozen=True)
class Restoration(Machine):
    """How an image is restored, and on what."""

    nfe: Annotated[
        int | None,
        _restoration(
            min=1,
            metavar="N",
            show_default=", ".join(f"{task} {nfe}" for task, nfe in DEFAULT_NFE.items()),
            help="Network evaluations for every pixel; the default is the best measured",
        ),
    ] = None
    mode: Annotated[
        Literal["fidelity", "perceptual"],
        _restoration(help="Nearest on average, or sharp"),
    ] = "fidelity"
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


@dataclass(frozen=True)
class Manner:
    """What a run says, and whether it does anything."""

    dry_run: Annotated[
        bool,
        _run("--dry-run", metavar=FLAG, help="Check all, say what would be written, write nothing"),
    ] = False
    json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False

    @property
    def terminal(self) -> Terminal:
        return Terminal(self.quiet, self.verbose, self.json)


@dataclass(frozen=True)
class Conduct(Manner):
    """How a run goes about its files, and what it says."""

    fail_fast: Annotated[
        bool, _run("--fail-fast", metavar=FLAG, help="Stop at the first input that fails")
    ] = False


def policy_of(existing: Existing, yes: bool) -> Existing:
    """What to do where an output exists. RequestError where the two contradict."""
    if yes and existing == "skip":
        raise RequestError("--existing skip and -y contradict each other: give one of them")
    return "overwrite" if yes else existing


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter that is a group of options replaced by those options."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        group = hints[name]
        if is_dataclass(group):
            groups[name] = group
            types = get_type_hints(group, include_extras=True)
            rows = [(field.name, field.default, types[field.name]) for field in _ordered(group)]
        else:
            needed = parameter.default is inspect.Parameter.empty
            rows = [(name, MISSING if needed else parameter.default, group)]
        for option, default, kind in rows:
            keyword = inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            parameters.append(keyword if default is MISSING else keyword.replace(default=default))

    def call(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _ordered(group: Any) -> list[Field[Any]]:
    """The fields of a group as help lists them: its own before what it inherits."""
    own = inspect.get_annotations(group)
    return sorted(fields(group), key=lambda field: field.name not in own)
