"""Laws of the room `batch`: the plan, shards, stages that overlap, and what a manifest knows."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from restore.batch import (
    Entry,
    Input,
    Kind,
    Manifest,
    Names,
    Shard,
    Tally,
    Where,
    assigned,
    entries,
    latest,
    names_in,
    plan,
    shard_of,
)
from restore.batch.manifest import printed
from restore.batch.pipeline import Failure, Stages, in_turn, overlapped
from restore.batch.records import kind_of
from restore.errors import RequestError

SETTINGS = {"nfe": 4, "model_sha256": "a" * 64}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(*names):
    """Files of these names; a plan reads headers alone, and what has none is found out later."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"none")
    return names


def outputs(given, where=None, shard=None, **names):
    jobs = plan(Names(given, **names), where or Where("out/"), Kind("jpeg"), shard).jobs
    return [job.output for job in jobs]


# The plan


def test_a_pattern_stands_for_its_files_and_a_file_of_that_name_for_itself():
    files("in/b.jpg", "in/a.jpg", "in/deep/c.jpg", "[ab].jpg")
    assert outputs(["in/*.jpg"]) == ["out/a.png", "out/b.png"]
    assert outputs(["in/**/*.jpg"]) == ["out/a.png", "out/b.png", "out/c.png"]
    assert outputs(["[ab].jpg"]) == ["out/[ab].png"]
    with pytest.raises(RequestError, match="none matches"):
        outputs(["in/*.tiff"])


def test_a_list_is_literal_and_keeps_its_tree():
    files("in/a.jpg", "in/deep/a.jpg", "in/*.jpg")
    listed = names_in(b"in/a.jpg\n\nin/deep/a.jpg\r\nin/*.jpg\n", null=False)
    assert outputs([], listed=listed) == ["out/in/a.png", "out/in/deep/a.png", "out/in/*.png"]
    assert names_in(b"a\nb.jpg\0\xff.jpg\0", null=True) == ["a\nb.jpg", "\udcff.jpg"]


def test_names_outside_the_current_folder_keep_no_tree(here):
    files("in/a.jpg")
    assert outputs([], listed=[str(here / "in/a.jpg")]) == ["out/a.png"]
    assert outputs([], listed=["in/../../" + here.name + "/in/a.jpg"]) == ["out/a.png"]


def test_collisions_are_found_over_all_shards():
    files("a/x.jpg", "b/x.jpg")
    for index in (1, 2):
        with pytest.raises(RequestError, match="one output"):
            outputs(["a/x.jpg", "b/x.jpg"], shard=Shard(index, 2))


def test_the_folder_of_all_outputs_is_known_where_there_is_one():
    files("in/a.jpg", "in/b.jpg", "other/c.jpg")

    def folder(given, output=None):
        return plan(Names(given), Where(output), Kind("jpeg")).folder

    assert folder(["in/a.jpg"]) is None
    assert folder(["in/a.jpg", "in/b.jpg"]) == "in"
    assert folder(["in/a.jpg", "other/c.jpg"]) is None
    assert folder(["in"]) == "in"
    assert folder(["in/a.jpg", "other/c.jpg"], "out") == "out"
    assert folder(["in/a.jpg"], "out.png") is None


# Shards


def test_shards_part_the_images_and_do_not_change_with_company():
    inputs = [Input(f"in/{i}.jpg", "in", "in") for i in range(500)]
    shards = [[input for input in inputs if input in Shard(i, 4)] for i in range(1, 5)]
    assert sorted((one for shard in shards for one in shard), key=inputs.index) == inputs
    assert all(80 < len(shard) < 170 for shard in shards)
    moved = [Input(f"/mnt/{i}.jpg", "/mnt", "/mnt") for i in range(500)]
    assert [m in Shard(1, 4) for m in moved] == [input in Shard(1, 4) for input in inputs]


def test_a_shard_is_the_same_in_every_process():
    assert Input("photos/a.jpg") in Shard(8, 8)
    assert Input("./photos//é.jpg", base=".") in Shard(1, 3)


