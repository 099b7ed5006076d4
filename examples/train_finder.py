"""Train the finder of defects, `restore/defects/finder.safetensors`, on drawn defects.

    python examples/train_finder.py photographs/ --minutes 60 -o finder.safetensors

Crops of clean photographs at many sizes, half of them damaged by `drawn_defects.age`; the others
stay clean, and some carry what a finder takes for defects: text, ruled lines, stars. A run that
finds its own state beside the output goes on from there.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from drawn_defects import age
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from restore.defects.network import FinderNetwork, save
from restore.devices import choose_dtype

SIDE, BATCH = 160, 8
RATE, WARM = 3e-3, 200  # of learning, and the batches that it rises over
LEAST = 150  # pixels: smaller photographs are left out
LETTERS = "abcdefghijklmnoprstuvwyz ABCDEFGHIKLMNOPRSTW 0123456789 .,:;-"


def load_photographs(*folders: Path) -> list[np.ndarray]:
    """The photographs of some folders, (H, W, 3) uint8."""
    found = []
    for path in [path for folder in folders for path in sorted(folder.glob("*.png"))]:
        image = Image.open(path).convert("RGB")
        if min(image.size) >= LEAST:
            found.append(np.asarray(image))
    return found


def cut(photograph: np.ndarray, rng: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """A square of a photograph at any size, turned any way."""
    height, width = photograph.shape[:2]
    least = max(side / height, side / width)
    scale = max(least * 1.001, float(np.exp(rng.uniform(np.log(0.35), np.log(1.5)))))
    piece = min(int(side / scale), height, width)
    top, left = rng.integers(height - piece + 1), rng.integers(width - piece + 1)
    crop = photograph[top : top + piece, left : left + piece]
    how = cv2.INTER_AREA if piece > side else cv2.INTER_CUBIC
    crop = np.rot90(cv2.resize(crop, (side, side), interpolation=how), rng.integers(4))
    return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)


def write_text(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lines of letters, on the picture or on paper."""
    if rng.random() < 0.6:
        paper = rng.uniform(150, 255) + rng.normal(0, 8, 3)
        pixels = np.clip(pixels * 0.1 + 0.9 * paper, 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    draw, size = ImageDraw.Draw(image), int(np.exp(rng.uniform(np.log(7), np.log(60))))
    font = ImageFont.load_default(size)
    colour = tuple(int(v) for v in rng.integers(0, 80, 3) + (150 if rng.random() < 0.3 else 0))
    y = rng.integers(-size, size)
    while y < pixels.shape[0]:
        words = "".join(rng.choice(list(LETTERS), 60))
        draw.text((int(rng.integers(-20, 20)), y), words, fill=colour, font=font)
        y += int(size * rng.uniform(1.1, 2.5))
    return np.asarray(image)


def rule_lines(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lines at even distances, one way or both, straight or slanted: tiles, fences, paper."""
    x, width = pixels.astype(np.float32), rng.integers(1, 5)
    level = rng.uniform(0, 255)
    y, across = np.mgrid[: x.shape[0], : x.shape[1]]
    for angle in (0, np.pi / 2)[: rng.integers(1, 3)]:
        turn = angle + rng.normal(0, 0.1) * (rng.random() < 0.5)
        at = y * np.cos(turn) + across * np.sin(turn) + rng.uniform(0, 50)
        share = np.clip(width / 2 + 0.5 - np.abs(at % rng.uniform(6, 50) - width), 0, 1)
        x += (rng.uniform(0.3, 1) * share)[..., None] * (level - x)
    return np.rint(x).astype(np.uint8)


def strew_stars(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A night full of stars: many faint, few bright, all of one sharpness."""
    sky = np.zeros(pixels.shape[:2], np.float32)
    count = rng.integers(20, 400)
    at = rng.integers(0, sky.shape, (count, 2))
    sky[at[:, 0], at[:, 1]] = np.minimum(30 * rng.pareto(1.2, count), 3000)
    light = cv2.GaussianBlur(sky, (0, 0), rng.uniform(0.6, 1.6))[..., None]
    colours = cv2.resize(rng.uniform(0.7, 1, (20, 20, 3)), sky.shape[::-1])
    return np.clip(pixels * rng.uniform(0.02, 0.3) + light * colours, 0, 255).astype(np.uint8)


def repeat(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One piece again and again, each time a little different: walls, cloth, leaves."""
    height, width = rng.integers(12, 60, 2)
    rows, columns = (
        -(-side // piece) for side, piece in zip(pixels.shape[:2], (height, width), strict=True)
    )
    piece = pixels[:height, :width].astype(np.float32)
    offset = int(rng.integers(width)) if rng.random() < 0.5 else 0
    lines = []
    for number in range(rows):
        line = [piece * rng.uniform(0.8, 1.2) for _ in range(columns)]
        lines.append(np.roll(np.hstack(line), number % 2 * offset, axis=1))
    x = np.vstack(lines)[: pixels.shape[0], : pixels.shape[1]]
    return (0.8 * x + 0.2 * pixels).clip(0, 255).astype(np.uint8)


def sample(photographs: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Pixels, lines, specks and what is doubtful of one crop."""
    pixels = cut(photographs[rng.integers(len(photographs))], rng)
    luck = rng.random()
    for share, change in (
        (0.1, write_text),
        (0.13, rule_lines),
        (0.16, strew_stars),
        (0.22, repeat),
    ):
        if luck < share:
            pixels = change(pixels, rng)
            break
    aged = age(pixels, rng, damaged=rng.random() < 0.55)
    return [aged.pixels, aged.lines, aged.specks, aged.doubtful]


def as_batch(samples: list[list[np.ndarray]]) -> tuple[Tensor, Tensor, Tensor]:
    """x (B, 3, H, W) in [-1, 1], target (B, 2, H, W), weight (B, 1, H, W)."""
    pixels, lines, specks, doubtful = (np.stack(part) for part in zip(*samples, strict=True))
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    target = torch.from_numpy(np.stack([lines, specks], axis=1)).float()
    return x, target, torch.from_numpy(~doubtful)[:, None].float()


def measure_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy, and for lines and specks alike one less their overlap."""
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
    share = torch.sigmoid(logits) * weight
    both, total = (share * target * weight).sum((0, 2, 3)), (share + target * weight).sum((0, 2, 3))
    return 5 * each.mean() + 0.2 * (1 - (2 * both + 20) / (total + 20)).mean()


def fold(network: FinderNetwork) -> FinderNetwork:
    """The same network with its normalization inside the convolutions."""
    plain, state = FinderNetwork(network.widths), {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for number in (0, 3):
                convolution, norm = module[number], module[number + 1]
                scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                at = f"{name}.{2 * number // 3}"
                state[f"{at}.weight"] = convolution.weight * scale[:, None, None, None]
                state[f"{at}.bias"] = norm.bias - norm.running_mean * scale
    state |= {f"out.{name}": value for name, value in network.out.state_dict().items()}
    plain.load_state_dict({name: value.detach() for name, value in state.items()})
    return plain.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=Path("finder.safetensors"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held", type=int, default=12, help="batches to measure on")
    args = parser.parse_args()
    photographs = load_photographs(*args.photographs)
    held, photographs = photographs[::10], [p for n, p in enumerate(photographs) if n % 10]
    torch.manual_seed(args.seed)
    network = FinderNetwork(normalize=True).to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    state_path, done, spent = args.output.with_suffix(".state.pt"), 0, 0.0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        done, spent = state["done"], state["spent"]
    rng, last, losses = np.random.default_rng([args.seed, done]), time.monotonic(), []
    fixed = np.random.default_rng(1)
    in_bf16 = choose_dtype("auto", torch.device("cpu")) == torch.bfloat16
    checks = [as_batch([sample(held, fixed) for _ in range(BATCH)]) for _ in range(args.held)]
    saved = spent
    while spent < args.minutes * 60:
        left = 1 - spent / (args.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (done + 1) / WARM) * (0.01 + 0.99 * left)
        x, target, weight = as_batch([sample(photographs, rng) for _ in range(BATCH)])
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
            logits = network(x.contiguous(memory_format=torch.channels_last))
        loss = measure_loss(logits.float(), target, weight)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        done, losses = done + 1, [*losses[-199:], loss.item()]
        now = time.monotonic()
        spent, last = spent + now - last, now
        if spent - saved > 120 or spent >= args.minutes * 60:
            saved, plain = spent, fold(average.module)
            with torch.inference_mode():
                held_loss = np.mean([measure_loss(plain(x), t, w).item() for x, t, w in checks])
            print(f"{spent / 60:.0f} min, {done} batches: {np.mean(losses):.4f}, "
                  f"held {held_loss:.4f}", flush=True)  # fmt: skip
            save(plain, args.output)
            parts = {"network": network, "average": average, "optimizer": optimizer}
            torch.save(
                {name: part.state_dict() for name, part in parts.items()}
                | {"done": done, "spent": spent},
                state_path,
            )
            last = time.monotonic()


if __name__ == "__main__":
    main()
