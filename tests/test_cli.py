"""Laws of the room `cli`: what is asked is done or refused, data and talk stay apart."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

import restore
from restore.batch import MANIFEST
from restore.checkpoints import describe, write
from restore.cli import app
from restore.cli.app import COMMANDS as app_rows
from restore.cli.app import load
from restore.errors import (
    CheckpointError,
    ImageError,
    RequestError,
    ResourceError,
    RestoreError,
)
from restore.images import as_picture
from restore.networks import build
from restore.record import KEYS
from restore.tasks import Jpeg

RECORD = [
    "schema", "status", "task", "input", "output", "model", "model_sha256", "method", "mode",
    "nfe", "seed", "device", "dtype", "tile", "size_in", "size_out", "seconds", "metrics",
    "warnings", "error",
]  # fmt: skip
COMMANDS = (
    "inpaint", "jpeg", "superres", "denoise", "deblur", "edit", "degrade", "compare", "bench",
    "models", "env",
)  # fmt: skip
MODELS = ("list", "info", "download", "verify", "path", "rm", "convert", "card")
HOLE = ("inpaint", "clean.png", "--mask", "mask.png")
HOSTILE = ("[/x].jpg", "[red]a.jpg", "new\nline.jpg", "\x1b[31mred.jpg", "é😀.jpg", "n\udcff.jpg")

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photograph: Callable[..., np.ndarray],
    tiny_model: Path,
) -> Path:
    """A folder with a photograph, a JPEG file of it, a mask and a damaged file; the tiny model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    photo = Image.fromarray(photograph())
    photo.save("clean.png")
    photo.save("photo.jpg", quality=10)
    mask = np.zeros((32, 48), np.uint8)
    mask[10:20, 15:30] = 255
    Image.fromarray(mask).save("mask.png")
    Path("bad.jpg").write_bytes(Path("photo.jpg").read_bytes()[:300])
    return tmp_path


