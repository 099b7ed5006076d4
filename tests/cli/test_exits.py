"""What is asked wrongly is refused before any work; every error has its exit code."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from restore.cli.exits import choose_exit_code
from restore.errors import (
    CheckpointError,
    ImageError,
    RequestError,
    ResourceError,
    RestoreError,
)
from restore.images import as_picture
from restore.tasks import Jpeg
from tests.support.commands import (
    HOLE,
    Run,
    copies,
    records,
)

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


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestError("asked of one file"), 3),
        (ImageError("damaged"), 3),
        (CheckpointError("no model"), 4),
        (ResourceError("a full disk"), 5),
        (MemoryError(), 5),
        (ValueError("ours"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_ends_one_input_has_its_own_code(error: Exception, code: int) -> None:
    assert choose_exit_code(error) == code
