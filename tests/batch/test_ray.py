"""Laws of a batch on a cluster of Ray: the bytes of a local run, whatever dies meanwhile.

One cluster of two machines, each with one CPU, for all; most runs do work that needs no network.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import restore
from restore.batch.inputs import Input
from restore.batch.manifest import MANIFEST, Manifest
from restore.batch.plan import Job, Names, OutputKind, Where, plan
from restore.batch.ray import Cluster
from restore.batch.run import Outcome, exhaust
from restore.batch.shards import Shard
from restore.cli import app
from restore.errors import CheckpointError, ResourceError
from tests.support.clock import PATIENCE
from tests.support.fragile import Fragile

ray = pytest.importorskip("ray")
from restore.batch import ray as engine  # noqa: E402

TOP = Path(restore.__file__).parents[1]
FAST = ("--nfe", "1", "--tile", "0", "--threads", "1", "--dtype", "fp32")
SLOW = ("--nfe", "40", "--tile", "0", "--threads", "1", "--dtype", "fp32", "-q")
RAY = ("--engine", "ray")
MACHINE = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 200 << 20}  # so says it


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A cluster of two machines, to which this process is connected."""
    from ray.cluster_utils import Cluster as Machines

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(TOP))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("RAY_worker_niceness", "0")  # its 15 waits for whatever runs beside it
        patch.delenv("RAY_ADDRESS", raising=False)
        head = {**MACHINE, "include_dashboard": False}
        found = Machines(initialize_head=True, head_node_args=head)
        found.second = found.add_node(**MACHINE)
        ray.init(found.address, log_to_driver=False, logging_level="CRITICAL")
        yield found
        ray.shutdown()
        found.shutdown()


@pytest.fixture(autouse=True)
def notes(here: Path) -> None:
    os.mkdir("notes")


class Observer:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, Outcome]] = []
        self.said: list[str] = []
        self.then: Callable[[int], object] = lambda count: None

    def begin(self, number: int, job: Job) -> None: ...

    def end(self, number: int, job: Job, outcome: Outcome) -> None:
        self.ended.append((number, outcome))
        self.then(len(self.ended))

    def emit(self, data: bytes) -> None:
        raise AssertionError

    def statuses(self) -> str:
        return "".join(outcome.record.status[0] for _, outcome in self.ended)


def turned(recipe: Fragile, *contents: str, fail_fast: bool = False, **cluster: Any) -> Observer:
    """A run of a recipe over files that hold this."""
    os.makedirs("in", exist_ok=True)
    for i, text in enumerate(contents):
        Path(f"in/{i}.png").write_text(text)
    observer, manifest = Observer(), Manifest(f"out/{MANIFEST}")
    manifest.open()
    planned = plan(Names(["in"]), Where("out/", existing="skip"), OutputKind("turn"))
    wanted = Cluster(**cluster)
    with wanted.connect():
        steps = engine.run_stepwise_on_cluster(
            wanted, planned, recipe, observer, observer.said.append,
            manifest=manifest, fail_fast=fail_fast,
        )  # fmt: skip
        exhaust(steps)
    manifest.close()
    return observer


