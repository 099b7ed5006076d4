"""MappedUNet: the compact network, told at each pixel how much noise is there.

The map is a fourth plane beside the image, as in FFDNet (Zhang et al. 2018, arXiv 1710.04026). It
removes noise, also that of a spectrum, and has no jumps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from restore.networks.coloured import ColouredUNet


class MappedUNet(ColouredUNet):
    """F(c_in x, noise): as `ColouredUNet`, and of noise in a hole alone."""

    planes = 4  # the last: what a map of levels says

    def evaluate(self, x: Tensor, levels: Tensor) -> Tensor:
        """As of `PatchUNet`, of an image with its map (B, 4, H, W), or of one without any."""
        if x.shape[1] == 3:
            x = torch.cat([x, torch.zeros_like(x[:, :1])], dim=1)
        return super().evaluate(x, levels)
