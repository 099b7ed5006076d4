"""Networks of the field beside ours: seconds a megapixel of one evaluation, on this machine.

    python examples/peers_speed.py                       # bf16 and fp32 at 512 pixels, minutes
    python examples/peers_speed.py --clock cpu --threads 1 --side 256   # beside other work

Each is rebuilt from the sizes that its paper publishes, with random weights, since speed does not
depend on them. All go through one window in one run, channels last, without gradients, the fastest
of some calls after one to warm up. Ours is the whole `jpeg` task too, from the bytes of a file to a
picture, with its decoding, projections and proof.

DnCNN: Zhang et al. 2017, arXiv 1608.03981, its colour model. FFDNet: Zhang et al. 2018, arXiv
1710.04026, colour. DRUNet: Zhang et al. 2021, arXiv 2008.13751. FBCNN: Jiang et al. 2021, arXiv
2109.14573. Real-ESRGAN x4: Wang et al. 2021, arXiv 2107.10833, whose seconds are of a megapixel of
its result. What a network adds for the strength of a degradation, a few numbers an image, is left
out: it costs nothing.
"""

import argparse
import io
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from machine import make_photograph, name_processor
from PIL import Image
from torch import Tensor, nn

import restore

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def plain(inputs: int, width: int, outputs: int, depth: int) -> nn.Sequential:
    """`depth` convolutions with a ReLU between each two; batch norms are folded into them."""
    layers: list[nn.Module] = [conv(inputs, width), nn.ReLU(True)]
    for _ in range(depth - 2):
        layers += [conv(width, width), nn.ReLU(True)]
    return nn.Sequential(*layers, conv(width, outputs))


class Residual(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = plain(width, width, width, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).add_(x)


class UNet(nn.Module):
    """DRUNet and FBCNN: four resolutions, with residual blocks down, at the lowest and up again.

    FBCNN has twelve at the lowest, four of which find out the quality of a JPEG.
    """

    def __init__(self, inputs: int, middle: int, blocks: int = 4, width: int = 64) -> None:
        super().__init__()
        widths = [width << level for level in range(4)]
        pairs = list(pairwise(widths))

        def row(width: int, count: int = blocks) -> list[nn.Module]:
            return [Residual(width) for _ in range(count)]

        self.head, self.tail = conv(inputs, widths[0]), conv(widths[0], 3)
        self.down = nn.ModuleList(
            nn.Sequential(*row(a), nn.Conv2d(a, b, 2, stride=2)) for a, b in pairs
        )
        self.middle = nn.Sequential(*row(widths[-1], middle))
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(b, a, 2, stride=2), *row(a)) for a, b in pairs[::-1]
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.head(x)]
        for down in self.down:
            maps.append(down(maps[-1]))
        h = self.middle(maps[-1]).add_(maps.pop())
        for up in self.up:
            h = up(h).add_(maps.pop())
        return self.tail(h)


class FFDNet(nn.Module):
    """Twelve convolutions of 96 channels on patches of 2×2 pixels and a map of the noise."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain(13, 96, 12, 12)

    def forward(self, x: Tensor) -> Tensor:
        patches = F.pixel_unshuffle(x, 2)
        return F.pixel_shuffle(self.body(torch.cat([patches, patches[:, :1]], 1)), 2)


class Dense(nn.Module):
    """Five convolutions, each of all maps before it; 0.2 of the last is added (ESRGAN)."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        outputs = [growth] * 4 + [width]
        self.layers = nn.ModuleList(conv(width + n * growth, out) for n, out in enumerate(outputs))

    def forward(self, x: Tensor) -> Tensor:
        maps = x
        for layer in self.layers[:-1]:
            maps = torch.cat([maps, F.leaky_relu_(layer(maps), 0.2)], 1)
        return torch.add(x, self.layers[-1](maps), alpha=0.2)


class RRDB(nn.Module):
    """Real-ESRGAN: 23 blocks of three dense ones at the given size, then twice doubled."""

    def __init__(self, width: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.first, self.after = conv(3, width), conv(width, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Dense(width, growth) for _ in range(3))) for _ in range(blocks)
        )
        self.larger = nn.ModuleList(conv(width, width) for _ in range(2))
        self.last = plain(width, width, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = first = self.first(x)
        for block in self.blocks:
            h = torch.add(h, block(h), alpha=0.2)
        h = first + self.after(h)
        for layer in self.larger:
            h = F.leaky_relu_(layer(F.interpolate(h, scale_factor=2)), 0.2)
        return self.last(h)


# How it is made, the channels it takes, and how much larger its result is.
PEERS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "FBCNN": (lambda: UNet(3, 12), 3, 1),
    "DRUNet": (lambda: UNet(4, 4), 4, 1),
    "Real-ESRGAN x4": (RRDB, 3, 4),
    "DnCNN": (lambda: plain(3, 64, 3, 20), 3, 1),
    "FFDNet": (FFDNet, 3, 1),
}


def measure(clock: Callable[[], float], call: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest call after one to warm up."""
    call()
    taken = []
    for _ in range(repeats):
        began = clock()
        call()
        taken.append(clock() - began)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512, help="of the square of pixels, by 16")
    parser.add_argument("--dtypes", nargs="+", default=["bf16", "fp32"], choices=["bf16", "fp32"])
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    clock, side = CLOCKS[options.clock], options.side
    print(f"{name_processor()}, {torch.get_num_threads()} threads, {options.clock} clock, ", end="")
    print(f"torch {torch.__version__}, {side} pixels a side; seconds a megapixel:\n")
    print(f"| network | parameters | {' | '.join(options.dtypes)} |")
    print("| --- | ---: |" + " ---: |" * len(options.dtypes))
    photograph = Image.fromarray(make_photograph(1)).resize((side, side))
    stream = io.BytesIO()
    photograph.save(stream, "JPEG", quality=30)

    def print_row(
        name: str, weights: int, calls: Sequence[Callable[[], object]], size: int
    ) -> None:
        found = [measure(clock, call, options.repeats) / (size**2 / 1e6) for call in calls]
        columns = " | ".join(f"{seconds:.3g}" for seconds in found)
        print(f"| {name} | {weights / 1e6:.1f} million | {columns} |", flush=True)

    models = [restore.load("default", "cpu", dtype) for dtype in options.dtypes]
    weights = sum(weight.numel() for weight in models[0].parameters())
    with torch.inference_mode():
        x = torch.rand(1, 3, side, side) - 0.5
        calls = [partial(model.denoise, x, 0.1) for model in models]
        print_row("ours, an evaluation", weights, calls, side)
        for nfe in (1, 2, 4):
            calls = [
                partial(restore.jpeg, stream.getvalue(), model=model, nfe=nfe) for model in models
            ]
            print_row(f"ours, `jpeg` from bytes to picture, NFE {nfe}", weights, calls, side)
        for name in options.peers:
            make, inputs, scale = PEERS[name]
            x = torch.rand(1, inputs, side // scale, side // scale)
            calls = []
            for dtype in options.dtypes:
                kind = torch.bfloat16 if dtype == "bf16" else torch.float32
                network = make().to(kind, memory_format=torch.channels_last).requires_grad_(False)
                given = x.to(kind, memory_format=torch.channels_last)
                calls.append(partial(network, given))
                weights = sum(weight.numel() for weight in network.parameters())
            print_row(name, weights, calls, side)


if __name__ == "__main__":
    main()