def outputs(folder: str = "out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("[!.]*"))}


def lines(path: str = f"out/{MANIFEST}") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def photos(photograph: Callable[..., np.ndarray], count: int) -> None:
    os.makedirs("in", exist_ok=True)
    clean = photograph(width=24, height=16)
    for i in range(count):
        Image.fromarray(np.roll(clean, i, axis=1)).save(f"in/{i:02}.jpg", quality=10)


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.stderr + repr(result.exception)
    return result


def records(result: Any, folder: str) -> list[dict[str, Any]]:
    """The records, without what differs from run to run."""
    found = [json.loads(line) for line in result.stdout.splitlines()]
    for record in found:
        record.get("summary", record).pop("seconds")
        if "output" in record:
            record["output"] = record["output"].replace(folder, "out", 1)
    return found


# The same as a local run


def test_a_cluster_gives_the_bytes_records_and_codes_of_a_local_run(
    machines: Any, photograph: Callable[..., np.ndarray]
) -> None:
    from pyarrow import parquet

    photos(photograph, 5)
    Path("in/bad.jpg").write_bytes(b"")
    local = run("jpeg", "in", "-o", "one", "--json", *FAST, code=3)
    report = ("--report", "page.html")
    there = run("jpeg", "in", "-o", "two", "--json", *FAST, *RAY, *report, code=3)
    assert outputs("two") == outputs("one")
    assert len(outputs("two")) == 5
    assert records(there, "two") == records(local, "one")
    assert "2 workers of Ray with 1 CPU" in there.stderr
    assert "failed: in/bad.jpg: reading: not an image" in there.stderr
    assert "5 ok, 1 failed in" in there.stderr
    page = Path("page.html").read_text()
    assert page.count("data:image/") >= 10  # what went in and what came out

    kept = {line["path"]: line for line in lines(f"two/{MANIFEST}")}
    assert sorted(os.listdir("two")) == sorted([MANIFEST, ".bcm-restore.parquet", *outputs("two")])
    rows = {row["path"]: row for row in parquet.read_table("two/.bcm-restore.parquet").to_pylist()}
    assert rows.keys() == kept.keys() == {*outputs("two"), "bad.png"}
    for name, row in rows.items():
        line, record = kept[name], kept[name]["record"]
        assert (row["status"], row["input"]) == (record["status"], record["input"])
        assert json.loads(row["metrics"]) == record["metrics"]
        assert json.loads(row["settings"]) == line["settings"]
        if record["status"] == "ok":
            assert [row["width_in"], row["height_in"]] == record["size_in"]
            assert (row["sha256"], row["error"]) == (line["output"]["sha256"], None)
        else:
            assert (row["error_stage"], row["error_type"]) == ("reading", "ImageError")
    # either goes on where the other was
    skipped = run("jpeg", "in", "-o", "two", "--json", "--existing", "skip", *FAST, code=3)
    assert [r["status"] for r in records(skipped, "two")[:-1]] == ["skipped"] * 5 + ["failed"]


def test_a_resume_does_only_the_rest_and_a_shard_only_its_own(
    machines: Any, photograph: Callable[..., np.ndarray]
) -> None:
    photos(photograph, 6)
    own = [f"in/{i:02}.jpg" for i in range(6)]
    own = [name for name in own if Input(name, "in", "in") in Shard(1, 2)]
    run("jpeg", "in", "-o", "out", "--shard", "1/2", *FAST)
    before = outputs()
    Path("out", f"{Path(own[0]).stem}.png").unlink()
    options = ("--shard", "1/2", "--existing", "skip", "--json", *FAST, *RAY)
    *found, last = records(run("jpeg", "in", "-o", "out", *options), "out")
    assert [r["status"] for r in found] == ["ok"] + ["skipped"] * (len(own) - 1)
    assert [r["input"] for r in found] == own
    assert last["summary"]["others"] == 6 - len(own)
    assert outputs() == before
    assert len(list(Path("out").glob(".*.parquet"))) == 1
    assert not Path("out", MANIFEST).exists()


# What dies


def test_a_killed_worker_loses_nothing(machines: Any, capfd: pytest.CaptureFixture[str]) -> None:
    observer = turned(Fragile("notes"), "a", "b", "mortal", "c", "broken", "d", "e", "f")
    assert observer.statuses() == "ooooof"[:4] + "f" + "ooo"
    assert [number for number, _ in observer.ended] == list(range(1, 9))
    made = [text[::-1].encode() for text in ("a", "b", "mortal", "c", "d", "e", "f")]
    assert list(outputs().values()) == made
    assert any("lost with a worker's process" in said for said in observer.said)
    assert {line["path"] for line in lines()} == {f"{i}.png" for i in range(8)}
    assert capfd.readouterr().out == ""  # Ray has nothing to say there


def test_where_there_are_gpus_other_processes_write(machines: Any) -> None:
    observer = turned(Fragile("notes"), "a", "mortal", "broken", "b", gpus=1)
    assert observer.statuses() == "oofo"
    assert list(outputs().values()) == [b"a", b"latrom", b"b"]
    makers = {
        outcome.record.more["made_by"] for _, outcome in observer.ended if not outcome.failure
    }
    writers = {int(path.name.removeprefix("writer-")) for path in Path("notes").glob("writer-*")}
    assert writers
    assert makers.isdisjoint(writers)


def test_what_kills_every_worker_fails_alone(
    machines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ROUNDS", 2)
    observer = turned(Fragile("notes"), "a", "deadly", "b")
    assert observer.statuses() == "ofo"
    (failed,) = [outcome for _, outcome in observer.ended if outcome.failure]
    assert "a process that held it died" in failed.record.error["message"]
    assert [line["record"]["status"] for line in lines()].count("failed") == 1


def test_a_lost_machine_loses_nothing(machines: Any) -> None:
    lost = threading.Event()
    observer = Observer()

    def lose(count: int) -> None:
        if count == 2 and not lost.is_set():
            lost.set()
            machines.remove_node(machines.second, allow_graceful=False)

    original = Observer.end

    def end(self: Observer, number: int, job: Job, outcome: Outcome) -> None:
        original(self, number, job, outcome)
        lose(len(self.ended))

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Observer, "end", end)
            observer = turned(Fragile("notes", seconds=0.3), *(f"file {i}" for i in range(16)))
    finally:
        machines.second = machines.add_node(**MACHINE)
    assert lost.is_set()
    assert observer.statuses() == "o" * 16
    assert outputs() == {f"{i}.png": f"file {i}"[::-1].encode() for i in range(16)}


def driver(machines: Any, **options: Any) -> subprocess.Popen[bytes]:
    """A slow run in a process of its own, when it has written two of ten images."""
    command = [sys.executable, "-m", "restore", "jpeg", "in", "-o", "out", *SLOW, *RAY]
    child = subprocess.Popen([*command, "--ray-address", machines.address], **options)
    ending = time.monotonic() + PATIENCE
    while len(outputs()) < 2 and child.poll() is None:
        assert time.monotonic() < ending
        time.sleep(0.02)
    assert child.poll() is None, child.communicate()
    return child


def test_after_the_death_of_the_driver_a_run_goes_on(
    machines: Any, photograph: Callable[..., np.ndarray]
) -> None:
    photos(photograph, 10)
    child = driver(machines)
    child.send_signal(signal.SIGKILL)
    child.wait()
    time.sleep(1)  # its workers end with it
    before = {path: os.stat(f"out/{path}").st_mtime_ns for path in outputs()}
    assert 2 <= len(before) < 10
    run("jpeg", "in", "-o", "whole", *SLOW)
    result = run("jpeg", "in", "-o", "out", "--existing", "skip", "--json", *SLOW)
    summary = records(result, "out")[-1]["summary"]
    assert (summary["ok"], summary["skipped"]) == (10 - len(before), len(before))
    assert outputs() == outputs("whole")
    after = {path: os.stat(f"out/{path}").st_mtime_ns for path in outputs()}
    assert before.items() <= after.items()  # what was done was not done again


def test_an_interrupt_of_the_driver_leaves_soon_and_nothing_half_done(
    machines: Any, photograph: Callable[..., np.ndarray]
) -> None:
    photos(photograph, 10)
    child = driver(machines, stderr=subprocess.PIPE)
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=PATIENCE)
    assert child.returncode == 143, said.decode()
    assert b"interrupted" in said
    assert b"Traceback" not in said
    time.sleep(1)  # its workers end with it
    done = sorted(outputs())
    assert 2 <= len(done) < 10
    assert set(done) <= set(Manifest(f"out/{MANIFEST}").made)
    for name in done:
        assert Image.open(f"out/{name}").size == (24, 16)


