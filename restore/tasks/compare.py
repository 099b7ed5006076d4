"""compare: metrics of a result against the clean picture, and against what it was made from."""

from __future__ import annotations

from typing import Any

from restore import metrics
from restore.degradations import Resize
from restore.errors import ImageError
from restore.images import MAX_PIXELS, as_picture, decode, read_bytes, sniff
from restore.jpegfile import coefficients_kept, read_jpeg
from restore.tasks.run import decibels, rounded, same_kind


def compare(
    output: Any, reference: Any, degraded: Any = None, *, max_pixels: int = MAX_PIXELS
) -> dict[str, Any]:
    """PSNR, SSIM and largest error of output to reference, two pictures of one size.

    With `degraded`, what the output was restored from, its consistency too: the coefficients kept
    where that is a JPEG file of the same size, the PSNR of the output shrunk again where it is
    smaller, the PSNR between them otherwise.
    """
    picture = as_picture(output, max_pixels=max_pixels)
    clean = as_picture(reference, max_pixels=max_pixels)
    if picture.size != clean.size:
        raise ImageError(
            f"the output has {picture.size[0]}×{picture.size[1]} pixels, "
            f"the reference {clean.size[0]}×{clean.size[1]}"
        )
    a, b = same_kind(picture, clean)
    found: dict[str, Any] = {
        "psnr_db": decibels(metrics.psnr(a, b)),
        "ssim": rounded(metrics.ssim(a, b)),
        "max_error": metrics.max_error(a, b),
    }
    if degraded is None:
        return found
    given = as_picture(degraded, max_pixels=max_pixels)
    if given.size == picture.size:
        found["psnr_input_db"] = decibels(metrics.psnr(*same_kind(given, clean)))
        data = degraded if isinstance(degraded, bytes) else None
        if (data is None and isinstance(degraded, str)) or hasattr(degraded, "__fspath__"):
            data = read_bytes(degraded)
        if data is not None and sniff(data) == "JPEG" and picture.depth == 8:
            stored = decode(data, max_pixels=max_pixels, upright=False)
            if stored.orientation == 1:
                pixels = picture.pixels[..., 0] if picture.grey else picture.pixels
                found["coefficients_kept"] = round(coefficients_kept(pixels, read_jpeg(data)), 6)
        else:
            found["consistency_psnr_db"] = decibels(metrics.psnr(*same_kind(picture, given)))
    elif given.size[0] <= picture.size[0] and given.size[1] <= picture.size[1]:
        shrink = Resize(picture.pixels.shape[:2], given.pixels.shape[:2])
        again = given.with_tensor(shrink(picture.tensor()))
        found["consistency_psnr_db"] = decibels(metrics.psnr(again.pixels, given.pixels))
    else:
        raise ImageError(
            f"the degraded picture has {given.size[0]}×{given.size[1]} pixels, more than the output"
        )
    return found
