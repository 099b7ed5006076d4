"""Laws of the commands `generate`, `invert`, `reconstruct` and `interpolate`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from restore.record import KEYS
from tests.support.networks import write_classes

Run = Callable[..., Result]
COMMANDS = ("generate", "invert", "reconstruct", "interpolate")


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photograph: Callable[..., np.ndarray],
    tiny_model: Path,
) -> Path:
    """A folder with two photographs of one size and one of another; the tiny model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    Image.fromarray(photograph()).save("a.png")
    Image.fromarray(photograph("coffee")).save("b.png")
    Image.fromarray(photograph(width=40)).save("small.png")
    return tmp_path


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weight file of a tiny network of ten classes, which works on windows of 64 pixels."""
    return write_classes(tmp_path_factory.mktemp("models") / "classes.safetensors")


def record(result: Result) -> dict[str, Any]:
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_no_option_it_does_not_heed(run, command):
    text = run(command, "--help-all").stdout
    assert f"$ bcm-restore {command}" in text
    for absent in ("--fail-fast", "--mode", "--recursive", "--suffix"):
        assert not re.search(rf"{absent}\b", text)
    assert ("--seed" in text) == ("--label" in text) == (command != "reconstruct")


@pytest.mark.parametrize(
    ("recipe", "nfe"), [("one-step", 1), ("ancestral", 2), ("zigzag", 3), ("mixed", 4)]
)
def test_samples_go_into_a_grid(run, recipe, nfe):
    result = run(
        "generate", "-n", 3, "--recipe", recipe, "--size", "24x16", "-o", "g.png", "--json"
    )
    assert result.exit_code == 0, result.stderr
    found = record(result)
    assert set(KEYS) <= set(found)
    assert (found["task"], found["recipe"], found["nfe"]) == ("generate", recipe, nfe)
    assert (found["input"], found["output"], found["size_out"]) == (None, "g.png", [24, 16])
    assert pixels("g.png").shape == (32, 48, 3)


def test_a_sample_depends_on_its_seed_alone(run):
    run("generate", "-n", 3, "--size", "40x16", "-o", "many/", "--seed", 4, "--tile", 0)
    run("generate", "--size", "40x16", "-o", "one.png", "--seed", 6, "--tile", 16)
    assert sorted(path.name for path in Path("many").iterdir()) == ["0.png", "1.png", "2.png"]
    assert np.abs(pixels("many/2.png").astype(int) - pixels("one.png")).max() <= 1
    assert not np.array_equal(pixels("many/0.png"), pixels("many/1.png"))


def test_a_sample_goes_to_standard_output(run):
    result = run("generate", "--size", "16x16", "-o", "-")
    assert result.stdout_bytes.startswith(b"\x89PNG")
    assert "generate, cpu" in result.stderr


def test_there_and_back(run):
    result = run("invert", "a.png", "--level", 1, "--nfe", 2, "--seed", 3, "--json")
    assert result.exit_code == 0, result.stderr
    up = record(result)
    assert up["output"] == "a_invert.safetensors"
    assert (up["nfe"], up["seed"], up["levels"][0][0], up["levels"][0][-1]) == (2, 3, 0.07, 1)
    result = run("reconstruct", "a_invert.safetensors", "--reference", "a.png", "--json")
    down = record(result)
    assert down["output"] == "a_invert_reconstruct.png"
    assert (down["nfe"], down["seed"]) == (2, 3)
    assert down["metrics"]["psnr_db"] == up["metrics"]["round_trip_psnr_db"]
    assert down["levels"] == [up["levels"][0][::-1]]
    assert pixels("a_invert_reconstruct.png").shape == pixels("a.png").shape


@pytest.mark.parametrize("start", [0.002, 0.07])
def test_a_trip_to_its_own_start_loses_nothing(run, start):
    run("invert", "a.png", "--level", start, "--start", start, "-o", "l.safetensors")
    result = run("reconstruct", "l.safetensors", "-o", "back.png")
    assert result.stdout == "back.png\n"
    assert np.array_equal(pixels("back.png"), pixels("a.png"))


def test_refinement_is_counted_and_brings_nearer(run):
    figures = []
    for times in (0, 2):
        result = run(
            "invert", "a.png", "-m", "default", "--level", 1, "--nfe", 2, "--refine", times,
            "--json", "-y",
        )  # fmt: skip
        found = record(result)
        assert found["nfe"] == 2 * (1 + 2 * times)
        figures.append(found["metrics"]["round_trip_psnr_db"])
    assert figures[1] > figures[0] + 6


def test_a_picture_comes_through_standard_input_and_a_latent_leaves_by_standard_output(run):
    result = run("invert", "-", "-o", "-", "--level", 1, input=Path("a.png").read_bytes())
    assert result.exit_code == 0, result.stderr
    run("invert", "a.png", "-o", "l.safetensors", "--level", 1)
    assert result.stdout_bytes == Path("l.safetensors").read_bytes()


def test_what_the_file_carried_comes_back(run):
    grey = np.dstack([pixels("a.png")[..., 0], np.full((32, 48), 77, np.uint8)])
    Image.fromarray(grey, "LA").save("la.png")
    run("invert", "la.png", "--level", 1, "-o", "l.safetensors")
    run("reconstruct", "l.safetensors", "-o", "back.png", "--depth", 16)
    run("reconstruct", "l.safetensors", "-o", "back.tiff")
    assert pixels("back.tiff").shape == (32, 48, 2)
    assert (pixels("back.tiff")[..., 1] == 77).all()
    result = run("reconstruct", "l.safetensors", "-o", "back.jpg")
    assert result.exit_code == 2
    assert "JPEG cannot hold transparency" in result.stderr


@pytest.mark.parametrize(
    ("name", "count", "size"),
    [("f.gif", 4, (48, 32)), ("f.webp", 4, (48, 32)), ("f.png", 1, (192, 32))],
)
def test_frames_go_where_the_name_says(run, name, count, size):
    result = run("interpolate", "a.png", "b.png", "--frames", 4, "--nfe", 1, "-o", name, "--json")
    assert result.exit_code == 0, result.stderr
    with Image.open(name) as image:
        assert (getattr(image, "n_frames", 1), image.size) == (count, size)
    found = record(result)
    assert (found["input"], found["input_b"], found["frames"]) == ("a.png", "b.png", 4)
    assert {"round_trip_psnr_db", "cross_fade_round_trip_psnr_db"} <= set(found["metrics"])


def test_a_strip_shows_the_cross_fade_below(run):
    way = ("--frames", 3, "--nfe", 1)
    assert run("interpolate", "a.png", "b.png", *way, "-o", "f.png").exit_code == 0
    result = run("interpolate", "a.png", "b.png", *way, "-o", "g.png", "--cross-fade", "--json")
    assert result.exit_code == 0, result.stderr
    assert record(result)["size_out"] == [48, 64]
    assert pixels("g.png").shape[:2] == (64, 144)
    assert np.array_equal(pixels("g.png")[:32], pixels("f.png"))


def test_frames_begin_and_end_with_the_reconstructions(run):
    way = ("--level", 2, "--nfe", 2, "--seed", 5)
    run("interpolate", "a.png", "b.png", *way, "-o", "frames")
    for name, frame in (("a", "0"), ("b", "8")):
        run("invert", f"{name}.png", *way)
        run("reconstruct", f"{name}_invert.safetensors")
        expected = pixels(f"{name}_invert_reconstruct.png")
        assert np.array_equal(pixels(f"frames/{frame}.png"), expected)


def test_a_network_of_classes_goes_by_its_label(run, classes):
    given = ("-m", classes, "--label", 3)
    result = run("generate", *given, "-o", "g.png", "--json")
    assert record(result)["size_out"] == [64, 64]
    run("invert", "a.png", *given, "--level", 0.07, "-o", "l.safetensors")
    result = run("reconstruct", "l.safetensors", "-m", classes, "-o", "back.png")
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(pixels("back.png"), pixels("a.png"))
    result = run("generate", "-m", classes, "-o", "other.png")
    assert result.exit_code == 2
    assert "give a label from 0 to 9" in result.stderr


def test_a_dry_run_writes_nothing(run):
    before = sorted(Path().iterdir())
    assert run("generate", "-o", "g.png", "--dry-run").stdout == "g.png\n"
    assert run("invert", "a.png", "--dry-run").stdout == "a_invert.safetensors\n"
    assert run("interpolate", "a.png", "b.png", "-o", "f/", "--dry-run").stdout == "f/\n"
    assert sorted(Path().iterdir()) == before


def test_an_output_that_is_there_is_refused_skipped_or_replaced(run):
    command = ("interpolate", "a.png", "b.png", "--nfe", 1, "-o", "f/", "--frames", 2)
    assert run(*command).exit_code == 0
    Path("f/1.png").write_bytes(b"old")
    result = run(*command)
    assert result.exit_code == 2
    assert "exists" in result.stderr
    assert run(*command, "--existing", "skip").exit_code == 0
    assert Path("f/1.png").read_bytes() == b"old"
    assert run(*command, "-y").exit_code == 0
    assert pixels("f/1.png").shape == (32, 48, 3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generate", "-o", "g.xyz"), "ends in none of"),
        (("generate", "-o", "g.png", "--size", "3"), "expected width and height"),
        (("generate", "-o", "g.png", "--size", "0x3"), "none to draw"),
        (("generate", "-o", "g.png", "-n", 9, "--max-pixels", 100), "more than the 100 pixels"),
        (("generate", "-o", "g.png", "--label", 3), "has no classes"),
        (("generate", "-o", "nowhere/g.png"), "does not exist"),
        (("generate", "-o", "-", "--json"), "not both"),
        (("invert", "a.png", "-o", "a.png"), "a latent is a .safetensors file"),
        (("invert", "a.png", "--level", 0.01), "expected 0.002 <= start <= level"),
        (("invert", "a.png", "--level", 99), "<= 80"),
        (("invert", "-"), "no place beside standard input"),
        (("interpolate", "a.png", "b.png", "-o", "b.png", "-y"), "inputs are never changed"),
        (("interpolate", "-", "-", "-o", "c.png"), "more than once"),
        (("reconstruct", "-", "-o", "c.png"), "not from standard input"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_any_work(run, arguments, sentence):
    before = sorted(Path().iterdir())
    result = run(*arguments)
    assert result.exit_code == 2, result.stderr
    assert sentence in result.stderr
    assert sorted(Path().iterdir()) == before


def test_frames_never_take_the_place_of_an_input(run):
    Path("f").mkdir()
    Path("a.png").rename("f/0.png")
    result = run("interpolate", "f/0.png", "b.png", "-o", "f", "-y")
    assert result.exit_code == 2
    assert "is an input" in result.stderr


def test_a_latent_of_another_model_is_asked_wrongly(run):
    run("invert", "a.png", "--level", 1, "-o", "l.safetensors")
    result = run("reconstruct", "l.safetensors", "-m", "default")
    assert result.exit_code == 2
    assert "made by the model tiny" in result.stderr


@pytest.mark.parametrize("size", [0, 8, 300, -1])
def test_a_damaged_latent_is_a_failed_input(run, size):
    run("invert", "a.png", "--level", 1, "-o", "l.safetensors")
    Path("l.safetensors").write_bytes(Path("l.safetensors").read_bytes()[:size])
    result = run("reconstruct", "l.safetensors", "-o", "back.png", "--json")
    assert result.exit_code == 3
    found = record(result)
    assert (found["status"], found["error"]["type"]) == ("failed", "ImageError")
    assert not Path("back.png").exists()


def test_pictures_of_two_sizes_or_that_cannot_be_read_are_failed_inputs(run):
    result = run("interpolate", "a.png", "small.png", "-o", "f.png")
    assert result.exit_code == 3
    assert "48×32 and 40×32" in result.stderr
    Path("bad.png").write_bytes(Path("a.png").read_bytes()[:200])
    for command in (("interpolate", "a.png", "bad.png", "-o", "f.png"), ("invert", "bad.png")):
        result = run(*command)
        assert result.exit_code == 3
        assert "bad.png" in result.stderr
    assert run("reconstruct", "a.png", "-o", "c.png").exit_code == 3
