"""Attention: what the target branch takes over from the source branch, layer by layer.

    self-attention:   P_t ← P_s                                      in the first steps
    cross-attention:  P_t ← a (P_s M + (1 - k) P_t) g + (1 - a) P_t   a = 1 in the first steps

P is a layer's softmaxed attention, M maps the source's tokens onto the target's, k marks the tokens
that M reaches and g amplifies words (Prompt-to-Prompt, arXiv 2208.01626, section 3). Mutual
self-attention (MasaCtrl, arXiv 2304.08465) lets the target's queries look at the source's keys and
values instead, so that its shape may change.

A batch is the source's images, then the target's, one for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.editing.words import LENGTH, Prompt, refinement, replacement
from restore.errors import RequestError

SELF_TOKENS = 32**2  # self-attention of more tokens than these is the target's own
MUTUAL_STEP, MUTUAL_LAYER = 1, 10  # mutual self-attention begins there
BLEND_THRESHOLD = 0.3  # of a word's strongest attention


@dataclass(frozen=True, eq=False)
class Blend:
    """Change nothing but where one of two words is looked at.

    source, target: places of the word's tokens in either prompt. threshold: of the largest
    attention to it, 0 to 1.
    """

    source: tuple[int, ...]
    target: tuple[int, ...]
    threshold: float = BLEND_THRESHOLD


@dataclass(frozen=True, eq=False)
class Control:
    """What the target branch takes over, as numbers.

    cross_steps, self_steps: in how many first steps. shares: M (77, 77). kept: k (77,), 1 where M
    reaches. gains: g (77,). blend: where anything may change. mutual: whether the target looks at
    the source's keys and values.
    """

    cross_steps: int = 0
    self_steps: int = 0
    shares: Tensor | None = None
    kept: Tensor | None = None
    gains: Tensor | None = None
    blend: Blend | None = None
    mutual: bool = False


def prompt_to_prompt(
    source: Prompt,
    target: Prompt,
    steps: int,
    *,
    cross: float = 0.3,
    self_: float = 0.6,
    amplify: Sequence[tuple[str, float]] = (),
    blend: tuple[str, str] | None = None,
    threshold: float = BLEND_THRESHOLD,
    replace: bool | None = None,
) -> Control:
    """The control by prompts.

    Args:
        source, target: the prompts.
        steps: of decoding.
        cross, self_: in which share of the steps attention to words, and between pixels, is the
            source's, 0 to 1.
        amplify: words of the target, each with the factor of the attention to it.
        blend: a word of the source and one of the target; elsewhere the source's pixels stay.
        threshold: of the largest attention to that word, above which pixels may change.
        replace: word by word; None where both prompts have as many words.

    Raises:
        RequestError: for a word that is not in its prompt, shares outside 0 to 1, a factor below 0,
            and for `replace` of prompts of unlike lengths.
    """
    for name, share in (("cross", cross), ("self", self_), ("threshold", threshold)):
        if not 0 <= share <= 1:
            raise RequestError(f"{name} is {share:g}, expected a share from 0 to 1")
    if replace is None:
        replace = len(source.words) == len(target.words)
    if replace:
        shares, kept = replacement(source, target), torch.ones(LENGTH)
    else:
        places, kept = refinement(source, target)
        shares = F.one_hot(places.clamp(min=0), LENGTH).T.float() * kept
    gains = torch.ones(LENGTH)
    for word, factor in amplify:
        if not 0 <= factor <= 100:
            raise RequestError(f"{word!r} is amplified {factor:g} times, expected 0 to 100")
        gains[target.places(word)] = factor
    return Control(
        cross_steps=int((steps + 1) * cross + 1e-9),
        self_steps=int(steps * self_ + 1e-9),
        shares=shares,
        kept=kept,
        gains=gains,
        blend=Blend(tuple(source.places(blend[0])), tuple(target.places(blend[1])), threshold)
        if blend
        else None,
    )


class ControlledDecoding:
    """One decoding under a control: which step it is at, and where words were looked at so far."""

    def __init__(self, control: Control, cells: tuple[int, int]) -> None:
        """`cells`: (height, width) of the latent."""
        self.control = control
        self.cells = cells
        self.step = 0
        self._maps: dict[int, Tensor] = {}  # by layer, (2 B, heads, h, w), summed over the steps

    def edits_cross(self) -> bool:
        return self.step < self.control.cross_steps

    def edits_self(self, tokens: int) -> bool:
        return self.step < self.control.self_steps and tokens <= SELF_TOKENS

    def shares_keys(self, layer: int) -> bool:
        return self.control.mutual and self.step >= MUTUAL_STEP and layer >= MUTUAL_LAYER

    def watches(self, tokens: int) -> bool:
        """Whether a cross-attention layer of so many pixels is one that blend looks at."""
        height, width = self.cells
        return self.control.blend is not None and tokens == (height // 4) * (width // 4)

    def edit_self(self, p: Tensor) -> Tensor:
        source, _ = p.chunk(2)
        return torch.cat([source, source])

    def edit_cross(self, p: Tensor) -> Tensor:
        """P (2 B, heads, pixels, 77) with the target's half taken from the source's."""
        shares, kept, gains = self.control.shares, self.control.kept, self.control.gains
        assert shares is not None, "a control of words has them"
        assert kept is not None
        assert gains is not None
        source, target = p.chunk(2)
        taken = source @ shares.to(p) + target * (1 - kept.to(p))
        return torch.cat([source, taken * gains.to(p)])

    def watch(self, layer: int, p: Tensor) -> None:
        """Add a layer's attention to blend's words to what was seen so far."""
        blend = self.control.blend
        assert blend is not None
        height, width = self.cells
        source, target = p.float().chunk(2)
        seen = torch.cat(
            [source[..., list(blend.source)].sum(-1), target[..., list(blend.target)].sum(-1)]
        ).reshape(*p.shape[:2], height // 4, width // 4)
        self._maps[layer] = self._maps[layer] + seen if layer in self._maps else seen

    def finish_step(self, source: Tensor, target: Tensor) -> Tensor:
        """The target's latent after a step, the source's where blend lets nothing change."""
        self.step += 1
        if self.control.blend is None:
            return target
        return source + self.blend_mask().to(source) * (target - source)

    def blend_mask(self) -> Tensor:
        """(B, 1, H, W) of 0 and 1: where either word has been looked at."""
        assert self.control.blend is not None
        seen = torch.cat(list(self._maps.values()), dim=1).mean(1, keepdim=True)
        seen = F.interpolate(F.max_pool2d(seen, 3, 1, 1), size=self.cells)
        strongest = seen.amax((2, 3), keepdim=True)
        source, target = (seen / strongest > self.control.blend.threshold).chunk(2)
        return (source | target).float()


class Switch:
    """What all processors of a network look at: the decoding that is on, None where none is."""

    def __init__(self) -> None:
        self.observer: ControlledDecoding | None = None


class Layer(Protocol):
    """What a processor needs of an attention layer, as diffusers builds them."""

    heads: int
    scale: float
    to_q: nn.Module
    to_k: nn.Module
    to_v: nn.Module
    to_out: nn.ModuleList


class AttentionProcessor:
    """The computation of one attention layer."""

    def __init__(self, switch: Switch, layer: int, *, cross: bool, outer: bool) -> None:
        """`layer`: its place among those of its kind, in the order of computation. `outer`: it is
        on the way down or up, not in the middle."""
        self.switch, self.layer, self.cross, self.outer = switch, layer, cross, outer

    def __call__(
        self,
        attn: Layer,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """What the layer makes of pixels (B, N, C) that look at words or at themselves."""
        assert attention_mask is None, "prompts are padded, nothing is masked"
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (
            project(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for project, x in ((attn.to_q, hidden_states), (attn.to_k, seen), (attn.to_v, seen))
        )
        y = self.attend(q, k, v, attn.scale).transpose(1, 2).flatten(2)
        for part in attn.to_out:
            y = part(y)
        return y

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """(B, heads, N, C / heads) of all; plain attention where no control has a say."""
        observer, tokens = self.switch.observer, q.shape[2]
        if observer is None:
            return F.scaled_dot_product_attention(q, k, v, scale=scale)
        watched = self.cross and self.outer and observer.watches(tokens)
        edited = observer.edits_cross() if self.cross else observer.edits_self(tokens)
        if not self.cross and observer.shares_keys(self.layer):
            k, v = (torch.cat([x.chunk(2)[0]] * 2) for x in (k, v))
        if not (watched or edited):
            return F.scaled_dot_product_attention(q, k, v, scale=scale)
        p = (q @ k.transpose(-1, -2) * scale).softmax(-1)
        if edited:
            p = observer.edit_cross(p) if self.cross else observer.edit_self(p)
        if watched:
            observer.watch(self.layer, p)
        return p @ v
