"""Train the embedded network, on two cores or on a GPU; stop and resume at will.

    python examples/debian_photos.py photos/
    python examples/train.py runs/default --photos photos --minutes 120
    python examples/train.py runs/default --export bcm_photo.safetensors

The run stops by itself after --minutes of training, or after --session minutes of this process,
and on an interrupt; each time the state is saved, and the same command goes on from there.
"""

import argparse
import dataclasses
import json
import signal
import time
from pathlib import Path

import torch
from public13 import clean_images

from restore.checkpoints.files import describe, write
from restore.training import LOSSES, Photographs, Recipe, Trainer, denoising_psnr


def shares(text: str) -> dict[str, float]:
    """'diagonal=0.7,semigroup=0.3' -> {"diagonal": 0.7, "semigroup": 0.3}"""
    found = {name: float(share) for name, share in (part.split("=") for part in text.split(","))}
    unknown = sorted(set(found) - set(LOSSES))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown terms {unknown}; known: {sorted(LOSSES)}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, default=Path("photos"))
    parser.add_argument("--minutes", type=float, default=120, help="of the whole run")
    parser.add_argument("--session", type=float, default=1e9, help="minutes of this process")
    parser.add_argument("--steps", type=int, default=10**9, help="stop after this many")
    parser.add_argument("--shares", type=shares, default={"diagonal": 1.0})
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--report", type=float, default=120, help="seconds between figures")
    parser.add_argument("--leaves", type=float, default=0.0, help="share of dead leaves pictures")
    parser.add_argument("--export", type=Path, help="write the averaged network and stop")
    for name in ("batch", "crop"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Recipe(), name))
    for name in ("learning_rate", "ema", "level_mean", "level_std", "broad", "decay_from"):
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=float, default=getattr(Recipe(), name))
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default=Recipe().optimizer)
    parser.add_argument(
        "--network", type=json.loads, default={}, help="JSON, PatchUNet's arguments"
    )
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    names = {f.name for f in dataclasses.fields(Recipe)}
    recipe = Recipe(**{k: v for k, v in vars(options).items() if k in names})
    if options.export:
        photographs = Photographs([torch.zeros(64, 64, 3, dtype=torch.uint8).numpy()])
    else:
        photographs = Photographs.from_folder(options.photos, options.device, leaves=options.leaves)
    trainer = Trainer(options.folder, photographs, recipe, options.minutes)
    resumed = trainer.resume()
    network = trainer.model.network
    parameters = sum(p.numel() for p in network.parameters())
    print(
        f"{'resumed' if resumed else 'new'}: {recipe}, {parameters / 1e6:.2f} M parameters, "
        f"{network.flops_per_pixel / 1e6:.3f} MFLOP a pixel, step {trainer.step}",
        flush=True,
    )
    if options.export:
        export(trainer, options.export)
        return

    stopping = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    images = [x.to(options.device) for x in clean_images().values()]
    began = reported = saved = time.monotonic()
    while trainer.progress < 1 and trainer.step < options.steps and not stopping:
        seen = trainer.update()
        now = time.monotonic()
        if now - began > 60 * options.session:
            break
        if now - reported > options.report:
            reported = now
            losses = " ".join(f"{name} {loss:.4f}" for name, loss in seen.items())
            print(figures(trainer, images), losses, flush=True)
        if now - saved > 300:
            saved = now
            trainer.save()
    trainer.save()
    print("stopped:", figures(trainer, images), flush=True)


def figures(trainer: Trainer, images: list[torch.Tensor]) -> str:
    """Where the run stands, and how well its average denoises Public 13."""
    psnr = [denoising_psnr(trainer.average, images, sigma) for sigma in (15, 50)]
    return (
        f"step {trainer.step} patches {trainer.patches} minutes {trainer.elapsed / 60:.1f} "
        f"denoising 15: {psnr[0]:.2f} dB, 50: {psnr[1]:.2f} dB"
    )


def export(trainer: Trainer, path: Path) -> None:
    """The averaged network in float16 with its metadata, as `models` commands take it."""
    network = trainer.average.network
    tensors = {k: v.half().contiguous() for k, v in network.state_dict().items()}
    training = {
        "steps": trainer.step,
        "patches": trainer.patches,
        "minutes": round(trainer.elapsed / 60, 1),
        **dataclasses.asdict(trainer.recipe),
    }
    metadata = describe(
        "patch",
        network.config,
        sigma_data=trainer.average.sigma_data,
        training=json.dumps(training),
        title="bcm-restore photographs",
        license="MIT",
    )
    sha256 = write(path, tensors, metadata)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {sha256}")


if __name__ == "__main__":
    main()
