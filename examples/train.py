"""Train the embedded network, on two cores or on a GPU; stop and resume at will.

    python examples/debian_photos.py photos/
    python examples/train.py runs/default --photos photos --minutes 120 --dry-run
    python examples/train.py runs/default --photos photos --minutes 120
    python examples/train.py runs/default --weights bcm_photo.safetensors --until 18:30
    python examples/train.py runs/default --export bcm_photo.safetensors

The run stops by itself after --minutes of training, after --session minutes of this process, and on
an interrupt; each time the state is saved, and the same command goes on from there. `RUN/average.
safetensors` is the averaged network of a minute ago at most. Rate and average are given for
batches of 32 and scaled to --batch; on a GPU, whole batches of 512 go through the network at once.
"""

import argparse
import dataclasses
import datetime
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import torch
from public13 import clean_images

from restore.checkpoints.files import make_metadata, write
from restore.checkpoints.models import read_checkpoint
from restore.training import (
    LOSSES,
    Photographs,
    Recipe,
    Trainer,
    Workers,
    denoising_psnr,
    scale_to_batch,
)

SAVE_SECONDS, AVERAGE_SECONDS = 120, 60


def shares(text: str) -> dict[str, float]:
    """'diagonal=0.7,semigroup=0.3' -> {"diagonal": 0.7, "semigroup": 0.3}"""
    found = {name: float(share) for name, share in (part.split("=") for part in text.split(","))}
    unknown = sorted(set(found) - set(LOSSES))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown terms {unknown}; known: {sorted(LOSSES)}")
    return found


def seconds_until(text: str) -> float:
    """Seconds from now to the next time that the clock shows 'HH:MM'."""
    now = datetime.datetime.now()
    hour, minute = map(int, text.split(":"))
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (then - now).total_seconds() % 86400


def parse() -> argparse.Namespace:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, default=Path("photos"))
    parser.add_argument("--minutes", type=float, default=120, help="of the whole run")
    parser.add_argument("--until", type=seconds_until, help="end at HH:MM instead of --minutes")
    parser.add_argument("--session", type=float, default=1e9, help="minutes of this process")
    parser.add_argument("--steps", type=int, default=10**9, help="stop after this many")
    parser.add_argument("--dry-run", action="store_true", help="say how long each part takes")
    parser.add_argument("--weights", help="begin a new run from this checkpoint")
    parser.add_argument("--export", type=Path, help="write the averaged network and stop")
    parser.add_argument("--shares", type=shares, default={"diagonal": 1.0})
    parser.add_argument("--device", default="cuda" if on_gpu else "cpu")
    parser.add_argument("--workers", type=int, default=1 if on_gpu else torch.get_num_threads())
    parser.add_argument("--compile", action="store_true", help="compile the network")
    parser.add_argument(
        "--record",
        action=argparse.BooleanOptionalAction,
        help="record a step's gradients as a CUDA graph, as is done on a GPU",
    )
    parser.add_argument("--report", type=float, default=600, help="seconds between figures")
    parser.add_argument("--leaves", type=float, default=0.0, help="share of dead leaves pictures")
    parser.add_argument("--batch", type=int, default=512 if on_gpu else 96)
    parser.add_argument("--chunk", type=int, default=4096 if on_gpu else Recipe().chunk)
    for name in ("crop", "warmup"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Recipe(), name))
    for name in ("learning_rate", "ema", "level_mean", "level_std", "broad", "decay_from"):
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=float, default=getattr(Recipe(), name))
    parser.add_argument("--architecture", choices=("patch", "coloured", "mapped"), default="patch")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default=Recipe().optimizer)
    parser.add_argument(
        "--network", type=json.loads, default={}, help="JSON, PatchUNet's arguments"
    )
    options = parser.parse_args()
    on_gpu = options.device.startswith("cuda")
    if options.record and not on_gpu:
        parser.error("--record records what a GPU is given: it needs --device cuda")
    options.record = on_gpu if options.record is None else options.record
    return options


