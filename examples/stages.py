"""Where the time of a picture goes, and what each optimisation is worth, on this machine.

    python examples/stages.py                                # 12 megapixels, about five minutes
    python examples/stages.py --megapixels 2 --nfe 1         # quicker
    python examples/stages.py --clock cpu --threads 1        # beside other work: seconds of a core
    python examples/stages.py --compile                      # torch.compile too: minutes

The first table switches each choice off and on, on the same input. The second takes a photograph
from bytes to bytes through every task and says what share of the time each stage has, and how near
the network comes to the machine's own convolution (64 channels, 3×3, channels last, same dtype); it
counts the FLOP of an untiled run alone, so that the overlap of windows counts as loss.
"""

import argparse
import copy
import hashlib
import io
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from machine import make_photograph, measure_ceiling, name_processor, time_process
from PIL import Image

import restore
from restore.checkpoints import load_beside, locate, read_catalogue
from restore.images import encode
from restore.networks import patch, winograd
from restore.networks.packed import Cache
from restore.tasks import Deblur, Denoise, Inpaint, Jpeg, Settings, Superres, Task, solve_problem
from restore.tiling import TiledBCM

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
TASKS = ("jpeg", "superres", "inpaint", "denoise", "deblur")
TABLES = ("choices", "stages")
STAGES = ("network", "decode", "start", "projection", "rest", "proof", "encode")
Clock = Callable[[], float]


@dataclass
class Stages:
    """Seconds of each stage; what is nested in another is not counted twice."""

    clock: Clock
    seconds: Counter[str] = field(default_factory=Counter)
    inside: list[str] = field(default_factory=list)
    since: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._settle()
        self.inside.append(name)
        yield
        self._settle()
        self.inside.pop()

    def timed(self, name: str, call: Callable) -> Callable:
        def within(*arguments: object, **named: object) -> object:
            with self.stage(name):
                return call(*arguments, **named)

        return within

    def _settle(self) -> None:
        now = self.clock()
        if self.inside:
            self.seconds[self.inside[-1]] += now - self.since
        self.since = now


@contextmanager
def watched(kind: type[Task], stages: Stages) -> Iterator[None]:
    """Within, the methods of a task are timed when they are called."""

    def operator(task: Task, *arguments: object, **options: object) -> object:
        found = own["operator"](task, *arguments, **options)
        for name in ("posterior_mean", "project_into_range"):
            if name not in vars(found):
                setattr(found, name, stages.timed("projection", getattr(found, name)))
        return found

    own = {name: getattr(kind, name) for name in ("operator", "observe", "start", "prove")}
    named = {"observe": "start", "start": "start", "prove": "proof"}
    try:
        for name, stage in named.items():
            setattr(kind, name, stages.timed(stage, own[name]))
        kind.operator = operator
        yield
    finally:
        for name, method in own.items():
            setattr(kind, name, method)


def given(task: str, megapixels: float) -> bytes:
    """The bytes of a file for a task, so that the result has so many megapixels."""
    pixels = make_photograph(megapixels / 4 if task == "superres" else megapixels)
    stream = io.BytesIO()
    form = "JPEG" if task == "jpeg" else "PNG"
    Image.fromarray(pixels).save(stream, form, quality=50, compress_level=1)
    return stream.getvalue()


def restored(
    task: str, data: bytes, megapixels: float, model: restore.BCM, nfe: int, stages: Stages
):
    """The result, from bytes to bytes, with every stage timed."""
    hole = np.zeros((1, 1), bool)
    if task == "inpaint":
        hole = np.zeros(make_photograph(megapixels).shape[:2], bool)
        hole[::40] = hole[1::40] = hole[2::40] = True
    todo: Task = {
        "jpeg": Jpeg(),
        "superres": Superres(2),
        "inpaint": Inpaint(hole),
        "denoise": Denoise(10),
        "deblur": Deblur("gaussian:2", 3),
    }[task]
    networks = (  # the others enlarge, and fill, in its place
        (model, "evaluate"),
        (load_beside(model, "coloured"), "denoise_filtered"),
        (load_beside(model, "mapped"), "denoise_filtered"),
    )
    for one, name in networks:
        setattr(one, name, stages.timed("network", getattr(one, name)))
    try:
        with watched(type(todo), stages):
            with stages.stage("decode"):
                problem = todo.open(data)
            with stages.stage("rest"):
                result = solve_problem(problem, model, Settings(nfe=nfe))
    finally:
        for one, name in networks:
            delattr(one, name)  # the class's own again
    with stages.stage("encode"):
        encode(result.picture, "PNG")
    return result


