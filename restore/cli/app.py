"""App: all commands by name, with their examples, and the entry point."""

from __future__ import annotations

from typing import Annotated

import typer

from restore.cli import models
from restore.cli.bench import bench
from restore.cli.comparison import compare
from restore.cli.degradation import degrade
from restore.cli.editing import edit
from restore.cli.environment import env
from restore.cli.exits import Commands, interruptible
from restore.cli.latents import invert, reconstruct
from restore.cli.manifests import merge
from restore.cli.mask import mask
from restore.cli.options import FLAG
from restore.cli.restoration import deblur, denoise, inpaint, jpeg, superres
from restore.cli.series import generate, interpolate
from restore.cli.terminal import emit, prepare

HELP = {"help_option_names": ["-h", "--help"]}


def _examples(*lines: str) -> str:
    return "\n".join(["[bold]Examples[/bold]", *(f"$ bcm-restore {line}" for line in lines)])


app = typer.Typer(
    name="bcm-restore",
    cls=Commands,
    context_settings=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=_examples(
        "jpeg photo.jpg",
        "inpaint photo.png --mask scratches.png -o clean.png",
        "superres small.png --scale 4 --mode perceptual",
    )
    + "\n\n[bold]Exit codes[/bold]\n"
    "0 all done, 1 internal error, 2 usage error, 3 some inputs failed, 4 model,\n"
    "5 environment (space, permissions, memory), 130 and 143 interrupted",
)
catalogue = typer.Typer(context_settings=HELP, no_args_is_help=True, rich_markup_mode="rich")
report = typer.Typer(context_settings=HELP, no_args_is_help=True, rich_markup_mode="rich")