# What ends a run


def test_the_first_failure_ends_a_run_where_that_is_asked(machines: Any) -> None:
    observer = turned(Fragile("notes"), "a", "broken", *"bcdefgh", fail_fast=True)
    assert observer.statuses()[:2] == "of"
    assert isinstance(observer.ended[1][1].failure.error, ValueError)
    assert "it is broken" in str(observer.ended[1][1].failure.error.__notes__)


def test_a_worker_that_cannot_have_the_model_ends_the_run(machines: Any) -> None:
    with pytest.raises(CheckpointError, match="another file here"):
        turned(Fragile("notes", model="other"), "a", "b")
    assert outputs() == {}


def test_a_folder_that_is_not_on_every_machine_ends_the_run(
    machines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = engine.Shared

    def elsewhere(recipe: Any, folder: str, *more: Any) -> Any:
        return there(recipe, "/no/folder/of/theirs", *more)

    monkeypatch.setattr(engine, "Shared", elsewhere)
    with pytest.raises(ResourceError, match="not on every machine"):
        turned(Fragile("notes"), "a")
    assert outputs() == {}


def test_more_than_there_is_room_for_is_refused(machines: Any) -> None:
    for wanted in ({"workers": 3}, {"cpus": 2}, {"gpus": 2}):
        with pytest.raises(ResourceError, match="no room for the workers"):
            turned(Fragile("notes"), "a", **wanted)


# What needs no cluster


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ray-workers", 2], "does nothing without --engine ray"),
        (["--cpus-per-worker", 2], "does nothing without --engine ray"),
        (["--gpus-per-worker", 1], "does nothing without --engine ray"),
        ([*RAY, "-o", "-"], "writes files alone"),
        ([*RAY, "--workers", 0], "for one process"),
        ([*RAY, "--gpus-per-worker", 1.5], "a share or whole ones"),
    ],
)
def test_asked_wrongly_is_refused_before_any_work(
    photograph: Callable[..., np.ndarray], options: list[object], said: str
) -> None:
    photos(photograph, 1)
    assert said in run("jpeg", "in/00.jpg", *options, code=2).stderr
    assert not ray.is_initialized() or not outputs("in").keys() - {"00.jpg"}


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_is_the_cluster_s_to_give(
    machines: Any, photograph: Callable[..., np.ndarray], device: str
) -> None:
    photos(photograph, 1)
    result = run("jpeg", "in/00.jpg", *RAY, "--device", device, code=2)
    assert "--gpus-per-worker" in result.stderr


