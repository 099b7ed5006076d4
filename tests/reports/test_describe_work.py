"""What was done and what to expect, in the words of the line that a run prints."""

import pytest
from PIL import Image

from restore.record import Record, describe_proof
from restore.reports.describe import describe_work
from tests.support.batches import run


def record(task: str, nfe: int = 4, **more: object) -> Record:
    metrics = {"sigma": 5.0, "quality": 20.0, "hole_share": 0.1, "hole_width": 30.0}
    given = {"size_in": (10, 10), "size_out": (20, 20), "metrics": metrics} | more
    return Record(task=task, method="bcm", nfe=nfe, mode="fidelity", **given)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("jpeg", "JPEG of quality 20 mended: its blocks go, texture that it lost does not come"),
        (
            "superres",
            "enlarged 2 times, taken to be off by 5.0 levels: texture finer than its pixels",
        ),
        ("denoise", "noise of 5.0 levels taken out: texture that is weaker goes with it"),
        ("deblur", "blur undone as far as noise of 5.0 levels lets"),
        ("inpaint", "10.00% filled, 30 pixels wide at most, made up from what lies around"),
    ],
)
def test_each_task_says_what_it_did(task, words):
    assert words in describe_work(record(task))


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"quality": 92.0}, "hardly a difference to be seen"),
        ({"quality": 60.0}, "small to see"),
        ({}, "quality 30"),
    ],
)
def test_what_to_expect_of_a_jpeg_is_by_its_quality(metrics, words):
    assert words in describe_work(record("jpeg", metrics=metrics))


def test_other_ways_have_other_words():
    assert describe_work(record("jpeg", 0)) == "left as it is"
    assert describe_work(record("jpeg", 0, more={"strength": 0.0})) == "what was given, as it is"
    assert describe_work(record("jpeg", more={"strength": 0.5})).endswith("mixed in by 0.5")
    held = Record(task="jpeg", method="hold", nfe=0)
    assert describe_work(held) == "held to what was given, no network asked"
    assert "doubtful" in describe_work(record("deblur", status="doubtful"))
    assert describe_work(record("jpeg", status="failed")) == ""
    assert describe_work(Record(task="degrade jpeg")) == ""
    assert "drawn" in describe_work(Record(**(vars(record("superres")) | {"mode": "perceptual"})))
    assert "as what lies around" in describe_work(
        record("inpaint", metrics={"hole_share": 0.1, "hole_width": 3.0})
    )


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (1.25, "PSNR 30.00 dB, 1.25 dB nearer to the reference than what was given"),
        (-0.5, "PSNR 30.00 dB, 0.50 dB further from the reference than what was given"),
        (0.0, "PSNR 30.00 dB, as far from the reference as what was given"),
        (None, "PSNR 30.00 dB"),
    ],
)
def test_a_gain_reads_as_one(gain, words):
    assert describe_proof({"psnr_db": 30.0, "gain_db": gain, "psnr_input_db": 28.0}) == [words]


def test_the_command_says_it(photograph, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph()).save("clean.png")
    Image.fromarray(photograph()).save("in.jpg", quality=20)
    said = run("jpeg", "in.jpg", "--reference", "clean.png", "--nfe", 1).stderr
    line = next(line for line in said.splitlines() if line.startswith("in.jpg: "))
    assert "JPEG of quality 20 mended" in line
    assert "nearer to the reference than what was given" in line
