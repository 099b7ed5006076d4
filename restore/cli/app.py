"""App: all commands by name, with their examples, and the entry point.

A command's module is imported when the command is called, so that the list of all of them comes
without any: here stand only what that list shows and where each command is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from restore.cli.commands import FLAG, Command, make_app, show_examples
from restore.cli.config_file import read_config_files
from restore.cli.exits import Commands, catch_interrupts
from restore.cli.terminal import emit, prepare_streams

SHOWN = 3  # examples in a command's help
RESTORE, TRAVEL, TRY, MANAGE = "Restore", "There and back", "Try out", "Manage"


@dataclass(frozen=True)
class CommandRow:
    """A row of the list of commands.

    target: where the command is, "module:function" below this package.
    panel: the part of the list that it stands in.
    examples: what to type, without the program's name.
    help: a group's help; that of a command is its docstring, whose first line is repeated here.
    """

    target: str
    panel: str
    help: str
    examples: tuple[str, ...] = ()


COMMANDS: dict[str, CommandRow] = {
    "auto": CommandRow(
        "restoration:auto",
        RESTORE,
        "Find out what is wrong with pictures, say it, and restore all of it.",
        (
            "photo.jpg",
            "auto photos/ -r -o restored/",
            "auto scan.jpg --mask auto --scale 2 -o scan.png",
        ),
    ),
    "diagnose": CommandRow(
        "inspection:diagnose",
        RESTORE,
        "Say what is wrong with pictures, and what to do about it; nothing is written.",
        (
            "diagnose photo.jpg",
            "diagnose scan.png --mask scratches.png",
            "diagnose photos/ -r --json | jq 'select(.sound | not) | .input'",
        ),
    ),
    "inpaint": CommandRow(
        "restoration:inpaint",
        RESTORE,
        "Fill holes: the white pixels of a mask.",
        (
            "inpaint photo.png --mask hole.png",
            "inpaint photos/ --mask masks/ -o restored/ --dilate 2",
            "inpaint cutout.png --mask alpha -o filled.png --mode perceptual --seed 7",
        ),
    ),
    "jpeg": CommandRow(
        "restoration:jpeg",
        RESTORE,
        "Remove JPEG artefacts.",
        (
            "jpeg photo.jpg",
            "jpeg photos/ -r -o restored/ --existing skip",
            "jpeg --from-file list.txt -o restored/ --shard 3/8",
            "jpeg - -o - < photo.jpg > photo.png",
            "jpeg photo.jpg --reference clean.png --json",
        ),
    ),
    "superres": CommandRow(
        "restoration:superres",
        RESTORE,
        "Enlarge by any factor.",
        (
            "superres photo.png --scale 2.5",
            "superres photo.png --size 3840x2160 -o wallpaper.jpg --quality 92",
        ),
    ),
    "denoise": CommandRow(
        "restoration:denoise",
        RESTORE,
        "Remove noise.",
        (
            "denoise photo.png",
            "denoise photos/ --sigma 15 -o clean/",
            "denoise photo.png --sigma 25 --nfe 8 --reference clean.png --json",
        ),
    ),
    "deblur": CommandRow(
        "restoration:deblur",
        RESTORE,
        "Undo a blur of known kernel.",
        (
            "deblur photo.png --kernel gaussian:2",
            "deblur photo.png --kernel motion:15,30 --sigma 2 -o sharp.png",
            "deblur photos/ --kernel psf.npy -o sharp/",
        ),
    ),
    "mask": CommandRow(
        "inspection:mask",
        RESTORE,
        "Find scratches and dust, and write them as a mask for `inpaint`, white where to restore.",
        (
            "mask scan.png -o found.png --overlay seen.png",
            "mask photo.jpg --edit",
            "mask photo.jpg --edit --mask found.png",
        ),
    ),
    "edit": CommandRow(
        "editing:edit",
        TRAVEL,
        "Change pictures by words: what was not asked for stays.",
        (
            'edit cat.jpg --source "a photo of a cat" --target "a photo of a dog"',
            'edit cat.jpg --source "a cat" --target "a lego cat" --mask cat.png --guidance 11',
            "edit photos/ --prompts prompts.csv -o edited/ --json",
            "models info icd-sd15",
        ),
    ),
    "generate": CommandRow(
        "series:generate",
        TRAVEL,
        "Draw samples from noise alone.",
        (
            "generate -n 16 -o samples.png",
            "generate -n 4 --recipe mixed --size 128x96 --seed 7 -o samples/",
            "generate -m imagenet64.safetensors --label 207 -n 9 -o retrievers.png",
            "generate -m function.safetensors --size 512x512 --function functions/ -o samples/",
        ),
    ),
    "render": CommandRow(
        "series:render",
        TRAVEL,
        "Draw an image function at any size.",
        (
            "render functions/0.safetensors --size 2048x2048 -o big.png",
            "render functions/0.safetensors --size 4096x4096 --box 1024,1024,512,512 -o part.png",
        ),
    ),
    "invert": CommandRow(
        "latents:invert",
        TRAVEL,
        "Take an image up to its noise, a latent that `reconstruct` brings back.",
        (
            "invert photo.png --level 1",
            "invert photo.png --level 80 --nfe 2 -o photo.safetensors",
            "invert photo.png --level 1 --refine 2 --json",
        ),
    ),
    "reconstruct": CommandRow(
        "latents:reconstruct",
        TRAVEL,
        "Bring a latent back to the image it came from.",
        (
            "reconstruct photo_invert.safetensors",
            "reconstruct photo_invert.safetensors -o back.png --reference photo.png --json",
        ),
    ),
    "interpolate": CommandRow(
        "series:interpolate",
        TRAVEL,
        "Frames between two images of one size, through the noise of both.",
        (
            "interpolate a.png b.png -o morph.gif --frames 24",
            "interpolate a.png b.png --level 15 --nfe 8 -o strip.png",
            "interpolate a.png b.png -o frames/",
        ),
    ),
    "degrade": CommandRow(
        "trials:degrade",
        TRY,
        "Make the degraded input of a task from a clean image, to try things out.",
        (
            "degrade jpeg photo.png --quality 10 -o bad.jpg",
            "degrade inpaint photo.png --missing scratches --mask-out mask.png -o bad.png",
            "degrade superres photo.png --scale 4 -o small.png",
            "degrade deblur photo.png --kernel motion:15,30 --sigma 2 -o blurred.png",
        ),
    ),
    "compare": CommandRow(
        "trials:compare",
        TRY,
        "Measure an image against the clean one: PSNR, SSIM, largest error.",
        (
            "compare restored.png clean.png",
            "compare restored.png clean.png --degraded bad.jpg --json",
        ),
    ),
    "bench": CommandRow(
        "bench:bench",
        TRY,
        "Measure methods side by side on one network, at equal network evaluations.",
        (
            "bench",
            "bench --tasks jpeg,superres-4 --nfe 4,8 --html bench.html --plot bench.svg",
            "bench --images photos/ --methods ours,ddrm,classical --seeds 3 --csv bench.csv",
            "bench --size 256 --tasks all --json - | jq .verdicts",
        ),
    ),
    "models": CommandRow(
        "models:app",
        MANAGE,
        "The models: what there is, what is here, and how to get it.",
    ),
    "report": CommandRow(
        "status:report",
        MANAGE,
        "What batches have done, by their manifests.",
    ),
    "config": CommandRow(
        "status:config",
        MANAGE,
        "What is set, and where.",
    ),
    "env": CommandRow(
        "status:env",
        MANAGE,
        "Print versions, devices, caches: what to paste in a bug report.",
        ("env", "env --json"),
    ),
}


class LazyCommands(Commands):
    """The group of `COMMANDS`, each of which is imported when it is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, row in COMMANDS.items():  # what help lists, without what a command does
            self.add_command(TyperCommand(name, help=row.help, rich_help_panel=row.panel))

    def list_examples(self, name: str) -> Sequence[str]:
        return COMMANDS[name].examples if name in COMMANDS else ()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and os.path.exists(args[0]):
            args = ["auto", *args]  # a picture, or a folder of them
        name, _, rest = super().resolve_command(ctx, args)
        if not name:
            return name, None, rest
        command = load_command(name)
        if not ctx.resilient_parsing and not {"--help", "--help-all", "-h"} & set(rest):
            config = read_config_files()
            rest = config.expand(command, rest)
            ctx.default_map = {name: config.defaults(name, command, rest)}
        return name, command, rest


