"""Figures of image functions: what `examples/functions.md` tells of models that were trained.

    python examples/function_figures.py generation runs/patch runs/dit runs/function --data fashion
    python examples/function_figures.py denoising  runs/patch runs/dit runs/function --data fashion
    python examples/function_figures.py stability  runs/patch runs/dit runs/function
    python examples/function_figures.py sizes      runs/function runs/patch
    python examples/function_figures.py drawing    runs/function --data truth/
    python examples/function_figures.py superres   runs/photos
    python examples/function_figures.py pictures   runs/patch runs/dit runs/function -o sheet.png

Each prints a table in Markdown, but the last, which draws: for each run a row of samples in one
step and one in two, then one function at one, two and four times its window, and a part of it at
1024 pixels. A RUN is a folder that `train_function.py` filled, or a model's name or file.
`generation` compares 10 000 samples with the test pictures by the Fréchet distance of their
features in a small classifier that is trained here first (Heusel et al. 2017, with that in place of
Inception: distances are comparable with one another alone). `drawing` takes pictures of four times
the model's window, Fashion-MNIST for `--recipe fashion-16`, or Public 13 where there is no --data;
`superres` takes Public 13.
"""

import argparse
import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from public13 import clean_images
from torch import Tensor, nn
from train_function import draw_samples, read_data, read_idx, read_padded

import restore
from restore import BCM
from restore.bcm import SIGMA_MIN
from restore.degradations import Resize
from restore.files import write_atomically
from restore.functions import ImageFunction
from restore.images import Picture, encode
from restore.networks import FunctionNetwork
from restore.training import Samples, denoising_psnr

LEVELS = (0.1, 0.3, 1.0)
SIZES = (32, 64, 128, 256)
RECIPES = ("one-step", "ancestral")
BATCH = 100
EPOCHS = 2  # of the classifier
FEW = 1000


def load(run: Path) -> BCM:
    """The averaged network of a run's folder, or the model of a name or file."""
    return restore.load(run / "average.safetensors" if run.is_dir() else str(run), dtype="fp32")


def has_functions(model: BCM) -> bool:
    return isinstance(model.network, FunctionNetwork)


def psnr(x: Tensor, y: Tensor) -> float:
    """Of pictures in [-1, 1], clamped."""
    return 10 * math.log10(4 / max(1e-12, float(F.mse_loss(x.clamp(-1, 1), y.clamp(-1, 1)))))


def make_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def format_number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}"


# Generation


