"""What a restoration is asked for is done."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore.checkpoints import make_metadata, write
from restore.networks import build
from restore.record import KEYS
from tests.support.commands import (
    HOLE,
    RECORD,
    Run,
    copies,
    pixels,
    records,
)

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
    assert run("superres", "clean.png", "--size", "72x480", "-o", "b.png").exit_code == 0
    assert run("superres", "clean.png", "--size", "72x480", "--stretch", "-o", "c.png").stdout
    assert pixels("c.png").shape == (480, 72, 3)
    assert run("superres", "clean.png", "--scale", 2, "--stretch").exit_code == 2
    assert pixels("a.png").shape == (48, 72, 3)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_sizes_are_those_of_the_image_upright(run: Run) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open("clean.png").save("turned.jpg", exif=exif)
    assert run("superres", "turned.jpg", "--size", "48x33").exit_code == 2
    (record,) = records(run("superres", "turned.jpg", "--size", "33x48", "--stretch", "--json"))
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
    write("classes.safetensors", weights, make_metadata("adm", config))
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
