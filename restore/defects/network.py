"""The finder's network: of each pixel whether a line or a speck lies on it.

A small U-Net over squares of 2 by 2 pixels: seen are some 150 pixels around, known are the three
colours alone. It is plain convolutions, so a picture in strips gives what the whole gives.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.checkpoints.files import read_tensors, write

FILE = Path(__file__).with_name("finder.safetensors")
SQUARE = 2  # pixels to a side that are one place of the first level
OUTPUTS = 2  # lines, specks
WIDTHS = (24, 32, 48, 64)  # channels, level by level, each half as large as the one before
WINDOW, SEEN = 512, 112  # pixels: of what goes through at once, and what is seen around it
STRIDE = SQUARE * 2 ** (len(WIDTHS) - 1)  # what heights and widths are multiples of


class FinderNetwork(nn.Module):
    """(1, 3, H, W) in [-1, 1] to logits (1, 2, H, W) of lines and specks.

    widths: channels of each level. normalize: batch normalization after each convolution, for
    training; examples/train_finder.py folds it into them.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, normalize: bool = False) -> None:
        super().__init__()
        self.widths, inputs = widths, 3 * SQUARE**2
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for width in widths:
            self.down.append(_block(inputs, width, normalize))
            inputs = width
        for width in widths[-2::-1]:
            self.up.append(_block(inputs + width, width, normalize))
            inputs = width
        self.out = nn.Conv2d(inputs, OUTPUTS * SQUARE**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_unshuffle(x, SQUARE)
        levels = []
        for number, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if number else x)
            levels.append(x)
        for number, block in enumerate(self.up):
            larger = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([larger, levels[-2 - number]], dim=1))
        return F.pixel_shuffle(self.out(x), SQUARE)


@torch.inference_mode()
def score_pixels(network: FinderNetwork, x: Tensor) -> np.ndarray:
    """(2, H, W) float32, the logits of lines and specks, of x (1, 3, H, W) in [-1, 1].

    The picture goes through in windows that see all that decides a pixel.
    """
    height, width = x.shape[-2:]
    logits = np.empty((OUTPUTS, height, width), np.float32)
    for top in range(0, height, WINDOW):
        for left in range(0, width, WINDOW):
            rows, up = _around(top, height)
            columns, before = _around(left, width)
            part = x[..., rows, columns]
            bottom, right = min(WINDOW, height - top), min(WINDOW, width - left)
            edge = (0, -part.shape[-1] % STRIDE, 0, -part.shape[-2] % STRIDE)
            part = F.pad(part, edge, mode="replicate")
            found = network(part.contiguous(memory_format=torch.channels_last))[0]
            kept = found[:, up : up + bottom, before : before + right]
            logits[:, top : top + bottom, left : left + right] = kept.numpy()
    return logits


def _around(first: int, length: int) -> tuple[slice, int]:
    """The span of a window with what it sees, and where in it the window begins."""
    start = max(first - SEEN, 0)
    return slice(start, min(first + WINDOW + SEEN, length)), first - start


def _block(inputs: int, outputs: int, normalize: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, 3, padding=1, bias=not normalize))
        if normalize:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def save(network: FinderNetwork, path: str | Path) -> str:
    """Write a network's weights in half precision; the SHA-256 of the file."""
    tensors = {name: value.half() for name, value in network.state_dict().items()}
    return write(path, tensors, {"finder.widths": ",".join(map(str, network.widths))})


@cache
def load_finder() -> FinderNetwork:
    """The finder that comes with the package, on the CPU in float32.

    Raises:
        CheckpointError: its file is not what was shipped.
    """
    found = read_tensors(FILE, lambda header: None)
    network = FinderNetwork()
    network.load_state_dict({name: value.float() for name, value in found.tensors.items()})
    return network.eval().requires_grad_(False)
