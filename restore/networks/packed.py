"""Packed: the compact network with its weights as oneDNN wants them, for x86 processors.

    x += conv2(relu(conv1(x)))

is two passes instead of four: oneDNN adds the bias, takes the ReLU and adds to x while it writes
(PyTorch has these under `torch.ops.mkldnn`, for its own compiler). Maps as large as the picture are
one for each resolution, changed in place; all others are a strip of rows. A strip's few megabytes
are handed on from one convolution to the next by the allocator and the caches, where a whole map is
fetched from the system, and cleared by it, for each.

A map is (1, C, H + 4, W), channels last: two rows of zeros above and below are what a convolution
sees beyond the edge.
"""

from __future__ import annotations

import platform
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.networks.winograd import Winograd, transformable

STRIP = 8 << 20  # bytes of a map worked on at once, for each thread
FEWEST = 8  # rows of a strip
EDGE = 2  # rows of zeros above and below a map
DTYPES = (torch.float32, torch.bfloat16)
PAIRS = 8  # of levels whose weights are kept


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution whose weight is laid out for oneDNN."""

    weight: Tensor
    bias: Tensor
    stride: int = 1

    @classmethod
    def pack(cls, weight: Tensor, bias: Tensor, stride: int = 1) -> Convolution:
        """Of the weight (out, in, k, k) and the bias (out,) of a layer."""
        packed = torch._C._nn.mkldnn_reorder_conv2d_weight(
            weight.detach().to_mkldnn(), [0, weight.shape[-1] // 2], [stride] * 2, [1, 1], 1
        )
        return cls(packed, bias.detach(), stride)

    @classmethod
    def of(cls, layer: nn.Module) -> Convolution:
        """Of a layer with a bias."""
        assert isinstance(layer, nn.Conv2d)
        assert layer.bias is not None
        return cls.pack(layer.weight, layer.bias, layer.stride[0])

    def __call__(self, x: Tensor, rows: int = 0, columns: int = 0, *, relu: bool = False) -> Tensor:
        """Of x (1, in, h, w), with so many rows and columns of zeros to each side."""
        after = "relu" if relu else "none"
        padding, stride = [rows, columns], [self.stride] * 2
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, padding, stride, [1, 1], 1, after, [], ""
        )
        return y

    def add_(self, to: Tensor, x: Tensor, rows: int, columns: int) -> None:
        """The same, added to what `to` holds, in one rounding."""
        padding, stride = [rows, columns], [self.stride] * 2
        torch.ops.mkldnn._convolution_pointwise_.binary(
            to, x, self.weight, self.bias, padding, stride, [1, 1], 1, "add", 1.0, None, [], None
        )


PackedLayer: TypeAlias = Convolution | Winograd


def pack_inner(
    weight: Tensor, bias: Tensor, scale: Tensor | None = None, known: PackedLayer | None = None
) -> PackedLayer:
    """A convolution of a block, scale (weight * x) + bias, by what is fastest.

    known: one of the same weight, of any scale and bias.
    """
    if not transformable(weight):
        weight = weight if scale is None else weight * scale[:, None, None, None]
        return Convolution.pack(weight, bias)
    if not isinstance(known, Winograd):
        known = Winograd.of(weight, bias)
    return known if scale is None else known.scaled(scale, bias)


@lru_cache
def available(dtype: torch.dtype) -> bool:
    """Whether this processor and this PyTorch have what is needed, and it computes what it should.

    These operators are PyTorch's own affair and may change, so they are tried once.
    """
    if dtype not in DTYPES or platform.machine() not in ("x86_64", "AMD64"):
        return False
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 16, 9, 8, generator=generator).to(dtype)
    weight = torch.randn(16, 16, 3, 3, generator=generator).to(dtype) / 12
    bias = torch.randn(16, generator=generator).to(dtype)
    last = x.contiguous(memory_format=torch.channels_last)
    try:
        layer = Convolution.pack(weight, bias)
        relu, to = layer(last, 1, 1, relu=True), last.clone()
        layer.add_(to[:, :, 2:5], last[:, :, 1:6], 0, 1)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
    y = F.conv2d(x, weight, bias, padding=1)
    x[:, :, 2:5] += y[:, :, 2:5]
    far = max(float((a - b).abs().max()) for a, b in ((relu, y.relu()), (to, x)))
    return far <= 8 * torch.finfo(dtype).eps * float(y.abs().max())


def packable(network: nn.Module, x: Tensor, levels: Tensor) -> bool:
    """Whether x can go through packed weights: on the CPU, no gradient, one pair of levels."""
    weights = list(network.parameters())
    return (
        len(levels) == 1
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and bool(torch.backends.mkldnn.enabled)
        and not any(weight.is_inference() for weight in weights)  # whose changes nobody counts
        and available(weights[0].dtype)
    )


class Cache:
    """What is packed of a network, until its weights change.

    It is for one process: a copy of it, and what is unpickled, begins empty.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._weights: object = None
        self._found: OrderedDict[tuple[float, ...], Packed] = OrderedDict()

    def __reduce__(self) -> tuple[type[Cache], tuple[()]]:
        return Cache, ()

    def find(
        self, network: nn.Module, levels: Tensor, pack: Callable[[Packed | None], Packed]
    ) -> Packed:
        """The network at a pair of levels (1, features).

        `pack` makes it, with what another pair has in common with it where there is one.
        """
        weights = [
            (weight.data_ptr(), weight._version, float(weight[(-1,) * weight.ndim]))
            for weight in network.parameters()  # the number tells of changes to `weight.data`
        ]
        key = tuple(levels[0].tolist())
        with self._lock:
            if weights != self._weights:
                self._weights = weights
                self._found.clear()
            if key not in self._found:
                self._found[key] = pack(next(iter(self._found.values()), None))
            self._found.move_to_end(key)
            if len(self._found) > PAIRS:
                self._found.popitem(last=False)
            return self._found[key]