def test_without_ray_the_extra_is_named(
    photograph: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos(photograph, 1)
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    result = run("jpeg", "in/00.jpg", *RAY, code=2)
    assert "pip install 'bcm-restore[ray]'" in result.stderr


def test_a_cluster_that_is_not_there_is_code_5(
    photograph: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos(photograph, 1)

    def init(address: str, **options: Any) -> None:
        raise ConnectionError(f"nothing at {address}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    result = run("jpeg", "in/00.jpg", *RAY, "--ray-address", "127.0.0.1:9", code=5)
    assert "no Ray cluster at '127.0.0.1:9'" in result.stderr


@pytest.mark.parametrize("cpus", [1, 2, 8])
@pytest.mark.parametrize("codecs", [1, 3])
def test_a_worker_takes_no_more_than_its_cpus(cpus: int, codecs: int) -> None:
    cluster = Cluster(cpus=cpus, codecs=codecs)
    network, codec = cluster.network_needs["num_cpus"], cluster.codec_needs["num_cpus"]
    assert network + 2 * codecs * codec <= cpus
    assert network < 1 or network == int(network)  # as Ray wants it


@pytest.mark.parametrize(
    "command",
    [
        ["jpeg"],
        ["inpaint", "--mask", "mask.png", "--dilate", "2"],
        ["superres", "--scale", "2"],
        ["denoise", "--sigma", "9"],
        ["deblur", "--kernel", "gaussian:1", "--sigma", "1"],
    ],
)
def test_the_recipe_of_every_task_goes_to_another_process_and_makes_the_same(
    command: list[str], photograph: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    from restore.batch.restorer import Restorer

    photos(photograph, 1)
    mask = np.zeros((16, 24), np.uint8)
    mask[4:8, 4:8] = 255
    Image.fromarray(mask).save("mask.png")
    task, *options = command
    run(task, "in/00.jpg", "-o", "one/", *options, *FAST)
    work = Restorer.work

    def sent(self: Restorer, *arguments: Any) -> Any:
        return work(pickle.loads(pickle.dumps(self)), *arguments)

    monkeypatch.setattr(Restorer, "work", sent)
    run(task, "in/00.jpg", "-o", "two/", *options, *FAST)
    assert outputs("one") == outputs("two")
    assert len(outputs("one")) == 1
