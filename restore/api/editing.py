"""Editing by words, as a function."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from restore.defaults import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from restore.editing.editor import Editor
    from restore.result import Result
    from restore.settings import Progress
    from restore.tasks import ImageLike


def edit(
    image: ImageLike,
    *,
    source: str,
    target: str,
    model: Editor | str = "icd-sd15",
    nfe: int = 8,
    mask: ImageLike | None = None,
    control: Literal["auto", "p2p", "masactrl", "words", "none"] = "auto",
    cross: float | None = None,
    self_: float | None = None,
    amplify: Mapping[str, float] | None = None,
    blend: tuple[str, str] | None = None,
    keep: Literal["auto", "none"] = "auto",
    guidance: float | None = None,
    tau: float | None = None,
    start: int = 19,
    side: int | None = None,
    seed: int = 0,
    device: str = "auto",
    dtype: str = "auto",
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Change an image by words; needs the extra `bcm-restore[edit]` and published weights.

    Args:
        image: a path, the bytes of a file, an open file, a PIL image, an array (H, W) or
            (H, W, 1 to 4), or a tensor of torch (C, H, W), of uint8, uint16 or floats from 0 to 1.
        source: what the image shows, such as "a photo of a cat"; at most 77 tokens.
        target: what it shall show, such as "a photo of a dog".
        model: a name of the catalogue, which is loaded once and kept, or what
            `restore.editing.loading.load_editor` gave.
        nfe: evaluations up to noise and down: 6 (3 + 3), 7 (3 + 4) or 8 (4 + 4).
        mask: an image of the same size, white where anything may change, or an (H, W) bool array,
            True there; elsewhere every bit stays. None is everywhere.
        control: what the edit takes over from what the source's words give back. "p2p" keeps the
            layout, "masactrl" lets the shape change, "words" begins with the source's words,
            "none" takes nothing; "auto" is p2p, and words for XL.
        cross: of p2p, the share of the steps, 0 to 1, in which attention to words is the source's;
            None is 0.3.
        self_: of p2p, the same of attention between pixels; None is 0.6.
        amplify: of p2p, words of the target with the factor, 0 to 100, of the attention to them;
            None is 4 for each new word.
        blend: of p2p, a word of the source and one of the target; elsewhere nothing changes.
        keep: "auto" keeps the image where words changed nothing, "none" gives the bare edit.
        guidance: how strongly the target's words pull, 0 to 100; None is the model's, 19 or 7.
        tau: the share of the times, 0 to 1, up to which they pull; None is the model's.
        start: the time, 1 to 200, at which the way to noise begins.
        side: in pixels, 64 to 2048; the image goes through the networks at an area of side by side.
            None is the model's, 512 or 1024.
        seed: of the noise, any integer; the same seed gives the same pixels.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; of a loaded model it is the model's own.
        dtype: of the UNet, "auto", "fp32", "bf16" or "fp16"; of a loaded model its own.
        progress: called as progress(done, total) in evaluations of the network.
        max_pixels: of the image, at most.

    Raises:
        RequestError: arguments that cannot be honoured.
        ImageError: an image or a mask that cannot be read or makes no sense.
        CheckpointError: weights that cannot be had, or are not what they should be.
        ResourceError: the extra is not installed, or memory or disk are short.
    """
    from restore.tasks.edit import Edit
    from restore.tasks.edit import edit as change

    options = Edit(
        source,
        target,
        control=control,
        cross=cross,
        self_=self_,
        amplify=None if amplify is None else tuple(amplify.items()),
        blend=blend,
        guidance=guidance,
        tau=tau,
        start=start,
        side=side,
        keep=keep,
        mask=mask,
    )
    if isinstance(model, str):
        from restore.checkpoints import resolve

        options.check(resolve(model))
        model = _load_once(model, nfe, device, dtype, side)
    return change(image, options, model, seed=seed, progress=progress, max_pixels=max_pixels)


@lru_cache(maxsize=1)
def _load_once(model: str, nfe: int, device: str, dtype: str, side: int | None) -> Editor:
    from restore.editing.loading import load_editor

    return load_editor(model, nfe, device, dtype, side=side)
