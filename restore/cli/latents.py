"""Latents: the commands `invert` and `reconstruct`, to the noise of an image and back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from restore.batch.inputs import STDIN
from restore.batch.plan import STDOUT, Job
from restore.batch.run import Output
from restore.cli.commands import flatten
from restore.cli.jobs import begin_command
from restore.cli.journey_run import (
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
from restore.cli.options.restoration_options import Machine, ModelOptions
from restore.cli.options.run_options import OutputOptions
from restore.defaults import MAX_PIXELS
from restore.errors import ImageError, RequestError
from restore.record import Record

if TYPE_CHECKING:
    from restore.bcm import BCM
    from restore.images import Picture
    from restore.journeys import Latent
    from restore.settings import Settings


@flatten
def invert(
    image: Annotated[str, typer.Argument(show_default=False, help="An image file, or -")],
    output: Annotated[
        str | None,
        destination(
            metavar="FILE",
            show_default="beside the input, NAME_invert.safetensors",
            help="Where the latent goes; - is standard output",
        ),
    ] = None,
    refine: Annotated[
        int,
        journey(
            min=0, metavar="N", help="Corrections by what comes back, two trips each; 2 go far"
        ),
    ] = 0,
    max_pixels: MaxPixels = MAX_PIXELS,
    *,
    target: JourneyOutput,
    source: ModelOptions,
    way: JourneyOptions,
    run: OutputOptions,
) -> None:
    """Take an image up to its noise, a latent that `reconstruct` brings back.

    The latent holds all that the image's file carried. The record says how
    well it comes back.
    """
    begin_command([image], run.terminal)
    from restore.journeys import invert as inverted
    from restore.journeys.invert import choose_levels

    output = name_beside(image, "invert", ".safetensors") if output is None else output
    if output != STDOUT and not output.lower().endswith(".safetensors"):
        raise RequestError(f"-o {output!r}: a latent is a .safetensors file")
    settings = make_journey_settings(way)
    choose_levels(settings, way.start, way.level, refine)
    job = target.job([image], output, [], run.json, max_pixels)

    found = find_header(image, job.data)

    def make(
        given: Picture, model: BCM, settings: Settings, show: ShowResult
    ) -> tuple[Output, Record]:
        made = inverted(
            given, model, settings, level=way.level, start=way.start, refine=refine,
            max_pixels=max_pixels,
        )  # fmt: skip
        show(made.picture, given)
        return made.latent.encode(), made.record

    journey = JourneyRun(
        "invert",
        job,
        "PNG",
        lambda job: read_picture(image, job.data, max_pixels),
        make,
        settings,
        way.nfe * (1 + 2 * refine),
        f"level {way.level:g}",
        lambda model: found.size if found else None,
        way.nfe * (2 + 2 * refine),
        admit=lambda model: model.encode_label(way.label),
        existing=target.policy,
    )
    run_journey(journey, source, way, run)


@flatten
def reconstruct(
    latent: Annotated[
        str, typer.Argument(metavar="LATENT", show_default=False, help="A file that `invert` wrote")
    ],
    output: Annotated[
        str | None,
        destination(
            metavar="FILE",
            show_default="beside the input, NAME_reconstruct.png",
            help="Where the image goes; - is standard output",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        journey(metavar="FILE", help="The image that was inverted, for metrics alone"),
    ] = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    *,
    target: JourneyOutput,
    encoding: EncodingOptions,
    source: ModelOptions,
    machine: Machine,
    run: OutputOptions,
) -> None:
    """Bring a latent back to the image it came from.

    Down the levels it went up, by the same model, seed and class, which the
    file holds.
    """
    begin_command([latent, *([reference] if reference else [])], run.terminal)
    from restore.images import check_encodable, format_of
    from restore.journeys import read_latent
    from restore.journeys import reconstruct as reconstructed
    from restore.journeys.invert import check_model
    from restore.settings import Settings

    if latent == STDIN:
        raise RequestError("a latent is read from a file, not from standard input")
    output = name_beside(latent, "reconstruct", ".png") if output is None else output
    format = "PNG" if output == STDOUT else format_of(output)
    encoding.choose(format)
    job = target.job([latent, *([reference] if reference else [])], output, [], run.json)
    known: Latent | None = None
    with suppress(ImageError):  # which is found out again in due course
        known = read_latent(latent, max_pixels=max_pixels)
    if known:
        alpha, depth = known.picture.alpha is not None, known.picture.depth
        check_encodable(known.size, format, alpha, encoding.bits or depth)
    else:
        check_encodable((1, 1), format, False)

    def read(job: Job) -> tuple[Latent, Picture | None]:
        clean = read_picture(reference, None, max_pixels) if reference else None
        return known or read_latent(latent, max_pixels=max_pixels), clean

    def make(
        given: tuple[Latent, Picture | None], model: BCM, settings: Settings, show: ShowResult
    ) -> tuple[Output, Record]:
        settings = replace(settings, reference=given[1])
        result = reconstructed(given[0], model, settings, max_pixels=max_pixels)
        show(result.picture, None, given[1])
        return result.picture, result.record

    def admit(model: BCM) -> None:
        if known:
            check_model(known, model)

    jumps = len(known.levels) - 1 if known else 0
    journey = JourneyRun(
        "reconstruct",
        job,
        format,
        read,
        make,
        Settings(seed=known.seed if known else 0, tile=machine.side),
        jumps or None,
        f"level {known.levels[-1]:g}" if known else "of a damaged latent",
        lambda model: known.size if known else None,
        jumps,
        admit=admit,
        existing=target.policy,
        aside=[reference] if reference else [],
        labelled=False,
    )
    run_journey(journey, source, machine, run, encoding)