def best(clock: Clock, call: Callable[[], object], repeats: int = 2) -> float:
    """Seconds of the fastest call after one to warm up."""
    call()
    times = []
    for _ in range(repeats):
        began = clock()
        call()
        times.append(clock() - began)
    return min(times)


def row(what: str, off: float, on: float, unit: str = "s") -> None:
    print(f"| {what} | {off:.3g} {unit} | {on:.3g} {unit} | {off / on:.2f} |", flush=True)


@contextmanager
def plain_weights() -> Iterator[None]:
    """Within, weights are not packed for oneDNN."""
    own, patch.packable = patch.packable, lambda *_: False
    try:
        yield
    finally:
        patch.packable = own


@contextmanager
def sums_of_nine(model: restore.BCM) -> Iterator[None]:
    """Within, no convolution saves multiplications."""
    own, winograd.FEWEST = winograd.FEWEST, sys.maxsize
    model.network.packed = Cache()
    try:
        yield
    finally:
        winograd.FEWEST = own
        model.network.packed = Cache()


@torch.inference_mode()
def network_choices(clock: Clock, model: restore.BCM, slow: restore.BCM, compiled: bool) -> None:
    x, levels = torch.rand(1, 3, 512, 512) - 0.5, torch.tensor([0.1])
    fast = best(clock, lambda: model.denoise(x, 0.1))
    if model.dtype.itemsize == 2:
        row("float32 → bf16, an evaluation", best(clock, lambda: slow.denoise(x, 0.1)), fast)
    kinds = {"float32": slow, "bf16" if model.dtype.itemsize == 2 else "float32": model}
    for kind, one in kinds.items():
        for side in (256, 1024):
            some = torch.rand(1, 3, side, side) - 0.5
            with plain_weights():
                whole = best(clock, lambda one=one, some=some: one.denoise(some, 0.1))
            packed = best(clock, lambda one=one, some=some: one.denoise(some, 0.1))
            row(f"whole maps → strips, packed weights, {side} pixels, {kind}", whole, packed)
    for side in (256, 1024):
        some = torch.rand(1, 3, side, side) - 0.5
        with sums_of_nine(slow):
            direct = best(clock, lambda some=some: slow.denoise(some, 0.1))
        fewer = best(clock, lambda some=some: slow.denoise(some, 0.1))
        row(f"sums of nine → Winograd's, {side} pixels, float32", direct, fewer)
    features = model.network.embedding(levels, levels)
    h = torch.rand(1, 64, 256, 256).to(model.dtype)
    last = h.to(memory_format=torch.channels_last)
    blocks = copy.deepcopy(model.network.encoder[0])  # what is laid out otherwise is packed no more
    planes = blocks.to(memory_format=torch.contiguous_format)
    off = best(clock, lambda: planes(h, features))
    blocks.to(memory_format=torch.channels_last)
    row("planes → channels last, blocks", off, best(clock, lambda: blocks(last, features)))
    two = torch.cat([x, x])
    each = best(clock, lambda: model.denoise(two, torch.tensor([0.1, 0.2])))
    row("levels added → folded", each, best(clock, lambda: model.denoise(two, 0.1)))
    patches = F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
    plain = patches.to(model.dtype)
    terms = best(clock, lambda: model.network.stemmed(patches))
    single = fast - terms + best(clock, lambda: model.network.stem(plain))
    row("pixels rounded → whole (dearer, for 0.02 dB)", single, fast)
    with torch.inference_mode(False), torch.no_grad():
        free = torch.rand(1, 3, 512, 512) - 0.5
        row("no_grad → inference_mode", best(clock, lambda: model.denoise(free, 0.1)), fast)
    image = torch.rand(1, 3, 1024, 1024) - 0.5
    auto = best(clock, lambda: TiledBCM(model).denoise(image, 0.1), 1)
    for tile in (128, 512):
        off = best(clock, lambda tile=tile: TiledBCM(model, tile).denoise(image, 0.1), 1)
        row(f"tile {tile} → auto, 1 megapixel", off, auto)
    if compiled:
        began, network = time.perf_counter(), torch.compile(model.network)
        network(x, levels, levels)
        print(f"torch.compile took {time.perf_counter() - began:.0f} s of the clock for one shape")
        on = best(clock, lambda: network(x, levels, levels))
        row("eager → compiled", best(clock, lambda: model.network(x, levels, levels)), on)


