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
from machine import make_photograph, measure_ceiling, name_processor
from PIL import Image

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


def network_rate(megapixels: float, device: str, dtype: str) -> None:
    model = restore.load("default", device=device, dtype=dtype)
    height, width, _ = make_photograph(megapixels).shape
    x = torch.rand(1, 3, height, width, device=model.device) - 0.5

    def run() -> None:
        with torch.inference_mode():
            TiledBCM(model).denoise(x, 0.1, out=x)

    taken = seconds(run, repeats=2)
    rate = model.network.flops_per_pixel * width * height / taken / 1e9
    top = measure_ceiling(seconds, model.device, model.dtype) / 1e9
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
    pixels = make_photograph(megapixels)
    if task == "superres":
        pixels = make_photograph(megapixels / 4)
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
    print(f"{name_processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for dtype in options.dtypes:
        network_rate(options.megapixels, options.device, dtype)
    for task in options.tasks:
        command = [sys.executable, __file__, "--picture", task, str(options.large)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