@dataclass(frozen=True, eq=False)
class Packed:
    """The layers of the compact network at one pair of levels.

    first, second: the blocks' convolutions by rows of blocks, in the order that they are run in:
    the encoder's resolutions, the lowest, the decoder's. Of these `first` alone knows the levels.
    In float32 wide ones go by fewer multiplications. up: weight and bias, as of `order_by_pixel`;
    oneDNN lays 1×1 kernels out by the size of a map.
    """

    stem: Convolution
    first: Sequence[Sequence[PackedLayer]]
    second: Sequence[Sequence[PackedLayer]]
    down: Sequence[Convolution]
    up: Sequence[tuple[Tensor, Tensor]]
    head: Convolution

    def __call__(self, x: Tensor) -> Tensor:
        """F (B, 3, H, W) of x = c_in x_t (B, planes, H, W) in float32, image by image."""
        out = torch.empty_like(x[:, :3], memory_format=torch.contiguous_format)
        for image, place in zip(x.split(1), out.split(1), strict=True):
            self._evaluate(image, place)
        return out

    def _evaluate(self, x: Tensor, out: Tensor) -> None:
        h, skips = _stem(self.stem, x), []
        rows = zip(self.first, self.second, strict=True)
        for down in self.down:
            _run_row_(h, *next(rows))
            skips.append(h)
            h = _halve(down, h)
        _run_row_(h, *next(rows))
        for up in reversed(self.up):
            skip = skips.pop()
            _add_doubled_(skip, up, h)
            h = skip
            _run_row_(h, *next(rows))
        _head(self.head, h, out)


