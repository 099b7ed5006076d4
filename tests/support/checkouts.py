"""Checkouts: every command run by two versions of the program, their outputs compared.

    python tests/support/checkouts.py OLD NEW     # two folders with a checkout each

Prints a line a command: the same bytes, or what differs. Records are compared without their times.
Exits with 1 where anything differs.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

OWN = ["--device", "cpu", "--dtype", "fp32", "--threads", "1", "--json"]
COMMANDS = {
    "degrade jpeg": "degrade jpeg clean.png --quality 12 -o bad.jpg",
    "degrade inpaint": "degrade inpaint clean.png --missing scratches --mask-out mask.png -o h.png",
    "degrade superres": "degrade superres clean.png --scale 2 -o small.png",
    "degrade denoise": "degrade denoise clean.png --sigma 20 -o noisy.png",
    "degrade deblur": "degrade deblur clean.png --kernel gaussian:1.5 --sigma 2 -o soft.png",
    "jpeg": "jpeg bad.jpg -o a.png",
    "jpeg perceptual": "jpeg bad.jpg --mode perceptual --seed 3 -o b.png",
    "inpaint": "inpaint h.png --mask mask.png -o c.png",
    "superres": "superres small.png --scale 2 -o d.png",
    "denoise": "denoise noisy.png --sigma 20 -o e.png",
    "deblur": "deblur soft.png --kernel gaussian:1.5 --sigma 2 -o f.png",
    "samples": "superres small.png --scale 2 --samples 3 --nfe 2 -o g.png",
    "published": "superres small.png --scale 2 --method ddrm --nfe 4 -o i.png",
    "invert": "invert clean.png --level 1 --nfe 2 -o z.safetensors",
    "reconstruct": "reconstruct z.safetensors -o j.png",
    "interpolate": "interpolate clean.png noisy.png --frames 3 --nfe 2 --level 1 -o k.png",
    "generate": "generate -n 2 --size 64x64 -o l.png",
    "compare": "compare a.png clean.png --degraded bad.jpg",
    "auto": "auto bad.jpg -o m.png",
    "diagnose": "diagnose bad.jpg h.png --mask mask.png",
    "mask": "mask clean.png -o n.png --overlay o.png",
    "folder": "jpeg bad.jpg a.png -o out/ --format same --nfe 1",
    "resumed": "jpeg bad.jpg a.png -o out/ --format same --nfe 1 --existing skip",
    "rehearsal": "superres small.png --scale 2 --dry-run",
    "refused": "jpeg bad.jpg -o p.png --quality 80",
    "report merge": "report merge out/.bcm-restore.jsonl",
    "models list": "models list",
    "config show": "config show jpeg",
    "bench": "bench --tasks jpeg-10 --nfe 1 --methods ours --first 1 --size 64 --dry-run",
    "help": "jpeg --help-all",
}
JSON_ALONE = ("degrade", "compare", "diagnose", "report", "models", "config")
PLAIN = ("mask", "bench")  # and whatever asks for help
TIMES = ("seconds",)


def run(checkout: Path, folder: Path, line: str) -> tuple[dict[str, str], list[object]]:
    """Hashes of the files that a command wrote, and its records without times."""
    words = line.split()
    if words[0] not in PLAIN and "--help-all" not in words:
        words += ["--json"] if words[0] in JSON_ALONE else OWN
    before = set(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "restore", *words],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(checkout)}, capture_output=True, text=True,
    )  # fmt: skip
    made = sorted(p for p in folder.rglob("*") if p not in before and p.is_file())
    made = [path for path in made if path.suffix != ".jsonl"]  # it has times
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made}
    records = [json.loads(row) if row.startswith("{") else row for row in done.stdout.splitlines()]
    for record in records:
        if isinstance(record, dict):
            for name in TIMES:
                record.pop(name, None)
                if isinstance(summary := record.get("summary"), dict):
                    summary.pop(name, None)
    return {**hashes, "exit code": str(done.returncode)}, records


def main(old: str, new: str) -> int:
    differ = 0
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        clean = np.ascontiguousarray(data.astronaut()[60:188, 180:308])
        for folder in (one, other):
            Image.fromarray(clean).save(Path(folder, "clean.png"))
        for name, line in COMMANDS.items():
            a = run(Path(old).resolve(), Path(one), line)
            b = run(Path(new).resolve(), Path(other), line)
            files = {key for key in {*a[0], *b[0]} if a[0].get(key) != b[0].get(key)}
            said = [] if a[1] == b[1] else ["records"]
            differ += bool(files or said)
            what = ", ".join([*sorted(files), *said])
            print(f"{name}: {f'differ: {what}' if what else 'the same'}", flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