def other_choices(clock: Clock, picture: restore.Result) -> None:
    window = torch.rand(320, 320, 3)

    def sliced() -> torch.Tensor:
        out = torch.zeros_like(window)
        down, right = window[1:] - window[:-1], window[:, 1:] - window[:, :-1]
        out[:-1] += down
        out[1:] -= down
        out[:, :-1] += right
        return out[:, 1:].sub_(right)

    on = best(clock, lambda: cv2.Laplacian(window.numpy(), cv2.CV_32F, ksize=1), 9)
    row("fill: Laplacian by slices → OpenCV", 1e3 * best(clock, sliced, 9), 1e3 * on, "ms")
    image, sizes = Image.fromarray(picture.image), {}

    def saved(level: int) -> None:
        stream = io.BytesIO()
        image.save(stream, "PNG", compress_level=level)
        sizes[level] = len(stream.getvalue()) / 1e6

    size = len(encode(picture.picture, "PNG")) / 1e6
    taken = best(clock, lambda: encode(picture.picture, "PNG"), 3)
    for level in (1, 4, 6):
        off = best(clock, lambda level=level: saved(level), 3)
        row(
            f"PNG: Pillow, level {level} ({sizes[level]:.2f} MB) → ours ({size:.2f} MB)", off, taken
        )


def start_up(clock: str) -> None:
    """Of processes of their own."""
    path = locate(read_catalogue()["default"])
    codes = {
        "import restore": "import restore",
        "and torch": "import restore, torch",
        "and the tasks": "import restore, restore.tasks",
        "and the model loaded": "import restore.tasks; restore.load('default')",
    }
    parts = []
    for what, code in codes.items():
        taken = min(time_process([sys.executable, "-c", code], clock) for _ in range(3))
        parts.append(f"{what} {taken:.2f} s")
    hashed = best(CLOCKS[clock], lambda: hashlib.sha256(path.read_bytes()).hexdigest())
    print(f"\nStart-up: {', '.join(parts)}; of that hashing the checkpoint {hashed:.3f} s.\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--nfe", type=int, default=2)
    parser.add_argument("--tasks", nargs="*", default=TASKS, choices=TASKS)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=TABLES)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
    clock, threads = CLOCKS[options.clock], torch.get_num_threads()
    model = restore.load("default", "cpu", options.dtype)
    dtype = str(model.dtype).removeprefix("torch.")
    print(f"{name_processor()}, {threads} threads, {options.clock} clock, {dtype}, ", end="")
    print(f"torch {torch.__version__}\n")
    if "choices" in options.tables:
        print("| choice | off | on | off / on |\n| --- | --- | --- | --- |")
        other_choices(clock, restore.superres(make_photograph(0.25), 2, model=model, nfe=1))
        network_choices(clock, model, restore.load("default", "cpu", "fp32"), options.compile)
        start_up(options.clock)
    if "stages" not in options.tables:
        return
    top = measure_ceiling(partial(best, clock), torch.device("cpu"), model.dtype)
    print(f"Convolution ceiling {top / 1e9:.0f} GFLOP/s; {options.megapixels:g} megapixels:\n")
    print(f"| task, NFE {options.nfe} | seconds | {' | '.join(STAGES)} | of the ceiling |")
    print("| --- | --- |" + " --- |" * (len(STAGES) + 1))
    for task in options.tasks:
        stages = Stages(clock)
        data = given(task, options.megapixels)
        result = restored(task, data, options.megapixels, model, options.nfe, stages)
        total = sum(stages.seconds.values())
        shares = " | ".join(f"{100 * stages.seconds[name] / total:.1f} %" for name in STAGES)
        width, height = result.report["size_out"]
        flop = model.network.flops_per_pixel * width * height * options.nfe
        reached = flop / stages.seconds["network"] / top
        print(f"| {task} | {total:.1f} | {shares} | {100 * reached:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
