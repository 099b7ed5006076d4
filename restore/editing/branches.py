"""Branches: an image goes up to noise with one set of words, and comes down with another.

    up:    x ← f(x, t, s), ε by the source's words, unguided         19 → 259 → 519 → 779 → 999
    down:  the same to 0, twice: source branch, and target branch by the target's words and w(t)

Both branches are one batch. The source's is the reconstruction: what it loses is the method's own
loss, and what differs between the two is what the words changed (iCD, arXiv 2406.14539, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from restore.editing.attention import Control, ControlledDecoding, Switch
from restore.editing.networks import Evaluate
from restore.editing.schedule import Guidance, step, steps_down, steps_up
from restore.editing.words import Conditioning

OnStep = Callable[[], object]  # called after each evaluation
UNGUIDED = 0.0


def climb_to_noise(
    evaluate: Evaluate,
    x: Tensor,
    words: Conditioning,
    times: Sequence[int],
    on_step: OnStep | None = None,
) -> Tensor:
    """The noise (B, 4, h, w) at time 999 of x, which is at the first of `times`.

    `words` describe it; one evaluation a time, without guidance.
    """
    for t, s in steps_up(times):
        x = step(x, evaluate(x, t, words, [UNGUIDED] * len(x)), t, s)
        if on_step:
            on_step()
    return x


@dataclass(frozen=True, eq=False)
class Branches:
    """Two images decoded from one latent, (B, 4, h, w) each.

    source: by the source's words, the reconstruction. target: by the target's, the edit.
    """

    source: Tensor
    target: Tensor


def descend_branches(
    evaluate: Evaluate,
    latent: Tensor,
    source: Conditioning,
    target: Conditioning,
    times: Sequence[int],
    guidance: Guidance,
    *,
    control: Control | None = None,
    switch: Switch | None = None,
    late_words: bool = False,
    mask: Tensor | None = None,
    on_step: OnStep | None = None,
) -> Branches:
    """Both branches of a latent at time 999, which is the first of `times`.

    Args:
        evaluate: the network; each step is one call with both branches.
        latent: (B, 4, h, w).
        source, target: the words of each branch, B prompts each.
        times: one evaluation each, down to the clean image.
        guidance: of the target branch.
        control: what it takes over of the source branch's attention.
        switch: what the network's attention looks at; needed with a control.
        late_words: the target branch reads the source's words where it is not guided (XL).
        mask: (1 or B, 1, h, w), 1 where anything may change; None is everywhere.
        on_step: called after each evaluation.
    """
    assert control is None or switch is not None, "a control needs the network's attention"
    observer = ControlledDecoding(control, (latent.shape[2], latent.shape[3])) if control else None
    count = len(latent)
    a = b = latent
    try:
        if switch is not None:
            switch.observer = observer
        for t, s in steps_down(times):
            w = guidance.at(t)
            told = target
            if late_words and t > 1000 * guidance.tau:
                told = Conditioning(source.context, target.pooled)
            epsilon = evaluate(
                torch.cat([a, b]), t, source.and_(told), [UNGUIDED] * count + [w] * count
            )
            a, b = step(torch.cat([a, b]), epsilon, t, s).chunk(2)
            if observer:
                b = observer.finish_step(a, b)
            if mask is not None:
                b = a + mask.to(b) * (b - a)
            if on_step:
                on_step()
    finally:
        if switch is not None:
            switch.observer = None
    return Branches(a, b)