def test_the_environment_assigns_shards():
    slurm = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4"}
    assert assigned({**slurm, "SLURM_ARRAY_TASK_MIN": "5"}) == Shard(3, 4)
    steps = {"SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_STEP": "2"}
    assert shard_of("auto", {**slurm, **steps}) == Shard(4, 4)
    assert shard_of("auto", {"RANK": "0", "WORLD_SIZE": "2"}) == Shard(1, 2)
    assert assigned({}) is None
    assert assigned({"RANK": "x", "WORLD_SIZE": "2"}) is None


def test_srun_and_kubernetes_assign_shards() -> None:
    step = {"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"}
    assert shard_of("auto", step) == Shard(3, 4)
    assert assigned({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}) is None  # sbatch, before any srun
    pod = {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "16"}
    assert shard_of("auto", pod) == Shard(1, 16)
    with pytest.raises(RequestError, match="set JOB_COMPLETIONS"):
        shard_of("auto", {"JOB_COMPLETION_INDEX": "3"})
    with pytest.raises(RequestError, match="expected 1/2 to 2/2"):
        shard_of("auto", {"JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "2"})


def test_torchrun_under_srun_counts_once() -> None:
    ranks = {"RANK": "5", "WORLD_SIZE": "8"}
    assert shard_of("auto", {**ranks, "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}) == Shard(
        6, 8
    )


def test_processes_of_an_array_or_of_a_pod_share_its_share() -> None:
    array = {"SLURM_ARRAY_TASK_COUNT": "3"}
    pods = {"JOB_COMPLETIONS": "3"}
    steps, ranks = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"), ("RANK", "WORLD_SIZE")
    for outer, name, inner in (
        (array, "SLURM_ARRAY_TASK_ID", steps),
        (pods, "JOB_COMPLETION_INDEX", ranks),
    ):
        found = [
            shard_of("auto", {**outer, name: str(i), inner[0]: str(j), inner[1]: "2"})
            for i in range(3)
            for j in range(2)
        ]
        assert found == [Shard(i, 6) for i in range(1, 7)]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", "", "auto"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(RequestError):
        shard_of(text, {})


# Stages


def stages(log, read=None, make=None, finish=None, pixels=0, stop=lambda job, ended: False):
    """Stages that pass a number on, each noting what it did."""

    def report(job, ended):
        log.append((job, ended))
        return stop(job, ended)

    return Stages(
        read or (lambda job: job),
        make or (lambda job, given: given),
        finish or (lambda job, made: made),
        report,
        lambda job: pixels,
    )


def test_reports_come_in_the_order_of_the_jobs_whichever_ends_first():
    log = []
    slow = stages(log, finish=lambda job, made: time.sleep(0.03 * (job % 3 == 0)) or made)
    overlapped(range(12), slow, threads=4)
    assert log == [(job, job) for job in range(12)]


def test_the_three_stages_run_at_once():
    log = []

    def wait(*arguments):
        time.sleep(0.03)
        return arguments[-1]

    began = time.perf_counter()
    overlapped(range(12), stages(log, wait, wait, wait))
    seconds = time.perf_counter() - began
    assert len(log) == 12
    assert seconds < 0.75 * 3 * 12 * 0.03


def test_only_the_caller_s_thread_runs_the_network():
    threads = set()

    def make(job, given):
        threads.add(threading.current_thread())

    overlapped(range(5), stages([], make=make), threads=3)
    assert threads == {threading.main_thread()}


@pytest.mark.parametrize(("pixels", "most"), [(0, 6), (30_000_000, 2), (90_000_000, 1)])
def test_what_is_in_flight_is_bounded_in_files_and_in_pixels(pixels, most):
    flying, seen, lock = set(), [], threading.Lock()

    def read(job):
        with lock:
            flying.add(job)
            seen.append(len(flying))

    def finish(job, made):
        time.sleep(0.005)
        with lock:
            flying.remove(job)

    overlapped(range(30), stages([], read, finish=finish, pixels=pixels), threads=4)
    assert max(seen) <= most
    assert not flying


@pytest.mark.parametrize("way", [in_turn, overlapped])
def test_what_a_stage_raises_is_that_job_s_failure(way):
    log = []

    def read(job):
        if job == 1:
            raise ValueError("read")
        return job

    def make(job, given):
        if job == 3:
            raise MemoryError("make")
        return given

    way(range(5), stages(log, read, make))
    found = {job: ended for job, ended in log if isinstance(ended, Failure)}
    assert {job: (f.stage, str(f.error)) for job, f in found.items()} == {
        1: ("reading", "read"),
        3: ("restoring", "make"),
    }
    assert [job for job, _ in log] == list(range(5))


def test_nothing_is_begun_after_a_report_asks_to_stop():
    log = []

    def read(job):
        if job == 2:
            raise ValueError
        return job

    failed = stages(log, read, stop=lambda job, ended: isinstance(ended, Failure))
    overlapped(range(9), failed, strict=True)
    assert [job for job, _ in log] == [0, 1, 2]


def test_an_interrupt_lets_what_is_made_be_written_and_begins_nothing():
    log = []

    def make(job, given):
        if job == 3:
            raise KeyboardInterrupt
        return given

    def finish(job, made):
        time.sleep(0.05)
        return made

    with pytest.raises(KeyboardInterrupt):
        overlapped(range(9), stages(log, make=make, finish=finish))
    assert log == [(0, 0), (1, 1), (2, 2)]


def test_an_error_that_must_end_the_run_ends_it():
    def finish(job, made):
        raise OSError("standard output is full")

    with pytest.raises(OSError, match="full"):
        overlapped(range(99), stages([], finish=finish))


# The manifest


def entry(path, *, status="ok", settings=SETTINGS, inputs=(), output=None, **record):
    error = {"type": "ImageError", "message": "no"} if status == "failed" else None
    record = {
        "status": status,
        "input": "a.jpg",
        "output": f"out/{path}",
        "seconds": 1.0,
        "error": error,
        **record,
    }
    return Entry(path, record, settings, inputs, output)


def print_of(path):
    return printed(Path(path).read_bytes(), os.stat(path))


@pytest.fixture
def made():
    """A manifest that knows how out/a.png was made of a.jpg and mask.png."""
    files("a.jpg", "mask.png", "out/a.png")
    manifest = Manifest("out/m.jsonl")
    manifest.open()
    inputs = print_of("a.jpg"), print_of("mask.png")
    manifest.add(entry("a.png", inputs=inputs, output=print_of("out/a.png")))
    manifest.close()
    return Manifest("out/m.jsonl").made["a.png"]


def why(made, settings=SETTINGS, inputs=("a.jpg", "mask.png")):
    return made.difference(settings, list(inputs), "out/a.png")


def test_an_output_is_left_while_all_it_was_made_of_is_the_same(made):
    assert why(made) == ""
    for path in ("a.jpg", "out/a.png"):
        os.utime(path, (1, 1))  # as a copy of the archive may have it
    assert why(made) == ""


def test_an_output_is_made_again_by_other_settings_or_another_model(made):
    assert why(made, SETTINGS | {"nfe": 8}) == "nfe was 4, is 8"
    assert why(made, SETTINGS | {"blend": 0.5}) == "blend was None, is 0.5"
    assert why(made, SETTINGS | {"model_sha256": "b" * 64}) == "the model is another"


@pytest.mark.parametrize("path", ["a.jpg", "mask.png", "out/a.png"])
def test_an_output_is_made_again_when_a_file_is_no_longer_what_it_was(made, path):
    Path(path).write_bytes(b"long")  # as long as it was
    os.utime(path, (1, 1))
    assert "changed" in why(made)
    Path(path).write_bytes(b"longer")
    assert "changed" in why(made)
    Path(path).unlink()
    assert "No such file" in why(made)
    assert why(made, inputs=["a.jpg"]) == "it had other inputs"


def test_a_torn_tail_is_no_line_and_spoils_none_that_follow(made):
    whole = Path("out/m.jsonl").read_bytes()
    for cut in range(len(whole)):
        Path("torn.jsonl").write_bytes(whole[:cut])
        manifest = Manifest("torn.jsonl")
        assert set(manifest.made) <= {"a.png"}
        if cut % 50 == 0:
            manifest.open()
            manifest.add(entry("b.png"))
            manifest.close()
            assert "b.png" in Manifest("torn.jsonl").made


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"3", b"null", b'"x"', b"\0" * 99, b"\xff\xfe", b"[" * 99999,
     b'{"manifest": 1, "when": 1, "path": 3, "record": {}, "settings": {}, "inputs": []}',
     b'{"manifest": 1, "when": 1e999, "path": "p", "record": {"status": "ok"}, "settings": {}}'],
)  # fmt: skip
def test_lines_that_are_none_are_passed_over(made, line):
    good = Path("out/m.jsonl").read_bytes()
    Path("m.jsonl").write_bytes(line + b"\n" + good + line)
    assert list(Manifest("m.jsonl").made) == ["a.png"]


def test_a_failure_forgets_nothing_of_what_was_made(made):
    manifest = Manifest("out/m.jsonl")
    manifest.open()
    manifest.add(entry("a.png", status="failed"))
    manifest.close()
    assert why(Manifest("out/m.jsonl").made["a.png"]) == ""
    assert latest(entries(["out/m.jsonl"]))["a.png"].record["status"] == "failed"


def test_shards_write_apart_and_read_together():
    for index in (1, 2):
        manifest = Manifest("out/.m.jsonl", Shard(index, 2))
        manifest.open()
        manifest.add(entry(f"{index}.png"))
        manifest.close()
    assert sorted(os.listdir("out")) == [".m.1-of-2.jsonl", ".m.2-of-2.jsonl"]
    for shard in (None, Shard(1, 2), Shard(2, 3)):
        assert sorted(Manifest("out/.m.jsonl", shard).made) == ["1.png", "2.png"]


def test_names_in_a_manifest_are_those_from_its_folder(here):
    manifest = Manifest("out/m.jsonl")
    assert manifest.name("out/deep/a.png") == "deep/a.png"
    assert manifest.name(str(here / "out" / "\udcff.png")) == "\udcff.png"
    manifest.open()
    manifest.add(entry("\udcff\n.png"))
    manifest.close()
    assert Path("out/m.jsonl").read_bytes().isascii()
    Path("out").rename("elsewhere")
    assert list(Manifest("elsewhere/m.jsonl").made) == ["\udcff\n.png"]


def test_what_is_no_manifest_file_is_refused():
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for path in ("pipe", "folder", "", "a\0b"):
        with pytest.raises(RequestError):
            Manifest(path)


# Summaries


def test_failures_are_counted_by_kind_without_their_particulars():
    tally = Tally()
    for i, cause in enumerate(["no mask in 'm' is named '%d'", "%d pixels are too many", "no"]):
        for j in range(3 - i):
            message = cause % j if "%" in cause else cause
            error = {"type": "ImageError", "message": message, "stage": "reading"}
            made = entry("p", status="failed")
            tally.add({**made.record, "input": f"{i}{j}.jpg", "error": error})
    tally.add(replace(entry("p")).record)
    assert tally.counts() == {"ok": 1, "skipped": 0, "failed": 6}
    assert tally.failures() == [
        {"kind": "reading: no mask in … is named …", "count": 3, "example": "00.jpg"},
        {"kind": "reading: … pixels are too many", "count": 2, "example": "10.jpg"},
        {"kind": "reading: no", "count": 1, "example": "20.jpg"},
    ]
    assert json.dumps(tally.failures())


def test_files_of_unknown_kinds_are_one_kind_of_failure_whatever_they_start_with():
    def unknown(start):
        return {"stage": "reading", "message": f"of an unknown kind (it starts {start}); no image"}

    kinds = {kind_of(unknown(start)) for start in ("62 61 64 0a", "ff 00 be ef", "de ad 12")}
    assert kinds == {"reading: of an unknown kind (it starts …); no image"}
