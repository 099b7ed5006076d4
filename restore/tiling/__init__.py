"""Tiling: a model over an image of any size, in windows of bounded memory.

The same pixels to rounding whatever the windows, where the network's receptive field is bounded;
the same noise exactly, whatever the network.
"""

from restore.tiling.crops import RegionCrop, find_crops
from restore.tiling.evaluation import cut_windows
from restore.tiling.noise_field import NOISE_CELL, NoiseField
from restore.tiling.spans import Place, Range, Span, spans, up_to
from restore.tiling.tiled import TiledBCM
from restore.tiling.windows import (
    WINDOW_PIXELS,
    BatchSize,
    Tile,
    pixels_at_once,
    window_count,
    window_shape,
)

__all__ = [
    "NOISE_CELL",
    "WINDOW_PIXELS",
    "BatchSize",
    "NoiseField",
    "Place",
    "Range",
    "RegionCrop",
    "Span",
    "Tile",
    "TiledBCM",
    "cut_windows",
    "find_crops",
    "pixels_at_once",
    "spans",
    "up_to",
    "window_count",
    "window_shape",
]
