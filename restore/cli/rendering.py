"""Rendering: the command `render`, which draws an image function."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch import STDIN, STDOUT, Job, Output, OutputKind, Plan, Progress, Work, probe
from restore.batch.run import rehearse
from restore.cli.jobs import begin
from restore.cli.journey_run import JourneyOutput, beside, destination
from restore.cli.options import EncodingOptions, MaxPixels, OutputOptions, RunOptions, flatten
from restore.cli.restoration import parse_size
from restore.cli.run import run_here, say_rehearsal
from restore.cli.views import make_views
from restore.defaults import MAX_PIXELS
from restore.errors import RequestError
from restore.record import Record

if TYPE_CHECKING:
    from restore.functions import Box, ImageFunction

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
    manner: OutputOptions,
) -> None:
    """Draw an image function at any size.

    No network runs: what one evaluation made is drawn again, larger, smaller
    or in part.
    """
    begin([function], manner.terminal)
    if function == STDIN:
        raise RequestError("an image function is read from a file, not from standard input")
    asked = None if size is None else parse_size(size)
    part = None if box is None else parse_box(box)

    from restore.batch import restorer
    from restore.functions import ImageFunction
    from restore.images import check_encodable, format_of
    from restore.journeys import render as rendered
    from restore.journeys.render import check_drawing

    output = beside(function, "render", ".png") if output is None else output
    format = "PNG" if output == STDOUT else format_of(output)
    encoding.check(format)
    if asked:
        check_drawing(asked, part, max_pixels)
    job = target.job([function], output, [], manner.json)
    known = Record(task="render", method="draw", dtype="fp32", device="cpu")
    planned, conduct = Plan((job,), format, OutputKind("render")), RunOptions(**vars(manner))
    display = make_views(planned, conduct, target.policy, [])
    if conduct.dry_run:
        say_rehearsal(planned, rehearse(planned, known), conduct)
        return
    loaded: ImageFunction | None = None
    whole = asked or (1, 1)
    if not job.done:
        probe(planned, display.paths)
        loaded = ImageFunction.load(function, max_pixels=max_pixels)
        whole = asked or loaded.size
        shape = check_drawing(whole, part, max_pixels)[2:]
        check_encodable(shape, format, False, encoding.bits or 8)

    def make(job: Job, given: None, progress: Progress | None) -> tuple[Output, Record]:
        assert loaded is not None
        result = rendered(loaded, whole, part, max_pixels)
        display.keep(job, result.picture, None)
        return result.picture, result.record

    encode = restorer.Encoding(format, encoding.quality, encoding.bits, encoding.strip).encode
    run_here(planned, Work(known, lambda job: None, make, encode), conduct, display)


def parse_box(text: str) -> Box:
    """Left, top, width and height of a text such as 100,50,640,480."""
    match = re.fullmatch(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})", text)
    if not match:
        raise RequestError(f"--box {text!r}: expected X,Y,W,H in pixels, as in 100,50,640,480")
    left, top, width, height = map(int, match.groups())
    return left, top, width, height
