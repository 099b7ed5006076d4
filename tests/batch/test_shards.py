"""Laws of shards: each image is in one, the same on every machine."""

import pytest

from restore.batch.inputs import Input
from restore.batch.shards import Shard, find_assigned, parse_shard
from restore.errors import RequestError


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
    assert find_assigned({**slurm, "SLURM_ARRAY_TASK_MIN": "5"}) == Shard(3, 4)
    steps = {"SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_STEP": "2"}
    assert parse_shard("auto", {**slurm, **steps}) == Shard(4, 4)
    assert parse_shard("auto", {"RANK": "0", "WORLD_SIZE": "2"}) == Shard(1, 2)
    assert find_assigned({}) is None
    assert find_assigned({"RANK": "x", "WORLD_SIZE": "2"}) is None


def test_srun_and_kubernetes_assign_shards() -> None:
    step = {"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"}
    assert parse_shard("auto", step) == Shard(3, 4)
    assert (
        find_assigned({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}) is None
    )  # sbatch, before any srun
    pod = {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "16"}
    assert parse_shard("auto", pod) == Shard(1, 16)
    with pytest.raises(RequestError, match="set JOB_COMPLETIONS"):
        parse_shard("auto", {"JOB_COMPLETION_INDEX": "3"})
    with pytest.raises(RequestError, match="expected 1/2 to 2/2"):
        parse_shard("auto", {"JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "2"})


def test_torchrun_under_srun_counts_once() -> None:
    ranks = {"RANK": "5", "WORLD_SIZE": "8"}
    assert parse_shard(
        "auto", {**ranks, "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}
    ) == Shard(6, 8)


def test_processes_of_an_array_or_of_a_pod_share_its_share() -> None:
    array = {"SLURM_ARRAY_TASK_COUNT": "3"}
    pods = {"JOB_COMPLETIONS": "3"}
    steps, ranks = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"), ("RANK", "WORLD_SIZE")
    for outer, name, inner in (
        (array, "SLURM_ARRAY_TASK_ID", steps),
        (pods, "JOB_COMPLETION_INDEX", ranks),
    ):
        found = [
            parse_shard("auto", {**outer, name: str(i), inner[0]: str(j), inner[1]: "2"})
            for i in range(3)
            for j in range(2)
        ]
        assert found == [Shard(i, 6) for i in range(1, 7)]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", "", "auto"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(RequestError):
        parse_shard(text, {})
