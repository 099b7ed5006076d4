"""One GPU: megapixels a second, the share of the card's own convolution ceiling, and agreement.

    python examples/gpu.py                            # 12 megapixels, bf16, 1 and 4 evaluations
    python examples/gpu.py --megapixels 48 --dtype fp32
    python examples/gpu.py --tables network           # seconds

A table for which memory does not suffice says so, and the others go on.

Five tables, in less than five minutes: none is begun after four. The network alone, its pixels on
the card already, by how many windows go through it together; one evaluation as it is, as a CUDA
graph, with ReLUs within their convolutions, and compiled; whole tasks, from a picture in memory to
a picture in memory, so that the way to the card and back, the projections and the proof count too;
files to files, as `restore.batch` does it, decoding and encoding in threads beside the card; and
how near the card comes to the CPU in float32, in dB below the square of the range.

The ceiling is the best rate of a 3×3 convolution in the same dtype, channels last, over a few
widths and sizes. The network's rate counts only the FLOP that an untiled run would need, so that
the overlap of windows counts as loss. Times are the card's own, by events, the best of five after
two to warm up; those of tasks are the clock's. Without a card the same runs on the CPU on a picture
of a hundredth of a megapixel, which tests this script and measures nothing.
"""

import argparse
import io
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from machine import make_photograph, measure_ceiling
from PIL import Image

import restore
from restore.devices import is_out_of_memory
from restore.errors import ResourceError
from restore.images import Picture
from restore.networks.patch import ResidualBlock
from restore.tasks import Jpeg, Settings
from restore.tiling import TiledBCM, window_count, window_shape
from restore.training import Recording

LEVELS = (0.4, 0.2, 0.1, 0.05)
WARM, REPEATS = 2, 5
TABLES = ("network", "steps", "tasks", "files", "agreement")
ENOUGH = 240  # seconds, after which no table is begun


def seconds(call: Callable[[], object], device: torch.device) -> float:
    """The best of several runs after a few to warm up, by the device's own clock."""
    if device.type != "cuda":
        began = time.perf_counter()
        call()
        return time.perf_counter() - began
    for _ in range(WARM):
        call()
    return min(_on_card(call, device) for _ in range(REPEATS))


def _on_card(call: Callable[[], object], device: torch.device) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    began.record()
    call()
    ended.record()
    ended.synchronize()
    return began.elapsed_time(ended) / 1e3


def network(model: restore.BCM, pixels: np.ndarray, top: float, batches: Sequence[int]) -> None:
    """Evaluations in a row, by the windows that go together."""
    x = Picture(pixels).tensor().to(model.device)
    height, width = x.shape[-2:]
    windows = window_count(model, height, width, "auto")
    side = "×".join(map(str, window_shape(model, height, width, "auto")[::-1]))
    print(f"\n{windows} windows of {side} an evaluation\n")
    print("| evaluations | windows together | megapixels a second | TFLOP/s | of the ceiling |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for nfe in (1, 4):
        for batch in [*[b for b in batches if b <= windows], "auto"]:
            windowed = TiledBCM(model, batch=batch)

            def run(windowed: TiledBCM = windowed, nfe: int = nfe) -> None:
                for t in LEVELS[:nfe]:
                    windowed.denoise(x, t)

            taken = seconds(run, model.device)
            rate = height * width / taken
            flops = nfe * rate * model.network.flops_per_pixel
            shown = f"{rate / 1e6:.3g} | {flops / 1e12:.3g} | {flops / top:.1%}"
            print(f"| {nfe} | {batch} | {shown} |", flush=True)


@torch.inference_mode()
def steps(model: restore.BCM, sides: Sequence[int]) -> None:
    """One evaluation of square images: as it is, and otherwise; that on a card alone."""
    device, levels = model.device, torch.full((1,), 0.1, device=model.device)
    compiled = torch.compile(model.network, dynamic=False)
    ways = "as it is, ms", "as a graph, ms", "ReLU within, ms", "compiled, ms", "compiling, s"
    print(f"\n| pixels a side | {' | '.join(ways)} |")
    print(f"|{' ---: |' * (1 + len(ways))}")
    for side in sides:
        x = torch.rand(1, 3, side, side, device=device) - 0.5

        def plain(x: torch.Tensor = x) -> torch.Tensor:
            return model.network(x, levels, levels)

        def quick(x: torch.Tensor = x) -> torch.Tensor:
            return compiled(x, levels, levels)

        found = [f"{1e3 * seconds(plain, device):.3g}"]
        if device.type == "cuda":
            found.append(attempt(lambda plain=plain: 1e3 * seconds(Recording(plain), device)))
            with relu_within():
                found.append(attempt(lambda plain=plain: 1e3 * seconds(plain, device)))
            began = time.perf_counter()
            found.append(attempt(lambda quick=quick: 1e3 * seconds(quick, device)))
            found.append(f"{time.perf_counter() - began:.0f}")
        print(f"| {side} | {' | '.join([*found, *'-----'][: len(ways)])} |", flush=True)


@contextmanager
def relu_within() -> Iterator[None]:
    """Within, cuDNN adds the bias and takes the ReLU of a block's first convolution itself."""

    def forward(self: ResidualBlock, x: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        scale, bias = self.fold(levels)
        weight = self.conv1.weight * scale[:, None, None, None]
        h = torch.cudnn_convolution_relu(x, weight, bias, [1, 1], [1, 1], [1, 1], 1)
        return self.conv2(h).add_(x)

    own, ResidualBlock.forward = ResidualBlock.forward, forward
    try:
        yield
    finally:
        ResidualBlock.forward = own


def attempt(measure: Callable[[], float]) -> str:
    """What it gives; the first words of why it cannot, as where no compiler is there."""
    try:
        return f"{measure():.3g}"
    except Exception as error:  # capturing and compiling fail in many ways; the table goes on
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:60]}"


