"""Laws of `generate` by a model of functions and of `render`."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restore
from tests.support.commands import Run


@pytest.fixture
def sample(run: Run, tiny_function: Path) -> Path:
    """A function of a sample, kept by `generate`."""
    made = run("generate", "-m", tiny_function, "--function", "kept", "-o", "one.png")
    assert made.exit_code == 0, made.output
    return Path("kept/0.safetensors")


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_samples_are_drawn_at_the_size_and_kept_as_functions(run: Run, tiny_function) -> None:
    made = run(
        "generate", "-m", tiny_function, "-n", 2, "--size", "50x40", "--function", "kept", "--json",
        "-o", "samples/",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    record = json.loads(made.stdout)
    assert record["size_out"] == [50, 40]
    assert record["function"] == {"cells": 32, "numbers": 32 * 83, "window": 16}  # two windows
    assert record["render_seconds"] >= 0
    assert sorted(p.name for p in Path("kept").iterdir()) == ["0.safetensors", "1.safetensors"]
    for number in range(2):
        drawn = run("render", f"kept/{number}.safetensors", "--size", "50x40", "-y")
        assert drawn.exit_code == 0, drawn.output
        again = pixels(f"kept/{number}_render.png")
        assert np.array_equal(again, pixels(f"samples/{number}.png"))
    assert not np.array_equal(pixels("samples/0.png"), pixels("samples/1.png"))


def test_a_sample_does_not_depend_on_how_many_are_drawn(run: Run, tiny_function) -> None:
    for count, folder in ((1, "one/"), (2, "two/")):
        assert run("generate", "-m", tiny_function, "-n", count, "-o", folder).exit_code == 0
    assert pixels("one/0.png").shape == (16, 16, 3)
    assert np.array_equal(pixels("one/0.png"), pixels("two/0.png"))


def test_a_larger_drawing_is_of_the_same_picture(run: Run, sample) -> None:
    for side in (8, 16, 64):
        out = f"{side}.png"
        assert run("render", sample, "--size", f"{side}x{side}", "-o", out).exit_code == 0
    assert np.array_equal(pixels("16.png"), pixels("one.png"))
    means = [pixels(f"{side}.png").mean(axis=(0, 1)) for side in (8, 16, 64)]
    assert np.abs(np.subtract(means, means[1])).max() < 12  # but for what is clipped of each
    assert np.std(pixels("16.png")) > 24


def test_a_box_is_a_part_of_the_picture(run: Run, sample) -> None:
    whole = run("render", sample, "--size", "64x48", "-o", "whole.png", "--json")
    box = ["--box", "10,20,30,5", "-o", "part.png", "--json"]
    part = run("render", sample, "--size", "64x48", *box)
    assert json.loads(whole.stdout)["size_out"] == [64, 48]
    record = json.loads(part.stdout)
    assert (record["size_out"], record["box"], record["status"]) == ([30, 5], [10, 20, 30, 5], "ok")
    difference = np.abs(pixels("whole.png")[20:25, 10:40] - pixels("part.png"))
    assert difference.max() <= 1  # a level that rounds the other way


def test_it_is_written_to_standard_output(run: Run, sample) -> None:
    made = run("render", sample, "--size", "20x30", "-o", "-")
    assert made.exit_code == 0
    assert Image.open(io.BytesIO(made.stdout_bytes)).size == (20, 30)


def test_in_python_it_is_the_same_picture(run: Run, sample) -> None:
    assert run("render", sample, "--size", "33x20", "-o", "a.png").exit_code == 0
    result = restore.render(sample, size=(33, 20))
    assert np.array_equal(result.image, pixels("a.png"))
    assert result.report["task"] == "render"
    assert restore.render(restore.ImageFunction.load(sample)).picture.size == (16, 16)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--size", "0x9"], 2, "none to draw"),
        (["--size", "9"], 2, "expected width and height"),
        (["--size", "9x9", "--box", "5,5,5,5"], 2, "not inside 9×9"),
        (["--box", "10,10,10,10"], 2, "not inside 16×16"),
        (["--box", "1,2,3"], 2, "expected X,Y,W,H"),
        (["--size", "99x99", "--max-pixels", "9800"], 2, "more than the 9800 allowed"),
        (["--max-pixels", "100"], 4, "more than the 100 allowed"),
        (["-o", "a.xyz"], 2, "xyz"),
    ],
)
def test_what_cannot_be_drawn_is_refused(run: Run, sample, arguments, code, message) -> None:
    made = run("render", sample, *arguments)
    assert made.exit_code == code, made.output
    assert message in made.output
    assert not Path("kept/0_render.png").exists()


def test_a_file_that_is_no_function_is_refused(run: Run, tiny_model: Path, sample) -> None:
    for path, message in ((tiny_model, "no image function"), ("clean.png", "not a safetensors")):
        made = run("render", path, "-o", "a.png")
        assert made.exit_code == 4, made.output
        assert message in made.output
    cut = Path("cut.safetensors")
    cut.write_bytes(sample.read_bytes()[:-10])
    assert run("render", cut, "-o", "a.png").exit_code == 4
    assert run("render", "none.safetensors", "-o", "a.png").exit_code == 2


def test_functions_are_neither_replaced_nor_made_of_pixels(run: Run, tiny_function, sample) -> None:
    again = ["generate", "-m", tiny_function, "--function", "kept", "-o", "two.png"]
    made = run(*again)
    assert (made.exit_code, "exists" in made.output) == (2, True)
    assert not Path("two.png").exists()
    assert run(*again, "-y").exit_code == 0
    made = run("generate", "--function", "other", "--size", "16x16", "-o", "three.png")
    assert (made.exit_code, "architecture is function" in made.output) == (2, True)
    assert not Path("other").exists()
    Path("file").write_text("")
    made = run("generate", "-m", tiny_function, "--function", "file", "-o", "three.png")
    assert (made.exit_code, "is no folder" in made.output) == (2, True)


def test_an_existing_picture_is_kept(run: Run, sample) -> None:
    Path("a.png").write_bytes(b"mine")
    assert run("render", sample, "-o", "a.png").exit_code == 2
    assert Path("a.png").read_bytes() == b"mine"
    assert run("render", sample, "-o", "a.png", "--dry-run", "-y").exit_code == 0
    assert Path("a.png").read_bytes() == b"mine"
    assert run("render", sample, "-o", "a.png", "-y").exit_code == 0
    assert pixels("a.png").shape == (16, 16, 3)


def test_progress_is_told_of_each_window(tiny_function) -> None:
    told: list[tuple[int, int]] = []
    restore.generate(
        2, model=str(tiny_function), size=(32, 16), progress=lambda *done: told.append(done)
    )
    assert told == [(n, 12) for n in range(1, 13)]  # 2 samples × 2 jumps × 3 windows


@pytest.mark.parametrize("scale", ["1.3", "3.7"])
def test_enlarging_takes_one_evaluation_unless_more_are_asked_for(
    run: Run, tiny_function, scale
) -> None:
    options = ["superres", "clean.png", "-m", tiny_function, "--scale", scale, "--json", "-y"]
    made = run(*options, "-o", "big.png")
    assert made.exit_code == 0, made.output
    record = json.loads(made.stdout)
    assert (record["nfe"], record["function"]["window"]) == (1, 16)
    assert pixels("big.png").shape[1] == round(48 * float(scale))
    assert json.loads(run(*options, "-o", "other.png", "--nfe", "2").stdout)["nfe"] == 2


def test_what_is_told_of_a_model_says_that_it_draws_at_any_size(
    run: Run, tiny_function, tiny_model
) -> None:
    line = "drawing: any size, from one evaluation of a window of 16×16 pixels"
    assert line in run("models", "info", tiny_function).stdout.splitlines()
    assert "drawing:" not in run("models", "info", tiny_model).stdout
