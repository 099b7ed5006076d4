"""hold: another program's result, brought to what the picture that it was made from says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore.defaults import MAX_PIXELS

if TYPE_CHECKING:
    from restore.tasks import ImageLike, Result, Task


def hold(
    start: ImageLike,
    image: ImageLike,
    task: Task | None = None,
    *,
    mask: ImageLike | None = None,
    sigma: float | None = None,
    reference: ImageLike | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Bring another program's result to the nearest one that the given picture can have come from.

    No network is asked. An enlargement comes to be one of the small picture: shrunk again it is
    that picture, of a JPEG file its coefficients. A JPEG file that was cleaned comes to have its
    coefficients, and a filled hole the known pixels around it. The record proves it.

    Args:
        start: the other result, or one that you retouched: a path, the bytes of a file, an
            open file, a PIL image, an array (H, W) or (H, W, 1 to 4), or a tensor of torch (C, H,
            W), of uint8, uint16 or floats from 0 to 1.
        image: what it was made from, like `start`.
        task: how that was degraded, one of `restore.tasks`; None tells by what follows.
        mask: a hole that was filled, as for `restore.inpaint`.
        sigma: of a picture that was enlarged, how far it is from an exact reduction, as noise in
            levels of 8 bits; 0 is for an exact one, None measures it.
        reference: the clean picture, for the metrics alone.
        max_pixels: refuse images of more pixels.

    Raises:
        RequestError: arguments that cannot be honoured, or a task that holds nothing, as `Denoise`.
        ImageError: an image that cannot be read, a start that has not the size of the result, or a
            picture that is neither smaller nor a JPEG, nor was one.
    """
    from restore.images import as_picture
    from restore.settings import Settings
    from restore.tasks import Inpaint, Jpeg, Superres, solve_problem

    begun = as_picture(start, max_pixels=max_pixels)
    if task is None:
        if mask is not None:
            task = Inpaint(mask)
        elif as_picture(image, max_pixels=max_pixels).size == begun.size:
            task = Jpeg()
        else:
            task = Superres(size=begun.size, sigma=sigma, stretch=True)
    settings = Settings(nfe=0, start=begun, reference=reference)
    return solve_problem(task.open(image, max_pixels=max_pixels), None, settings)
