"""ImageFunction: an image between two pixels as at them, drawn at any size; and its file.

    R(r) = a B[x](r) + g Σ_w h_w(r) G_w(r) / Σ_w h_w(r)        r anywhere in the picture

x is what the network was given, B[x] its bicubic continuation (Keys 1981, a = -1/2), and G_w what
the network made of window w. Pictures larger than the network's window are covered by several that
overlap by a quarter, blended by h, a raised cosine. On the pixels' own centres R is the jump.

Its file is a safetensors file of "x", "theta" and the shared perceptron's tensors; the rest is in
its metadata. Nothing in it is ever run, and it is read only once everything about it is in order.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from restore.checkpoints import files
from restore.checkpoints.headers import Header
from restore.defaults import MAX_PIXELS
from restore.errors import CheckpointError, RequestError
from restore.files import write_atomically
from restore.networks import FunctionNetwork
from restore.networks.drawing import WAVES, count_numbers, draw_grid
from restore.networks.function import SIGMA_DATA
from restore.networks.transformer import PATCH

KIND = "bcm.function"
SHARED = "shared."
MOST_SAMPLES = 1 << 20  # drawn of a window at once

Box = tuple[int, int, int, int]  # left, top, width, height
DrawnWindow = tuple[int, int, Tensor]  # first row, first column, θ (1, cells, cells, numbers)


@dataclass(frozen=True, eq=False)
class ImageFunction:
    """A picture as a function of the plane; tensors are on one device, of one dtype.

    x: (1, 3, H, W), what the network was given. theta: (windows, cells, cells, numbers), by their
    first rows. shared: the state dict of the perceptron that all cells share. base, gain: a and g.
    window: side of a window in pixels. model, model_sha256: the checkpoint's, "" where there is
    none.
    """

    x: Tensor
    theta: Tensor
    shared: Mapping[str, Tensor] = field(repr=False)
    base: float
    gain: float
    window: int
    model: str = ""
    model_sha256: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of what the network was given."""
        return self.x.shape[3], self.x.shape[2]

    @property
    def report(self) -> dict[str, int]:
        """What a record says of it: cells, numbers in all, and the side of a window."""
        cells = self.theta[..., 0].numel()
        return {"cells": cells, "numbers": self.theta.numel(), "window": self.window}

    def render(self, height: int, width: int, box: Box | None = None) -> Tensor:
        """The image (1, 3, height, width) in float32, about [-1, 1].

        Args:
            height: of the whole picture in pixels, 1 or more.
            width: of the whole picture, 1 or more.
            box: the part to draw, (left, top, width, height) in pixels of the whole; None is all.

        A side longer than the input's takes points; a shorter one the means of as many points as
        cover a pixel. RequestError for a size of none, and a box that leaves the picture.
        """
        windows, size = self.windows(), (height, width)
        return draw_picture(
            self.x, windows, self.shared, self.window, self.base, self.gain, size, box
        )

    def windows(self) -> Iterator[DrawnWindow]:
        """The windows in turn."""
        places = window_places(self.x.shape[2], self.x.shape[3], self.window)
        for number, (top, left) in enumerate(places):
            yield top, left, self.theta[number : number + 1]

    def to(self, device: torch.device) -> ImageFunction:
        """The function on a device."""
        shared = {name: value.to(device) for name, value in self.shared.items()}
        return replace(self, x=self.x.to(device), theta=self.theta.to(device), shared=shared)

    def encode(self, *, half: bool = False) -> bytes:
        """The bytes of its file, in float32 or in `half` as many; equal functions, equal bytes."""
        kind = torch.float16 if half else torch.float32
        tensors = {"x": self.x, "theta": self.theta}
        tensors |= {f"{SHARED}{name}": value for name, value in self.shared.items()}
        metadata = {
            KIND: "1",
            "bcm.base": repr(self.base),
            "bcm.gain": repr(self.gain),
            "bcm.window": str(self.window),
            "bcm.model": self.model,
            "bcm.model_sha256": self.model_sha256,
        }
        tensors = {name: value.to(kind) for name, value in tensors.items()}
        return b"".join(files.serialize(tensors, metadata))

    def save(self, path: str | os.PathLike[str], *, half: bool = False) -> None:
        """Write its file, whole or not at all; ResourceError where that cannot be.

        What is loaded again draws the same bits, unless `half` the bytes were asked for.
        """
        write_atomically(path, self.encode(half=half))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> ImageFunction:
        """The function in a file. CheckpointError, saying why, for every other or damaged file.

        `max_pixels` bounds what the network was given.
        """
        where = repr(os.fspath(path))
        try:
            weights = files.read_tensors(
                os.fspath(path), lambda header: _admit(header, where, max_pixels)
            )
        except ValueError as error:
            raise CheckpointError(f"{where} is no file name: {error}") from error
        files.check_finite(weights.tensors, where)
        tensors = {name: value.float() for name, value in weights.tensors.items()}
        base, gain, window = _numbers(weights.metadata, where)
        return cls(
            tensors.pop("x"),
            tensors.pop("theta"),
            {name.removeprefix(SHARED): value for name, value in tensors.items()},
            base,
            gain,
            window,
            weights.metadata.get("bcm.model", ""),
            weights.metadata.get("bcm.model_sha256", ""),
        )


