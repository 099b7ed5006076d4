"""Public 13 for the training programs: the bench's pictures as tensors."""

from torch import Tensor

from restore.bench import load_public13
from restore.images import Picture


def clean_images() -> dict[str, Tensor]:
    """Name -> (1, 3, H, W) float32 in [-1, 1]."""
    return {one.name: Picture(one.pixels).tensor() for one in load_public13().clean}