def _shown(value: bool) -> None:
    from restore import __version__

    if value:
        emit(f"bcm-restore {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar=FLAG, is_eager=True, callback=_shown, help="Print the version"
        ),
    ] = False,
) -> None:
    """Restore images with a bidirectional consistency model, held to the given file."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    prepare()
    with interruptible():
        app(prog_name="bcm-restore")


RESTORE, TRAVEL, TRY, MANAGE = "Restore", "There and back", "Try out", "Manage"

app.command(
    rich_help_panel=RESTORE,
    epilog=_examples(
        "inpaint photo.png --mask hole.png",
        "inpaint photos/ --mask masks/ -o restored/ --dilate 2",
        "inpaint cutout.png --mask alpha -o filled.png --mode perceptual --seed 7",
    ),
)(inpaint)
app.command(
    rich_help_panel=RESTORE,
    epilog=_examples(
        "jpeg photo.jpg",
        "jpeg photos/ -r -o restored/ --existing skip",
        "jpeg --from-file list.txt -o restored/ --shard 3/8",
        "jpeg - -o - < photo.jpg > photo.png",
        "jpeg photo.jpg --reference clean.png --json",
    ),
)(jpeg)
app.command(
    rich_help_panel=RESTORE,
    epilog=_examples(
        "superres photo.png --scale 2.5",
        "superres photo.png --size 3840x2160 -o wallpaper.jpg --quality 92",
    ),
)(superres)
app.command(
    rich_help_panel=RESTORE,
    epilog=_examples(
        "denoise photo.png",
        "denoise photos/ --sigma 15 -o clean/",
        "denoise photo.png --sigma 25 --nfe 8 --reference clean.png --json",
    ),
)(denoise)
app.command(
    rich_help_panel=RESTORE,
    epilog=_examples(
        "deblur photo.png --kernel gaussian:2",
        "deblur photo.png --kernel motion:15,30 --sigma 2 -o sharp.png",
        "deblur photos/ --kernel psf.npy -o sharp/",
    ),
)(deblur)
app.command(
    rich_help_panel=RESTORE,
    epilog=_examples(
        "mask scan.png -o found.png --overlay seen.png",
        "mask photo.jpg --edit",
        "mask photo.jpg --edit --mask found.png",
    ),
)(mask)
app.command(
    rich_help_panel=TRAVEL,
    epilog=_examples(
        'edit cat.jpg --source "a photo of a cat" --target "a photo of a dog"',
        'edit cat.jpg --source "a cat" --target "a lego cat" --mask cat.png --guidance 11',
        "edit photos/ --prompts prompts.csv -o edited/ --json",
        "models info icd-sd15",
    ),
)(edit)
app.command(
    rich_help_panel=TRAVEL,
    epilog=_examples(
        "generate -n 16 -o samples.png",
        "generate -n 4 --recipe mixed --size 128x96 --seed 7 -o samples/",
        "generate -m imagenet64.safetensors --label 207 -n 9 -o retrievers.png",
    ),
)(generate)
app.command(
    rich_help_panel=TRAVEL,
    epilog=_examples(
        "invert photo.png --level 1",
        "invert photo.png --level 80 --nfe 2 -o photo.safetensors",
        "invert photo.png --level 1 --refine 2 --json",
    ),
)(invert)
app.command(
    rich_help_panel=TRAVEL,
    epilog=_examples(
        "reconstruct photo_invert.safetensors",
        "reconstruct photo_invert.safetensors -o back.png --reference photo.png --json",
    ),
)(reconstruct)
app.command(
    rich_help_panel=TRAVEL,
    epilog=_examples(
        "interpolate a.png b.png -o morph.gif --frames 24",
        "interpolate a.png b.png --level 15 --nfe 8 -o strip.png",
        "interpolate a.png b.png -o frames/",
    ),
)(interpolate)
app.command(
    rich_help_panel=TRY,
    epilog=_examples(
        "degrade jpeg photo.png --quality 10 -o bad.jpg",
        "degrade inpaint photo.png --missing scratches --mask-out mask.png -o bad.png",
        "degrade superres photo.png --scale 4 -o small.png",
        "degrade deblur photo.png --kernel motion:15,30 --sigma 2 -o blurred.png",
    ),
)(degrade)
app.command(
    rich_help_panel=TRY,
    epilog=_examples(
        "compare restored.png clean.png", "compare restored.png clean.png --degraded bad.jpg --json"
    ),
)(compare)
app.command(
    rich_help_panel=TRY,
    epilog=_examples(
        "bench",
        "bench --tasks jpeg,superres-4 --nfe 4,8 --html bench.html --plot bench.svg",
        "bench --images photos/ --methods ours,ddrm,classical --seeds 3 --csv bench.csv",
        "bench --size 256 --tasks all --json - | jq .verdicts",
    ),
)(bench)
app.add_typer(
    catalogue,
    name="models",
    rich_help_panel=MANAGE,
    help="The models: what there is, what is here, and how to get it.",
)
app.add_typer(
    report,
    name="report",
    rich_help_panel=MANAGE,
    help="What batches have done, by their manifests.",
)
report.callback()(lambda: None)
report.command(
    epilog=_examples("report merge out/.bcm-restore*.jsonl", "report merge shards/*.jsonl --json")
)(merge)
app.command(rich_help_panel=MANAGE, epilog=_examples("env", "env --json"))(env)

for name, command, examples in (
    ("list", models.list_, ["models list", "models list --json"]),
    ("info", models.info, ["models info default"]),
    ("download", models.download, ["models download hf:OWNER/REPO@COMMIT"]),
    ("verify", models.verify, ["models verify default", "models verify mine.safetensors"]),
    ("path", models.path, ["models path default"]),
    ("rm", models.rm, ["models rm hf:OWNER/REPO@COMMIT"]),
    (
        "convert",
        models.convert,
        ["models convert ema.pt -o imagenet64.safetensors --license MIT"],
    ),
    ("card", models.card, ["models card default", "models card mine.safetensors -o to-publish/"]),
):
    catalogue.command(name, epilog=_examples(*examples))(command)
