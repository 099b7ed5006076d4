"""Speed and memory on this machine, all in one run.

    python examples/speed.py                 # ceiling, 4 megapixels, peak memory at 48 megapixels
    python examples/speed.py --megapixels 1  # quicker

The ceiling is a 64-channel 3×3 convolution, channels last, in the same dtype: what the machine's
own library reaches on the network's most common layer. The network's rate counts only the FLOP that
an untiled run would need, so that the overlap of tiles counts as loss. Memory is the largest
resident size of a process of its own that restores one picture from bytes to bytes.
"""

import argparse
import io
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import nn

import restore
from restore.tiling import TiledBCM, window_shape


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """The best of several runs after one to warm up."""
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)


def ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """GFLOP/s of the convolution, at the best of a few sizes."""
    best = 0.0
    for side in (128, 256, 512):
        layer = nn.Conv2d(64, 64, 3, padding=1, device=device, dtype=dtype)
        layer = layer.to(memory_format=torch.channels_last)
        x = torch.randn(1, 64, side, side, device=device, dtype=dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            flop = 10 * 2 * 64 * 64 * 9 * side * side
            best = max(best, flop / seconds(lambda f=layer, x=x: [f(x) for _ in range(10)]))
    return best / 1e9


def photograph(megapixels: float) -> np.ndarray:
    """A picture of real content: astronaut, repeated and mirrored, 4 by 3."""
    from skimage import data

    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(width * 3 / 4)
    pixels = data.astronaut()
    pixels = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    pixels = np.concatenate([pixels, pixels[::-1]], axis=0)
    shape = (-(-height // pixels.shape[0]), -(-width // pixels.shape[1]), 1)
    return np.tile(pixels, shape)[:height, :width]


def network_rate(megapixels: float, device: str, dtype: str) -> None:
    model = restore.load("default", device=device, dtype=dtype)
    height, width, _ = photograph(megapixels).shape
    x = torch.rand(1, 3, height, width, device=model.device) - 0.5

    def run() -> None:
        with torch.inference_mode():
            TiledBCM(model).denoise(x, 0.1, out=x)

    taken = seconds(run, repeats=2)
    rate = model.network.flops_per_pixel * width * height / taken / 1e9
    top = ceiling(model.device, model.dtype)
    windows = window_shape(model, height, width, "auto")
    print(
        f"{str(model.dtype).removeprefix('torch.')}: convolution ceiling {top:.0f} GFLOP/s; one "
        f"evaluation of {width}×{height} in windows of {windows[1]}×{windows[0]}: {taken:.2f} s, "
        f"{rate:.0f} GFLOP/s, {100 * rate / top:.0f} % of the ceiling, "
        f"{width * height / 1e6 / taken:.2f} megapixels a second",
        flush=True,
    )


def one_picture(task: str, megapixels: float, nfe: int) -> None:
    """Restore one picture and print this process's largest resident size."""
    began = time.perf_counter()
    pixels = photograph(megapixels)
    if task == "superres":
        pixels = photograph(megapixels / 4)
    stream = io.BytesIO()
    form = "JPEG" if task == "jpeg" else "PNG"
    Image.fromarray(pixels).save(stream, form, quality=30, compress_level=1)
    shape = pixels.shape[:2]
    del pixels
    if task == "jpeg":
        result = restore.jpeg(stream.getvalue(), nfe=nfe)
    elif task == "superres":
        result = restore.superres(stream.getvalue(), 2, nfe=nfe)
    else:
        hole = np.zeros(shape, bool)
        hole[::40] = hole[1::40] = hole[2::40] = True
        result = restore.inpaint(stream.getvalue(), hole, nfe=nfe)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    size = result.report["size_out"]
    print(
        f"{task}: {size[0] * size[1] / 1e6:.0f} megapixels at NFE {nfe}: peak {peak:.2f} GB, "
        f"{time.perf_counter() - began:.0f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=4)
    parser.add_argument("--large", type=float, default=48, help="megapixels of the memory test")
    parser.add_argument("--tasks", nargs="*", default=["jpeg", "inpaint", "superres"])
    parser.add_argument("--dtypes", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--picture", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.picture:
        one_picture(options.picture[0], float(options.picture[1]), nfe=1)
        return
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for dtype in options.dtypes:
        network_rate(options.megapixels, options.device, dtype)
    for task in options.tasks:
        command = [sys.executable, __file__, "--picture", task, str(options.large)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
