"""Laws of a resume: the rest is done, and again what was made otherwise."""

import os
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.batch.manifest import MANIFEST
from restore.batch.restorer import IMMATERIAL, Encoding, collect_settings
from restore.record import Record
from restore.settings import Settings
from tests.support.batches import FAST, bytes_in, jpeg, lines, photos, records, run, statuses
from tests.support.networks import write_classes

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def done() -> list[str]:
    """Three files in `in`, restored into `out`."""
    names = photos("in/a.jpg", "in/b.jpg", "in/deep/c.jpg")
    jpeg("in", "-r", "-o", "out")
    return names


def resumed(*options: object, code: int = 0):
    """A resume's records by the name of the input, and what it said."""
    result = jpeg("in", "-r", "-o", "out", "--existing", "skip", "--json", *options, code=code)
    return {Path(r["input"]).name: r["status"] for r in records(result)[:-1]}, result.stderr


def test_a_resume_does_only_the_rest(done: list[str]) -> None:
    assert set(resumed()[0].values()) == {"skipped"}
    photos("in/d.jpg")
    Path("out/b.png").unlink()
    assert resumed()[0] == {"a.jpg": "skipped", "b.jpg": "ok", "c.jpg": "skipped", "d.jpg": "ok"}


def test_a_resume_redoes_what_ran_with_other_settings(done: list[str]) -> None:
    for options in (["--seed", 3], ["--mode", "perceptual"], ["--depth", 16], ["--strip"]):
        found, said = resumed(*options)
        assert set(found.values()) == {"ok"}
        assert f"{options[0].removeprefix('--')} was" in said
        assert set(resumed(*options)[0].values()) == {"skipped"}


def test_what_changes_no_pixel_redoes_nothing(done: list[str]) -> None:
    shutil.copytree("in", "clean")
    for options in (["--threads", 1], ["--workers", 0], ["--tile", 64], ["--reference", "clean"]):
        assert set(resumed(*options)[0].values()) == {"skipped"}


def test_a_resume_redoes_what_another_model_made(done: list[str], tiny_model: Path) -> None:
    Path("copy.safetensors").write_bytes(tiny_model.read_bytes())
    assert set(resumed("-m", "copy.safetensors")[0].values()) == {"skipped"}
    found, said = resumed("-m", "default")
    assert set(found.values()) == {"ok"}
    assert "the model is another" in said


@pytest.mark.parametrize("options", [["--blend", 0.5], ["--samples", 2]])
def test_a_resume_compares_how_draws_were_mixed(done: list[str], options: list[object]) -> None:
    found, said = resumed(*options)
    assert set(found.values()) == {"ok"}
    assert f"{options[0].removeprefix('--')} was" in said
    assert set(resumed(*options)[0].values()) == {"skipped"}


def test_a_resume_compares_the_class(tmp_path: Path) -> None:
    model = write_classes(tmp_path / "classes.safetensors")
    photos("in/a.jpg", "in/b.jpg")
    told = ("jpeg", "in", "-o", "out", "-m", model, "--nfe", 1, "--json", "--existing", "skip")
    assert statuses(run(*told, "--label", 3)) == ["ok"] * 2
    assert statuses(run(*told, "--label", 3)) == ["skipped"] * 2
    again = run(*told, "--label", 4)
    assert statuses(again) == ["ok"] * 2
    assert "label was 3, is 4" in again.stderr


def test_a_resume_redoes_what_has_changed(done: list[str]) -> None:
    photos("x.jpg", "y.jpg")
    os.replace("y.jpg", "in/a.jpg")
    os.utime("in/deep/c.jpg", (1, 1))
    before = bytes_in("out")
    said = resumed("--dry-run")[1]
    assert bytes_in("out") == before
    assert "again: in/a.jpg: 'in/a.jpg' has changed" in said
    assert "1 of 3 images would be written, 1 of them again" in said
    assert resumed()[0] == {"a.jpg": "ok", "b.jpg": "skipped", "c.jpg": "skipped"}


