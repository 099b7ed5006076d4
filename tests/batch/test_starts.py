"""Batches that begin from other results: matched by name, and part of what a resume compares."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restore
from restore.errors import RequestError
from restore.settings import Settings
from restore.tasks import Jpeg
from tests.support.batches import jpeg, photos, records, run, statuses

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def starts() -> list[str]:
    """Two files in `in`, and another's result of each in `other`."""
    names = photos("in/a.jpg", "in/b.jpg")
    Path("other").mkdir()
    for name in names:
        pixels = np.asarray(Image.open(name).convert("RGB"))
        Image.fromarray(pixels // 2).save(f"other/{Path(name).stem}.png")
    return names


def held(*options: object, code: int = 0):
    return run(
        "jpeg", "in", "-o", "out", "--start", "other", "--nfe", 0, "--json", *options, code=code
    )


def test_each_is_held_to_its_own_file(starts):
    found = records(held())[:-1]
    assert [record["start"] for record in found] == ["other/a.png", "other/b.png"]
    for record in found:
        assert (record["status"], record["nfe"], record["method"]) == ("ok", 0, "hold")
        assert record["metrics"]["coefficients_kept"] > 0.99


def test_a_start_that_does_not_fit_fails_its_file_alone(starts):
    Image.new("RGB", (5, 5)).save("other/b.png")
    found = held(code=3)
    assert statuses(found) == ["ok", "failed"]
    assert "the start 'other/b.png' has 5×5 pixels, the result" in found.stderr
    Path("other/b.png").unlink()
    assert "no start in 'other' is named 'b'" in held("-y", code=3).stderr


def test_a_resume_compares_the_starts(starts):
    held()
    assert statuses(held("--existing", "skip")) == ["skipped", "skipped"]
    Image.new("RGB", Image.open("other/a.png").size).save("other/a.png")
    assert statuses(held("--existing", "skip")) == ["ok", "skipped"]
    again = run("jpeg", "in", "-o", "out", "--nfe", 0, "--json", "--existing", "skip")
    assert statuses(again) == ["ok", "ok"]
    assert "it had other inputs" in again.stderr


def test_strength_is_a_setting(starts):
    jpeg("in", "-o", "out")
    assert statuses(jpeg("in", "-o", "out", "--json", "--existing", "skip")) == ["skipped"] * 2
    again = jpeg("in", "-o", "out", "--json", "--existing", "skip", "--strength", 0.5)
    assert statuses(again) == ["ok", "ok"]
    assert "strength was None, is 0.5" in again.stderr


def test_what_cannot_be_held_is_refused_before_any_work(starts):
    found = run("denoise", "in", "-o", "out", "--start", "other", "--nfe", 0, code=2)
    assert "denoise holds no result" in found.stderr
    found = jpeg("in", "-o", "out", "--start", "nowhere", code=2)
    assert "--start 'nowhere' does not exist" in found.stderr
    with pytest.raises(RequestError, match="the start is the path of an image"):
        restore.batch(Jpeg(), "in", "out", settings=Settings(start=np.zeros((2, 2), np.uint8)))


def test_no_model_is_loaded_where_none_is_asked(starts, monkeypatch):
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("a model is loaded")

    monkeypatch.setattr("restore.checkpoints.load", refuse)
    said = held().stderr
    assert "NFE 0: the start is held to what is given, and no network is asked" in said
    assert "fidelity" not in said
    assert statuses(held("--existing", "skip")) == ["skipped", "skipped"]
    found = records(run("jpeg", "in", "-o", "plain", "--nfe", 0, "--json"))[:-1]
    assert [(one["method"], one["model"], one["mode"]) for one in found] == [
        ("hold", None, None)
    ] * 2
