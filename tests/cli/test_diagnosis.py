"""diagnose: findings in lines or in JSON, of files, folders and standard input."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

from restore.cli import app
from restore.record import KEYS

Run = Callable[..., Result]
PHOTOGRAPH = data.astronaut()[:192, :192]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph as JPEG of quality 20 under a name with a space, and a damaged file."""
    monkeypatch.chdir(tmp_path)
    Path("in/below").mkdir(parents=True)
    Image.fromarray(PHOTOGRAPH).save("in/my photo.jpg", quality=20)
    Image.fromarray(PHOTOGRAPH).save("in/below/second.jpg", quality=50)
    Path("bad.jpg").write_bytes(Path("in/my photo.jpg").read_bytes()[:300])


def run(*arguments: object, input: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["diagnose", *map(str, arguments)], input=input)


def records(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_finding_is_a_line_with_what_to_type():
    result = run("in/my photo.jpg")
    assert result.exit_code == 0
    assert "A JPEG file of quality 20" in result.stdout
    assert "    bcm-restore jpeg 'in/my photo.jpg'\n" in result.stdout
    assert "    bcm-restore auto 'in/my photo.jpg'\n" in result.stdout
    assert not list(Path("in").glob("*.png"))


def test_records_have_the_schema_and_the_findings():
    (record,) = records(run("in", "--json"))
    assert list(record)[: len(KEYS)] == list(KEYS)
    assert (record["task"], record["status"], record["output"]) == ("diagnose", "ok", None)
    assert record["size_in"] == [192, 192]
    assert record["sound"] is False
    found = {one["name"]: one for one in record["findings"]}
    assert found["file"]["figures"]["quality"] == 20
    assert set(found["file"]) == {"name", "sentence", "figures", "advice", "command"}


def test_folders_below_are_looked_into_where_asked():
    assert [one["input"] for one in records(run("in", "--json"))] == ["in/my photo.jpg"]
    assert len(records(run("in", "-r", "--json"))) == 2
    several = run("in", "-r").stdout
    assert "\nin/below/second.jpg\n  Taken for a photograph.\n" in several


def test_standard_input_is_read():
    result = run("-", "--json", input=Path("in/my photo.jpg").read_bytes())
    assert records(result)[0]["findings"][1]["figures"]["quality"] == 20


def test_what_cannot_be_read_fails_alone():
    result = run("bad.jpg", "in", "--json")
    assert result.exit_code == 3
    failed, made = records(result)
    assert failed["status"] == "failed"
    assert failed["error"]["type"] == "ImageError"
    assert made["status"] == "ok"
    assert "failed: bad.jpg" in result.stderr
    assert run("bad.jpg").exit_code == 3
    assert run("absent.jpg").exit_code == 2
    assert run().exit_code == 2


def test_a_mask_is_measured_and_a_folder_of_masks_is_matched():
    hole = np.zeros(PHOTOGRAPH.shape[:2], np.uint8)
    hole[20:60, 20:150] = 255
    Path("masks").mkdir()
    Image.fromarray(hole).save("masks/my photo.png")
    for mask in ("masks/my photo.png", "masks"):
        (record,) = records(run("in/my photo.jpg", "--mask", mask, "--json"))
        found = {one["name"]: one for one in record["findings"]}
        assert found["hole"]["figures"]["width"] == pytest.approx(40, abs=1)
    assert run("in/my photo.jpg", "--mask", "absent.png").exit_code == 2
