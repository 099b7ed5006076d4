"""Machine: what speed is measured on and against: its name, photographs, and the ceiling.

The ceiling is the fastest 3×3 convolution, channels last, of a few: what the machine's own library
reaches on the network's most common layer.
"""

import platform
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import nn

CALLS = 10  # of the convolution, in one measurement


def name_processor() -> str:
    """As the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def time_process(command: Sequence[str], clock: str) -> float:
    """Seconds of a process, by the clock on the wall ("wall") or the processor's own ("cpu")."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if clock == "wall":
        return time.perf_counter() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_photograph(megapixels: float) -> np.ndarray:
    """A photograph (H, W, 3) uint8, 4 by 3: real ones side by side, enlarged or reduced."""
    tiles = [data.astronaut(), data.coffee()[:, :512], data.chelsea()[:, :400]]
    tiles = [np.asarray(Image.fromarray(tile).resize((512, 512))) for tile in tiles]
    tiles.append(tiles[0][:, ::-1])
    rows = [np.concatenate(tiles[i : i + 2], axis=1) for i in (0, 2)]
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    whole = Image.fromarray(np.concatenate(rows, axis=0)[:768])
    return np.asarray(whole.resize((width, round(width * 3 / 4)), Image.Resampling.LANCZOS))


def roll_photographs(megapixels: float, multiple: int = 1) -> Iterator[Image.Image]:
    """Photographs without end, 4 by 3, each another part of one scene.

    multiple: of pixels, that a width is; 64 gives whole blocks of JPEG.
    """
    scene = np.tile(np.concatenate([data.astronaut(), data.astronaut()[::-1]]), (2, 3, 1))
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5 / multiple) * multiple
    turn = 0
    while True:
        pixels = np.roll(scene, (37 * turn, 91 * turn), (0, 1))
        yield Image.fromarray(pixels).resize((width, width * 3 // 4))
        turn += 1


def measure_ceiling(
    measure: Callable[[Callable[[], object]], float],
    device: torch.device,
    dtype: torch.dtype,
    *,
    channels: Sequence[int] = (64,),
    sides: Sequence[int] = (128, 256, 512),
    batch: int = 1,
) -> float:
    """FLOP/s of the convolution at its best; `measure` gives the seconds of a call."""
    best = 0.0
    for count in channels:
        layer = nn.Conv2d(count, count, 3, padding=1, device=device, dtype=dtype)
        layer = layer.to(memory_format=torch.channels_last).requires_grad_(False)
        for side in sides:
            x = torch.randn(batch, count, side, side, device=device, dtype=dtype)
            x = x.contiguous(memory_format=torch.channels_last)
            quickest = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
            with torch.inference_mode(), quickest:
                taken = measure(lambda f=layer, x=x: [f(x) for _ in range(CALLS)])
            best = max(best, CALLS * 2 * 9 * count**2 * batch * side**2 / taken)
    return best
