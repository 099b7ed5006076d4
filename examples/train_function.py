"""Train image functions, and the networks of pixels that they are compared with.

    apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb fashion/
    python examples/train_function.py runs/fashion --recipe fashion --data fashion --minutes 240
    python examples/train_function.py runs/unet --recipe fashion --network patch --data fashion
    python examples/train_function.py runs/emoji --recipe emoji --data emoji --minutes 240
    python examples/train_function.py runs/photos --recipe photos --data photos --minutes 240
    python examples/train_function.py runs/digits --recipe digits --steps 600

The recipes: `fashion` (Fashion-MNIST, 32×32), `fashion-16` (its means, 16×16, a fifth of the time),
`emoji` (those of `emoji.py`, 32×32 as means of 64×64), `photos` (a folder of photographs, windows
of 64×64 as means of 128×128), `photos-32` (windows of 32×32 and a network of a quarter, what two
cores have time for) and `digits` (scikit-learn's, 8×8, seconds). A run begins with
reconstruction alone, then learns the denoiser and, from it, the jumps: by the semigroup law, or
with `--jumps published` by the two losses of the published model, consistency and trajectory. It
stops after --minutes of
training (or --steps), after --session minutes of this process, and on an interrupt; its state is
saved every minute, and the same command goes on from there. Each report is a line of JSON in
RUN/log.jsonl, with samples in RUN/samples-STEP.png: above in one step, below in two.
`RUN/average.safetensors` is the averaged network, which every command takes as --model.
"""

import argparse
import dataclasses
import gzip
import itertools
import json
import signal
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from restore.bcm import BCM, SIGMA_MAX, SIGMA_MIN
from restore.checkpoints.files import make_metadata, write
from restore.files import write_atomically
from restore.images import Picture, as_picture, encode
from restore.journeys import RECIPES
from restore.training import Photographs, Recipe, Samples, Trainer, Workers, denoising_psnr

SAVE_SECONDS = 60
SHOWN = 8  # samples in a row of a report's picture, and rows of each kind
JUMPS = {"diagonal": 0.35, "points": 0.15, "semigroup": 0.5}
DIGITS = {"channels": 32, "features": 16, "window": 8}
SMALL = {"channels": 128, "window": 32}
SMALLER = {"channels": 96, "features": 32, "window": 16}
PUBLISHED = ("consistency", "trajectory")  # in place of the semigroup

RECIPE = {  # of a function; a network of pixels takes what it has of this
    "fashion": Recipe(
        shares=JUMPS, batch=32, chunk=16, crop=32, pretraining=0.05, level_mean=-0.5,
        level_std=1.4, broad=0.4, learning_rate=2e-3, warmup=300,
    ),
    "fashion-16": Recipe(
        shares={"diagonal": 0.25, "points": 0.25, "semigroup": 0.5}, batch=32, chunk=16, crop=16,
        finer=True, pretraining=0.05, level_mean=-0.5, level_std=1.4, broad=0.4,
        learning_rate=3e-3, warmup=100, ema=0.995,
    ),
    "emoji": Recipe(
        shares={"diagonal": 0.25, "points": 0.25, "semigroup": 0.5}, batch=32, chunk=16, crop=32,
        finer=True, pretraining=0.08, level_mean=-0.5, level_std=1.4, broad=0.4,
        learning_rate=2e-3, warmup=300,
    ),
    "photos": Recipe(
        shares={"diagonal": 0.35, "points": 0.35, "semigroup": 0.3}, batch=32, chunk=8, crop=64,
        finer=True, pretraining=0.08, broad=0.2, warmup=300,
    ),
    "photos-32": Recipe(
        shares={"diagonal": 0.35, "points": 0.35, "semigroup": 0.3}, batch=32, chunk=16, crop=32,
        finer=True, pretraining=0.05, broad=0.2, learning_rate=2e-3, warmup=200, ema=0.998,
    ),
    "digits": Recipe(
        shares=JUMPS, batch=64, chunk=64, crop=8, pretraining=0.05, level_mean=0.0, level_std=1.4,
        broad=0.5, learning_rate=1e-2, warmup=20, ema=0.98,
    ),
}  # fmt: skip
NETWORKS = {
    **{
        (name, architecture): config
        for name in ("fashion", "emoji", "photos-32")
        for architecture, config in {
            "function": {**SMALL, "blocks": 3, "predictor": 2},
            "dit": {**SMALL, "blocks": 5},
            "patch": {"channels": [32, 64, 128]},
        }.items()
    },
    ("fashion-16", "function"): {**SMALLER, "blocks": 3, "predictor": 2},
    ("fashion-16", "dit"): {**SMALLER, "blocks": 5},
    ("fashion-16", "patch"): {"channels": [32, 64, 96]},
    ("photos", "function"): {},
    ("photos", "dit"): {},
    ("photos", "patch"): {},
    ("digits", "function"): {**DIGITS, "blocks": 2, "predictor": 1, "width": 16, "rank": 2},
    ("digits", "dit"): {**DIGITS, "blocks": 3},
    ("digits", "patch"): {"channels": [16, 32], "blocks": [1], "middle": 2},
}


