"""RestorationOptions: the options on the model, what it runs on, and how an image is restored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from restore.cli.commands import FLAG
from restore.defaults import DEFAULT_NFE, FOUND, SENSITIVITY, Fill, Find, MethodName
from restore.errors import RequestError, RestoreError

_model = partial(typer.Option, rich_help_panel="Model")

if TYPE_CHECKING:
    from restore.batch.restorer import ModelSource

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


def complete_models(incomplete: str) -> list[str]:
    """The models of the catalogue that begin so, for a shell."""
    from restore.checkpoints import read_catalogue

    try:
        return [name for name in read_catalogue() if name.startswith(incomplete)]
    except RestoreError:
        return []


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and what is taken for one."""

    model: Annotated[
        str,
        _model(
            "--model",
            "-m",
            envvar="BCM_RESTORE_MODEL",
            metavar="NAME|FILE|hf:...",
            autocompletion=complete_models,
            help="NAME of the catalogue, FILE.safetensors, or hf:OWNER/REPO\\[/FILE]@REVISION",
        ),
    ] = "default"
    catalog: Catalog = None
    offline: Offline = False
    allow_unverified: AllowUnverified = False

    def choose(self, device: DeviceOptions) -> ModelSource:
        """The model on a device, for a batch; errors as of `restore.checkpoints.resolve`."""
        from restore.batch.restorer import ModelSource
        from restore.checkpoints import resolve

        return ModelSource(
            resolve(self.model, self.catalog),
            device.device,
            device.dtype,
            device.threads,
            allow_unverified=self.allow_unverified,
            offline=self.offline,
        )


_machine = partial(typer.Option, rich_help_panel="Machine")


@dataclass(frozen=True)
class DeviceOptions:
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
class Machine(DeviceOptions):
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


_task = partial(typer.Option, rich_help_panel="Task")
_restoration = partial(typer.Option, rich_help_panel="Restoration")


@dataclass(frozen=True)
class Restoration(Machine):
    """How an image is restored, and on what."""

    nfe: Annotated[
        int | None,
        _restoration(
            min=0,
            metavar="N",
            show_default=", ".join(f"{task} {nfe}" for task, nfe in DEFAULT_NFE.items()),
            help="Network evaluations for every pixel; in each draw and at each end of a blend. "
            "The default is the best measured; 0 only holds the start to the input",
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
        MethodName,
        _restoration(
            help="bcm is ours; inversion lifts by noise that the network amplifies; the others "
            "are published ones, for comparison, and with -ccdf begun closer, for few evaluations",
        ),
    ] = "bcm"
    samples: Annotated[
        int,
        _restoration(
            min=1,
            metavar="K",
            help="Draws, of seed, seed + 1, …; the result is their mean, which of different fills "
            "of a thick hole is blurred: to choose among them, --variants",
        ),
    ] = 1
    variants: Annotated[
        int,
        _restoration(
            min=1,
            metavar="N",
            help="Results to choose from, NAME_1, NAME_2, …, each of a seed of its own",
        ),
    ] = 1
    start: Annotated[
        str | None,
        _restoration(
            metavar="FILE|DIR",
            help="Begin from another program's result, or your own retouching, of the result's "
            "size; in DIR the one of the input's name",
        ),
    ] = None
    strength: Annotated[
        float,
        _restoration(min=0, max=1, metavar="A", help="Between what is given, 0, and the result, 1"),
    ] = 1.0
    uncertainty: Annotated[
        str | None,
        _restoration(
            metavar="FILE|DIR",
            help="Where the draws disagree, as a picture; in DIR one of each input's name",
        ),
    ] = None
    seed: Annotated[
        int,
        _restoration(
            metavar="N",
            help="Of the noise; the same seed gives the same pixels. It matters to perceptual "
            "results, samples, published methods and holes filled by patches; fidelity draws none",
        ),
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
    preview: Annotated[
        str | None,
        _restoration(
            metavar="X,Y,W,H",
            show_default=False,
            help="Make this part of the result alone, in its pixels from the top left, to look at "
            "before the long run; by default NAME_TASK_preview.png",
        ),
    ] = None
    sheet: Annotated[
        str | None,
        _restoration(
            metavar="FILE.png",
            show_default=False,
            help="Only write a sheet of one part, of --preview or in the middle, of the first "
            "image at several strengths and modes, each with its options, to choose from",
        ),
    ] = None

    @property
    def part(self) -> tuple[int, int, int, int] | None:
        """The part of the result as numbers. RequestError for what is none."""
        if self.preview is None:
            return None
        numbers = self.preview.split(",")
        if len(numbers) != 4 or not all(number.strip().isdecimal() for number in numbers):
            raise RequestError(
                f"--preview {self.preview!r}: expected left, top, width and height in pixels, as "
                "in 100,80,256,256"
            )
        left, top, width, height = map(int, numbers)
        return left, top, width, height


@dataclass(frozen=True)
class HoleOptions:
    """What of a mask is a hole, and how it is begun."""

    invert_mask: Annotated[
        bool, _task("--invert-mask", metavar=FLAG, help="Restore what is black")
    ] = False
    dilate: Annotated[
        int, _task(min=0, metavar="N", help="Grow the hole by so many pixels to each side")
    ] = 0
    fill: Annotated[
        Fill,
        _task(
            help="Begin a hole smoothly, or by patches from elsewhere in the picture; auto: by its "
            "thickness"
        ),
    ] = "auto"
    find: Annotated[
        str, _task(metavar="KINDS", help="What --mask auto looks for: of scratches,dust,stamps")
    ] = ",".join(FOUND)
    sensitivity: Annotated[
        float,
        _task(min=0, max=1, metavar="0..1", help="Of --mask auto: 0 what is certain, 1 all"),
    ] = SENSITIVITY

    @property
    def kinds(self) -> tuple[Find, ...]:
        """What is looked for. RequestError for what is no kind of defect."""
        return split_kinds(self.find)


def split_kinds(text: str) -> tuple[Find, ...]:
    """Kinds of defects in a comma-separated list; RequestError for another word."""
    kinds: list[Find] = []
    for word in text.split(","):
        known = [kind for kind in get_args(Find) if kind == word.strip()]
        if not known:
            raise RequestError(
                f"--find {text}: expected some of {','.join(get_args(Find))}, found {word!r}"
            )
        kinds.extend(known)
    return tuple(kinds)
