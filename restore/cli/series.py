"""Series: `generate` and `interpolate`, whose result is several pictures, and `render`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore.batch.inputs import STDIN
from restore.batch.plan import STDOUT, Existing, Job, OutputKind, Plan, Size
from restore.batch.run import Output, Progress, Work, prepare_folders
from restore.cli.commands import FLAG, flatten
from restore.cli.jobs import begin_command
from restore.cli.journey_run import (
    DrawOptions,
    JourneyOptions,
    JourneyOutput,
    JourneyRun,
    ShowResult,
    destination,
    find_header,
    journey,
    make_journey_settings,
    name_beside,
    read_picture,
    run_journey,
)
from restore.cli.options.file_options import EncodingOptions, MaxPixels
from restore.cli.options.restoration_options import ModelOptions
from restore.cli.options.run_options import OutputOptions, RunOptions
from restore.cli.restoration import parse_size
from restore.cli.run import run_here
from restore.cli.views import make_views
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError
from restore.record import Record

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.functions import Box, ImageFunction
    from restore.images import Picture
    from restore.tasks import Settings


Destination = Annotated[
    str,
    destination(
        metavar="FILE|DIR",
        show_default=False,
        help="One picture of all, side by side; an animation (.gif, .webp); or a folder of them",
    ),
]


@flatten
def generate(
    output: Destination,
    count: Annotated[int, journey("-n", min=1, metavar="N", help="How many samples")] = 1,
    recipe: Annotated[
        Literal["one-step", "ancestral", "zigzag", "mixed"],
        journey(help="The way down from noise, in 1, 2, 3 and 4 network evaluations"),
    ] = "ancestral",
    size: Annotated[
        str | None,
        journey(
            metavar="WxH",
            show_default="the network's own, or 256x256",
            help="Of each sample, in pixels",
        ),
    ] = None,
    function: Annotated[
        str | None,
        journey(
            metavar="DIR",
            show_default=False,
            help="Keep each sample there as an image function, which `render` draws",
        ),
    ] = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    *,
    target: JourneyOutput,
    source: ModelOptions,
    draw: DrawOptions,
    run: OutputOptions,
) -> None:
    """Draw samples from noise alone.

    Sample k is that of seed + k, so that it is the same however many are drawn.
    A model of functions draws each at any size in one go.
    """
    asked = None if size is None else parse_size(size)

    begin_command(None, run.terminal)
    from restore.bcm import check_function
    from restore.journeys import RECIPES, count_jumps
    from restore.journeys import generate as generated
    from restore.journeys.generate import check_count, choose_columns, choose_sample_size
    from restore.journeys.series import check_series, make_overview, name_files, write_folder
    from restore.tasks import Settings

    legs = RECIPES[recipe]
    columns = choose_columns(count)
    files = _files(output, count)
    job = target.job([], output, files, run.json)
    kept = [] if function is None else name_files(count, ".safetensors")
    if function is not None and not job.done:
        _check_kept(function, kept, target.policy)

    def size_of(model: BCM) -> Size:
        return asked or choose_sample_size(model)

    def admit(model: BCM) -> None:
        model.encode_label(draw.label)
        if function is not None:
            check_function(model)
        check_count(count, size_of(model), max_pixels)
        check_series(_name(output), size_of(model), (columns, -(-count // columns)))

    def make(
        given: None, model: BCM, settings: Settings, show: ShowResult
    ) -> tuple[Output, Record]:
        series = generated(
            count, model, settings, recipe=recipe, size=asked, max_pixels=max_pixels
        )  # fmt: skip
        show(make_overview(series))
        if function is not None:
            encoded = [made.encode() for made in series.functions]
            write_folder(function, dict(zip(kept, encoded, strict=True)))
        return series.encode(_name(output)), series.record

    if asked:
        check_count(count, asked, max_pixels)
    check_series(_name(output), asked or (1, 1), (columns, -(-count // columns)))
    journey = JourneyRun(
        "generate",
        job,
        "PNG",
        lambda job: None,
        make,
        Settings(seed=draw.seed, label=draw.label, tile=draw.side),
        count_jumps(legs),
        recipe,
        size_of,
        count_jumps(legs) * count,
        files,
        admit,
        existing=target.policy,
    )
    run_journey(journey, source, draw, run)


@flatten
def interpolate(
    a: Annotated[str, typer.Argument(metavar="A", show_default=False, help="The first image")],
    b: Annotated[str, typer.Argument(metavar="B", show_default=False, help="The last image")],
    output: Destination,
    frames: Annotated[
        int, journey(min=2, metavar="N", help="How many, the two ends among them")
    ] = 9,
    cross_fade: Annotated[
        bool,
        journey(
            "--cross-fade", metavar=FLAG, help="Put the linear cross-fade below, for comparison"
        ),
    ] = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    *,
    target: JourneyOutput,
    source: ModelOptions,
    way: JourneyOptions,
    run: OutputOptions,
) -> None:
    """Frames between two images of one size, through the noise of both.

    The ends are their reconstructions. The record compares the frame in the
    middle with a linear cross-fade.
    """
    begin_command([a, b], run.terminal)
    from restore.journeys import interpolate as interpolated
    from restore.journeys.invert import choose_levels
    from restore.journeys.series import check_series, make_overview

    settings = make_journey_settings(way)
    choose_levels(settings, way.start, way.level)
    files = _files(output, frames)
    job = target.job([a, b], output, files, run.json, max_pixels)
    found = find_header(a, job.data if a == STDIN else None)
    other = find_header(b, job.data if b == STDIN else None)
    alpha = any(header is not None and header.alpha for header in (found, other))
    rows = 2 if cross_fade else 1
    width, height = found.size if found else (1, 1)
    check_series(_name(output), (width, rows * height), (frames, 1), alpha)

    def read(job: Job) -> tuple[Picture, Picture]:
        first, last = (
            read_picture(p, job.data if p == STDIN else None, max_pixels) for p in (a, b)
        )
        return first, last

    def make(
        given: tuple[Picture, Picture], model: BCM, settings: Settings, show: ShowResult
    ) -> tuple[Output, Record]:
        series = interpolated(
            *given, frames, model, settings, level=way.level, start=way.start,
            cross_fade=cross_fade, max_pixels=max_pixels,
        )  # fmt: skip
        show(make_overview(series))
        return series.encode(_name(output)), series.record.updated(input_b=b)

    journey = JourneyRun(
        "interpolate",
        job,
        "PNG",
        read,
        make,
        settings,
        2 * way.nfe,
        f"level {way.level:g}, {frames} frames",
        lambda model: found.size if found else None,
        way.nfe * (frames + (6 if frames > 2 else 2)),
        files,
        lambda model: model.encode_label(way.label),
        existing=target.policy,
        aside=[b],
    )
    run_journey(journey, source, way, run)


def _check_kept(folder: str, names: Sequence[str], policy: Existing) -> None:
    """RequestError where functions cannot be kept in a folder, or would replace others."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise RequestError(f"--function {folder!r} is no folder")
    there = [name for name in names if os.path.lexists(os.path.join(folder, name))]
    if there and policy != "overwrite":
        raise RequestError(
            f"{os.path.join(folder, there[0])!r} exists: --existing overwrite (-y) replaces it"
        )