def make_recipe(name: str, architecture: str, jumps: str = "semigroup") -> Recipe:
    """A recipe for one of the architectures that are compared, by one of the two ways to jumps."""
    recipe = RECIPE[name]
    recipe = dataclasses.replace(
        recipe, architecture=architecture, network=NETWORKS[name, architecture]
    )
    shares = dict(recipe.shares)
    if jumps == "published":
        share = shares.pop("semigroup")
        shares |= {term: share / len(PUBLISHED) for term in PUBLISHED}
    if architecture == "function":
        return dataclasses.replace(recipe, shares=shares)
    shares["diagonal"] += shares.pop("points")
    return dataclasses.replace(recipe, shares=shares, pretraining=0.0)


def read_idx(path: Path) -> np.ndarray:
    """The numbers of a gzipped idx file of bytes."""
    data = gzip.decompress(path.read_bytes())
    assert data[:3] == b"\0\0\x08", f"{path} holds no bytes"
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def read_padded(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST in a margin of two pixels (N, 32, 32), to learn from and to measure on."""
    found = {path.name: path for path in folder.rglob("*-images-idx3-ubyte.gz")}
    training, test = (read_idx(found[f"{part}-images-idx3-ubyte.gz"]) for part in ("train", "t10k"))
    margin = ((0, 0), (2, 2), (2, 2))
    return np.pad(training, margin), np.pad(test, margin)


def read_pictures(folder: Path) -> np.ndarray:
    """The PNG files of a folder, all of one size (N, H, W, 3)."""
    return np.stack([as_picture(path).pixels for path in sorted(folder.glob("*.png"))])


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """Square pictures (N, H, H, …) of bytes as means of as many pixels as make them `side` wide."""
    count, height, width, *channels = pixels.shape
    assert height == width
    assert height % side == 0
    each = height // side
    means = pixels.reshape(count, side, each, side, each, *channels).mean(axis=(2, 4))
    return means.round().astype(np.uint8)


def read_data(name: str, folder: Path, device: str) -> tuple[Photographs | Samples, Samples]:
    """What to learn from, and what to measure on."""
    if name in ("photos", "photos-32"):
        training = Photographs.from_folder(folder, device, workers=Workers(2))
        held = training.crops(64, RECIPE[name].crop, torch.Generator(device).manual_seed(0))
        pixels = (held * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1)
        return training, Samples(pixels.cpu().numpy(), device)
    if name == "emoji":
        side = RECIPE[name].crop
        train, test = (read_pictures(folder / part) for part in ("train", "test"))
        return Samples(shrink(train, 2 * side), device), Samples(shrink(test, side), device)
    if name == "digits":
        from sklearn.datasets import load_digits

        pixels = (load_digits().images * (255 / 16)).round().astype(np.uint8)
        return Samples(pixels[:-64], device), Samples(pixels[-64:], device)
    training, test = read_padded(folder)
    return Samples(training, device), Samples(shrink(test, RECIPE[name].crop), device)


@torch.no_grad()
def draw_samples(model: BCM, side: int, count: int, recipe: str, seed: int = 0) -> torch.Tensor:
    """`count` samples (count, 3, side, side) by one of the published recipes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.zeros(count, 3, side, side)
    level = 0.0
    for leg in RECIPES[recipe]:
        noise = torch.randn(x.shape, generator=generator)
        x = x + (leg[0] ** 2 - level**2) ** 0.5 * noise
        for t, u in itertools.pairwise(leg):
            x = model.jump(x.to(model.device), t, u).cpu()
        level = leg[-1]
    return x


def report(trainer: Trainer, test: Samples, losses: dict[str, list[float]]) -> dict[str, object]:
    """The figures of now; a picture of samples beside them."""
    count = min(64, len(test.pixels))
    images = list(test.at(torch.arange(count, device=test.pixels.device)).split(1))
    psnr = {t: round(denoising_psnr(trainer.average, images, 127.5 * t), 3) for t in (0.1, 0.3, 1)}
    one, two = (
        draw_samples(trainer.average, trainer.recipe.crop, SHOWN**2, name)
        for name in ("one-step", "ancestral")
    )
    rows = [x.unflatten(0, (-1, SHOWN))[: SHOWN // 2] for x in (one, two)]
    grid = torch.cat(rows).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    pixels = (grid.clamp(-1, 1) * 127.5 + 127.5).round().byte().numpy()
    png = encode(Picture(pixels), "PNG")
    write_atomically(trainer.folder / f"samples-{trainer.step:07}.png", png)
    return {
        "step": trainer.step,
        "patches": trainer.patches,
        "minutes": round(trainer.elapsed / 60, 2),
        "losses": {k: round(float(np.mean(v)), 5) for k, v in losses.items()},
        "spread_of_losses": {k: round(float(np.std(v)), 5) for k, v in losses.items()},
        "psnr_db": psnr,
        "one_step": [round(float(one.mean()), 4), round(float(one.std()), 4)],
        "two_steps": [round(float(two.mean()), 4), round(float(two.std()), 4)],
    }


def export(trainer: Trainer, name: str, path: Path) -> str:
    """Write the averaged network in float16 as every command takes it; its SHA-256."""
    network = trainer.average.network
    training = {
        "steps": trainer.step,
        "patches": trainer.patches,
        "minutes": round(trainer.elapsed / 60, 1),
        "low": SIGMA_MIN,
        "high": SIGMA_MAX,
        **dataclasses.asdict(trainer.recipe),
    }
    metadata = make_metadata(
        trainer.recipe.architecture,
        network.config,
        sigma_data=trainer.average.sigma_data,
        training=json.dumps(training),
        title=f"bcm-restore {trainer.recipe.architecture}, {name}",
        license="MIT",
    )
    tensors = {k: v.half().contiguous() for k, v in network.state_dict().items()}
    return write(path, tensors, metadata)


def run(trainer: Trainer, test: Samples, options: argparse.Namespace) -> None:
    """Train until the run or the session is over, or an interrupt comes."""
    stopping: list[bool] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    began = reported = saved = time.monotonic()
    losses: dict[str, list[float]] = defaultdict(list)

    def say() -> None:
        line = json.dumps(report(trainer, test, losses))
        print(line, flush=True)
        with (trainer.folder / "log.jsonl").open("a") as log:
            log.write(f"{line}\n")
        losses.clear()
        export(trainer, options.recipe, trainer.folder / "average.safetensors")

    while trainer.progress < 1 and not stopping:
        for name, loss in trainer.update().items():
            losses[name].append(loss)
        now = time.monotonic()
        if now - saved > SAVE_SECONDS:
            saved = now
            trainer.save()
        if now - reported > options.report:
            reported = now
            say()
        if now - began > 60 * options.session:
            break
    trainer.save()
    say()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", choices=RECIPE, required=True)
    parser.add_argument("--network", choices=("function", "dit", "patch"), default="function")
    parser.add_argument("--jumps", choices=("semigroup", "published"), default="semigroup")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--minutes", type=float, default=240, help="of the whole run")
    parser.add_argument("--steps", type=int, help="of the whole run, in place of --minutes")
    parser.add_argument("--session", type=float, default=1e9, help="minutes of this process")
    parser.add_argument("--report", type=float, default=300, help="seconds between figures")
    parser.add_argument("--device", default="cuda" if on_gpu else "cpu")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=on_gpu)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> Trainer:
    options = parse(arguments)
    torch.set_num_threads(1)  # a worker is a thread of one core
    options.folder.mkdir(parents=True, exist_ok=True)
    training, test = read_data(options.recipe, options.data, options.device)
    trainer = Trainer(
        options.folder,
        training,
        make_recipe(options.recipe, options.network, options.jumps),
        options.minutes,
        workers=Workers(options.workers),
        compiled=options.compile,
        steps=options.steps,
    )
    resumed = trainer.resume()
    count = sum(p.numel() for p in trainer.model.network.parameters())
    print(
        f"{'resumed' if resumed else 'new'}: {trainer.recipe}, {count / 1e6:.2f} M parameters, "
        f"step {trainer.step}",
        flush=True,
    )
    run(trainer, test, options)
    return trainer


if __name__ == "__main__":
    main()
