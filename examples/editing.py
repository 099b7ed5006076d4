"""Editing: what one evaluation costs, and the published weights held against published figures.

    python examples/editing.py                        # a full-size UNet with random weights: time
    python examples/editing.py --bf16 --side 768      # and memory of one evaluation, and of a merge
    python examples/editing.py --real photo.jpg --prompt "a photo of a cat"  # downloads 4.8 GB

Published of Stable Diffusion 1.5 by 4 + 4 evaluations, mean PSNR over 5000 pictures of COCO: 22.27
dB unguided, 19.66 at w = 8 with tau 0.8, 13.87 without; an edit takes 0.96 s on a data-centre GPU.
"""

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch

from restore.editing import networks
from restore.editing.adapters import Change, merge_
from restore.editing.loading import load_editor
from restore.editing.schedule import Guidance
from restore.editing.words import LENGTH, Conditioning
from restore.images import as_picture
from restore.tasks.edit import Edit, edit

TFLOP = {512: 0.803, 768: 2.15}  # of the UNet for one square image, by its side
RANK, SCALE = 64, 1 / 8  # of the published adapters
PUBLISHED = {"unguided": 22.27, "w 8, tau 0.8": 19.66, "w 8, tau 1": 13.87}


def processor() -> str:
    """The processor's name and how busy the machine is, which times depend on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    load = os.getloadavg()[0]
    threads = torch.get_num_threads()
    name = names[0] if names else platform.processor()
    return f"{name}, {threads} threads of {os.cpu_count()}, other work beside: load {load:.1f}"


def peak() -> float:
    """GB of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def timed(what: str, run: Callable[[], object]) -> float:
    """Seconds of a call, printed."""
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    print(f"{what:<48} {seconds:7.1f} s   peak {peak():.2f} GB", flush=True)
    return seconds


def random_unet(dtype: torch.dtype) -> networks.UNet:
    """Stable Diffusion 1.5's UNet with random weights."""
    network = networks.build_unet(networks.ARCHITECTURES["sd15"]["unet"])
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, value in network.state_dict().items():
        scale = 0.5 / max(value[0].numel(), 1) ** 0.5 if value.ndim > 1 else 0.1
        tensors[name] = (torch.randn(value.shape, generator=generator) * scale).to(dtype)
    networks.fill_(network, tensors)
    return networks.UNet(network)


def random_adapter(unet: networks.UNet) -> dict[str, Change]:
    """Changes of every weight of attention and of feed-forward layers."""
    adapter = {}
    for name, value in unet.network.named_parameters():
        if name.endswith(".weight") and value.ndim > 1 and ("attn" in name or ".ff." in name):
            down, up = torch.zeros(RANK, *value.shape[1:]), torch.zeros(value.shape[0], RANK)
            adapter[name.removesuffix(".weight").replace(".", "_")] = Change(down, up, SCALE)
    return adapter


def cost(side: int, dtype: torch.dtype) -> None:
    """Print time and memory of the full-size UNet."""
    print(processor())
    print(f"before: peak {peak():.2f} GB")
    unet = random_unet(dtype)
    print(f"{sum(p.numel() for p in unet.network.parameters()):,} parameters in {dtype}")
    print(f"{'loaded':<48} {'':9}   peak {peak():.2f} GB")
    words = Conditioning(torch.randn(1, LENGTH, 768))
    both = words.and_(words)
    x = torch.randn(1, 4, side // 8, side // 8)
    with torch.inference_mode():
        for count, told in ((1, words), (2, both)):
            images = x.expand(count, -1, -1, -1)
            w = [0.0, 19.0][:count]
            run = lambda images=images, told=told, w=w: unet(images, 999, told, w)  # noqa: E731
            seconds = timed(f"one evaluation, {count} image(s) of {side}²", run)
            if side in TFLOP:
                print(f"{'':<48} {1000 * TFLOP[side] * count / seconds:7.0f} GFLOP/s")
    merge = lambda: merge_(unet.network, random_adapter(unet), unet.network.get_parameter, "x")  # noqa: E731
    timed("attention's and feed-forward's adapter merged", merge)
    print(
        "expected of fp32 at 512²: 3.5 GB loaded, 4.1 at one image, 4.3 at two; 3.5 s an image at"
    )
    print("230 GFLOP/s of two cores for themselves, 34 s and 60 s on two that others kept busy")


def real(photo: str, prompt: str, target: str, dtype: str, device: str) -> dict[str, float]:
    """Run the published weights on a photograph, and print what to hold against the paper's."""
    began = time.perf_counter()
    editor = load_editor("icd-sd15", 8, device, dtype, announce=print)
    print(f"loaded in {time.perf_counter() - began:.0f} s, peak {peak():.2f} GB; {processor()}")
    for role, sha256 in editor.sha256.items():
        print(f"{role}: {sha256}")
    from restore.editing.composition import choose_working_size, resize

    picture = as_picture(photo)
    x = resize(picture.tensor(), choose_working_size(picture.size, 512)).clamp(-1, 1)
    x = x.to(editor.unet.device)
    told, found = editor.read_prompt(prompt), {}
    for name, guidance in (
        ("unguided", Guidance(0)),
        ("w 8, tau 0.8", Guidance(8, 0.8)),
        ("w 8, tau 1", Guidance(8, 1)),
    ):
        began = time.perf_counter()
        back = editor.edit(x, told, told, guidance).edit
        found[name] = float(-10 * ((back - x).square().mean() / 4).log10())
        print(
            f"{name}: {found[name]:.2f} dB (published mean {PUBLISHED[name]}), "
            f"{time.perf_counter() - began:.1f} s, peak {peak():.2f} GB"
        )
    result = edit(picture, Edit(prompt, target), editor)
    output = f"{Path(photo).stem}_edit.png"
    result.save(output)
    print(f"{output}: {result.record.seconds:.1f} s, {dict(result.record.metrics)}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--bf16", action="store_true", help="the UNet in bfloat16")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--real", metavar="PHOTO", help="the published weights on a photograph")
    parser.add_argument("--prompt", default="a photo of a cat", help="what it shows")
    parser.add_argument("--target", default="a photo of a dog", help="what it shall show")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.real:
        dtype = "bf16" if options.bf16 else "auto"
        real(options.real, options.prompt, options.target, dtype, options.device)
    else:
        cost(options.side, torch.bfloat16 if options.bf16 else torch.float32)


if __name__ == "__main__":
    main()