@pytest.fixture
def run() -> Run:
    """run(*arguments): the command line within this process."""

    def call(*arguments: object, input: bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments], input=input)

    return call


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess:
    """The command line as a process of its own, in this folder."""
    options = {"capture_output": True, "timeout": 60, **options}
    return subprocess.run([sys.executable, "-m", "restore", *map(str, arguments)], **options)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes find the package where this one did."""
    monkeypatch.setenv("PYTHONPATH", str(Path(restore.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def copies(names: list[str], folder: str = ".") -> list[Path]:
    """Different JPEG files under these names."""
    photo, paths = Image.open("clean.png"), []
    for turn, name in enumerate(names):
        paths.append(Path(folder) / name)
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        photo.rotate(90 * (turn % 4)).save(paths[-1], "JPEG", quality=10)
    return paths


# Start-up and help


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["jpeg", "--help"], ["models", "list"]]
)
def test_quick_answers_load_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, atexit; from time import process_time; began = process_time()\n"
        "atexit.register(lambda: print(process_time() - began, *sys.modules, file=sys.stderr))\n"
        f"sys.argv[1:] = {arguments!r}; from restore.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    seconds, *modules = done.stderr.split()
    assert done.returncode == 0
    assert done.stdout
    assert not {"torch", "numpy", "PIL", "cv2", "skimage", "huggingface_hub"} & set(modules)
    assert float(seconds) < 1.5


@pytest.mark.parametrize("name", app_rows)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    """The list is made without the commands, so their first lines stand in it once more."""
    said = (load(name).help or "").split("\n\n")[0]
    assert " ".join(said.split()) == app_rows[name].help


def test_the_list_of_commands_imports_none() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from restore.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([name for name in sys.modules if name in "
        "('restore.cli.restoration', 'restore.cli.models', 'restore.batch.plan')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    "command", [(name,) for name in COMMANDS] + [("models", n) for n in MODELS]
)
def test_every_command_has_help_with_examples(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert command == ("models",) or f"$ bcm-restore {' '.join(command)}" in result.stdout


def test_help_has_panels_and_names_the_defaults(run: Run) -> None:
    text = " ".join(run("inpaint", "--help").stdout.replace("│", " ").split())
    for panel in ("Task", "Input", "Output", "Encoding", "Model", "Restoration", "Machine", "Run"):
        assert f"─ {panel} ─" in text
    for default in ("inpaint 8, jpeg 4, superres 8", "64 million", "JPEG 95, WebP lossless"):
        assert default in text
    for variable in ("MODEL", "DEVICE", "DTYPE", "CATALOG"):
        assert f"BCM_RESTORE_{variable}" in text


def test_version_is_the_package_s(run: Run) -> None:
    assert run("--version").stdout == f"bcm-restore {restore.__version__}\n"


# What is done


def test_jpeg_keeps_to_the_file_and_says_so(run: Run) -> None:
    result = run("jpeg", "photo.jpg", "--json", "--reference", "clean.png")
    (record,) = records(result)
    assert result.exit_code == 0
    assert list(record) == RECORD == list(KEYS)
    assert record["status"] == "ok"
    assert record["input"] == "photo.jpg"
    assert record["output"] == "photo_jpeg.png"
    assert record["model"] == "tiny"
    assert len(record["model_sha256"]) == 64
    assert record["size_in"] == record["size_out"] == [48, 32]
    assert record["metrics"]["coefficients_kept"] > 0.9
    assert record["metrics"]["psnr_db"] > 10
    assert record["error"] is None
    assert pixels("photo_jpeg.png").shape == (32, 48, 3)


def test_inpaint_changes_the_hole_alone(run: Run) -> None:
    result = run(*HOLE, "--json")
    (record,) = records(result)
    before, after = pixels("clean.png"), pixels("clean_inpaint.png")
    hole = pixels("mask.png") > 127
    assert (before == after)[~hole].all()
    assert not (before == after)[hole].all()
    assert record["metrics"]["known_max_error"] == 0
    assert record["metrics"]["consistency_exact"] is True


def test_superres_enlarges_by_scale_or_to_a_size(run: Run) -> None:
    assert run("superres", "clean.png", "--scale", 1.5, "-o", "a.png").exit_code == 0
    assert run("superres", "clean.png", "--size", "72x48", "-o", "b.png").exit_code == 0
    assert pixels("a.png").shape == (48, 72, 3)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_sizes_are_those_of_the_image_upright(run: Run) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open("clean.png").save("turned.jpg", exif=exif)
    assert run("superres", "turned.jpg", "--size", "48x33").exit_code == 2
    (record,) = records(run("superres", "turned.jpg", "--size", "33x48", "--nfe", 1, "--json"))
    assert (record["size_in"], record["size_out"]) == ([32, 48], [33, 48])


def test_the_library_gives_the_same_pixels(run: Run, tiny_model: Path) -> None:
    run("jpeg", "photo.jpg", "--nfe", 2)
    result = restore.jpeg("photo.jpg", model=str(tiny_model), nfe=2)
    assert (pixels("photo_jpeg.png") == result.image).all()


def test_written_paths_alone_go_to_standard_output(run: Run) -> None:
    result = run("jpeg", "photo.jpg", "--nfe", 1)
    assert result.stdout == "photo_jpeg.png\n"
    first = result.stderr.splitlines()[0]
    for word in ("cpu", "thread", "fp32", "tiny (patch)", "NFE 1", "fidelity", "; about "):
        assert word in first


def test_quiet_says_nothing_and_verbose_more(run: Run) -> None:
    quiet = run("jpeg", "photo.jpg", "--nfe", 1, "-q")
    assert (quiet.stderr, quiet.stdout) == ("", "photo_jpeg.png\n")
    assert "SHA-256 of tiny" in run("jpeg", "photo.jpg", "--nfe", 1, "-y", "-v").stderr


def test_verbose_shows_tracebacks(run: Run) -> None:
    assert "Traceback" not in run("jpeg", "bad.jpg").stderr
    assert "Traceback" in run("jpeg", "bad.jpg", "-v").stderr
    assert "Traceback" in run("compare", "none.png", "clean.png", "-v").stderr


# Options of the restoration


def test_nfe_is_what_every_pixel_went_through(run: Run) -> None:
    (record,) = records(run("jpeg", "photo.jpg", "--nfe", 3, "--json"))
    assert record["nfe"] == 3
    (record,) = records(run("jpeg", "photo.jpg", "-y", "--json"))
    assert record["nfe"] == restore.defaults.DEFAULT_NFE["jpeg"]


def test_the_seed_decides_the_pixels(run: Run) -> None:
    made = []
    for seed in (1, 1, 2):
        run(
            "inpaint",
            "clean.png",
            "--mask",
            "mask.png",
            "--mode",
            "perceptual",
            "--seed",
            seed,
            "-y",
        )
        made.append(Path("clean_inpaint.png").read_bytes())
    assert made[0] == made[1] != made[2]


def test_the_mode_decides_the_pixels(run: Run) -> None:
    for mode in ("fidelity", "perceptual"):
        (record,) = records(run("jpeg", "photo.jpg", "--mode", mode, "-o", f"{mode}.png", "--json"))
        assert record["mode"] == mode
    assert (pixels("fidelity.png") != pixels("perceptual.png")).any()


def test_device_and_dtype_are_used_or_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("jpeg", "photo.jpg", "--nfe", 1, "--json", "-y")
    (record,) = records(run(*arguments, "--device", "cpu", "--dtype", "bf16"))
    assert (record["device"], record["dtype"]) == ("cpu", "bf16")
    assert run(*arguments, "--device", "toaster").exit_code == 2
    assert run(*arguments, "--device", f"cuda:{torch.cuda.device_count()}").exit_code == 2
    monkeypatch.setenv("BCM_RESTORE_DTYPE", "bf16")
    assert records(run(*arguments, "--device", "cpu"))[0]["dtype"] == "bf16"
    monkeypatch.setenv("BCM_RESTORE_DEVICE", "toaster")
    assert run(*arguments).exit_code == 2


def test_threads_are_set(run: Run) -> None:
    before = torch.get_num_threads()
    try:
        result = run("jpeg", "photo.jpg", "--nfe", 1, "--threads", 3)
        assert torch.get_num_threads() == 3
        assert "3 threads" in result.stderr
    finally:
        torch.set_num_threads(before)


def test_the_tile_is_used_and_changes_nothing(run: Run, photograph: Callable) -> None:
    Image.fromarray(photograph("coffee", 160, 96)).save("wide.jpg", quality=10)
    (whole,) = records(run("jpeg", "wide.jpg", "--tile", 0, "-o", "whole.png", "--json"))
    (tiled,) = records(run("jpeg", "wide.jpg", "--tile", 32, "-o", "tiled.png", "--json"))
    assert tiled["tile"] < whole["tile"] == 160
    assert np.abs(pixels("whole.png").astype(int) - pixels("tiled.png")).max() <= 1


def test_a_label_is_for_class_conditional_models(run: Run) -> None:
    assert run("jpeg", "photo.jpg", "--label", 3).exit_code == 2
    config = {
        "model_channels": 32, "num_res_blocks": 1, "channel_mult": [1, 1], "num_classes": 4,
        "attention_strides": [], "num_head_channels": 32,
    }  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    shapes = build("adm", config).state_dict()
    weights = {k: torch.randn(v.shape, generator=generator) / 3 for k, v in shapes.items()}
    write("classes.safetensors", weights, describe("adm", config))
    arguments = (*HOLE, "-m", "classes.safetensors", "--nfe", 1, "--mode", "perceptual", "-y")
    made = []
    for label in (1, 2):
        assert run(*arguments, "--label", label).exit_code == 0
        made.append(Path("clean_inpaint.png").read_bytes())
    assert made[0] != made[1]
    assert run(*arguments).exit_code == 2
    assert run(*arguments, "--label", 4).exit_code == 2


def test_a_reference_may_be_a_folder(run: Run) -> None:
    copies(["in/a.jpg", "in/b.jpg"])
    Path("clean").mkdir()
    Image.open("clean.png").save("clean/a.png")
    result = run("jpeg", "in", "-o", "out", "--reference", "clean", "--nfe", 1, "--json")
    first, second, _ = records(result)
    assert result.exit_code == 0
    assert first["metrics"]["psnr_db"] > 10
    assert "psnr_db" not in second["metrics"]
    assert "no reference" in second["warnings"][0]


def test_a_reference_of_another_size_fails_before_the_work(run: Run) -> None:
    result = run("superres", "clean.png", "--scale", 2, "--reference", "clean.png")
    assert result.exit_code == 3
    assert "reading: the reference 'clean.png' has 48×32 pixels" in result.stderr


def test_masks_match_by_stem_and_grow_and_invert(run: Run) -> None:
    Path("masks").mkdir()
    Path("mask.png").rename("masks/clean.png")
    fractions = []
    for options in ([], ["--dilate", 2], ["--invert-mask"]):
        result = run(
            "inpaint", "clean.png", "--mask", "masks", "--nfe", 1, "--json", "-y", *options
        )
        assert records(result)[0]["metrics"]["known_max_error"] == 0
        changed = pixels("clean_inpaint.png") != pixels("clean.png")
        fractions.append(changed.any(axis=-1).mean())
    assert fractions[0] < fractions[1] < fractions[2]
    Path("masks/clean.png").rename("masks/other.png")
    assert run("inpaint", "clean.png", "--mask", "masks", "-y").exit_code == 3


def test_the_mask_may_be_the_image_s_own_transparency(run: Run) -> None:
    image = Image.open("clean.png").convert("RGBA")
    image.putalpha(Image.fromarray(255 - pixels("mask.png")))
    image.save("cutout.png")
    assert run("inpaint", "cutout.png", "--mask", "alpha", "--nfe", 1).exit_code == 0
    assert (pixels("cutout_inpaint.png")[..., 3] == 255).all()
    assert run("inpaint", "clean.png", "--mask", "alpha").exit_code == 3


# Outputs


def test_the_format_is_the_ending_s_or_what_was_asked(run: Run) -> None:
    for ending, format in ((".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP"), (".tif", "TIFF")):
        assert run("jpeg", "photo.jpg", "--nfe", 1, "-o", f"out{ending}").exit_code == 0
        assert Image.open(f"out{ending}").format == format
    result = run("jpeg", "photo.jpg", "--nfe", 1, "--format", "webp", "--suffix", "-new")
    assert result.stdout == "photo-new.webp\n"
    assert Image.open("photo-new.webp").format == "WEBP"


def test_quality_depth_and_strip_reach_the_file(run: Run) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    Image.open("clean.png").save("tagged.jpg", quality=10, exif=exif)
    sizes = []
    for quality in (30, 95):
        run("jpeg", "tagged.jpg", "--nfe", 1, "-o", "out.jpg", "-y", "--quality", quality)
        sizes.append(Path("out.jpg").stat().st_size)
    assert sizes[0] < sizes[1]
    assert Image.open("out.jpg").getexif()[0x010E] == "a description"
    run("jpeg", "tagged.jpg", "--nfe", 1, "-o", "out.jpg", "-y", "--strip")
    assert not Image.open("out.jpg").getexif()
    run("jpeg", "tagged.jpg", "--nfe", 1, "-o", "deep.png", "--depth", 16)
    assert Path("deep.png").read_bytes()[24] == 16
    run("superres", "deep.png", "--scale", 1.5, "--nfe", 1, "-o", "eight.png", "--depth", 8)
    assert Path("eight.png").read_bytes()[24] == 8


def test_existing_outputs_are_refused_skipped_or_replaced(run: Run) -> None:
    Path("photo_jpeg.png").write_bytes(b"mine")
    refused = run("jpeg", "photo.jpg")
    assert refused.exit_code == 2
    assert "--existing skip or overwrite" in refused.stderr
    skipped = run("jpeg", "photo.jpg", "--existing", "skip", "--json")
    assert skipped.exit_code == 0
    assert list(records(skipped)[0]) == RECORD
    assert records(skipped)[0]["status"] == "skipped"
    assert Path("photo_jpeg.png").read_bytes() == b"mine"
    assert run("jpeg", "photo.jpg", "--existing", "skip", "-y").exit_code == 2
    for option in (["-y"], ["--existing", "overwrite"]):
        Path("photo_jpeg.png").write_bytes(b"mine")
        assert run("jpeg", "photo.jpg", "--nfe", 1, *option).exit_code == 0
        assert pixels("photo_jpeg.png").shape == (32, 48, 3)


def test_a_dry_run_writes_nothing(run: Run, here: Path) -> None:
    before = sorted(os.listdir(here))
    result = run("jpeg", "photo.jpg", "bad.jpg", "-o", "out/", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout == "out/photo.png\nout/bad.png\n"
    (record,) = records(run("jpeg", "photo.jpg", "--dry-run", "--json"))
    assert list(record) == RECORD
    assert record["warnings"] == ["dry run: nothing was written"]
    assert sorted(os.listdir(here)) == before


def test_a_folder_keeps_its_tree(run: Run) -> None:
    copies(["in/a.jpg", "in/below/b.jpeg", "in/.hidden.jpg"])
    Path("in/notes.txt").write_text("no image")
    assert run("jpeg", "in", "-o", "flat", "--nfe", 1).stdout == "flat/a.png\n"
    result = run("jpeg", "in", "-r", "-o", "deep", "--nfe", 1)
    assert sorted(result.stdout.split()) == ["deep/a.png", "deep/below/b.png"]
    assert Path("deep/below/b.png").is_file()


def test_a_second_run_over_a_folder_leaves_its_own_outputs_alone(run: Run) -> None:
    copies(["in/a.jpg"])
    assert run("jpeg", "in", "--nfe", 1).stdout == "in/a_jpeg.png\n"
    again = run("jpeg", "in", "--nfe", 1, "--existing", "skip")
    assert again.exit_code == 0
    assert again.stdout == ""
    assert sorted(os.listdir("in")) == [MANIFEST, "a.jpg", "a_jpeg.png"]


def test_pipes_and_devices_are_passed_over_with_a_count(run: Run) -> None:
    copies(["in/a.jpg"])
    os.mkfifo("in/pipe.png")
    result = run("jpeg", "in", "-o", "out", "--nfe", 1)
    assert (result.exit_code, result.stdout) == (0, "out/a.png\n")
    assert "1 FIFOs or devices were passed over" in result.stderr
    assert run("jpeg", "in/pipe.png").exit_code == 2


def test_masks_among_the_images_are_no_images(run: Run) -> None:
    Path("in").mkdir()
    Path("clean.png").rename("in/clean.png")
    Path("mask.png").rename("in/mask.png")
    result = run("inpaint", "in", "--mask", "in/mask.png", "-o", "out", "--nfe", 1)
    assert result.stdout == "out/clean.png\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_restored_and_printed_escaped(run: Run, name: str) -> None:
    copies([name])
    result = run("jpeg", "--nfe", 1, "--", name)
    assert result.exit_code == 0
    output = f"{name[:-4]}_jpeg.png"
    assert Path(output).is_file()
    assert result.stdout == "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in output
    ) + "\n"  # fmt: skip
    record = run("jpeg", "--nfe", 1, "-y", "--json", "--", name)
    assert record.stdout.isascii()
    assert records(record)[0]["input"] == name
    failed = run("jpeg", "--nfe", 1, "--reference", "none.png", "--", name)
    for text in (record.stderr, failed.stderr, result.stderr):
        assert "\x1b" not in text


# Several inputs


def test_one_bad_file_stops_no_other(run: Run) -> None:
    copies(["a.jpg", "b.jpg"])
    result = run("jpeg", "a.jpg", "bad.jpg", "none.jpg", "b.jpg", "-o", "out", "--nfe", 1, "--json")
    assert result.exit_code == 3
    *found, last = records(result)
    assert [r["status"] for r in found] == ["ok", "failed", "failed", "ok"]
    assert all(list(r) == RECORD for r in found)
    assert found[1]["error"]["type"] == "ImageError"
    assert last["summary"].items() >= {"ok": 2, "skipped": 0, "failed": 2, "left": 0}.items()
    assert sorted(os.listdir("out")) == [MANIFEST, "a.png", "b.png"]
    assert "failed: bad.jpg: reading: " in result.stderr


def test_fail_fast_stops_at_the_first(run: Run) -> None:
    copies(["a.jpg"])
    result = run("jpeg", "bad.jpg", "a.jpg", "-o", "out", "--fail-fast", "--json")
    assert result.exit_code == 3
    assert len(records(result)) == 2
    assert records(result)[-1]["summary"]["left"] == 1
    assert os.listdir("out") == [MANIFEST]


def test_neither_company_nor_order_changes_a_byte(run: Run) -> None:
    names = ["a.jpg", "b.jpg", "c.jpg"]
    copies(names)
    run("jpeg", *names, "-o", "forth", "--mode", "perceptual")
    run("jpeg", *names[::-1], "-o", "back", "--mode", "perceptual")
    run("jpeg", "b.jpg", "-o", "alone/", "--mode", "perceptual")
    for name in ("a.png", "b.png", "c.png"):
        assert Path("forth", name).read_bytes() == Path("back", name).read_bytes()
    assert Path("forth/b.png").read_bytes() == Path("alone/b.png").read_bytes()


# Standard input and output


def test_images_come_and_go_through_pipes(run: Run) -> None:
    run("jpeg", "photo.jpg", "--nfe", 1)
    data = Path("photo.jpg").read_bytes()
    piped = run("jpeg", "-", "-o", "-", "--nfe", 1, input=data)
    assert piped.exit_code == 0
    assert piped.stdout_bytes == Path("photo_jpeg.png").read_bytes()
    assert (
        run("jpeg", "-", "--nfe", 1, "--format", "jpg", input=data).stdout_bytes[:2] == b"\xff\xd8"
    )
    run("jpeg", "-", "-o", "out/", "--nfe", 1, input=data)
    assert Path("out/stdin.png").read_bytes() == piped.stdout_bytes
    assert run("jpeg", "-", input=b"no image").exit_code == 3


# What is refused before any work


CONVERT = ("models", "convert", "x.pt", "-o", "x.safetensors")
REFUSED = {
    "no such option": ["jpeg", "photo.jpg", "--sharpen", "0.5"],
    "no such command": ["dehaze", "photo.jpg"],
    "no input": ["jpeg"],
    "a mode that is none": ["jpeg", "photo.jpg", "--mode", "pretty"],
    "fewer evaluations than none": ["jpeg", "photo.jpg", "--nfe", "-1"],
    "no evaluation of what holds nothing": ["denoise", "photo.jpg", "--nfe", "0"],
    "more than all of it": ["jpeg", "photo.jpg", "--strength", "1.5"],
    "a tile that is none": ["jpeg", "photo.jpg", "--tile", "-3"],
    "no thread": ["jpeg", "photo.jpg", "--threads", "0"],
    "an unknown model": ["jpeg", "photo.jpg", "-m", "nobody"],
    "a URL for a model": ["jpeg", "photo.jpg", "-m", "https://example.com/x.safetensors"],
    "no mask": ["inpaint", "clean.png"],
    "a mask that is not there": ["inpaint", "clean.png", "--mask", "none.png"],
    "a reference that is not there": ["jpeg", "photo.jpg", "--reference", "none.png"],
    "neither scale nor size": ["superres", "clean.png"],
    "both scale and size": ["superres", "clean.png", "--scale", "2", "--size", "96x64"],
    "a scale that shrinks": ["superres", "clean.png", "--scale", "0.5"],
    "a scale that is no number": ["superres", "clean.png", "--scale", "nan"],
    "a size that is none": ["superres", "clean.png", "--size", "big"],
    "a size that is smaller": ["superres", "clean.png", "--size", "20x20"],
    "more pixels than allowed": ["superres", "clean.png", "--scale", "9", "--max-pixels", "9999"],
    "one file for several": ["jpeg", "photo.jpg", "bad.jpg", "-o", "out.png"],
    "one file for a folder": ["jpeg", "in", "-o", "out.png"],
    "two inputs with one output": ["jpeg", "photo.jpg", "twin/photo.png", "-o", "out"],
    "an output that is the input": [*HOLE, "-o", "clean.png", "-y"],
    "an output that is the mask": [*HOLE, "-o", "mask.png", "-y"],
    "an output that is a link to the input": ["jpeg", "photo.jpg", "-o", "hard.jpg", "-y"],
    "an output that is a link": ["jpeg", "photo.jpg", "-o", "link.png", "-y"],
    "an output folder in the input folder": ["jpeg", "in", "-o", "in/out"],
    "the input folder itself": ["jpeg", "in", "-o", "in", "--suffix", "_x"],
    "an output in no folder": ["jpeg", "photo.jpg", "-o", "nowhere/out.png"],
    "an unknown ending": ["jpeg", "photo.jpg", "-o", "out.gif"],
    "a format that is only read": ["jpeg", "photo.jpg", "-o", "out.avif"],
    "ending against format": ["jpeg", "photo.jpg", "-o", "out.png", "--format", "jpg"],
    "a suffix for a named file": ["jpeg", "photo.jpg", "-o", "out.png", "--suffix", "x"],
    "a suffix with a folder": ["jpeg", "photo.jpg", "--suffix", "/x"],
    "quality where nothing is lost": ["jpeg", "photo.jpg", "--quality", "80"],
    "16 bits in JPEG": ["jpeg", "photo.jpg", "-o", "out.jpg", "--depth", "16"],
    "an input of 16 bits in JPEG": ["superres", "deep.png", "--scale", "2", "-o", "out.jpg"],
    "transparency in JPEG": ["superres", "clear.png", "--scale", "2", "-o", "out.jpg"],
    "a side too long for WebP": ["superres", "long.png", "--scale", "2", "-o", "out.webp"],
    "a name too long": ["jpeg", "l" * 247 + ".jpg"],
    "records beside an image": ["jpeg", "photo.jpg", "-o", "-", "--json"],
    "several into one pipe": ["jpeg", "photo.jpg", "bad.jpg", "-o", "-"],
    "standard input twice": ["jpeg", "-", "-", "-o", "out"],
    "a folder of nothing": ["jpeg", "void"],
    "a catalogue that is not there": ["jpeg", "photo.jpg", "--catalog", "none.toml"],
    "a degradation without its option": ["degrade", "superres", "clean.png"],
    "two holes": ["degrade", *HOLE, "--missing", "half"],
    "another task's option": ["degrade", "jpeg", "clean.png", "--scale", "2"],
    "a JPEG file called PNG": ["degrade", "jpeg", "clean.png", "-o", "out.png"],
    "a seed for a block": ["degrade", "inpaint", "clean.png", "--missing", "block", "--seed", "1"],
    "a kernel that is none": ["deblur", "clean.png", "--kernel", "swirl:3"],
    "no kernel": ["deblur", "clean.png"],
    "noise below nothing": ["denoise", "clean.png", "--sigma=-1"],
    "nine orientations": ["denoise", "clean.png", "--nfe", "9"],
    "a method without a form": ["jpeg", "clean.png", "--method", "dps"],
    "degrading by no kernel": ["degrade", "deblur", "clean.png"],
    "a seed for a blur alone": ["degrade", "deblur", "clean.png", "--kernel", "box:3", "--seed=1"],
    "removing what is ours": ["models", "rm", "default"],
    "a configuration that is no table": [*CONVERT, "--config", "3"],
    "a configuration that is no JSON": [*CONVERT, "--config", "{"],
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED.keys())
def test_asked_wrongly_is_refused_before_any_work(
    run: Run, here: Path, arguments: list[str]
) -> None:
    copies(["in/a.jpg", "twin/photo.png", "l" * 247 + ".jpg"])
    Path("void").mkdir()
    Path("link.png").symlink_to("elsewhere.png")
    os.link("photo.jpg", "hard.jpg")
    clear = Image.open("clean.png").convert("RGBA")
    clear.putalpha(99)
    clear.save("clear.png")
    Image.new("L", (9000, 1)).save("long.png")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save("deep.png")
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    result = run(*arguments, input=b"")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr
    assert "internal error" not in result.stderr
    after = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    assert after == before


# Exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RestoreError("x"), 1),
        (RequestError("x"), 2),
        (ImageError("x"), 3),
        (CheckpointError("x"), 4),
        (ResourceError("x"), 5),
        (MemoryError(), 5),
        (ZeroDivisionError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_has_its_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(path: object) -> None:
        raise error

    monkeypatch.setattr("restore.checkpoints.catalogue.read_catalogue", fail)
    result = run("models", "list")
    assert result.exit_code == code
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert ("-v shows the traceback" in result.stderr) == isinstance(error, ZeroDivisionError)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImageError("x"), 3),
        (RequestError("x"), 3),
        (ResourceError("x"), 5),
        (torch.OutOfMemoryError("x"), 5),
        (ZeroDivisionError("x"), 1),
    ],
)
def test_a_failed_image_has_a_record_whatever_failed(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    copies(["a.jpg", "b.jpg"])
    observe, second = Jpeg.observe, as_picture("b.jpg").pixels

    def fail(task: Jpeg, problem: Any, device: torch.device) -> Any:
        if np.array_equal(problem.source.pixels, second):
            raise error
        return observe(task, problem, device)

    monkeypatch.setattr(Jpeg, "observe", fail)
    alone = run("jpeg", "b.jpg", "--nfe", 1, "--json")
    assert alone.exit_code == code
    (record,) = records(alone)
    assert record["status"] == "failed"
    assert record["error"]["type"] == type(error).__name__
    assert record["model"] == "tiny"
    among = run("jpeg", "a.jpg", "b.jpg", "--nfe", 1)
    assert among.exit_code == 3
    assert among.stdout == "a_jpeg.png\n"
    assert "failed: b.jpg: restoring: " in among.stderr


def test_a_model_that_cannot_be_loaded_is_code_4(run: Run) -> None:
    Path("page.safetensors").write_text("<html>")
    for model in ("page.safetensors", "none.safetensors"):
        result = run("jpeg", "photo.jpg", "-m", model)
        assert result.exit_code == 4
        assert not Path("photo_jpeg.png").exists()
    offline = run("jpeg", "photo.jpg", "-m", f"hf:some/body@{'0' * 40}", "--offline")
    assert offline.exit_code == 4
    assert "offline" in offline.stderr


def test_a_folder_that_cannot_be_made_is_code_5(run: Run) -> None:
    Path("file").write_text("")
    assert run("jpeg", "photo.jpg", "-o", "file/below/").exit_code == 5


# Degrade and compare


def test_degrade_makes_the_input_of_each_task(run: Run) -> None:
    result = run("degrade", "jpeg", "clean.png", "--quality", 20, "--sampling", "4:4:4", "--json")
    (record,) = records(result)
    assert list(record) == RECORD
    assert record["task"] == "degrade jpeg"
    assert Image.open("clean_degraded.jpg").format == "JPEG"
    run("degrade", "jpeg", "clean.png", "-o", "worse.jpg")
    assert Path("worse.jpg").stat().st_size < Path("clean_degraded.jpg").stat().st_size
    run("degrade", "superres", "clean.png", "--scale", 2, "-o", "small.png")
    assert pixels("small.png").shape == (16, 24, 3)
    run("degrade", "inpaint", "clean.png", "--mask", "mask.png", "-o", "grey.png")
    assert (pixels("grey.png")[pixels("mask.png") > 127] == 127).all()


def test_what_degrade_did_denoise_and_deblur_undo(run: Run) -> None:
    for task, *options in (
        ("denoise", "--sigma", 20),
        ("deblur", "--kernel", "motion:5,30", "--sigma", 1),
    ):
        assert run("degrade", task, "clean.png", *options, "-o", "bad.png", "-y").exit_code == 0
        assert (pixels("bad.png") != pixels("clean.png")).any()
        (record,) = records(run(task, "bad.png", *options, "--nfe", 1, "--json", "-y"))
        assert (record["task"], record["nfe"]) == (task, 1)
        assert record["metrics"]["sigma"] == options[-1]
        assert Path(record["output"]).exists()


def test_degrade_writes_the_mask_that_it_drew(run: Run) -> None:
    for seed in (0, 0, 5):
        arguments = (
            "--missing",
            "scratches",
            "--seed",
            seed,
            "--mask-out",
            f"mask{seed}.png",
            "-y",
        )
        assert run("degrade", "inpaint", "clean.png", "-o", "holed.png", *arguments).exit_code == 0
        hole = pixels(f"mask{seed}.png") > 127
        assert (pixels("holed.png")[hole] == 127).all()
        assert (pixels("holed.png") == pixels("clean.png"))[~hole].all()
    assert (pixels("mask0.png") != pixels("mask5.png")).any()
    several = ("clean.png", "photo.jpg", "-o", "out", "--missing", "half", "--mask-out", "holes")
    assert run("degrade", "inpaint", *several).exit_code == 0
    assert sorted(os.listdir("holes")) == ["clean.png", "photo.png"]
    assert run("degrade", "inpaint", *several, "--existing", "skip").exit_code == 0


def test_compare_measures(run: Run) -> None:
    result = run("compare", "photo.jpg", "clean.png", "--degraded", "photo.jpg")
    lines = dict(line.split(" ", 1) for line in result.stdout.splitlines())
    assert float(lines["psnr_db"]) > 15
    assert float(lines["coefficients_kept"]) > 0.9
    same = run("compare", "-", "clean.png", "--json", input=Path("clean.png").read_bytes())
    assert records(same)[0]["metrics"] == {"psnr_db": None, "ssim": 1.0, "max_error": 0}
    assert run("compare", "clean.png", "clean.png").stdout.startswith("psnr_db exact\n")
    assert run("compare", "clean.png", "none.png").exit_code == 3
    assert run("compare", "clean.png", "clean.png", "--max-pixels", 99).exit_code == 3


# Models and env


def test_models_are_listed(run: Run) -> None:
    lines = run("models", "list").stdout.splitlines()
    assert lines[0].split()[0] == "NAME"
    rows = records(run("models", "list", "--json"))
    assert [row["name"] for row in rows] == [line.split()[0] for line in lines[1:]]
    assert rows[0]["name"] == "default"


def test_a_catalogue_of_one_s_own_adds_models(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    row = f'source = "hub"\nrepo = "a/b"\nrevision = "{"0" * 40}"\nfile = "m.safetensors"\n'
    Path("own.toml").write_text(f"[mine]\n{row}verified = false\n")
    assert "mine " in run("models", "list", "--catalog", "own.toml").stdout
    monkeypatch.setenv("BCM_RESTORE_CATALOG", "own.toml")
    assert run("models", "path", "mine").exit_code == 4
    refused = run("jpeg", "photo.jpg", "-m", "mine", "--offline")
    assert (refused.exit_code, "--allow-unverified" in refused.stderr) == (4, True)
    allowed = run("jpeg", "photo.jpg", "-m", "mine", "--offline", "--allow-unverified")
    assert (allowed.exit_code, "--allow-unverified" in allowed.stderr) == (4, False)


def test_a_model_s_file_is_told_verified_and_described(run: Run, tiny_model: Path) -> None:
    assert run("models", "path", tiny_model).stdout == f"{tiny_model}\n"
    sha256, name = run("models", "verify", tiny_model).stdout.split()
    assert (len(sha256), name) == (64, "tiny")
    (facts,) = records(run("models", "info", tiny_model, "--json"))
    assert (facts["architecture"], facts["sha256"]) == ("patch", sha256)
    assert f"sha256: {sha256}" in run("models", "info", tiny_model).stdout
    assert run("models", "download", tiny_model, "-q").stdout == f"{tiny_model}\n"
    assert run("models", "rm", tiny_model).exit_code == 2
    assert run("models", "rm", f"hf:some/body@{'0' * 40}").stdout == ""


def test_a_card_is_printed_or_written_to_publish(run: Run, tiny_model: Path) -> None:
    assert run("models", "card", tiny_model).stdout.startswith("---\nlicense: ")
    assert run("models", "card", tiny_model, "-o", "folder").exit_code == 0
    assert sorted(os.listdir("folder")) == ["README.md", "config.json", "model.safetensors"]
    assert run("models", "card", tiny_model, "-o", "folder").exit_code == 2
    assert run("models", "card", tiny_model, "-o", "folder", "-y").exit_code == 0
    assert run("models", "card", tiny_model, "-y").exit_code == 2


def test_a_published_file_is_converted(run: Run, tiny_model: Path) -> None:
    from tests.conftest import TINY

    torch.save(build("patch", TINY).state_dict(), "ema.pt")
    arguments = ("ema.pt", "-o", "new.safetensors", "--architecture", "patch")
    settings = ("--config", json.dumps(TINY), "--title", "New", "--dtype", "float16")
    result = run("models", "convert", *arguments, *settings, "--json")
    assert records(result)[0]["architecture"] == "patch"
    assert records(run("models", "info", "new.safetensors", "--json"))[0]["summary"] == "New"
    assert run("models", "convert", *arguments, *settings).exit_code == 2
    assert run("models", "convert", *arguments, *settings, "-y").stdout == "new.safetensors\n"
    assert run("jpeg", "photo.jpg", "-m", "new.safetensors", "--nfe", 1).exit_code == 0


def test_env_tells_what_a_bug_report_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    (facts,) = records(run("env", "--json"))
    assert set(facts) >= {"versions", "devices", "caches", "catalogue", "variables"}
    assert facts["versions"]["torch"] == torch.__version__
    text = run("env").stdout
    assert "hf_secret" not in text + json.dumps(facts)
    assert "threads" in text


# A process of its own: terminals, pipes, signals


def test_a_real_pipe_carries_the_image_alone() -> None:
    done = process("jpeg", "-", "--nfe", 1, input=Path("photo.jpg").read_bytes())
    assert done.returncode == 0
    assert done.stdout.startswith(b"\x89PNG")
    assert done.stdout.endswith(b"IEND\xaeB`\x82")
    assert b"NFE 1" in done.stderr


def test_a_closed_pipe_is_quiet_and_changes_nothing_but_the_output() -> None:
    copies(["a.jpg", "b.jpg"])
    reader, writer = os.pipe()
    os.close(reader)
    done = process("jpeg", "a.jpg", "b.jpg", "-q", "--nfe", 1, capture_output=False, stdout=writer,
                   stderr=subprocess.PIPE)  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert Path("b_jpeg.png").is_file()


def test_an_old_terminal_never_crashes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    for arguments in (["--help"], ["jpeg", "--help"], ["models", "list"], ["jpeg", "漢字.gif/"]):
        done = process(*arguments)
        assert done.returncode in (0, 3), done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_soon_and_nothing_half_written(number: int, code: int) -> None:
    copies(["a.jpg", "b.jpg"])
    command = [sys.executable, "-m", "restore", "jpeg", "a.jpg", "b.jpg", "--json", "--nfe", "9999"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    assert "NFE 9999" in child.stderr.readline()
    time.sleep(0.3)
    child.send_signal(number)
    began = time.monotonic()
    out, err = child.communicate(timeout=30)
    assert child.returncode == code
    assert time.monotonic() - began < 5
    assert "interrupted" in err
    assert "Traceback" not in err
    assert json.loads(out)["summary"]["left"] == 2
    assert not [name for name in os.listdir(".") if "_jpeg" in name or name.endswith(".tmp")]


def on_terminal(*arguments: str) -> tuple[int, str]:
    """A process whose standard streams are all one terminal: its code and what it showed."""
    code, shown = pty.fork(), b""
    pid, terminal = code
    if pid == 0:  # pragma: no cover
        os.execv(sys.executable, [sys.executable, "-m", "restore", *arguments])
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # its end
        pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_a_terminal_gets_a_bar_and_never_an_image() -> None:
    code, shown = on_terminal("jpeg", "photo.jpg", "--nfe", "30")
    assert code == 0
    assert "100%" in shown
    assert "photo_jpeg.png\r\n" in shown
    assert on_terminal("jpeg", "photo.jpg", "-o", "-")[0] == 2
    assert on_terminal("jpeg", "-", "-o", "out.png")[0] == 2
