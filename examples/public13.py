"""Public 13: the test images that come with scikit-image and scikit-learn, nothing to download."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

NAMES = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
    "china",
    "flower",
)


def public13() -> dict[str, np.ndarray]:
    """Name -> (H, W, 3) uint8: greys repeated, large ones halved, the central 256 by 256."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    samples = load_sample_images()
    stems = [Path(path).stem for path in samples.filenames]
    photographs = dict(zip(stems, samples.images, strict=True))
    found = {}
    for name in NAMES:
        pixels = photographs[name] if name in photographs else getattr(data, name)()
        pixels = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels[..., :3]
        image = Image.fromarray(np.ascontiguousarray(pixels))
        if min(image.size) >= 512:
            image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        w, h = (min(256, side // 8 * 8) for side in image.size)
        left, top = (image.width - w) // 2, (image.height - h) // 2
        found[name] = np.asarray(image.crop((left, top, left + w, top + h)))
    return found


def clean_images() -> dict[str, torch.Tensor]:
    """Name -> (1, 3, H, W) float32 in [-1, 1]."""
    return {
        name: torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        for name, pixels in public13().items()
    }