def main() -> None:
    options = parse()
    torch.set_num_threads(1)  # a worker is a thread of one core
    began = time.monotonic()
    if options.export:
        photographs = Photographs([torch.zeros(64, 64, 3, dtype=torch.uint8).numpy()])
    else:
        photographs = Photographs.from_folder(
            options.photos,
            options.device,
            leaves=options.leaves,
            workers=Workers(os.cpu_count() or 1),
        )
    loaded = time.monotonic() - began
    names = {f.name for f in dataclasses.fields(Recipe)} - {"batch"}
    recipe = Recipe(**{k: v for k, v in vars(options).items() if k in names})
    trainer = Trainer(
        options.folder,
        photographs,
        scale_to_batch(recipe, options.batch),
        options.minutes,
        workers=Workers(options.workers),
        compiled=options.compile,
        recorded=options.record,
    )
    resumed = trainer.resume()
    if options.weights and not resumed:
        _, weights = read_checkpoint(options.weights, allow_unverified=True)
        seen = json.loads(weights.metadata["bcm.training"])["patches"]
        trainer.start_from(weights.tensors, seen)
    if options.until is not None:
        trainer.seconds = trainer.elapsed + options.until
    network = trainer.model.network
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    print(
        f"{'resumed' if resumed else 'new'}: {trainer.recipe}, {millions:.2f} M parameters, "
        f"{network.flops_per_pixel / 1e6:.3f} MFLOP a pixel, step {trainer.step}",
        flush=True,
    )
    if options.export:
        sha256 = export(trainer, options.export)
        print(f"{options.export}: {options.export.stat().st_size / 1e6:.1f} MB, sha256 {sha256}")
    elif options.dry_run:
        print(f"photographs: {loaded:.1f} s")
        rehearse(trainer, clean_images_on(options.device))
    else:
        run(trainer, options)


def run(trainer: Trainer, options: argparse.Namespace) -> None:
    """Train until the run, the session or the steps are over, or an interrupt comes."""
    options.folder.mkdir(parents=True, exist_ok=True)
    stopping: list[bool] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    images = clean_images_on(options.device)
    began = reported = saved = exported = time.monotonic()
    while trainer.progress < 1 and trainer.step < options.steps and not stopping:
        seen = trainer.update()
        now = time.monotonic()
        if now - began > 60 * options.session:
            break
        if now - exported > AVERAGE_SECONDS:
            exported = now
            export(trainer, options.folder / "average.safetensors")
        if now - saved > SAVE_SECONDS:
            saved = now
            trainer.save()
        if now - reported > options.report:
            reported = now
            losses = " ".join(f"{name} {loss:.4f}" for name, loss in seen.items())
            print(figures(trainer, images), losses, flush=True)
    trainer.save()
    export(trainer, options.folder / "average.safetensors")
    print("stopped:", figures(trainer, images), flush=True)


def rehearse(trainer: Trainer, images: list[torch.Tensor]) -> None:
    """Time each part of a run, and say what the run will come to; nothing of it is kept."""
    left = trainer.seconds - trainer.elapsed

    def timed(name: str, part: Callable[[], object]) -> float:
        began = time.monotonic()
        part()
        if trainer.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.monotonic() - began
        print(f"{name}: {seconds:.2f} s", flush=True)
        return seconds

    timed("first step", trainer.update)
    step = min(timed("step", trainer.update) for _ in range(3))
    trainer.folder = trainer.folder / "rehearsal"
    save = timed("state", trainer.save)
    average = timed("average", lambda: export(trainer, trainer.folder / "average.safetensors"))
    timed("figures", lambda: figures(trainer, images))
    for path in trainer.folder.iterdir():
        path.unlink()
    trainer.folder.rmdir()
    share = step / (step + step * save / SAVE_SECONDS + step * average / AVERAGE_SECONDS)
    steps = int(left * share / step)
    patches = steps * trainer.recipe.batch
    print(f"{left / 60:.1f} minutes: {steps} steps, {patches} patches, figures not counted")


def clean_images_on(device: str) -> list[torch.Tensor]:
    return [x.to(device) for x in clean_images().values()]


def figures(trainer: Trainer, images: list[torch.Tensor]) -> str:
    """Where the run stands, and how well its average denoises Public 13."""
    psnr = [denoising_psnr(trainer.average, images, sigma) for sigma in (15, 50)]
    return (
        f"step {trainer.step} patches {trainer.patches} minutes {trainer.elapsed / 60:.1f} "
        f"denoising 15: {psnr[0]:.3f} dB, 50: {psnr[1]:.3f} dB"
    )


def export(trainer: Trainer, path: Path) -> str:
    """Write the averaged network in float16 with its metadata, as `models` commands take it.

    The result is the file's SHA-256.
    """
    network = trainer.average.network
    tensors = {k: v.half().contiguous() for k, v in network.state_dict().items()}
    training = {
        "steps": trainer.step,
        "patches": trainer.patches,
        "minutes": round(trainer.elapsed / 60, 1),
        **dataclasses.asdict(trainer.recipe),
    }
    metadata = make_metadata(
        trainer.recipe.architecture,
        network.config,
        sigma_data=trainer.average.sigma_data,
        training=json.dumps(training),
        title="bcm-restore photographs",
        license="MIT",
    )
    return write(path, tensors, metadata)


if __name__ == "__main__":
    main()