def make_classifier() -> nn.Sequential:
    """Grey pictures, 8×8 to 32×32, to ten kinds; all but its last layer gives 64 features."""
    layers: list[nn.Module] = []
    for given, made in itertools.pairwise((1, 16, 32, 64)):
        layers += [nn.Conv2d(given, made, 3, 2, 1), nn.BatchNorm2d(made), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def read_labels(recipe: str, data: Path) -> tuple[Tensor, Tensor]:
    """Of the pictures that `read_data` gives, to learn from and to measure on."""
    if recipe == "digits":
        from sklearn.datasets import load_digits

        labels = torch.from_numpy(load_digits().target)
        return labels[:-64], labels[-64:]
    found = {path.name: path for path in data.rglob("*-labels-idx1-ubyte.gz")}
    parts = [read_idx(found[f"{part}-labels-idx1-ubyte.gz"]) for part in ("train", "t10k")]
    training, test = (torch.from_numpy(labels.copy()).long() for labels in parts)
    return training, test


def read_grey(recipe: str, data: Path) -> tuple[Tensor, Tensor]:
    """All pictures (N, 1, side, side) of a recipe, to learn from and to measure on, of one size."""
    training, test = (
        some.at(torch.arange(len(some.pixels)))[:, :1] for some in read_data(recipe, data, "cpu")
    )
    return F.avg_pool2d(training, training.shape[2] // test.shape[2]), test


def train_classifier(
    training: Tensor, test: Tensor, labels: Tensor, expected: Tensor
) -> tuple[nn.Sequential, float]:
    """A classifier of grey pictures, and the share of those to measure on that it knows."""
    torch.manual_seed(0)
    model = make_classifier()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    steps = max(100, EPOCHS * len(labels) // 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    for _ in range(steps):
        numbers = torch.randint(len(labels), (128,))
        loss = F.cross_entropy(model(training[numbers]), labels[numbers])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval().requires_grad_(False)
    guesses = torch.cat([model(some).argmax(1) for some in test.split(500)])
    return model, float((guesses == expected).float().mean())


@torch.no_grad()
def find_features(classifier: nn.Sequential, images: Tensor) -> Tensor:
    """Features (N, 64) in float64 of images (N, 1 or 3, H, W), rounded to bytes as files are."""
    grey = (images.mean(dim=1, keepdim=True).clamp(-1, 1) * 127.5 + 127.5).round() / 127.5 - 1
    return torch.cat([classifier[:-1](some) for some in grey.split(500)]).double()


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """|μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½) of features (N, d)."""
    first, second = x.T.cov(), y.T.cov()
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    means = (x.mean(dim=0) - y.mean(dim=0)).square().sum()
    return float(means + first.trace() + second.trace() - 2 * mixed)


def measure_generation(options: argparse.Namespace) -> str:
    training, test = read_grey(options.recipe, options.data)
    labels = read_labels(options.recipe, options.data)
    classifier, known = train_classifier(training, test, *labels)
    side, count = test.shape[2], options.count
    # Where few pictures are kept from training, all are what samples are held against.
    goal = test if len(test) > FEW else torch.cat([training, test])
    truth = find_features(classifier, goal)
    numbers = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))
    floor = frechet_distance(find_features(classifier, training[numbers[:count]]), truth)
    rows = [["training pictures", "", format_number(floor, 3), "", ""]]
    for run in options.runs:
        model, log = load(run), read_log(run)
        found = []
        for recipe in RECIPES:
            parts = [
                draw_samples(model, side, min(BATCH, count - n), recipe, seed=n)
                for n in range(0, count, BATCH)
            ]
            found.append(frechet_distance(find_features(classifier, torch.cat(parts)), truth))
        steps, minutes = (log[-1]["step"], log[-1]["minutes"]) if log else ("", "")
        rows.append([run.name, steps, *(format_number(v, 3) for v in found), minutes])
        print(rows[-1], flush=True)
    table = make_table(("pictures", "steps", "one step", "two steps", "minutes"), rows)
    return f"{table}\n\nThe classifier knows {100 * known:.1f} % of the pictures kept from it."


# Denoising and stability


def measure_denoising(options: argparse.Namespace) -> str:
    _, test = read_data(options.recipe, options.data, "cpu")
    images = list(test.at(torch.arange(min(options.count, len(test.pixels)))).split(1))
    rows = [["none", *(format_number(-20 * math.log10(t / 2)) for t in LEVELS)]]
    for run in options.runs:
        found = [denoising_psnr(load(run), images, 127.5 * t) for t in LEVELS]
        rows.append([run.name, *map(format_number, found)])
    return make_table(("model", *(f"noise of {t:g}" for t in LEVELS)), rows)


def read_log(run: Path) -> list[dict]:
    path = run / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def measure_stability(options: argparse.Namespace) -> str:
    """How far a loss lies from one step to the next, of its mean; and whether reports worsen."""
    rows = []
    for run in options.runs:
        log = read_log(run)
        last = log[len(log) // 2 :]
        for name in last[-1]["losses"]:
            seen = [one for one in last if name in one["losses"]]
            spread = [one["spread_of_losses"][name] / one["losses"][name] for one in seen]
            means = [one["losses"][name] for one in seen]
            worst = max((b / a - 1 for a, b in itertools.pairwise(means)), default=0.0)
            rows.append(
                [run.name, name, format_number(float(np.mean(spread))), f"{100 * worst:+.0f} %"]
            )
        decibels = [one["psnr_db"]["0.3"] for one in log]
        falls = min((b - a for a, b in itertools.pairwise(decibels)), default=0.0)
        rows.append([run.name, "PSNR at 0.3", "", f"{falls:+.2f} dB"])
    return make_table(("run", "figure", "spread of steps, of the mean", "worst change"), rows)


# Drawing


def make_samples(model: BCM, count: int) -> list[ImageFunction]:
    """Functions of noise, in one step."""
    side = model.network.window
    assert side is not None
    generator = torch.Generator().manual_seed(0)
    return [
        model.function(80 * torch.randn(1, 3, side, side, generator=generator), 80.0)
        for _ in range(count)
    ]


def compare_sizes(drawn: Callable[[int], Tensor]) -> list[float]:
    """PSNR of the mean of twice the size against each size."""
    return [psnr(F.avg_pool2d(drawn(2 * size), 2), drawn(size)) for size in SIZES]


@torch.no_grad()
def measure_sizes(options: argparse.Namespace) -> str:
    """Of one function; of a network of pixels, whose samples of two sizes are two samples."""
    rows, count = [], options.count
    for run in options.runs:
        model = load(run)
        if has_functions(model):
            samples = make_samples(model, count)
            found = [compare_sizes(lambda size, f=f: f.render(size, size)) for f in samples]
        else:

            def draw(size: int, seed: int, model: BCM = model) -> Tensor:
                return draw_samples(model, size, 1, "one-step", seed)

            found = [compare_sizes(lambda size, n=n: draw(size, n)) for n in range(count)]
        rows.append([run.name, *map(format_number, np.mean(found, axis=0))])
    return make_table(("samples", *(f"{2 * s} to {s}" for s in SIZES)), rows)


def enlarge(x: Tensor, side: int, way: Image.Resampling) -> Tensor:
    """Pillow's enlargement of (1, 3, H, W), channel by channel in float32."""
    planes = [Image.fromarray(plane.numpy()).resize((side, side), way) for plane in x[0]]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))[None]


