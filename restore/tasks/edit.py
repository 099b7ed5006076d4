"""Edit: a picture changed by words; what was not asked for stays.

The picture goes upright and at a working size through the networks; what comes back is laid into
it, outside of a mask bit for bit. The record says what the way there and back lost by itself.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from restore import metrics
from restore.devices import is_out_of_memory, name_dtype
from restore.editing.attention import Control, prompt_to_prompt
from restore.editing.composition import (
    change_within,
    choose_working_size,
    keep_unchanged,
    resize,
    shrink_mask,
)
from restore.editing.schedule import LAST, Guidance
from restore.editing.words import Prompt, changed_words, read_prompt
from restore.errors import RequestError, ResourceError
from restore.images import MAX_PIXELS, Picture, as_picture
from restore.record import JSON, Metrics, Record, name_of, round_decibels, round_share
from restore.result import ImageLike, Result
from restore.settings import Progress, count_calls
from restore.tasks.masks import hole_of

if TYPE_CHECKING:
    from restore.checkpoints import Checkpoint
    from restore.editing.editor import Edited, Editor

ControlName = Literal["auto", "p2p", "masactrl", "words", "none"]
CONTROLS: tuple[ControlName, ...] = ("auto", "p2p", "masactrl", "words", "none")
CROSS, SELF, AMPLIFY = 0.3, 0.6, 4.0  # of the published prompt-to-prompt
TRAINED = {"sd15": (0, 7, 11, 15, 19), "sdxl": (0, 3, 5, 7, 8, 9, 11, 12, 13, 15, 17, 19)}
VISIBLE = 8 / 255  # of the range: a pixel that moved further counts as changed


@dataclass(frozen=True)
class Edit:
    """What to change, and how: the options of `edit`.

    source: what the picture shows, in words. target: what it shall show. control: what the edit
    takes over from the reconstruction: "p2p" (prompt-to-prompt), "masactrl" (for another shape),
    "words" (the source's words at first), "none", or "auto", the model's own. cross, self_: shares
    of the steps, 0 to 1, in which attention to words and between pixels is the source's; None is
    .3 and .6. amplify: words of the target with the factor of the attention to them; None is 4 for
    each new word. blend: a word of the source and one of the target; elsewhere nothing changes.
    guidance, tau: how strongly the target's words pull, and up to which share of the times; None is
    the model's. start: the time at which the way up begins. side: of the square whose area the
    picture is brought to; None is the model's. keep: "auto" lays the edit into the picture where it
    changes something, "none" gives what the networks made. mask: as of `inpaint`, white where
    anything may change.
    """

    source: str
    target: str
    control: ControlName = "auto"
    cross: float | None = None
    self_: float | None = None
    amplify: tuple[tuple[str, float], ...] | None = None
    blend: tuple[str, str] | None = None
    guidance: float | None = None
    tau: float | None = None
    start: int = 19
    side: int | None = None
    keep: Literal["auto", "none"] = "auto"
    mask: ImageLike | None = field(default=None, compare=False)

    def settings(self) -> dict[str, JSON]:
        """The options on which the result's pixels depend, as a manifest keeps them."""
        return {name: value for name, value in vars(self).items() if name != "mask"}

    def check(self, checkpoint: Checkpoint) -> None:
        """RequestError for what cannot be honoured, as far as it is known without the networks."""
        if self.source.split() == self.target.split():
            raise RequestError(
                f"both prompts are {self.source!r}: say with --target what the picture shall show"
            )
        control = choose_control(self, checkpoint)
        if checkpoint.architecture == "sdxl" and control in ("p2p", "masactrl"):
            raise RequestError(
                f"control {control!r} is not for {checkpoint.name}: give words or none"
            )
        if control != "p2p":
            given = {
                "cross": self.cross, "self": self.self_, "amplify": self.amplify,
                "blend": self.blend,
            }  # fmt: skip
            if own := [name for name, value in given.items() if value is not None]:
                raise RequestError(f"{own[0]} belongs to control 'p2p', and this is {control!r}")
        guidance = choose_guidance(self, checkpoint)
        if not (math.isfinite(guidance.scale) and 0 <= guidance.scale <= 100):
            raise RequestError(f"guidance is {guidance.scale:g}, expected 0 to 100")
        if not 0 <= guidance.tau <= 1:
            raise RequestError(f"tau is {guidance.tau:g}, expected a share from 0 to 1")
        if not 1 <= self.start <= 200:
            raise RequestError(f"start is {self.start}, expected a time from 1 to 200")
        side = choose_side(self, checkpoint)
        if not 64 <= side <= 2048:
            raise RequestError(f"side is {side}, expected 64 to 2048 pixels")
        if self.keep not in ("auto", "none"):
            raise RequestError(f"keep is {self.keep!r}, expected 'auto' or 'none'")
        source, target = (
            read_prompt(text, lambda word: [0]) for text in (self.source, self.target)
        )
        make_control(self, checkpoint, source, target, 4)  # refuses words that are not there

    def warn(self, checkpoint: Checkpoint) -> list[str]:
        """What is unusual about the options, in sentences."""
        scale = choose_guidance(self, checkpoint).scale
        trained = TRAINED.get(checkpoint.architecture, (scale,))
        if scale in trained:
            return []
        return [
            f"guidance {scale:g} is none of those the network was distilled at: "
            f"{', '.join(map(str, trained))}"
        ]


def edit(
    image: ImageLike,
    options: Edit,
    editor: Editor,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Result:
    """Change a picture by words.

    Args:
        image: a path, bytes, a PIL image, an array or a Picture.
        options: what to change, and how.
        editor: the networks, by `load_editor`.
        seed: of the noise; the same seed gives the same pixels.
        progress: called as progress(done, total) in evaluations of the UNet.
        max_pixels: of the picture, at most.

    Raises:
        RequestError: options that cannot be honoured, or a prompt past 77 tokens.
        ImageError: a picture or mask that cannot be read or makes no sense.
        ResourceError: memory runs out.
    """
    began, checkpoint = time.perf_counter(), editor.checkpoint
    options.check(checkpoint)
    source, target = editor.read_prompt(options.source), editor.read_prompt(options.target)
    control = make_control(options, checkpoint, source, target, len(editor.times["reverse"]))
    picture = as_picture(image, max_pixels=max_pixels).upright()
    hole, warnings = None, list(picture.warnings)
    if options.mask is not None:
        hole, said = hole_of(options.mask, picture)
        warnings += said
    size = choose_working_size(picture.size, choose_side(options, checkpoint))
    small = resize(picture.tensor(), size).clamp(-1, 1)
    mask = None if hole is None else torch.from_numpy(hole)[None, None].float()
    tick = count_calls(progress, editor.nfe)
    try:
        edited = editor.edit(
            small.to(editor.unet.device),
            source,
            target,
            choose_guidance(options, checkpoint),
            control=control,
            late_words=choose_control(options, checkpoint) == "words",
            mask=None if mask is None else shrink_mask(mask, size).to(editor.unet.device),
            start=options.start,
            seed=seed,
            on_step=tick,
        )
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceError(
            f"memory ran out at a working size of {size[0]}×{size[1]}: a smaller --side, or "
            "--dtype bf16, needs less"
        ) from error
    made = paste_edit(picture, edited, options.keep, hole)
    record = Record(
        task="edit",
        input=name_of(image),
        model=checkpoint.name,
        model_sha256=editor.sha256["unet"],
        method="icd",
        nfe=editor.nfe,
        seed=seed,
        device=str(editor.unet.device),
        dtype=name_dtype(editor.unet.dtype),
        size_in=picture.size,
        size_out=made.size,
        seconds=round(time.perf_counter() - began, 3),
        metrics=measure_edit(picture, made, hole, small, edited),
        warnings=(*warnings, *options.warn(checkpoint)),
        more=_describe(options, editor, control, size),
    )
    return Result(made, record)


def paste_edit(
    picture: Picture, edited: Edited, keep: Literal["auto", "none"], hole: np.ndarray | None
) -> Picture:
    """The picture with an edit of its working size laid into it.

    Args:
        picture: upright.
        edited: what the networks made of it.
        keep: "auto" keeps it where words changed nothing.
        hole: (H, W) bool, where alone anything may change; its pixels' bits stay elsewhere.
    """
    image = picture.tensor()
    edit, reconstruction = edited.edit.cpu(), edited.reconstruction.cpu()
    if keep == "auto":
        changed = keep_unchanged(image, edit, reconstruction)
    else:
        changed = resize(edit, picture.size)
    if hole is None:
        return picture.with_tensor(changed)
    changed = change_within(torch.from_numpy(hole)[None, None].float(), image, changed)
    made = picture.with_tensor(changed)
    return replace(made, pixels=np.where(hole[..., None], made.pixels, picture.pixels))


def measure_edit(
    picture: Picture, made: Picture, hole: np.ndarray | None, small: Tensor, edited: Edited
) -> Metrics:
    """What the way to noise and back lost, how much was changed, and what moved outside a mask."""
    most = np.iinfo(picture.pixels.dtype).max
    moved = np.abs(made.pixels.astype(np.int32) - picture.pixels).max(axis=2)
    found = Metrics(
        reconstruction_psnr_db=_psnr(edited.reconstruction, small),
        vae_psnr_db=_psnr(edited.autoencoded, small),
        changed_share=round_share(float((moved > VISIBLE * most).mean())),
    )
    if hole is not None:
        found["outside_max_error"] = metrics.max_error(made.pixels, picture.pixels, ~hole)
    return found


def choose_control(options: Edit, checkpoint: Checkpoint) -> ControlName:
    """The control by its name; "auto" is prompt-to-prompt, and words for XL."""
    if options.control not in CONTROLS:
        raise RequestError(f"control is {options.control!r}, expected {', '.join(CONTROLS)}")
    if options.control != "auto":
        return options.control
    return "words" if checkpoint.architecture == "sdxl" else "p2p"


def choose_guidance(options: Edit, checkpoint: Checkpoint) -> Guidance:
    """Guidance by the options, else the model's."""
    scale = checkpoint.guidance if options.guidance is None else options.guidance
    tau = checkpoint.tau if options.tau is None else options.tau
    return Guidance(scale or 0.0, 1.0 if tau is None else tau)


def choose_side(options: Edit, checkpoint: Checkpoint) -> int:
    """The side of the square whose area pictures are brought to."""
    return options.side or checkpoint.side or 512


def make_control(
    options: Edit, checkpoint: Checkpoint, source: Prompt, target: Prompt, steps: int
) -> Control | None:
    """The control of attention, None where there is none. RequestError as `prompt_to_prompt`."""
    name = choose_control(options, checkpoint)
    if name == "masactrl":
        return Control(mutual=True)
    if name != "p2p":
        return None
    amplify = options.amplify
    if amplify is None:
        amplify = tuple((word, AMPLIFY) for word in changed_words(source, target))
    return prompt_to_prompt(
        source,
        target,
        steps,
        cross=CROSS if options.cross is None else options.cross,
        self_=SELF if options.self_ is None else options.self_,
        amplify=amplify,
        blend=options.blend,
    )


def _describe(
    options: Edit, editor: Editor, control: Control | None, size: tuple[int, int]
) -> dict[str, JSON]:
    """What the record has beside its own fields."""
    checkpoint, times = editor.checkpoint, editor.times
    guidance, name = choose_guidance(options, checkpoint), choose_control(options, checkpoint)
    up = [options.start, *times["forward"][1:], LAST]
    found: dict[str, JSON] = {
        "branches": 2,
        "source": options.source,
        "target": options.target,
        "control": name,
        "guidance": guidance.scale,
        "tau": guidance.tau,
        "boundaries": [up, [*times["reverse"], 0]],
        "keep": options.keep,
        "working_size": list(size),
        "parts": dict(editor.sha256),
    }
    if name == "p2p":
        assert control is not None
        found["cross_steps"], found["self_steps"] = control.cross_steps, control.self_steps
        if options.amplify is not None:
            found["amplify"] = [list(pair) for pair in options.amplify]
        found["blend"] = None if options.blend is None else list(options.blend)
    return found


def _psnr(a: Tensor, b: Tensor) -> float | None:
    """PSNR of two images in [-1, 1], in dB; None where they are equal."""
    error = float((a.cpu() - b.cpu()).square().mean())
    return round_decibels(10 * math.log10(4 / error)) if error else None
