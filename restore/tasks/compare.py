"""compare: metrics of a result against the clean picture, and against what it was made from."""

from __future__ import annotations

from dataclasses import replace

from restore import metrics
from restore.degradations import Resize
from restore.errors import ImageError
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.images.comparison import compare_to_clean, match_kinds
from restore.record import Metrics, round_decibels
from restore.result import ImageLike
from restore.tasks.jpeg import prove_compressed, read_compressed
from restore.tasks.superres import enlarge_bicubic


def compare(
    output: ImageLike,
    reference: ImageLike,
    degraded: ImageLike | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Metrics:
    """PSNR, SSIM and largest error of output to reference, two pictures of one size.

    Args:
        output: a path, the bytes of a file, a PIL image, an array, a Picture or a Result.
        reference: the clean picture, given likewise.
        degraded: what the output was restored from, given likewise; None is unknown. Adds
            `psnr_input_db`, the PSNR between the two (it is enlarged where it is smaller), and the
            consistency: of a JPEG file the coefficients kept, of a smaller picture the PSNR of the
            output shrunk again.
        max_pixels: refuse files of more pixels.

    Raises:
        ImageError: a picture that cannot be read, or sizes that do not fit.
    """
    picture = as_picture(output, max_pixels=max_pixels)
    clean = as_picture(reference, max_pixels=max_pixels)
    if picture.size != clean.size:
        raise ImageError(
            f"the output has {picture.size[0]}×{picture.size[1]} pixels, "
            f"the reference {clean.size[0]}×{clean.size[1]}"
        )
    found = compare_to_clean(picture, clean)
    found["max_error"] = metrics.max_error(*match_kinds(picture, clean))
    if degraded is not None:
        found.update(_to_degraded(picture, degraded, max_pixels))
    return found


def _to_degraded(picture: Picture, degraded: ImageLike, max_pixels: int) -> Metrics:
    stored, file, _ = read_compressed(degraded, max_pixels)
    given = stored.upright()
    if given.size == picture.size:
        found: Metrics = {
            "psnr_input_db": round_decibels(metrics.psnr(*match_kinds(picture, given)))
        }
        held = prove_compressed(picture.turned_back(stored.orientation), stored, file)
        if "coefficients_kept" in held:
            found["consistency_psnr_db"] = held["consistency_psnr_db"]
            found["coefficients_kept"] = held["coefficients_kept"]
        return found
    if given.size[0] > picture.size[0] or given.size[1] > picture.size[1]:
        raise ImageError(
            f"the degraded picture has {given.size[0]}×{given.size[1]} pixels, more than the output"
        )
    large = enlarge_bicubic(given, picture.size)
    shrink = Resize(picture.pixels.shape[:2], given.pixels.shape[:2])
    again = replace(given, alpha=None).with_tensor(shrink(picture.tensor()))
    return {
        "psnr_input_db": round_decibels(metrics.psnr(*match_kinds(picture, large))),
        "consistency_psnr_db": round_decibels(metrics.psnr(again.pixels, given.pixels)),
    }