def tasks(model: restore.BCM, pixels: np.ndarray) -> None:
    """From a picture to a picture; JPEG from its bytes."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=30)
    hole = np.zeros(pixels.shape[:2], bool)
    hole[::40] = hole[1::40] = hole[2::40] = True
    calls: dict[str, Callable[[int], restore.Result]] = {
        "jpeg": lambda nfe: restore.jpeg(stream.getvalue(), model=model, nfe=nfe),
        "denoise": lambda nfe: restore.denoise(pixels, sigma=25, model=model, nfe=nfe),
        "inpaint": lambda nfe: restore.inpaint(pixels, hole, model=model, nfe=nfe),
        "inpaint, perceptual": lambda nfe: restore.inpaint(
            pixels, hole, model=model, nfe=nfe, mode="perceptual"
        ),
    }
    print("\n| task | evaluations | seconds | megapixels a second |")
    print("| --- | ---: | ---: | ---: |")
    for name, call in calls.items():
        call(1)
        for nfe in (1, 4):
            began = time.perf_counter()
            call(nfe)
            taken = time.perf_counter() - began
            rate = pixels.shape[0] * pixels.shape[1] / taken / 1e6
            print(f"| {name} | {nfe} | {taken:.3g} | {rate:.3g} |", flush=True)


def files(model: restore.BCM, pixels: np.ndarray, top: float, count: int) -> None:
    """JPEG files to JPEG files, by the threads that read and write beside the card."""
    print("\n| evaluations | threads | seconds a file | megapixels a second | of the ceiling |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "given")
        given.mkdir()
        for number in range(count):
            turned = np.roll(pixels, 8 * number, axis=1)
            Image.fromarray(turned).save(given / f"{number}.jpg", quality=30)
        for nfe, workers in ((1, 0), (1, 4), (4, 4)):
            began = time.perf_counter()
            records = list(
                restore.batch(
                    Jpeg(),
                    given,
                    Path(folder, f"made_{nfe}_{workers}"),
                    settings=Settings(nfe=nfe),
                    model=model,
                    format="jpg",
                    workers=workers,
                )
            )
            taken = (time.perf_counter() - began) / count
            assert len(records) == count
            rate = pixels.shape[0] * pixels.shape[1] / taken
            share = nfe * rate * model.network.flops_per_pixel / top
            print(
                f"| {nfe} | {workers} | {taken:.3g} | {rate / 1e6:.3g} | {share:.1%} |", flush=True
            )


def agreement(device: torch.device, pixels: np.ndarray) -> None:
    """Of an evaluation on the device with that of the CPU in float32; 60 dB is what we promise."""
    x = Picture(pixels).tensor()
    wanted = TiledBCM(restore.load("default", device="cpu", dtype="fp32")).denoise(x, 0.1)
    print("\n| dtype | windows together | to the CPU in float32, dB |")
    print("| --- | ---: | ---: |")
    for dtype in ("fp32", "bf16"):
        model = restore.load("default", device=str(device), dtype=dtype)
        for batch in (1, "auto"):
            found = TiledBCM(model, 256, batch=batch).denoise(x.to(device), 0.1).cpu()
            error = float((found - wanted).double().square().mean())
            decibels = 10 * math.log10(4 / error) if error else math.inf
            print(f"| {dtype} | {batch} | {decibels:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, help="12 on a card")
    parser.add_argument("--dtype", default="bf16", choices=("bf16", "fp16", "fp32"))
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=TABLES)
    parser.add_argument("--files", type=int, default=4, help="how many go through a batch")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8, 16])
    options = parser.parse_args()
    began = time.perf_counter()
    card = torch.cuda.is_available()
    device = torch.device("cuda" if card else "cpu")
    if card:
        about = torch.cuda.get_device_properties(device)
        print(f"{about.name}, {about.total_memory / 2**30:.0f} GiB, torch {torch.__version__}")
    else:
        print(f"no card here: the CPU in its place, which measures nothing; {torch.__version__}")
    pixels = make_photograph(options.megapixels or (12 if card else 0.01))
    model = restore.load("default", device=str(device), dtype=options.dtype)
    top = measure_ceiling(
        partial(seconds, device=device), device, model.dtype, channels=(64, 128, 256),
        sides=(128, 256, 512) if card else (32,), batch=4,
    )  # fmt: skip
    print(
        f"{options.dtype}: ceiling of convolutions {top / 1e12:.3g} TFLOP/s; "
        f"{pixels.shape[1]}×{pixels.shape[0]} pixels at "
        f"{model.network.flops_per_pixel / 1e6:.3g} MFLOP each"
    )
    small = min(options.megapixels or 1, 1 if card else 0.01)
    tables: dict[str, Callable[[], None]] = {
        "network": lambda: network(model, pixels, top, options.batches),
        "steps": lambda: steps(model, (128, 512, 2048) if card else (32,)),
        "tasks": lambda: tasks(model, pixels),
        "files": lambda: files(model, pixels, top, options.files if card else 2),
        "agreement": lambda: agreement(device, make_photograph(small)),
    }
    for name in options.tables:
        if time.perf_counter() - began > ENOUGH:
            print(f"\n{name}: left out, since five minutes would not suffice")
            continue
        try:
            tables[name]()
        except (RuntimeError, ResourceError) as error:
            if not (isinstance(error, ResourceError) or is_out_of_memory(error)):
                raise
            print(f"\n{name}: out of memory", flush=True)
            torch.cuda.empty_cache()
    if card:
        print(f"\nmost memory of the card: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
    print(f"\nall of this took {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