def check_box(size: tuple[int, int], box: Box | None) -> Box:
    """The box of a picture of (width, height), all of it for None; RequestError for one outside."""
    width, height = size
    if min(size) < 1:
        raise RequestError(f"{width}×{height} pixels are none to draw")
    if box is None:
        return 0, 0, width, height
    left, top, w, h = box
    if min(left, top) < 0 or min(w, h) < 1 or left + w > width or top + h > height:
        raise RequestError(
            f"the box of {w}×{h} pixels at {left},{top} is not inside {width}×{height} pixels"
        )
    return box


def draw_picture(
    x: Tensor,
    windows: Iterable[DrawnWindow],
    shared: Mapping[str, Tensor],
    side: int,
    base: float,
    gain: float,
    size: tuple[int, int],
    box: Box | None = None,
) -> Tensor:
    """The image of (height, width), or the box of it: what `ImageFunction.render` says."""
    height, width = size
    left, top, w, h = check_box((width, height), box)
    rows, down = _points(x.shape[2], height, top, h)
    columns, across = _points(x.shape[3], width, left, w)
    drawn = blend(windows, shared, side, rows, columns)
    drawn.mul_(gain).add_(interpolate_cubic(x, rows, columns), alpha=base)
    if down * across == 1:
        return drawn
    return torch.nn.functional.avg_pool2d(drawn, (down, across))


@torch.no_grad()
def predict(network: FunctionNetwork, x: Tensor, t: Tensor, u: Tensor) -> Iterator[DrawnWindow]:
    """The windows of x (1, 3, H, W) of noise level t (1,), for a jump to u (1,), one at a time."""
    side = network.window
    c_in = float((t**2 + SIGMA_DATA**2).rsqrt())
    for top, left in window_places(x.shape[2], x.shape[3], side):
        pixels = x[..., top : top + side, left : left + side]
        beyond = (0, side - pixels.shape[3], 0, side - pixels.shape[2])
        pixels = torch.nn.functional.pad(pixels, beyond, mode="replicate")
        yield top, left, network.predict(c_in * pixels, t, u)


