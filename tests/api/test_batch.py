"""Laws of `restore.batch`: the batch of the command line, from Python."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import restore
from restore import RequestError
from restore.bcm import BCM
from restore.settings import Settings
from restore.tasks import TASKS, Auto, Deblur, Denoise, Inpaint, Jpeg, Superres, Task
from tests.support.clock import PATIENCE

ONCE = Settings(nfe=1)
COUNT = 4


@pytest.fixture(autouse=True)
def photos(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_model: Path,
    photograph: Callable[..., np.ndarray],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    Path("in").mkdir()
    for i in range(COUNT):
        pixels = np.roll(photograph(width=24, height=16), i, axis=1)
        Image.fromarray(pixels).save(f"in/{i}.jpg", quality=10)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> BCM:
    return restore.load(str(tiny_model), dtype="fp32")


def outputs(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("[!.]*"))}


def run(*arguments: object) -> Any:
    from restore.cli import app

    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.stderr
    return result


def statuses(*arguments: Any, **options: Any) -> list[str]:
    return [record.status for record in restore.batch(*arguments, settings=ONCE, **options)]


def test_it_gives_the_bytes_and_records_of_the_command_line(model: BCM) -> None:
    Path("in/bad.jpg").write_bytes(b"none")
    found = list(restore.batch(Jpeg(), "in", "one", model=model, settings=ONCE))
    Path("in/bad.jpg").unlink()
    result = run("jpeg", "in", "-o", "two", "--nfe", 1, "--dtype", "fp32", "--json")
    assert outputs("one") == outputs("two")
    assert [record.status for record in found] == ["ok"] * COUNT + ["failed"]
    assert found[-1].error is not None
    assert found[-1].error["stage"] == "reading"
    assert len(found) == len(outputs("one")) + 1
    for record, line in zip(found[:COUNT], result.stdout.splitlines()[:COUNT], strict=True):
        ours, theirs = record.as_dict(), json.loads(line)
        for one in (ours, theirs):
            one.pop("seconds")
            one["output"] = Path(one["output"]).name
        assert ours == theirs


def test_it_goes_on_where_it_was_left_and_where_the_command_line_was(model: BCM) -> None:
    records = restore.batch(Jpeg(), "in", "out", model=model, settings=ONCE, workers=0)
    assert next(records).status == "ok"
    records.close()  # type: ignore[attr-defined]
    assert len(outputs("out")) == 1
    assert statuses(Jpeg(), "in", "out", model=model, existing="skip") == ["skipped"] + ["ok"] * 3
    result = run("jpeg", "in", "-o", "out", "--nfe", 1, "--dtype", "fp32", "--existing", "skip")
    assert result.stdout == ""
    again = restore.batch(Jpeg(), "in", "out", model=model, settings=Settings(nfe=2),
                          existing="skip")  # fmt: skip
    assert [record.status for record in again] == ["ok"] * COUNT


def test_records_come_while_others_are_still_to_be_made(model: BCM) -> None:
    begun: list[str] = []
    records = restore.batch(
        Jpeg(), "in", "out", model=model, settings=ONCE, workers=0,
        progress=lambda name, done, total: begun.append(name),
    )  # fmt: skip
    assert begun == []
    next(records)
    assert set(begun) == {"in/0.jpg"}
    assert len(list(records)) == COUNT - 1
    assert set(begun) == {f"in/{i}.jpg" for i in range(COUNT)}


def test_shards_part_the_work(model: BCM) -> None:
    for i in (1, 2):
        statuses(Jpeg(), "in", "out", model=model, shard=f"{i}/2")
    assert len(outputs("out")) == COUNT
    assert statuses(Jpeg(), "in", "out", model=model, existing="skip") == ["skipped"] * COUNT


def test_masks_and_references_go_by_name(model: BCM) -> None:
    Path("masks").mkdir()
    shutil.copytree("in", "clean")
    for i in range(COUNT):
        mask = np.zeros((16, 24), np.uint8)
        mask[4 : 8 + i, 4:8] = 255
        Image.fromarray(mask).save(f"masks/{i}.png")
    found = list(restore.batch(Inpaint("masks"), "in", "out", model=model, settings=ONCE,
                               reference="clean"))  # fmt: skip
    assert [record.status for record in found] == ["ok"] * COUNT
    assert all("masked_psnr_db" in record.metrics for record in found)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((Jpeg(), "nothing/*.jpg", "out"), {}),
        ((Jpeg(), "in", "-"), {}),
        ((Jpeg(), "-", "out"), {}),
        ((Jpeg(), "in", "in"), {}),
        ((Jpeg(), "in", "out"), {"quality": 80}),
        ((Jpeg(), "in", "out"), {"depth": 12}),
        ((Jpeg(), "in", "out"), {"engine": "dask"}),
        ((Jpeg(), "in", "out"), {"shard": "3/2"}),
        ((Jpeg(), "in", "out"), {"uncertainty": "maps"}),
        ((Superres(scale=0.5), "in", "out"), {}),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_called(arguments: Any, options: Any) -> None:
    with pytest.raises(RequestError):
        restore.batch(*arguments, **options)
    assert not Path("out").exists()


# Several threads


TASK: dict[str, Callable[[], Task]] = {
    "jpeg": Jpeg,
    "superres": lambda: Superres(scale=2),
    "denoise": lambda: Denoise(sigma=9),
    "deblur": lambda: Deblur(kernel="gaussian:1", sigma=1),
    "inpaint": lambda: Inpaint(np.eye(16, 24, dtype=bool)),
    "auto": Auto,
}


def test_every_task_is_tried() -> None:
    assert TASK.keys() == TASKS.keys()


def test_several_threads_restore_with_one_model_at_once(model: BCM) -> None:
    """Each result is that of one thread alone, whatever the others do meanwhile."""
    tasks = [(make(), f"in/{i % COUNT}.jpg") for i, make in enumerate(TASK.values())] * 2
    settings = Settings(nfe=2, mode="perceptual", seed=3)
    alone = [task.restore(path, model, settings).image for task, path in tasks]
    together = threading.Barrier(len(tasks))

    def restored(task: Task, path: str) -> np.ndarray:
        together.wait(60)
        return task.restore(path, model, settings).image

    with ThreadPoolExecutor(len(tasks)) as threads:
        found = list(threads.map(restored, *zip(*tasks, strict=True)))
    for (task, path), one, other in zip(tasks, alone, found, strict=True):
        assert np.array_equal(one, other), (task.name, path)


# Workers


@pytest.mark.parametrize("task", TASK)
def test_another_process_makes_its_own_work_of_a_restorer_without_any_typer(
    task: str, tiny_model: Path
) -> None:
    import pickle

    from restore.batch.restorer import Encoding, ModelSource, Restorer
    from restore.checkpoints import resolve

    source = ModelSource(resolve(str(tiny_model)), "cpu", "fp32")
    recipe = Restorer(TASK[task](), ONCE, source, Encoding("PNG"))
    Path("recipe").write_bytes(pickle.dumps(recipe))
    code = (
        "import pickle, sys\n"
        "from restore.batch.plan import Job\nfrom restore.batch.inputs import Input\n"
        "recipe = pickle.load(open('recipe', 'rb'))\nwork = recipe.work(recipe.load())\n"
        "job = Job(Input('in/0.jpg'), 'out.png')\n"
        "picture, record = work.make(job, work.read(job), None)\n"
        "open('out.png', 'wb').write(work.encode(picture, job.output).data)\n"
        "sys.exit(any(name in sys.modules for name in ('typer', 'rich', 'restore.cli')))"
    )
    top = str(Path(restore.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": top, "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    work = recipe.work(recipe.load())
    from restore.batch.inputs import Input
    from restore.batch.plan import Job

    job = Job(Input("in/0.jpg"), "out.png")
    picture, _ = work.make(job, work.read(job), None)
    assert Path("out.png").read_bytes() == work.encode(picture, job.output).data