def order_by_pixel(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of the layer before a pixel shuffle, its outputs by pixel, then by channel.

    So a row of pixels of the shuffled map is, channels last, as it lies in memory.
    """
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    weight, bias = layer.weight.detach(), layer.bias.detach()
    by_pixel = torch.arange(len(weight)).view(-1, 4).T.flatten()
    return weight[by_pixel], bias[by_pixel]


def _strips(h: Tensor, height: int) -> Iterator[tuple[int, int]]:
    """First row and past the last of even strips of `height` rows as wide and deep as a map h."""
    row = h.shape[1] * h.shape[3] * h.dtype.itemsize
    most = max(FEWEST, STRIP * torch.get_num_threads() // row)
    count = -(-height // most)
    for n in range(count):
        yield height * n // count, height * (n + 1) // count


def _new_map(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """A map, its pixels not set yet."""
    rows = like.new_empty(1, height + 2 * EDGE, width, channels)
    rows[:, :EDGE] = rows[:, -EDGE:] = 0
    return rows.permute(0, 3, 1, 2)


def _run_row_(h: Tensor, firsts: Sequence[PackedLayer], seconds: Sequence[PackedLayer]) -> None:
    """Residual blocks, in place.

    What the first convolution makes of a strip has a row more to each side, and the second writes
    its strip once the first has read the next one.
    """
    height = h.shape[2] - 2 * EDGE
    strips = list(_strips(h, height))
    for first, second in zip(firsts, seconds, strict=True):
        if len(strips) == 1:
            inner = h[:, :, EDGE:-EDGE]
            second.add_(inner, first(inner, 1, 1, relu=True), 1, 1)
            continue
        waiting = None
        for top, bottom in strips:
            middle = first(h[:, :, top : bottom + 2 * EDGE], 0, 1, relu=True)
            if top == 0:
                middle[:, :, 0] = 0
            if bottom == height:
                middle[:, :, -1] = 0
            if waiting:
                second.add_(*waiting, 0, 1)
            waiting = h[:, :, EDGE + top : EDGE + bottom], middle
        assert waiting
        second.add_(*waiting, 0, 1)


def _stem(layer: Convolution, x: Tensor) -> Tensor:
    """The first map of an image (1, planes, H, W) float32, in patches of 2×2 pixels.

    In 16 bits they go in as two terms, as in `PatchUNet.stemmed`.
    """
    height, width = x.shape[2] // 2, x.shape[3] // 2
    h = _new_map(layer.bias, len(layer.bias), height, width)
    patches = x[0].unflatten(1, (height, 2)).unflatten(3, (width, 2)).permute(1, 3, 0, 2, 4)
    two = h.dtype.itemsize == 2
    for top, bottom in _strips(h, height):
        above, below = min(top, 1), min(height - bottom, 1)
        some = patches[top - above : bottom + below].flatten(2)
        kept = some.to(h.dtype)
        pixels = torch.cat([kept, some.sub_(kept).to(h.dtype)], dim=2) if two else kept
        strip = layer(pixels.permute(2, 0, 1)[None], 1, 1)
        h[:, :, EDGE + top : EDGE + bottom] = strip[:, :, above : above + bottom - top]
    return h


def _halve(layer: Convolution, h: Tensor) -> Tensor:
    """The map of half the resolution."""
    height, width = h.shape[2] // 2 - EDGE, h.shape[3] // 2
    half = _new_map(h, len(layer.bias), height, width)
    for top, bottom in _strips(half, height):
        strip = layer(h[:, :, EDGE + 2 * top : EDGE + 2 * bottom])
        half[:, :, EDGE + top : EDGE + bottom] = strip
    return half


def _add_doubled_(to: Tensor, layer: tuple[Tensor, Tensor], h: Tensor) -> None:
    """h at twice the resolution, by a pixel shuffle, added to a map of that size in place."""
    width, channels = h.shape[3], to.shape[1]
    for top, bottom in _strips(to, h.shape[2] - 2 * EDGE):
        shuffled = F.conv2d(h[:, :, EDGE + top : EDGE + bottom], *layer).permute(0, 2, 3, 1)
        place = to[:, :, EDGE + 2 * top : EDGE + 2 * bottom].permute(0, 2, 3, 1)
        by_row = shuffled.reshape(-1, width, 2, 2 * channels).transpose(1, 2)
        place.view(-1, 2, width, 2 * channels).add_(by_row)


def _head(layer: Convolution, h: Tensor, out: Tensor) -> None:
    """The pixels of the last map, in float32."""
    height, width = h.shape[2] - 2 * EDGE, h.shape[3]
    pixels = out[0].view(3, height, 2, width, 2)
    for top, bottom in _strips(h, height):
        strip = layer(h[:, :, EDGE - 1 + top : EDGE + 1 + bottom], 0, 1)[0]
        by_patch = strip.unflatten(0, (3, 2, 2)).permute(0, 3, 1, 4, 2)
        pixels[:, top:bottom] = by_patch