def measure_sharpness(x: Tensor) -> float:
    """The mean absolute difference of neighbours, in levels of 8 bits."""
    differences = [x.diff(dim=dim).abs().mean() for dim in (2, 3)]
    return 127.5 * float(sum(differences)) / 2


WAYS = {"bicubic": Image.Resampling.BICUBIC, "Lanczos": Image.Resampling.LANCZOS}


def read_truths(folder: Path, side: int, count: int) -> list[Tensor]:
    """Central squares (1, 3, side, side) of the pictures of a folder that are as large."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp") or len(found) == count:
            continue
        picture = Image.open(path).convert("RGB")
        left, top = ((length - side) // 2 for length in picture.size)
        if min(left, top) >= 0:
            pixels = np.asarray(picture.crop((left, top, left + side, top + side)), np.float32)
            found.append(torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None])
    return found


def choose_truths(options: argparse.Namespace, side: int) -> list[Tensor]:
    """Pictures (1, 3, S, S) larger than the window: a folder's, Fashion-MNIST's or Public 13."""
    if options.data is None:
        return [x[..., : 4 * side, : 4 * side] for x in clean_images().values()][: options.count]
    if options.recipe != "fashion-16":
        return read_truths(options.data, 4 * side, options.count)
    pixels = read_padded(options.data)[1][: options.count]
    return list(Samples(pixels).at(torch.arange(len(pixels))).split(1))


@torch.no_grad()
def measure_drawing(options: argparse.Namespace) -> str:
    """What a function adds to an enlargement of its own drawing, where the truth is known."""
    rows = []
    for run in options.runs:
        model = load(run)
        side = model.network.window
        assert side is not None
        truths = choose_truths(options, side)
        given = [F.avg_pool2d(x, x.shape[2] // side) for x in truths]
        functions = [model.function(x, SIGMA_MIN, None) for x in given]
        samples = make_samples(model, options.count)
        for factor in (2, 4):
            size = factor * side
            for name in ("drawn", *WAYS):

                def make(f: ImageFunction, name: str = name, size: int = size) -> Tensor:
                    if name == "drawn":
                        return f.render(size, size)
                    return enlarge(f.render(f.size[1], f.size[0]), size, WAYS[name])

                close = [
                    psnr(make(f), F.avg_pool2d(x, x.shape[2] // size))
                    for f, x in zip(functions, truths, strict=True)
                    if x.shape[2] >= size
                ]
                sharp = [measure_sharpness(make(f)) for f in samples]
                mean = format_number(float(np.mean(close))) if close else ""
                rows.append([run.name, factor, name, mean, format_number(float(np.mean(sharp)))])
    return make_table(("model", "times", "way", "PSNR to the truth", "sharpness of samples"), rows)


@torch.no_grad()
def cut_windows(pictures: Sequence[Tensor], side: int) -> list[Tensor]:
    """The windows (1, 3, side, side) of pictures (1, 3, H, W); a rest at the edges is left out."""
    parts = [x.unfold(2, side, side).unfold(3, side, side) for x in pictures]
    return [w for x in parts for w in x.permute(0, 2, 3, 1, 4, 5).reshape(-1, 1, 3, side, side)]


def measure_superres(options: argparse.Namespace) -> str:
    """One evaluation on Public 13, held to the small picture, beside bicubic and the default."""
    rows = []
    models = {run.name: load(run) for run in options.runs} | {"default": restore.load("default")}
    pictures = [x[..., : options.side, : options.side] for x in clean_images().values()]
    windows = {  # what a network of the whole plane reads at once
        name: cut_windows(pictures, side) if (side := model.network.window) else pictures
        for name, model in models.items()
    }
    for t in LEVELS:
        sigma = 127.5 * t
        found = [denoising_psnr(model, windows[name], sigma) for name, model in models.items()]
        noisy = format_number(-20 * math.log10(t / 2))
        rows.append([f"noise of {t:g}", noisy, *map(format_number, found)])
    for scale in (2, 3.7, 4):
        close: dict[str, list[float]] = {"bicubic": [], **{name: [] for name in models}}
        for x in pictures[: options.count]:
            large = tuple(x.shape[2:])
            reduce = Resize(large, tuple(round(side / scale) for side in large))
            levels = (reduce(x).clamp(-1, 1) * 127.5 + 127.5).round()
            small = levels / 127.5 - 1
            bicubic = F.interpolate(small, large, mode="bicubic", align_corners=False)
            close["bicubic"].append(psnr(reduce.project(bicubic, small), x))
            given = levels[0].permute(1, 2, 0).byte().numpy()
            for name, model in models.items():
                result = restore.superres(given, size=large[::-1], nfe=1, sigma=0, model=model)
                close[name].append(psnr(result.picture.tensor(), x))
        rows.append([f"×{scale:g}", *(format_number(float(np.mean(v))) for v in close.values())])
        print(rows[-1], flush=True)
    return make_table(("Public 13", "none or bicubic, held", *models), rows)


# Pictures

SHOWN = 16  # samples in a row


def tile(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) side by side, (1, 3, H, N · W)."""
    return torch.cat(pictures.split(1), dim=3)