def blend(
    windows: Iterable[DrawnWindow],
    shared: Mapping[str, Tensor],
    side: int,
    rows: Tensor,
    columns: Tensor,
) -> Tensor:
    """Σ_w h_w G_w / Σ_w h_w (1, 3, n, m) at rows (n,) and columns (m,), in pixels, rising."""
    total: Tensor | None = None
    weights = torch.zeros(len(rows), len(columns))
    for top, left, theta in windows:
        if total is None:
            total = torch.zeros(1, 3, *weights.shape, device=theta.device)
            weights = weights.to(theta.device)
        down, across = _inside(rows, top, side), _inside(columns, left, side)
        if down.start == down.stop or across.start == across.stop:
            continue
        own_rows, own_columns = rows[down] - top, columns[across] - left
        ramps = window_ramp(own_rows, side), window_ramp(own_columns, side)
        step = max(1, MOST_SAMPLES // len(own_columns))
        for first in range(0, len(own_rows), step):
            some = own_rows[first : first + step]
            h = (ramps[0][first : first + step, None] * ramps[1]).to(weights)
            place = slice(down.start + first, down.start + first + len(some))
            g = draw_grid(theta, shared, some / PATCH, own_columns / PATCH)
            total[..., place, across].addcmul_(g, h)
            weights[place, across] += h
    assert total is not None, "no window"
    return total.div_(weights)


def interpolate_cubic(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """B[x] (B, C, n, m), Keys' cubic with a = -1/2 between pixels; x itself on their centres.

    rows (n,) and columns (m,) are in pixels from the edge, where the last pixels are repeated.
    """
    for dim, points in ((2, rows), (3, columns)):
        at = points.double() - 0.5
        lower = at.floor()
        s = at - lower
        weights = (
            ((2 - s) * s - 1) * s / 2,
            ((3 * s - 5) * s * s + 2) / 2,
            ((4 - 3 * s) * s + 1) * s / 2,
            (s - 1) * s * s / 2,
        )
        shape = [1, 1, 1, 1]
        shape[dim] = -1
        found: Tensor | None = None
        for k, weight in enumerate(weights):
            near = (lower.long() + k - 1).clamp(0, x.shape[dim] - 1)
            part = x.index_select(dim, near.to(x.device)) * weight.to(x).reshape(shape)
            found = part if found is None else found.add_(part)
        assert found is not None
        x = found
    return x


def window_starts(length: int, side: int) -> list[int]:
    """Where windows begin along an axis: they overlap by a quarter, and the last one ends it."""
    return [*range(0, max(length - side, 0), side * 3 // 4), max(length - side, 0)]


def window_places(height: int, width: int, side: int) -> list[tuple[int, int]]:
    """First row and column of each window of a picture, by their first rows."""
    return [(i, j) for i in window_starts(height, side) for j in window_starts(width, side)]


def window_ramp(points: Tensor, side: int) -> Tensor:
    """How much points, in pixels from a window's edge, weigh: a raised cosine, never quite 0."""
    return (math.pi * (points + 0.5) / (side + 1)).sin().square() + 1e-3


def _points(given: int, asked: int, first: int, count: int) -> tuple[Tensor, int]:
    """Where `count` pixels of `asked`, from `first` on, lie in `given`; and points for each."""
    each = max(1, -(-given // asked))
    numbers = torch.arange(first * each, (first + count) * each, dtype=torch.float64)
    return (numbers + 0.5) * (given / (asked * each)), each


def _inside(points: Tensor, first: int, side: int) -> slice:
    """Which of the rising points lie in a window."""
    ends = torch.tensor([first, first + side], dtype=points.dtype)
    start, stop = torch.searchsorted(points, ends).tolist()
    return slice(start, stop)


def _admit(header: Header, where: str, max_pixels: int) -> None:
    """CheckpointError unless the tensors are a function's, of an admitted size, and say so."""
    if header.metadata.get(KIND) != "1":
        raise CheckpointError(f"{where} is a safetensors file, but no image function")
    window = _numbers(header.metadata, where)[2]
    shapes = header.shapes
    x, bias = shapes.get("x", ()), shapes.get(f"{SHARED}first.bias", ())
    if len(x) != 4 or x[:2] != (1, 3) or min(x) < 1:
        raise CheckpointError(f"{where} is no image function: its x is {list(x)}")
    if x[2] * x[3] > max_pixels:
        raise CheckpointError(
            f"{where} claims {x[3]}x{x[2]} pixels, more than the {max_pixels} allowed"
        )
    width, numbers = max((1, *bias)), max((1, *shapes.get("theta", ())[3:]))
    rank = max(0, (numbers - count_numbers(width, 0)) // (2 * width))
    cells = window // PATCH
    expected = {
        "x": x,
        "theta": (
            len(window_starts(x[2], window)) * len(window_starts(x[3], window)),
            cells,
            cells,
            count_numbers(width, rank),
        ),
        f"{SHARED}first.weight": (width, WAVES),
        f"{SHARED}first.bias": (width,),
        f"{SHARED}second.weight": (width, width),
        f"{SHARED}second.bias": (width,),
        f"{SHARED}third.weight": (3, width),
        f"{SHARED}third.bias": (3,),
    }
    files.check_table(shapes, expected, f"{where}, an image function,")


def _numbers(metadata: Mapping[str, str], where: str) -> tuple[float, float, int]:
    """a, g and the window of a file's metadata; CheckpointError where they are none."""
    try:
        base, gain = float(metadata["bcm.base"]), float(metadata["bcm.gain"])
        window = int(metadata["bcm.window"])
        if not (math.isfinite(base) and math.isfinite(gain) and 0 < window <= 4096):
            raise ValueError(f"{base}, {gain} and a window of {window}")
        if window % PATCH:
            raise ValueError(f"a window of {window}, no multiple of {PATCH}")
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{where} is no image function: its metadata, {error}") from error
    return base, gain, window
