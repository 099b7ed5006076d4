"""Laws of a batch that is cut short: nothing is half done, and a resume does the rest."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import restore
from restore.batch.manifest import MANIFEST
from restore.cli import app
from tests.support.clock import PATIENCE

TOP = Path(restore.__file__).parents[1]
IMAGES = 20
COMMAND = [sys.executable, "-m", "restore", "jpeg", "in", "-o", "out", "--dtype", "fp32"]


@pytest.fixture(autouse=True)
def photos(here, photograph):
    os.mkdir("in")
    for i in range(IMAGES):
        pixels = np.roll(photograph(width=24, height=16), i, axis=1)
        Image.fromarray(pixels).save(f"in/{i:02}.jpg", quality=10)


def interrupted(*numbers, after, nfe=30):
    """A batch that gets these signals after so many outputs: its code, records, and words."""
    command = [*COMMAND, "--json", "--nfe", str(nfe)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [child.stdout.readline() for _ in range(after)]
    if not after:
        while not Path("out", MANIFEST).exists():
            time.sleep(0.01)
    for number in numbers:
        child.send_signal(number)
        time.sleep(0.02)
    rest, said = child.communicate(timeout=PATIENCE)
    return child.returncode, [json.loads(line) for line in [*lines, *rest.splitlines()]], said


def manifest():
    return [json.loads(line) for line in Path("out", MANIFEST).read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGINT,), 130),
        ((signal.SIGTERM,), 143),
        ((signal.SIGHUP,), 129),
        ((signal.SIGTERM, signal.SIGTERM, signal.SIGINT), 143),
    ],
)
def test_a_signal_ends_the_batch_and_a_resume_does_only_the_rest(numbers, code):
    found, records, said = interrupted(*numbers, after=3)
    assert found == code
    assert "interrupted" in said or len(numbers) > 1
    assert "Traceback" not in said
    images = [record for record in records if "status" in record]
    done = sorted(path.name for path in Path("out").glob("[!.]*"))
    assert 3 <= len(images) <= len(done) < IMAGES
    assert not list(Path("out").glob(".*.tmp")) or len(numbers) > 1
    assert [Path(line["path"]).name for line in manifest()] == done
    if len(numbers) == 1:
        summary = records[-1]["summary"]
        assert (summary["ok"], summary["left"]) == (len(done), IMAGES - len(done))

    rest = CliRunner().invoke(app, [*COMMAND[3:], "--json", "--nfe", "30", "--existing", "skip"])
    summary = json.loads(rest.stdout.splitlines()[-1])["summary"]
    assert rest.exit_code == 0
    assert (summary["skipped"], summary["ok"]) == (len(done), IMAGES - len(done))


def test_a_signal_before_the_first_output_leaves_nothing():
    code, records, _ = interrupted(signal.SIGTERM, after=0, nfe=9999)
    assert code == 143
    assert records[-1]["summary"]["left"] == IMAGES
    assert os.listdir("out") == [MANIFEST]


def test_a_signal_that_the_caller_ignores_stays_ignored():
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    child = subprocess.Popen(
        [*COMMAND, "--json", "--nfe", "1"], stdout=subprocess.PIPE, preexec_fn=ignore
    )
    child.stdout.readline()
    child.send_signal(signal.SIGHUP)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == 0


def killed(count, seed):
    command = [sys.executable, "-m", "tests.support.kills", str(count), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == count
    assert found["unrecorded"] == 0
    return found


def test_whatever_kills_a_batch_leaves_only_whole_files_and_a_resume_ends_the_same():
    killed(10, 3)


@pytest.mark.slow
def test_a_hundred_kills_leave_only_whole_files_and_resumes_end_the_same():
    assert killed(100, 7)["partial"] > 20
