# %% [markdown]
# # Restoring pictures in a notebook
#
# Open this file as a notebook in VS Code or with Jupytext, or run `python examples/notebook.py`.

# %%
from pathlib import Path

import numpy as np
import torch

import restore

photos = Path("examples/photos")
model = restore.load("default")  # once; calls without `model` share one too
model

# %% [markdown]
# A result shows itself: the picture, and under `repr` what was done and what it proves.

# %%
cleaned = restore.jpeg(photos / "coffee_q12.jpg", model=model, nfe=1)
print(repr(cleaned))
cleaned

# %%
before, after = (
    restore.compare(picture, photos / "coffee.png")
    for picture in (photos / "coffee_q12.jpg", cleaned)
)
print(f"PSNR {before['psnr_db']:.2f} dB before, {after['psnr_db']:.2f} dB after")

# %% [markdown]
# Arrays and tensors go in as they are: uint8, uint16, or floats from 0 to 1. Grey stays (H, W).

# %%
crop = np.asarray(cleaned)[100:228, 200:328]  # (H, W, 3) uint8
grey = torch.from_numpy(crop / 255).mean(dim=2)  # (H, W) floats
enlarged = restore.superres(grey, 2, sigma=0, model=model, nfe=1)
assert enlarged.image.shape == (256, 256)
enlarged

# %% [markdown]
# A hole is any array of bool. `progress` is told of each call; what it raises cancels the run.

# %%
hole = np.zeros(crop.shape[:2], bool)
hole[60:68, 20:100] = True
calls: list[int] = []
filled = restore.inpaint(
    crop, hole, model=model, nfe=2, progress=lambda done, total: calls.append(done)
)
print(f"{len(calls)} calls; known pixels changed by {filled.report['metrics']['known_max_error']}")


# %%
class Enough(Exception):
    """Raised by a button, a timer, or here after the first call."""


def stop(done: int, total: int) -> None:
    raise Enough


try:
    restore.inpaint(crop, hole, model=model, nfe=8, progress=stop)
except Enough:
    print("cancelled")

# %% [markdown]
# Several draws show where nothing in the picture decides what was there.

# %%
draws = restore.inpaint(crop, hole, model=model, nfe=1, mode="perceptual", samples=4)
print(f"mean deviation in the hole: {draws.uncertainty[hole].mean():.1f} levels")
draws.uncertainty_picture()
