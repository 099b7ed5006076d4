"""invert: a picture up to its noise; reconstruct: the picture of such a noise, a latent."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

from restore import metrics
from restore.bcm import BCM, SIGMA_MAX, SIGMA_MIN
from restore.checkpoints import load
from restore.defaults import JOURNEY_LEVEL, JOURNEY_NFE, JOURNEY_START, MAX_PIXELS
from restore.errors import ImageError, RequestError
from restore.images import Picture, as_picture
from restore.images.comparison import match_kinds
from restore.images.transfer import fetch_pixels, send_pixels
from restore.journeys.latent import Latent, keep_metadata, read_latent
from restore.journeys.legs import build_ladder, climb, descend
from restore.journeys.legs import refine as refine_latent
from restore.journeys.recording import record_journey
from restore.record import JSON, Record, name_of, round_decibels, round_share
from restore.result import ImageLike, Result
from restore.settings import DEFAULTS, Settings, count_calls
from restore.tiling import NoiseField, TiledBCM, window_count


@dataclass(frozen=True, eq=False, repr=False)
class Inversion:
    """latent: the noise, with what it takes to come back. record: how it was made.

    picture: what comes back.
    """

    latent: Latent
    record: Record
    picture: Picture

    @property
    def report(self) -> dict[str, JSON]:
        """The record as a dictionary of JSON types, as `--json` prints it."""
        return self.record.as_dict()

    def _repr_png_(self) -> bytes:
        """What comes back, as a notebook shows it."""
        return self.picture.preview()

    def __repr__(self) -> str:
        return f"Inversion({self.latent!r})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the latent's file, whole or not at all."""
        self.latent.save(path)


def invert(
    image: ImageLike,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    level: float = JOURNEY_LEVEL,
    start: float = JOURNEY_START,
    refine: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> Inversion:
    """The picture at noise level `level`, `start` being that of the noise added at first.

    The record's metrics say how well it comes back, `round_trip_psnr_db`, which takes as many
    evaluations again. `refine` corrections bring it nearer, for two trips each, of which the latent
    that comes back best is taken. Errors as in `inpaint`.
    """
    began = time.perf_counter()
    levels = choose_levels(settings, start, level, refine)
    model = model or load("default", exact=True)
    label = model.encode_label(settings.label)
    source = as_picture(image, max_pixels=max_pixels)
    width, height = source.size
    trips = 2 + 2 * refine
    windows = window_count(model, height, width, settings.tile)
    progress = count_calls(settings.progress, windows * trips * (len(levels) - 1))
    denoiser, noise = TiledBCM(model, settings.tile, label, progress), NoiseField(settings.seed)
    x = send_pixels(source, model.device)
    z = climb(denoiser, x, levels, noise=noise)
    z, back = refine_latent(denoiser, x, z, levels, refine, noise=noise)
    picture, notes = keep_metadata(source)
    latent = Latent(
        z.cpu(),
        tuple(levels),
        settings.seed,
        settings.label,
        model.checkpoint.name if model.checkpoint else "",
        model.sha256 or "",
        picture,
    )
    returned = fetch_pixels(source, back)
    record = record_journey(
        "invert",
        model,
        settings,
        began,
        nfe=(trips - 1) * (len(levels) - 1),
        legs=[levels],
        size_in=source.size,
        size_out=source.size,
        input=name_of(image),
        metrics=compare_round_trip(returned, source),
        warnings=[*source.warnings, *notes],
    )
    return Inversion(latent, record, returned)


def reconstruct(
    latent: Latent | Inversion | str | os.PathLike[str],
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """The picture of a latent, or of its file: down the levels it went up, by the same seed.

    With `settings.reference`, the metrics say how near it came. RequestError for a latent of
    another model or settings that the latent has; ImageError for a file that is no latent.
    """
    began = time.perf_counter()
    source = name_of(latent)
    if isinstance(latent, Inversion):
        latent = latent.latent
    if not isinstance(latent, Latent):
        if not isinstance(latent, str | os.PathLike):
            raise RequestError(f"a latent or its file was expected, found {type(latent).__name__}")
        latent = read_latent(latent, max_pixels=max_pixels)
    model = model or load("default", exact=True)
    check_model(latent, model)
    if settings.nfe is not None or settings.label is not None:
        raise RequestError("nfe and label are the latent's own: leave them out")
    label = model.encode_label(latent.label)
    reference = None if settings.reference is None else as_picture(settings.reference)
    if reference is not None and reference.size != latent.size:
        raise ImageError(
            f"the reference has {reference.size[0]}×{reference.size[1]} pixels, the latent "
            f"{latent.size[0]}×{latent.size[1]}"
        )
    jumps = len(latent.levels) - 1
    width, height = latent.size
    windows = window_count(model, height, width, settings.tile)
    progress = count_calls(settings.progress, windows * jumps)
    x = descend(
        TiledBCM(model, settings.tile, label, progress),
        latent.x.to(model.device),
        latent.levels,
        noise=NoiseField(latent.seed),
    )
    picture = fetch_pixels(latent.picture, x)
    found = {} if reference is None else compare_round_trip(picture, reference, "")
    record = record_journey(
        "reconstruct",
        model,
        replace(settings, seed=latent.seed),
        began,
        nfe=jumps,
        legs=[latent.levels[::-1]],
        size_in=latent.size,
        size_out=latent.size,
        input=source,
        metrics=found,
    )
    return Result(picture, record)


def choose_levels(
    settings: Settings, start: float, level: float, refine: int = 0
) -> tuple[float, ...]:
    """The levels of an inversion; RequestError where none lead from `start` to `level`."""
    if not SIGMA_MIN <= start <= level <= SIGMA_MAX:
        raise RequestError(
            f"start is {start:g} and level {level:g}: expected {SIGMA_MIN} <= start <= level <= "
            f"{SIGMA_MAX:g}"
        )
    if refine < 0:
        raise RequestError(f"refine is {refine}, expected 0 or more corrections")
    nfe = JOURNEY_NFE if settings.nfe is None else settings.nfe
    if nfe < 1:
        raise RequestError(f"nfe is {nfe}, expected 1 or more jumps each way")
    return tuple(build_ladder(start, level, nfe))


def check_model(latent: Latent, model: BCM) -> None:
    """RequestError where the latent was made by another model."""
    if latent.model_sha256 != (model.sha256 or ""):
        raise RequestError(
            f"the latent was made by the model {latent.model or 'of no name'} of SHA-256 "
            f"{latent.model_sha256[:12] or 'unknown'}, and this one's is "
            f"{(model.sha256 or 'unknown')[:12]}: give the one that made it"
        )


def compare_round_trip(
    picture: Picture, source: Picture, prefix: str = "round_trip_"
) -> dict[str, float | None]:
    """PSNR and SSIM of what came back to what was sent."""
    a, b = match_kinds(picture, source)
    return {
        f"{prefix}psnr_db": round_decibels(metrics.psnr(a, b)),
        f"{prefix}ssim": round_share(metrics.ssim(a, b)),
    }