@torch.no_grad()
def show_pictures(options: argparse.Namespace) -> str:
    rows: list[Tensor] = []
    side = min(load(run).network.window or 32 for run in options.runs)
    for run in options.runs:
        model = load(run)
        rows += [tile(draw_samples(model, side, SHOWN, recipe)) for recipe in RECIPES]
        if has_functions(model):
            (f,) = make_samples(model, 1)
            whole = side * SHOWN // 4
            drawn = [f.render(size, size) for size in (side, 2 * side)]
            drawn = [F.interpolate(x, (whole, whole), mode="nearest") for x in drawn]
            corner = (1024 - whole) // 2
            drawn += [f.render(whole, whole), f.render(1024, 1024, (corner, corner, whole, whole))]
            rows.append(tile(torch.cat(drawn)))
    picture = torch.cat(rows, dim=2)
    pixels = (picture[0].permute(1, 2, 0).clamp(-1, 1) * 127.5 + 127.5).round().byte().numpy()
    write_atomically(options.output, encode(Picture(pixels), "PNG"))
    return str(options.output)


MEASURES = {
    "generation": measure_generation,
    "denoising": measure_denoising,
    "stability": measure_stability,
    "sizes": measure_sizes,
    "drawing": measure_drawing,
    "superres": measure_superres,
    "pictures": show_pictures,
}
COUNTS = {"generation": 10_000, "denoising": 256, "sizes": 16, "drawing": 32, "superres": 13}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=MEASURES)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--recipe", choices=("fashion", "fashion-16", "digits"), default="fashion")
    parser.add_argument("--data", type=Path, help="Fashion-MNIST, or pictures")
    parser.add_argument("--count", type=int, help="samples, or pictures")
    parser.add_argument("--side", type=int, default=256, help="of Public 13, cut to that")
    parser.add_argument("-o", "--output", type=Path, default=Path("functions.png"))
    options = parser.parse_args(arguments)
    options.count = options.count or COUNTS.get(options.figure)
    print(MEASURES[options.figure](options))


if __name__ == "__main__":
    main()
