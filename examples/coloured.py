"""Coloured noise: what a network gains that is told the level of each frequency band.

    python examples/coloured.py --photos photos --steps 300

Two small networks learn to denoise alone, with equal work: one from white noise, one from Gaussian
noise of random spectrum, its levels per octave of frequency, luma and chroma apart, as condition.
Then both remove noise that neither task named: white, enlarged (as a camera's demosaicing leaves
it) and a JPEG's quantisation, whose mean spectrum at that quality the training photographs tell.
Figures are mean PSNR in dB on the central 128×128 pixels of Public 13; the white network is given
the best of nine levels for each kind of noise, the coloured one the kind's spectrum.
"""

import argparse
import copy
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from public13 import clean_images
from torch import Tensor, nn

from restore.networks import PatchUNet
from restore.networks.patch import LevelEmbedding
from restore.training import Photographs, Recipe, draw_levels
from restore.training.optimizers import optimizers

SMALL = {"channels": [32, 64, 96], "blocks": [1, 1], "middle": 3}
EDGES = (1 / 8, 1 / 4, 1 / 2)  # of the highest frequency, between bands
BANDS = len(EDGES) + 1
SIGMA_DATA = 0.5
AXES = torch.tensor([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / torch.tensor([[3], [2], [6]]).sqrt()

Degrade = Callable[[Tensor, torch.Generator], Tensor]


def bands(height: int, width: int) -> Tensor:
    """The band of each frequency of a real FFT, (H, W // 2 + 1), by the larger of both."""
    vertical = torch.fft.fftfreq(height).abs()[:, None] * 2
    horizontal = torch.fft.rfftfreq(width)[None] * 2
    return torch.bucketize(torch.maximum(vertical, horizontal), torch.tensor(EDGES), right=True)


def weights(height: int, width: int) -> Tensor:
    """The share of all frequencies in each band, (BANDS,)."""
    return torch.stack([(bands(height, width) == band).float().mean() for band in range(BANDS)])


def coloured(noise: Tensor, levels: Tensor) -> Tensor:
    """White noise (B, 3, H, W) with levels (B, 2, BANDS) of luma and chroma in each band."""
    h, w = noise.shape[-2:]
    opponent = torch.einsum("ij,bjhw->bihw", AXES, noise)
    gains = levels[:, [0, 1, 1]][..., bands(h, w)]
    filtered = torch.fft.irfft2(torch.fft.rfft2(opponent) * gains, s=(h, w))
    return torch.einsum("ij,bihw->bjhw", AXES, filtered)


def spectrum(error: Tensor) -> Tensor:
    """Levels (2, BANDS) of errors (B, 3, H, W)."""
    h, w = error.shape[-2:]
    power = torch.fft.rfft2(torch.einsum("ij,bjhw->bihw", AXES, error)).abs().square() / (h * w)
    mean = power.mean(dim=0)
    found = [mean[:, bands(h, w) == band].mean(dim=1) for band in range(BANDS)]
    luma_red_blue = torch.stack(found, dim=1)
    return torch.stack([luma_red_blue[0], luma_red_blue[1:].mean(dim=0)]).sqrt()


def rms(levels: Tensor) -> Tensor:
    """(…, 2, BANDS) -> (…): the level of white noise of as much power."""
    power = (levels.square() * weights(64, 64)).sum(dim=-1)
    return ((power[..., 0] + 2 * power[..., 1]) / 3).sqrt()


def random_levels(t: Tensor, generator: torch.Generator) -> Tensor:
    """Levels (B, 2, BANDS) of root mean square t (B,): a third white, else of random slope."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(len(t), *shape, generator=generator)

    slope = normal(1, 1) * torch.linspace(-1.5, 1.5, BANDS)
    shape = slope + 0.5 * normal(1, 1) * torch.tensor([[1.0], [-1.0]]) + 0.4 * normal(2, BANDS)
    white = torch.rand(len(t), 1, 1, generator=generator) < 1 / 3
    levels = torch.where(white, torch.zeros(()), shape).exp()
    return levels * (t / rms(levels))[:, None, None]


class SpectrumEmbedding(LevelEmbedding):
    """Features of a level and of how much each band lies above or below it."""

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.shape = nn.Linear(2 * BANDS, features)
        nn.init.zeros_(self.shape.weight)

    def forward(self, t: Tensor, levels: Tensor) -> Tensor:
        relative = (levels / t[:, None, None]).log().flatten(1)
        return super().forward(t, t) + self.shape(relative)


def denoise(network: PatchUNet, x: Tensor, levels: Tensor) -> Tensor:
    """The clean image of x (B, 3, H, W), whose noise has levels (B, 2, BANDS)."""
    t = rms(levels)
    features = (
        network.embedding(t, levels)
        if isinstance(network.embedding, SpectrumEmbedding)
        else network.embedding(t, t)
    )
    t = t[:, None, None, None]
    norm = t**2 + SIGMA_DATA**2
    out = network.evaluate(x * norm.rsqrt(), features).float()
    return SIGMA_DATA**2 / norm * x + t * SIGMA_DATA * norm.rsqrt() * out


def train(photographs: Photographs, steps: int, *, colours: bool) -> PatchUNet:
    """A small network after so many steps of 32 patches, averaged."""
    torch.manual_seed(0)
    network = PatchUNet(**SMALL)
    if colours:
        network.embedding = SpectrumEmbedding(64)
    recipe = Recipe(learning_rate=3e-3, level_mean=-1.6, broad=0.0)
    average = copy.deepcopy(network).requires_grad_(False)
    chosen = optimizers(network, recipe)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        x = photographs.crops(recipe.batch, recipe.crop, generator)
        t = draw_levels(len(x), recipe, generator)
        noise = torch.randn(x.shape, generator=generator)
        levels = t[:, None, None].expand(-1, 2, BANDS)
        if colours:
            levels = random_levels(t, generator)
        noisy = x + coloured(noise, levels)
        with torch.autocast("cpu", torch.bfloat16):
            error = denoise(network, noisy, levels) - x
        c_out = (t * SIGMA_DATA * (t**2 + SIGMA_DATA**2).rsqrt())[:, None, None, None]
        (error / c_out).square().mean().backward()
        rate = recipe.learning_rate * min(1, (step + 1) / 100, 2.04 - 2 * (step + 1) / steps)
        for optimizer in chosen:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            for a, p in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(p, 1 - min(0.99, (step + 1) / (step + 10)))
    return average


def white(sigma: float) -> Degrade:
    """Adds white noise, sigma in units of 8 bits."""
    return lambda x, generator: x + 2 * sigma / 255 * torch.randn(x.shape, generator=generator)


def enlarged(sigma: float) -> Degrade:
    """Adds white noise of half the size, enlarged by two and brought to sigma."""

    def add(x: Tensor, generator: torch.Generator) -> Tensor:
        half = torch.randn(*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2, generator=generator)
        noise = F.interpolate(half, scale_factor=2, mode="bilinear")
        return x + 2 * sigma / 255 * noise / noise.std()

    return add


def jpeg(quality: int) -> Degrade:
    """Goes through a JPEG with halved chroma."""

    def through(image: Tensor) -> Tensor:
        pixels = ((image.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
        _, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
        return torch.from_numpy(decoded).permute(2, 0, 1) / 127.5 - 1

    return lambda x, generator: torch.stack([through(image) for image in x])


KINDS: dict[str, Degrade] = {
    "white 15": white(15),
    "white 25": white(25),
    "white 50": white(50),
    "enlarged 15": enlarged(15),
    "enlarged 25": enlarged(25),
    "JPEG 10": jpeg(10),
    "JPEG 20": jpeg(20),
    "JPEG 40": jpeg(40),
}


def psnr(found: Tensor, x: Tensor) -> float:
    errors = (found.clamp(-1, 1) - x).square().mean(dim=(1, 2, 3))
    return float((10 * (4 / errors).log10()).mean())


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=Path("photos"))
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    photographs = Photographs.from_folder(options.photos)
    with torch.enable_grad():
        networks = [train(photographs, options.steps, colours=colours) for colours in (False, True)]
    x = torch.cat([image[:, :, 64:192, 64:192] for image in clean_images().values()])
    generator = torch.Generator().manual_seed(1)
    known = photographs.crops(64, 128, generator)
    print("| noise | as it comes | network of white noise | of coloured noise |")
    print("| --- | --- | --- | --- |", flush=True)
    for name, degrade in KINDS.items():
        y = degrade(x, generator)
        levels = spectrum(degrade(known, generator) - known).expand(len(x), -1, -1)
        flat = rms(levels)[:, None, None].expand(-1, 2, BANDS)
        scales = [math.exp(k / 4) for k in range(-5, 4)]
        best = max(psnr(denoise(networks[0], y, scale * flat), x) for scale in scales)
        told = psnr(denoise(networks[1], y, levels), x)
        print(f"| {name} | {psnr(y, x):.2f} | {best:.2f} | {told:.2f} |", flush=True)


if __name__ == "__main__":
    main()
