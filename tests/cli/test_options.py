"""Every option changes something: each is run once beside the same command without it.

A row holds a command and what is added to it; one that needs weights, a cluster or a server names
the test file that shows the same. An option without a row fails here.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore.cli.app import COMMANDS, load_command
from restore.networks import build
from tests.conftest import TINY
from tests.support.commands import Run, copies

TOP = Path(__file__).parents[2]
EDITING, RAY = "tests/editing/test_command.py", "tests/batch/test_ray.py"
JPEG = "jpeg photo.jpg --nfe 1"
INPAINT = "inpaint clean.png --mask mask.png --nfe 1"
MANY = "jpeg in -o out --nfe 1"
BENCH = "bench --images in --tasks jpeg --methods ours --modes fidelity --nfe 1 --size 32"
GENERATE = "generate -o g.png --size 16x16"
CONVERT = "models convert w.pt -o w.safetensors"
TINY_CONFIG = f"--config {json.dumps(TINY, separators=(',', ':'))}"
WHOLE = f"{CONVERT} --architecture patch {TINY_CONFIG}"
ROWS: dict[str, tuple[str, str] | str] = {
    "--assume-quality": ("jpeg clean.png", "--assume-quality 20"),
    "--blend": (JPEG, "--blend 0.5"),
    "--catalog": ("models list", "--catalog own.toml"),
    "--compare": (JPEG, "--compare sheet.png"),
    "--cross-fade": ("interpolate clean.png other.png -o i.png --frames 3 --nfe 1", "--cross-fade"),
    "--degraded": ("compare clean.png other.png", "--degraded photo.jpg"),
    "--depth": (JPEG, "--depth 16"),
    "--device": (JPEG, "--device cuda:77"),
    "--dilate": (INPAINT, "--dilate 3"),
    "--dry-run": (JPEG, "--dry-run"),
    "--dtype": (JPEG, "--dtype bf16"),
    "--edit": ("mask clean.png --no-open", "--edit"),
    "--exclude": (MANY, "--exclude a.*"),
    "--existing": (f"{JPEG} -o other.png", "--existing overwrite"),
    "--fail-fast": ("jpeg bad.jpg photo.jpg -o out", "--fail-fast"),
    "--fill": (INPAINT, "--fill patch"),
    "--find": ("mask scratched.png", "--find dust"),
    "--first": (BENCH, "--first 1"),
    "--format": (JPEG, "--format webp"),
    "--frames": ("interpolate clean.png other.png -o i.png --nfe 1", "--frames 3"),
    "--from-file": (f"{MANY} --dry-run", "--from-file list.txt"),
    "--images": (BENCH.replace("--images in", "--images more --dry-run"), "--images in"),
    "--include": (MANY, "--include a.*"),
    "--invert-mask": (INPAINT, "--invert-mask"),
    "--json": (JPEG, "--json"),
    "--kernel": ("deblur clean.png --kernel box:3 --nfe 1", "--kernel box:5"),
    "--label": (JPEG, "--label 1"),
    "--level": ("invert clean.png --nfe 1", "--level 1"),
    "--manifest": (MANY, "--manifest m.jsonl"),
    "--mask": (INPAINT, "--mask wide.png"),
    "--mask-out": ("degrade inpaint clean.png --missing half", "--mask-out out.png"),
    "--max-pixels": (JPEG, "--max-pixels 99"),
    "--method": ("jpeg photo.jpg --nfe 2", "--method ddnm"),
    "--missing": ("degrade inpaint clean.png --missing half", "--missing block"),
    "--mode": (JPEG, "--mode perceptual"),
    "--model": (JPEG, "--model default"),
    "--name": (JPEG, "--name new-{stem}"),
    "--nfe": (JPEG, "--nfe 2"),
    "--null": (f"{MANY} --dry-run --from-file nul.txt", "--null"),
    "--open": (JPEG, "--open"),
    "--output": (JPEG, "--output elsewhere.png"),
    "--overlay": ("mask lined.png", "--overlay o.png"),
    "--preview": ("denoise lined.png --sigma 20", "--preview 40,30,64,48"),
    "--quality": (f"{JPEG} -o q.jpg", "--quality 20"),
    "--quiet": (JPEG, "--quiet"),
    "--recipe": (GENERATE, "--recipe mixed"),
    "--recursive": (MANY.replace("in", "deep"), "--recursive"),
    "--reference": (JPEG, "--reference clean.png --json"),
    "--refine": ("invert clean.png --nfe 1 --level 1", "--refine 1"),
    "--report": (JPEG, "--report page.html"),
    "--rows": (BENCH, "--rows none"),
    "--samples": (f"{JPEG} --mode perceptual", "--samples 2"),
    "--sampling": ("degrade jpeg clean.png", "--sampling 4:4:4"),
    "--scale": ("superres clean.png --scale 2 --nfe 1", "--scale 1.5"),
    "--seed": (f"{JPEG} --mode perceptual", "--seed 3"),
    "--seeds": (f"{BENCH} --dry-run", "--seeds 2"),
    "--sensitivity": ("mask scratched.png", "--sensitivity 0"),
    "--shard": (MANY, "--shard 1/2"),
    "--sheet": (JPEG, "--sheet sheet.png"),
    "--sigma": ("denoise clean.png --sigma 5", "--sigma 30"),
    "--size": (GENERATE, "--size 24x16"),
    "--start": (f"{INPAINT} -o begun.png", "--start other.png"),
    "--strength": (JPEG, "--strength 0.5"),
    "--stretch": ("superres clean.png --size 60x90 --nfe 1", "--stretch"),
    "--strip": ("jpeg tagged.jpg --nfe 1", "--strip"),
    "--suffix": (JPEG, "--suffix -new"),
    "--tasks": (f"{BENCH} --dry-run", "--tasks jpeg,denoise"),
    "--methods": (f"{BENCH} --dry-run", "--methods all"),
    "--modes": (f"{BENCH} --dry-run", "--modes perceptual,fidelity"),
    "--csv": (BENCH, "--csv b.csv"),
    "--html": (BENCH, "--html b.html"),
    "--markdown": (BENCH, "--markdown b.md"),
    "--plot": (BENCH, "--plot b.svg"),
    "--threads": (f"{JPEG} --threads 1", "--threads 2"),
    "--tile": ("denoise lined.png --sigma 20 --json", "--tile 96"),
    "--uncertainty": (f"{JPEG} --mode perceptual --samples 2", "--uncertainty u.png"),
    "--variants": (f"{JPEG} --mode perceptual", "--variants 2"),
    "--verbose": (JPEG, "--verbose"),
    "--with": (JPEG, "--with print"),
    "--workers": "tests/batch/test_commands.py",
    "--yes": (f"{JPEG} -o other.png", "--yes"),
    "-n": (GENERATE, "-n 2"),
    "--allow-unverified": "tests/checkpoints/test_leaks.py",
    "--offline": "tests/cli/test_tools.py",
    "--box": "tests/cli/test_functions.py",
    "--function": "tests/cli/test_functions.py",
    **dict.fromkeys(("--engine", "--ray-address", "--ray-workers"), RAY),
    **dict.fromkeys(("--cpus-per-worker", "--gpus-per-worker"), RAY),
    **dict.fromkeys(
        ("--amplify", "--control", "--cross", "--guidance", "--keep", "--prompts", "--self",
         "--side", "--source", "--target", "--tau"),
        EDITING,
    ),
    "--architecture": (f"{CONVERT} {TINY_CONFIG}", "--architecture patch"),
    "--config": (f"{CONVERT} --architecture patch", '--config {"features":9}'),
    "--part": (f"{WHOLE} --license MIT".replace("w.pt", "two.pt"), "--part ema"),
    "--license": (WHOLE, "--license MIT"),
    "--sigma-data": (WHOLE, "--sigma-data 0.4"),
    "--title": (WHOLE, "--title Mine"),
    "--training": (WHOLE, "--training photographs"),
}  # fmt: skip
# What these change is that a command is refused, or that one is that would be.
FAILS = ("--label", "--max-pixels", "--device", "--config")
WITHOUT = ("--existing", "--yes", "--null", "--architecture", "--part")


def list_options() -> set[str]:
    """The long names of all options of all commands."""
    found: set[str] = set()
    waiting = [load_command(name) for name in COMMANDS]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        found |= {
            max(option.opts, key=len)
            for option in command.params
            if option.param_type_name == "option" and "--help" not in option.opts
        }
    return found


def test_every_option_has_a_row() -> None:
    assert list_options() == set(ROWS)


@pytest.fixture
def folder(tmp_path: Path) -> None:
    """More files beside those that every test of the command line has."""
    copies(["in/a.jpg", "in/b.jpg", "deep/c.jpg", "deep/below/d.jpg"])
    photo = Image.open("clean.png")
    photo.rotate(180).save("other.png")
    Path("more").mkdir()
    photo.save("more/e.png")
    exif = Image.Exif()
    exif[0x010E] = "holidays"
    photo.save("tagged.jpg", exif=exif)
    wide = np.zeros((32, 48), np.uint8)
    wide[4:28, 4:44] = 255
    Image.fromarray(wide).save("wide.png")
    lined = np.asarray(photo.resize((192, 128), Image.Resampling.BICUBIC)).copy()
    lined[:, 90:92] = 255
    Image.fromarray(lined).save("lined.png")
    with Image.open(TOP / "examples" / "photos" / "chelsea_scratched.png") as scan:
        scan.crop((0, 0, 256, 192)).save("scratched.png")
    Path("list.txt").write_text("more/e.png\n")
    Path("nul.txt").write_bytes(b"more/e.png\0")
    row = f'source = "hub"\nrepo = "a/b"\nrevision = "{"0" * 40}"\nfile = "m.safetensors"\n'
    Path("own.toml").write_text(f"[mine]\n{row}verified = false\n")
    weights = build("patch", TINY).state_dict()
    torch.save(weights, "w.pt")
    torch.save({"ema": weights, "model": {name: 2 * x for name, x in weights.items()}}, "two.pt")
    Path("bcm-restore.toml").write_text("[with.print]\nformat = 'tiff'\n")


def observe(run: Run, words: str) -> tuple[int, dict[str, bytes], str]:
    """The code, the files and all that was said, but for times."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    done = run(*words.split())
    files = {}
    for path in [path for path in Path().rglob("*") if path.is_file()]:
        if before.get(path) != path.read_bytes():
            files[str(path)] = path.read_bytes()
            path.unlink()
            if path in before:
                path.write_bytes(before[path])
    said = re.sub(r'about [\d.]+ \w+|[\d.]+ s\b|"seconds": [\d.e-]+|\S+ a minute', "", done.output)
    return done.exit_code, files, said


@pytest.mark.parametrize("option", [name for name, row in ROWS.items() if isinstance(row, tuple)])
def test_an_option_changes_something(
    run: Run, option: str, folder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.cli.views.open_in_browser", lambda path: False)
    base, more = ROWS[option]
    assert option in more
    code, files, said = observe(run, base)
    other_code, other_files, other_said = observe(run, f"{base} {more}")
    assert (code in (0, 3)) is (option not in WITHOUT), said
    assert (other_code in (0, 3)) is (option not in FAILS) or option == "--max-pixels", other_said
    assert (code, files, said) != (other_code, other_files, other_said)
    if code == other_code == 0 and files and option in ("--nfe", "--seed", "--mode", "--tile"):
        assert set(files) == set(other_files)


@pytest.mark.parametrize("option", [name for name, row in ROWS.items() if isinstance(row, str)])
def test_an_option_is_in_the_test_that_its_row_names(option: str) -> None:
    text = (TOP / str(ROWS[option])).read_text()
    assert option in text or option.lstrip("-").replace("-", "_") in text