def load_command(name: str) -> Any:
    """The command, or group of commands, of a row of `COMMANDS`, as Typer makes it."""
    row = COMMANDS[name]
    module, function = row.target.split(":")
    found = getattr(import_module(f"restore.cli.{module}"), function)
    if isinstance(found, typer.Typer):
        return get_command(found)
    single = make_app()
    single.command(name, cls=Command, epilog=show_examples(row.examples[:SHOWN]))(found)
    return get_command(single)


app = make_app(
    name="bcm-restore",
    add_completion=True,
    cls=LazyCommands,
    no_args_is_help=True,
    epilog=show_examples(
        (
            "jpeg photo.jpg",
            "inpaint photo.png --mask scratches.png -o clean.png",
            "superres small.png --scale 4 --mode perceptual",
        )
    )
    + "\n\n[bold]Exit codes[/bold]\n"
    "0 all done, 1 internal error, 2 usage error, 3 some inputs failed, 4 model,\n"
    "5 environment (space, permissions, memory), 130 and 143 interrupted",
)


def _show(value: bool) -> None:
    from restore import __version__

    if value:
        emit(f"bcm-restore {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar=FLAG, is_eager=True, callback=_show, help="Print the version"
        ),
    ] = False,
) -> None:
    """Restore images with a bidirectional consistency model, held to the given file."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    prepare_streams()
    with catch_interrupts():
        app(prog_name="bcm-restore")
