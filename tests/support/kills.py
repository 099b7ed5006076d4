"""Kills: a batch killed at random moments, again and again, and resumed each time.

    python -m tests.support.kills 100 7  # kills, seed

Everything is imported once; each run is a fork. After every kill, all that is there is looked at:
outputs are whole and right, nothing else is but our temporaries, and the manifest can be read.
Prints what was found as JSON.
"""

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = 12


def batch(out: str) -> list[str]:
    model = ["-m", os.environ["BCM_RESTORE_MODEL"], "--threads", "1"]
    return ["jpeg", "in", "-o", out, "--existing", "skip", "--nfe", "1", "-q", *model]


def started(out: str) -> int:
    """A fork that runs the batch; its process id."""
    if pid := os.fork():
        return pid
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    from restore.cli import main

    sys.argv[1:] = batch(out)
    with contextlib.suppress(BaseException):
        main()
    os._exit(0)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def outputs(out: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(out).glob("[!.]*"))}


def photos() -> None:
    os.mkdir("in")
    generator = np.random.default_rng(0)
    for i in range(IMAGES):
        pixels = generator.integers(0, 256, (16, 16 + i, 3), np.uint8)
        Image.fromarray(pixels).save(f"in/{i:02}.jpg", quality=20)


def kill(count: int, seed: int) -> dict[str, int]:
    import restore.batch.prepare
    import restore.cli  # noqa: F401 - so that a fork has it

    randomly = random.Random(seed)
    photos()
    began = time.monotonic()
    assert ended(started("whole")) == 0
    seconds = time.monotonic() - began
    whole = outputs("whole")
    assert len(whole) == IMAGES

    found = {"kills": 0, "runs": 0, "temporaries": 0, "partial": 0, "unrecorded": 0}
    while found["kills"] < count:
        out = f"out{found['runs']}"
        found["runs"] += 1
        finished = False
        while not finished and found["kills"] < count:
            pid = started(out)
            time.sleep(randomly.uniform(0.1, 0.7) * seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            finished = ended(pid) == 0
            found["kills"] += not finished
            for name, data in outputs(out).items():
                assert data == whole[name], f"{name} is not whole"
            hidden = [p.name for p in Path(out).glob(".*")]
            temporaries = [name for name in hidden if name.endswith(".tmp")]
            assert set(hidden) <= {*temporaries, ".bcm-restore.jsonl"}, hidden
            found["temporaries"] += len(temporaries)
            recorded = known(out)
            found["unrecorded"] += len(set(outputs(out)) - recorded)
            found["partial"] += 0 < len(outputs(out)) < IMAGES
        for path in Path(out).glob(".*.tmp"):
            os.utime(path, (time.time() - 60,) * 2)
        before = {p.name: p.stat().st_mtime_ns for p in Path(out).glob("[!.]*")}
        assert ended(started(out)) == 0
        assert outputs(out) == whole
        after = {p.name: p.stat().st_mtime_ns for p in Path(out).glob("[!.]*")}
        assert before.items() <= after.items(), "what was done was done again"
        if len(before) < IMAGES:  # a run that has something to write tidies
            assert not list(Path(out).glob(".*.tmp"))
    return found


def known(out: str) -> set[str]:
    """The outputs that the manifest tells of."""
    from restore.batch.manifest import Manifest

    return set(Manifest(f"{out}/.bcm-restore.jsonl").made)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(json.dumps(kill(int(sys.argv[1]), int(sys.argv[2]))))
