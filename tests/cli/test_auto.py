"""auto: a picture named alone is diagnosed and restored; batches go on where they were left."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

from restore.cli import app

PHOTOGRAPH = data.astronaut()[:160, :160]
ONCE = ("--nfe", 1, "--dtype", "fp32")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    """A JPEG of quality 20, a page of two tones as PNG, and the tiny model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    Path("in").mkdir()
    Image.fromarray(PHOTOGRAPH).save("in/photo.jpg", quality=20)
    page = np.where(np.random.default_rng(0).random((80, 90)) > 0.9, 0, 255).astype(np.uint8)
    Image.fromarray(page).save("in/text.png", compress_level=1)


def run(*arguments: object, input: bytes | None = None) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], input=input)


def records(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("words", [("auto", "in/photo.jpg"), ("in/photo.jpg",)])
def test_a_picture_named_alone_is_restored_and_the_findings_are_said(words):
    result = run(*words, *ONCE)
    assert result.exit_code == 0
    assert result.stdout == "in/photo_auto.png\n"
    assert "in/photo.jpg: A JPEG file of quality 20" in result.stderr
    assert "NFE by what is found" in result.stderr
    assert Image.open("in/photo_auto.png").size == (160, 160)


def test_a_folder_named_alone_is_restored_and_what_is_sound_is_copied():
    photo, text, summary = records(run("in", "-o", "out", *ONCE, "--json"))
    assert Path("out/text.png").read_bytes() == Path("in/text.png").read_bytes()
    assert (photo["task"], photo["nfe"]) == ("auto", 1)
    assert [step["task"] for step in photo["steps"]] == ["jpeg"]
    assert (text["nfe"], text["steps"]) == (0, [])
    assert text["findings"][0]["figures"] == {"kind": "text"}
    assert summary["summary"]["ok"] == 2


def test_names_of_commands_stay_commands_and_others_are_refused():
    Path("env").mkdir()
    assert run("env").stdout.startswith("versions")
    assert run("absent.jpg").exit_code == 2
    assert run("upscale").exit_code == 2


def test_a_batch_goes_on_where_it_was_left_unless_the_options_changed():
    first = ("auto", "in", "-o", "out", *ONCE, "--existing", "skip", "--json")
    assert [one.get("status") for one in records(run(*first))] == ["ok", "ok", None]
    assert [one.get("status") for one in records(run(*first))] == ["skipped", "skipped", None]
    again = records(run(*first, "--scale", 2))
    assert [one.get("size_out") for one in again] == [[320, 320], [180, 160], None]


def test_a_mask_and_a_scale_are_steps():
    mask = np.zeros((160, 160), np.uint8)
    mask[60:70, 20:140] = 255
    Image.fromarray(mask).save("mask.png")
    (record,) = records(
        run("in/photo.jpg", "--mask", "mask.png", "--scale", 1.5, *ONCE, "--json", "-o", "out.png")
    )
    assert [step["task"] for step in record["steps"]] == ["jpeg", "inpaint", "superres"]
    assert record["nfe"] == 3
    assert record["size_out"] == [240, 240]


def test_standard_input_goes_to_standard_output():
    result = run("auto", "-", "-o", "-", *ONCE, input=Path("in/photo.jpg").read_bytes())
    assert result.stdout_bytes.startswith(b"\x89PNG")


def test_what_makes_no_sense_is_refused():
    assert run("in/photo.jpg", "--scale", 1).exit_code == 2
    assert run("in/photo.jpg", "--start", "in/text.png").exit_code == 2
    assert run("in/photo.jpg", "--nfe", 0).exit_code == 2