def _name(output: str) -> str:
    """What says the format: of standard output, a PNG file."""
    return "stdout.png" if output == STDOUT else output


def _files(output: str, count: int) -> list[str]:
    """The names in the folder that -o is; none where it is a file."""
    from restore.journeys.series import is_folder, name_files

    return name_files(count) if is_folder(_name(output)) else []


drawing = partial(typer.Option, rich_help_panel="Drawing")


@flatten
def render(
    function: Annotated[
        str,
        typer.Argument(
            metavar="FUNCTION",
            show_default=False,
            help="A file that `generate --function` or ImageFunction.save wrote",
        ),
    ],
    size: Annotated[
        str | None,
        drawing(
            metavar="WxH",
            show_default="that of the network's window",
            help="Of the whole picture, in pixels",
        ),
    ] = None,
    box: Annotated[
        str | None,
        drawing(
            metavar="X,Y,W,H",
            show_default="all of it",
            help="The part of it to draw: its left upper corner, width and height",
        ),
    ] = None,
    output: Annotated[
        str | None,
        destination(
            metavar="FILE",
            show_default="beside the function, NAME_render.png",
            help="Where the picture goes; - is standard output",
        ),
    ] = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    *,
    target: JourneyOutput,
    encoding: EncodingOptions,
    run: OutputOptions,
) -> None:
    """Draw an image function at any size.

    No network runs: what one evaluation made is drawn again, larger, smaller
    or in part.
    """
    begin_command([function], run.terminal)
    if function == STDIN:
        raise RequestError("an image function is read from a file, not from standard input")
    asked = None if size is None else parse_size(size)
    part = None if box is None else parse_box(box)

    from restore.functions import ImageFunction
    from restore.images import check_encodable, format_of
    from restore.journeys import render as rendered
    from restore.journeys.render import check_drawing

    output = name_beside(function, "render", ".png") if output is None else output
    format = "PNG" if output == STDOUT else format_of(output)
    encode = encoding.choose(format).encode
    if asked:
        check_drawing(asked, part, max_pixels)
    job = target.job([function], output, [], run.json)
    known = Record(task="render", method="draw", dtype="fp32", device="cpu")
    planned, run = Plan((job,), format, OutputKind("render")), RunOptions(**vars(run))
    views = make_views(planned, run, target.policy, [])

    def load() -> Work:
        if job.done:
            return Work(known, lambda job: None, make, encode)
        prepare_folders(planned, views.paths)
        loaded = ImageFunction.load(function, max_pixels=max_pixels)
        shape = check_drawing(asked or loaded.size, part, max_pixels)[2:]
        check_encodable(shape, format, False, encoding.bits or 8)
        return Work(known, lambda job: loaded, make, encode)

    def make(job: Job, given: ImageFunction, progress: Progress | None) -> tuple[Output, Record]:
        result = rendered(given, asked or given.size, part, max_pixels)
        views.keep(job, result.picture, None)
        return result.picture, result.record

    run_here(planned, known, load, run, views)


def parse_box(text: str) -> Box:
    """Left, top, width and height of a text such as 100,50,640,480."""
    match = re.fullmatch(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})", text)
    if not match:
        raise RequestError(f"--box {text!r}: expected X,Y,W,H in pixels, as in 100,50,640,480")
    left, top, width, height = map(int, match.groups())
    return left, top, width, height
