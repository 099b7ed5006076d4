"""Editor: the networks of one editing model, and an image that goes through them.

One UNet is in memory. Up to noise it carries the forward adapter, down the reverse one: the weights
that an adapter changes are read from the UNet's file again and merged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

import torch
from torch import Tensor

from restore.checkpoints.catalogue import Checkpoint
from restore.checkpoints.files import TensorFile
from restore.editing.adapters import changed_weights, merge_, parse_adapter
from restore.editing.attention import Control
from restore.editing.branches import Branches, climb_to_noise, descend_branches
from restore.editing.networks import FACTOR, Autoencoder, TextEncoder, UNet
from restore.editing.schedule import Guidance, add_noise
from restore.editing.words import Prompt, read_prompt
from restore.tiling import NoiseField

Direction = Literal["forward", "reverse"]


@dataclass(frozen=True, eq=False)
class Edited:
    """What becomes of an image (1, 3, H, W), all in [-1, 1] but for what overshoots it.

    edit: by the target's words. reconstruction: by the source's. autoencoded: what the autoencoder
    alone makes of it.
    """

    edit: Tensor
    reconstruction: Tensor
    autoencoded: Tensor


@dataclass(eq=False)
class Editor:
    """The networks of an editing model.

    checkpoint: its row. unet, autoencoder, text_encoder: its networks. original: the UNet's file.
    adapters: each direction's file. times: each direction's times, one an evaluation. sha256: of
    each part, by its role.
    """

    checkpoint: Checkpoint
    unet: UNet
    autoencoder: Autoencoder
    text_encoder: TextEncoder
    original: TensorFile
    adapters: Mapping[Direction, TensorFile]
    times: Mapping[Direction, tuple[int, ...]]
    sha256: Mapping[str, str]
    merged: Direction | None = field(default=None, init=False)
    changed: frozenset[str] = field(default=frozenset(), init=False)

    @property
    def nfe(self) -> int:
        """Evaluations up and down."""
        return sum(map(len, self.times.values()))

    @property
    def xl(self) -> bool:
        return len(self.text_encoder.encoders) > 1

    def read_prompt(self, text: str) -> Prompt:
        """A prompt in tokens; RequestError where it is empty or too long."""
        return read_prompt(text, self.text_encoder.tokenize)

    def merge(self, direction: Direction) -> None:
        """Have the UNet carry this direction's adapter, and no other."""
        if self.merged == direction:
            return
        file = self.adapters[direction]
        adapter = parse_adapter({name: file.tensor(name) for name in file.names}, str(file.path))
        network = self.unet.network
        changed = frozenset(changed_weights(network, adapter, str(file.path)).values())
        self.merged = None
        for name in self.changed - changed:
            weight = network.get_parameter(name)
            weight.data.copy_(self.original.tensor(name))
        merge_(network, adapter, self.original.tensor, str(file.path))
        self.merged, self.changed = direction, changed

    @torch.inference_mode()
    def edit(
        self,
        x: Tensor,
        source: Prompt,
        target: Prompt,
        guidance: Guidance,
        *,
        control: Control | None = None,
        late_words: bool = False,
        mask: Tensor | None = None,
        start: int | None = None,
        seed: int = 0,
        on_step: Callable[[], object] | None = None,
    ) -> Edited:
        """Take an image up to noise by the source's words and down by both prompts'.

        Args:
            x: (1, 3, H, W) in [-1, 1], sides multiples of 64.
            source, target: what it shows, and what it shall show.
            guidance: how strongly the target's words pull.
            control, late_words: as in `descend_branches`.
            mask: (1, 1, H, W) of 0 and 1; a latent's pixel changes where any of its 64 are 1.
            start: the time at which the way up begins, default the adapter's.
            seed: of the noise that is added there.
            on_step: called after each evaluation of the UNet.
        """
        told, asked = self.text_encoder(source), self.text_encoder(target)
        cells = x.shape[2] // FACTOR, x.shape[3] // FACTOR
        noise = draw_noise(seed, cells).to(x.device)
        draw = draw_noise(seed, cells, first=2).to(x.device) if self.xl else None
        z = self.autoencoder.encode(x, draw)
        autoencoded = self.autoencoder.decode(z)
        up = self.times["forward"]
        up = (up[0] if start is None else start, *up[1:])
        self.merge("forward")
        latent = climb_to_noise(self.unet, add_noise(z, noise, up[0]), told, up, on_step)
        self.merge("reverse")
        found: Branches = descend_branches(
            self.unet,
            latent,
            told,
            asked,
            self.times["reverse"],
            guidance,
            control=control,
            switch=self.unet.switch,
            late_words=late_words,
            mask=None if mask is None else torch.nn.functional.max_pool2d(mask, FACTOR),
            on_step=on_step,
        )
        edit, reconstruction = (
            self.autoencoder.decode(z).clamp(-1, 1) for z in (found.target, found.source)
        )
        return Edited(edit, reconstruction, autoencoded.clamp(-1, 1))

    def close(self) -> None:
        """Let go of the open files."""
        for file in chain([self.original], self.adapters.values()):
            file.close()


def draw_noise(seed: int, cells: Sequence[int], first: int = 0) -> Tensor:
    """Standard normal noise (1, 4, h, w), which belongs to the seed and the latent's pixel."""
    field = NoiseField(seed)
    rows, columns = ((0, side) for side in cells)
    planes = [field(step, rows, columns) for step in (first, first + 1)]
    return torch.cat(planes, dim=1)[:, :4]