@pytest.mark.parametrize("settings", [[], ["--seed", 3]])
def test_an_output_that_was_changed_is_left_alone_until_it_is_to_be_repaired(
    done: list[str], settings: list[object]
) -> None:
    was = bytes_in("out")
    Path("out/b.png").write_bytes(b"mine")
    found, said = resumed(*settings)
    assert found["b.jpg"] == "skipped"
    assert Path("out/b.png").read_bytes() == b"mine"
    assert "warning: in/b.jpg: the output has changed" in said
    assert set(resumed(*settings, "--existing", "repair")[0].values()) == {"ok", "skipped"}
    if not settings:
        assert bytes_in("out") == was
    assert set(resumed(*settings)[0].values()) == {"skipped"}
    jpeg("in", "-r", "-o", "out", "--existing", "repair", "-y", code=2)


def test_a_resume_redoes_what_another_mask_filled() -> None:
    Path("masks").mkdir()
    for name in ("a", "b"):
        shutil.copy("clean.png", f"{name}.png")
        mask = np.zeros((16, 24), np.uint8)
        mask[4:8, 4:8] = 255
        Image.fromarray(mask).save(f"masks/{name}.png")
    command = ("inpaint", "a.png", "b.png", "--mask", "masks", "-o", "out", *FAST, "--json")
    run(*command)
    mask[10:12] = 255
    Image.fromarray(mask).save("masks/b.png")
    assert statuses(run(*command, "--existing", "skip")) == ["skipped", "ok"]
    assert statuses(run(*command, "--existing", "skip", "--dilate", 1)) == ["ok", "ok"]


def test_an_output_that_no_manifest_knows_is_left_alone() -> None:
    names = photos("a.jpg", "b.jpg")
    Path("a_jpeg.png").write_bytes(b"mine")
    assert statuses(jpeg(*names, "--existing", "skip", "--json")) == ["skipped", "ok"]
    assert statuses(jpeg(*names, "--existing", "skip", "--seed", 1, "--json")) == ["skipped", "ok"]
    assert Path("a_jpeg.png").read_bytes() == b"mine"


def test_a_manifest_is_where_all_outputs_are_or_where_asked() -> None:
    names = photos("in/a.jpg", "in/b.jpg", "other/c.jpg")
    jpeg(*names[:2])
    assert len(lines(f"in/{MANIFEST}")) == 2
    jpeg(names[2])
    jpeg("in/a.jpg", "other/c.jpg", "-y")
    assert not Path("other", MANIFEST).exists()
    jpeg(*names, "-y", "--manifest", "kept/m.jsonl")
    assert [line["path"] for line in lines("kept/m.jsonl")] == [
        "../in/a_jpeg.png", "../in/b_jpeg.png", "../other/c_jpeg.png",
    ]  # fmt: skip
    jpeg(*names, "-o", "out", "--manifest", "none")
    assert not Path("out", MANIFEST).exists()
    refused = jpeg(*names, "-y", "--manifest", "in", code=2)
    assert "no regular file" in refused.stderr


def test_the_manifest_holds_the_record_and_what_it_was_made_of(done: list[str]) -> None:
    line = lines()[-1]
    assert line["path"] == "deep/c.png"
    assert line["record"]["input"] == "in/deep/c.jpg"
    assert line["settings"]["nfe"] == 1
    assert line["settings"]["model_sha256"] == line["record"]["model_sha256"]
    assert line["output"]["bytes"] == Path("out/deep/c.png").stat().st_size
    assert line["output"]["mtime_ns"] == Path("out/deep/c.png").stat().st_mtime_ns
    assert line["inputs"][0]["bytes"] == Path("in/deep/c.jpg").stat().st_size


@pytest.mark.parametrize("name", [f.name for f in fields(Settings) if f.name not in IMMATERIAL])
def test_every_setting_that_pixels_depend_on_is_kept(name: str) -> None:
    changes = {
        "nfe": 3, "mode": "perceptual", "method": "ddnm", "seed": 5, "label": 7, "samples": 3,
        "blend": 0.25, "strength": 0.5, "preview": (1, 2, 3, 4),
    }  # fmt: skip
    usual = collect_settings(Record(), Encoding("PNG"), Settings(), {})
    other = collect_settings(Record(), Encoding("PNG"), Settings(**{name: changes[name]}), {})
    assert {key for key in other if other[key] != usual.get(key)} == {name}
