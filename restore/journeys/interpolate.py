"""interpolate: frames between two pictures, through the noise that both come from.

Both go up to the same noise level, by the same seed; what lies on the sphere between the two
latents comes down again. A cross-fade shows both pictures at once, half transparent; the ODE leads
what lies between to a picture of its own.
"""

from __future__ import annotations

import time

import numpy as np
from torch import Tensor

from restore.bcm import BCM
from restore.checkpoints import load
from restore.defaults import JOURNEY_LEVEL, JOURNEY_START, MAX_PIXELS
from restore.errors import ImageError, RequestError
from restore.images import Picture, as_picture
from restore.images.transfer import fetch_pixels, send_pixels
from restore.journeys.invert import choose_levels, compare_round_trip
from restore.journeys.legs import climb, descend, slerp
from restore.journeys.recording import record_journey
from restore.journeys.series import Series, make_mosaic
from restore.record import name_of
from restore.result import ImageLike
from restore.settings import DEFAULTS, Settings, count_calls
from restore.tiling import NoiseField, TiledBCM, window_count


def interpolate(
    a: ImageLike,
    b: ImageLike,
    frames: int = 9,
    model: BCM | None = None,
    settings: Settings = DEFAULTS,
    *,
    level: float = JOURNEY_LEVEL,
    start: float = JOURNEY_START,
    cross_fade: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Series:
    """`frames` pictures from a to b, of which the first and the last are their reconstructions.

    With `cross_fade` each has the linear cross-fade of a and b below it, for comparison.

    The metrics: `round_trip_psnr_db` is the lower of both ends to a and b; of the frame in the
    middle it is `middle_round_trip_psnr_db`, that frame sent up and down once more, and
    `cross_fade_round_trip_psnr_db` of the linear cross-fade in its place: the nearer a picture is
    to what the model takes for one, the better it comes back. RequestError for fewer than two
    frames, ImageError for pictures of two sizes; else as in `inpaint`.
    """
    began = time.perf_counter()
    check_frames(frames)
    levels = choose_levels(settings, start, level)
    first, last = (as_picture(image, max_pixels=max_pixels) for image in (a, b))
    if first.size != last.size:
        raise ImageError(
            f"the pictures have {first.size[0]}×{first.size[1]} and {last.size[0]}×{last.size[1]} "
            "pixels: there are no frames between two sizes"
        )
    notes = []
    if first.icc != last.icc:
        notes.append("the pictures have two colour profiles; the frames carry none")
    model = model or load("default", exact=True)
    width, height = first.size
    windows = window_count(model, height, width, settings.tile)
    trips = frames + (6 if frames > 2 else 2)
    progress = count_calls(settings.progress, windows * (len(levels) - 1) * trips)
    denoiser = TiledBCM(model, settings.tile, model.encode_label(settings.label), progress)
    noise = NoiseField(settings.seed)

    def up(picture: Picture) -> Tensor:
        x = send_pixels(picture, model.device)
        return climb(denoiser, x, levels, noise=noise)

    def back(latent: Tensor, blank: Picture) -> Picture:
        return fetch_pixels(blank, descend(denoiser, latent, levels, noise=noise))

    ends = up(first), up(last)
    shares = [number / (frames - 1) for number in range(frames)]
    pictures = [back(slerp(*ends, share), mix_pictures(first, last, share)) for share in shares]
    both = compare_round_trip(pictures[0], first), compare_round_trip(pictures[-1], last)
    metrics = {"round_trip_psnr_db": min((t["round_trip_psnr_db"] for t in both), key=_decibels)}
    if frames > 2:
        middle = frames // 2
        fade = mix_pictures(first, last, shares[middle])
        for name, picture in (("middle", pictures[middle]), ("cross_fade", fade)):
            again = back(up(picture), picture)
            metrics |= compare_round_trip(again, picture, f"{name}_round_trip_")
    if cross_fade:
        pairs = zip(pictures, shares, strict=True)
        pictures = [
            make_mosaic([picture, mix_pictures(first, last, share)], 1) for picture, share in pairs
        ]
    record = record_journey(
        "interpolate",
        model,
        settings,
        began,
        nfe=2 * (len(levels) - 1),
        legs=[levels, levels[::-1]],
        size_in=first.size,
        size_out=pictures[0].size,
        input=name_of(a),
        metrics={name: value for name, value in metrics.items() if name.endswith("_db")},
        warnings=[*first.warnings, *last.warnings, *notes],
    )
    return Series(tuple(pictures), frames, record.updated(input_b=name_of(b), frames=frames))


def check_frames(frames: int) -> None:
    """RequestError for fewer frames than have ends."""
    if frames < 2:
        raise RequestError(f"frames is {frames}, expected 2 or more: the ends are two of them")


def mix_pictures(a: Picture, b: Picture, share: float) -> Picture:
    """The linear cross-fade of two pictures of one size, at `share` of the way from a to b.

    Of the larger depth, grey where both are; transparent where one is; of a's profile where that
    is b's too. It carries no EXIF: it was not photographed.
    """
    depth = max(a.depth, b.depth)
    a, b = a.at_depth(depth), b.at_depth(depth)
    kind = a.pixels.dtype
    channels = 1 if a.grey and b.grey else 3
    shape = (*a.pixels.shape[:2], channels)

    def mixed(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return np.rint((1 - share) * p.astype(np.float32) + share * q).astype(kind)

    pixels = mixed(np.broadcast_to(a.pixels, shape), np.broadcast_to(b.pixels, shape))
    alpha = None
    if a.alpha is not None or b.alpha is not None:
        solid = np.full(shape[:2], np.iinfo(kind).max, kind)
        p, q = (solid if picture.alpha is None else picture.alpha for picture in (a, b))
        alpha = mixed(p, q)
    return Picture(pixels, alpha, icc=a.icc if a.icc == b.icc else None)


def _decibels(value: float | None) -> float:
    """A figure of a record, for comparison: null is exact."""
    return float("inf") if value is None else value
