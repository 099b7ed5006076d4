"""TiledBCM: a model over an image of any size, in windows of bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from restore.bcm import BCM
from restore.networks import Network
from restore.tiling.evaluation import Call, evaluate
from restore.tiling.windows import BatchSize, Tile, window_count


@dataclass(frozen=True, eq=False)
class TiledBCM:
    """A model over images (B, 3, H, W) of any size; each method is one network evaluation.

    tile: the side of a window in pixels, "auto" (by memory) or 0 (the whole image). label: (1,),
    the class of a class-conditional network. progress: called after each window. batch: how many
    windows go through the network together, "auto" by device and memory. region: (H, W) bool on the
    CPU, the pixels that matter of what is done with the results, None for all; the others may come
    out as they went in. What comes out is written to `out` when given, which may be x itself: then
    memory stays near that of x.

    Where a region is given, `ahead` says how many more evaluations a result goes through before the
    pixels outside the region are set to what is known of them: each sees a receptive field more of
    it. spreads: nothing is known outside the region, so that all evaluations that follow count.
    """

    model: BCM
    tile: Tile = "auto"
    label: Tensor | None = None
    progress: Callable[[], object] | None = None
    batch: BatchSize = "auto"
    region: Tensor | None = None
    spreads: bool = False

    @property
    def network(self) -> Network:
        """The network itself, which says its receptive field and its stride."""
        return self.model.network

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    def denoise(self, x: Tensor, t: float, out: Tensor | None = None, *, ahead: int = 0) -> Tensor:
        """E[clean image | x at noise level t], as `BCM.denoise`."""
        return self.over(
            lambda windows, _: self.model.denoise(windows, t, self.label), x, out, ahead=ahead
        )

    def jump(
        self, x: Tensor, t: float, u: float, out: Tensor | None = None, *, ahead: int = 0
    ) -> Tensor:
        """x of noise level t, carried along the ODE to level u, as `BCM.jump`."""
        return self.over(
            lambda windows, _: self.model.jump(windows, t, u, self.label), x, out, ahead=ahead
        )

    def window_count(self, height: int, width: int, ahead: int = 0) -> int:
        """How many windows an evaluation of an image takes."""
        return window_count(self.model, height, width, self.tile, self.region, ahead)

    @torch.no_grad()
    def over(
        self,
        call: Call,
        x: Tensor,
        out: Tensor | None = None,
        *,
        evaluations: int = 1,
        ahead: int = 0,
    ) -> Tensor:
        """`call` over x, window by window; progress is told of it `evaluations` times a window.

        No gradient goes through it.
        """
        if out is None:
            out = x.clone()
        elif out is not x:
            out.copy_(x)
        assert self.region is None or self.region.shape == x.shape[-2:]

        def progress() -> None:
            if self.progress:
                for _ in range(evaluations):
                    self.progress()

        return evaluate(
            self.model, call, out, self.tile, self.batch, progress, self.region, ahead
        )  # fmt: skip
