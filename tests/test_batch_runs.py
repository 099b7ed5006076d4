"""Laws of a batch by its commands: what is done, resumed, shared out, recorded and refused."""

import json
import os
import pty
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import restore
from restore.batch import MANIFEST
from restore.cli import app

FAST = ("--nfe", "1", "--tile", "0")


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photograph: Callable[..., np.ndarray],
    tiny_model: Path,
) -> Path:
    """A folder, the tiny model, and no scheduler around."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    monkeypatch.setenv("PYTHONPATH", str(Path(restore.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("SLURM_ARRAY_TASK_ID", "SLURM_PROCID", "RANK", "JOB_COMPLETION_INDEX"):
        monkeypatch.delenv(name, raising=False)
    Image.fromarray(photograph(width=24, height=16)).save("clean.png")
    return tmp_path


def photos(*names: str) -> list[str]:
    """Different JPEG files under these names."""
    clean = np.asarray(Image.open("clean.png"))
    for turn, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(clean, turn, axis=1)).save(name, "JPEG", quality=10)
    return list(names)


def run(*arguments: object, input: bytes | None = None, code: int = 0):
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=input)
    assert result.exit_code == code, result.stderr + repr(result.exception)
    return result


def jpeg(*arguments: object, **options):
    return run("jpeg", *arguments, *FAST, **options)


def records(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def statuses(result):
    return [record.get("status") for record in records(result)[:-1]]


def bytes_in(folder: str) -> dict[str, bytes]:
    """What is in the files of a folder, manifests left out."""
    paths = [p for p in Path(folder).rglob("*") if p.is_file() and p.suffix != ".jsonl"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def lines(path: str = f"out/{MANIFEST}"):
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


# A mixed bag


BAD: dict[str, bytes] = {
    "empty": b"",
    "page": b"<!doctype html><title>404</title>",
    "words": b"no image at all",
    "torn": b"\xff\xd8\xff\xe0" + bytes(40),
}


def test_of_two_hundred_mixed_files_the_good_are_done_and_the_bad_named() -> None:
    good, kinds = (
        [],
        (("jpg", "RGB"), ("png", "RGBA"), ("png", "L"), ("webp", "RGB"), ("tiff", "L")),
    )
    clean = Image.open("clean.png")
    for i in range(200):
        path = Path("in", f"{i % 7}", f"{i:03}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if i % 10 == 9:
            name, data = list(BAD.items())[i // 10 % 4]
            path.with_suffix(f".{name}.jpg").write_bytes(data)
            continue
        ending, mode = kinds[i % 5]
        image = clean.convert(mode).resize((9 + i % 5, 8 + i % 3))
        image.save(path.with_suffix(f".{ending}"))
        good.append(str(path.relative_to("in").with_suffix(".png")))
    result = jpeg("in", "-r", "-o", "out", "--json", code=3)
    *found, last = records(result)
    failed = [record for record in found if record["status"] == "failed"]
    assert (len(found), len(failed)) == (200, 20)
    assert sorted(bytes_in("out")) == sorted(good)
    for record in failed:
        assert Path(record["input"]).exists()
        assert f"failed: {record['input']}: reading: " in result.stderr
        assert record["error"]["type"] == "ImageError"
    for record in found:
        if record["status"] == "ok":
            assert list(Image.open(record["output"]).size) == record["size_out"]
    summary = last["summary"]
    assert (summary["ok"], summary["failed"], summary["left"]) == (180, 20, 0)
    assert sum(kind["count"] for kind in summary["failures"]) == 20
    assert 2 <= len(summary["failures"]) <= 4
    assert "180 ok, 20 failed in " in result.stderr
    assert [record["input"] for record in found] == sorted(r["input"] for r in found)

    before = {path: os.stat(Path("out", path)).st_mtime_ns for path in good}
    again = jpeg("in", "-r", "-o", "out", "--json", "--existing", "skip", code=3)
    assert statuses(again).count("skipped") == 180
    assert {path: os.stat(Path("out", path)).st_mtime_ns for path in good} == before


# Resuming


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


def test_a_resume_redoes_what_has_changed(done: list[str]) -> None:
    photos("x.jpg", "y.jpg")
    os.replace("y.jpg", "in/a.jpg")
    Path("out/b.png").write_bytes(Path("out/b.png").read_bytes()[:-7])
    os.utime("in/deep/c.jpg", (1, 1))
    before = bytes_in("out")
    said = resumed("--dry-run")[1]
    assert bytes_in("out") == before
    assert "again: in/a.jpg: 'in/a.jpg' has changed" in said
    assert "2 of 3 images would be written, 2 of them again" in said
    assert resumed()[0] == {"a.jpg": "ok", "b.jpg": "ok", "c.jpg": "skipped"}


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


# Many names


def test_lists_come_from_a_file_or_a_pipe_and_keep_the_tree() -> None:
    names = photos("in/a.jpg", "in/deep/a.jpg", "in/new\nline.jpg")
    Path("list").write_text("\n".join(names[:2]))
    assert jpeg("--from-file", "list", "-o", "one").stdout == "one/in/a.png\none/in/deep/a.png\n"
    data = "\0".join(names).encode()
    jpeg("--from-file", "-", "-0", "-o", "two", input=data)
    assert sorted(bytes_in("two")) == ["in/a.png", "in/deep/a.png", "in/new\nline.png"]
    assert jpeg("in/*.jpg", "-o", "three").stdout.startswith("three/a.png\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--from-file", "none"],
        ["--from-file", "empty"],
        ["--from-file", "-", "-"],
        ["a.jpg", "--null"],
        ["a.jpg", "--shard", "0/2"],
        ["a.jpg", "--shard", "auto"],
        ["*.png.jpg"],
        ["a.jpg", "a.jpg"],
        ["a.jpg", "--workers", "-1"],
        ["a.jpg", "b.jpg", "--manifest", "out"],
    ],
)
def test_asked_wrongly_is_refused_before_any_work(arguments: list[str]) -> None:
    photos("a.jpg", "b.jpg")
    Path("empty").write_text("\n\n")
    Path("out").mkdir()
    jpeg(*arguments, "-o", "out/", code=2, input=b"")
    assert os.listdir("out") == []


# Shards


def test_shards_do_all_once_and_merge_into_one_report() -> None:
    names = photos(*(f"in/{i}.jpg" for i in range(12)))
    Path("in/bad.jpg").write_bytes(b"")
    jpeg("in", "-o", "whole", code=3)
    done: list[str] = []
    for i in (1, 2, 3):
        result = CliRunner().invoke(
            app, ["jpeg", "in", "-o", "out", "--shard", f"{i}/3", "--json", *FAST]
        )
        *found, last = records(result)
        done += [record["input"] for record in found]
        assert last["summary"]["others"] == 13 - len(found)
    assert sorted(done) == sorted([*names, "in/bad.jpg"])
    assert bytes_in("out") == bytes_in("whole")
    shards = sorted(str(p) for p in Path("out").glob(".*.jsonl"))
    assert len(shards) == 3
    (merged,) = records(run("report", "merge", *shards, "--json", code=3))
    assert merged["summary"].items() >= {"ok": 12, "failed": 1, "manifests": 3}.items()
    assert merged["summary"]["failures"][0]["example"] == "in/bad.jpg"
    # one process takes over from three, and mends what failed
    photos("in/bad.jpg")
    result = jpeg("in", "-o", "out", "--existing", "skip", "--json")
    assert statuses(result).count("ok") == 1
    text = run("report", "merge", *shards, f"out/{MANIFEST}").stdout
    assert text.startswith("13 ok in ")


def test_the_environment_assigns_a_share_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    photos(*(f"in/{i}.jpg" for i in range(8)))
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "1")
    asked = jpeg("in", "--shard", "auto", "--dry-run").stdout
    assert asked == jpeg("in", "--shard", "2/2", "--dry-run").stdout
    whole = jpeg("in", "--dry-run", "--json")
    assert 0 < len(asked.splitlines()) < len(statuses(whole)) + 1
    assert "--shard auto would take 2/2" in jpeg("in").stderr


def test_a_share_of_nothing_is_no_failure() -> None:
    photos("in/a.jpg")
    results = [jpeg("in", "-o", "out", "--shard", f"{i}/2", "-y") for i in (1, 2)]
    assert sorted(result.stdout for result in results) == ["", "out/a.png\n"]
    assert any("1 for other shards" in result.stderr for result in results)


def test_a_report_tells_folders_apart() -> None:
    names = photos("a.jpg", "b.jpg")
    for folder in ("one", "two"):
        jpeg(*names, "-o", folder)
    jpeg(*names, "-o", "one", "-y")
    merged = run("report", "merge", f"one/{MANIFEST}", f"two/{MANIFEST}")
    assert merged.stdout.startswith("4 ok in ")


def test_a_report_of_nothing_is_refused() -> None:
    Path("none.jsonl").write_text("{}\n")
    run("report", "merge", "none.jsonl", code=2)
    run("report", "merge", "absent.jsonl", code=5)


# The same pixels, whatever is around


def test_neither_order_nor_company_nor_overlap_nor_shards_change_a_byte() -> None:
    names = photos(*(f"in/{i}.jpg" for i in range(6)))
    options = ("--mode", "perceptual", "--seed", 5)
    jpeg(*names, "-o", "whole", *options)
    whole = bytes_in("whole")
    jpeg(*names[::-1], "-o", "back", *options)
    jpeg(*names, "-o", "turn", "--workers", 0, *options)
    jpeg(*names, "-o", "many", "--workers", 3, *options)
    for i in (1, 2):
        jpeg(*names, "-o", "shards", "--shard", f"{i}/2", *options)
    for name in names:
        jpeg(name, "-o", "alone/", *options)
    for folder in ("back", "turn", "many", "shards", "alone"):
        assert bytes_in(folder) == whole, folder


# Faults of the environment


def process(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "restore", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, **options)


def test_a_file_too_large_for_the_disk_fails_alone_and_leaves_what_was_there() -> None:
    photos("in/a.jpg", "in/b.jpg")
    Image.effect_noise((200, 200), 90).convert("RGB").save("in/large.jpg", quality=30)
    Path("out").mkdir()
    Path("out/large.png").write_bytes(b"mine")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = process("jpeg", "in", "-o", "out", "-y", *FAST, preexec_fn=limit)
    assert done.returncode == 3
    assert b"large.jpg: writing: " in done.stderr
    assert b"arge" in done.stderr
    assert Path("out/large.png").read_bytes() == b"mine"
    assert sorted(os.listdir("out")) == [MANIFEST, "a.png", "b.png", "large.png"]
    assert [line["record"]["status"] for line in lines()] == ["ok", "ok", "failed"]


def test_a_disk_that_takes_nothing_more_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    names = photos(*(f"in/{i}.jpg" for i in range(9)))
    fsync, count = os.fsync, [0]

    def full(file: int) -> None:
        count[0] += 1
        if count[0] > 4:  # the probe and three files
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    result = jpeg(*names, "-o", "out", code=5)
    assert "the disk is full" in result.stderr
    assert "error: cannot write into" in result.stderr
    assert sorted(bytes_in("out")) == ["0.png", "1.png", "2.png"]
    monkeypatch.undo()


def test_a_full_file_system_is_found_before_the_model_loads(here: Path) -> None:
    photos("in/a.jpg")
    Path("small").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "small"]).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(OSError, match="space"):
            Path("small/ballast").write_bytes(bytes(1 << 20))
        done = process("jpeg", "in", "-o", "small", "-m", "default", *FAST)
        assert done.returncode == 5
        assert b"cannot write into" in done.stderr
        assert b"NFE" not in done.stderr
        assert os.listdir("small") == ["ballast"]
    finally:
        subprocess.run(["umount", "small"], check=True)


def test_a_manifest_that_cannot_be_written_ends_the_run_before_it_begins() -> None:
    photos("in/a.jpg", "in/b.jpg")
    Path("file").write_text("")
    result = jpeg("in", "-o", "out", "--manifest", "file/m.jsonl", code=5)
    assert "manifest" in result.stderr
    assert bytes_in("out") == {}


def test_a_reader_that_goes_away_changes_nothing_but_the_output() -> None:
    photos(*(f"in/{i}.jpg" for i in range(9)))
    command = f"{sys.executable} -m restore jpeg in -o out --json --nfe 1 | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=120)
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "ok"
    assert b"Traceback" not in done.stderr
    assert len(bytes_in("out")) == 9


def test_hostile_names_come_through_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "[x].jpg",
        "[red]a.jpg",
        "new\nline.jpg",
        "\x1b[31mred.jpg",
        "é😀.jpg",
        "n\udcff.jpg",
        "-r.jpg",
    ]
    photos(*(f"in/{name}" for name in names))
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    done = process("jpeg", "in", "-o", "out", *FAST)
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    assert sorted(bytes_in("out")) == sorted(f"{name[:-4]}.png" for name in names)
    assert process("jpeg", "in", "-o", "out", "--existing", "skip", *FAST).stdout == b""


def test_a_terminal_sees_which_file_how_many_and_how_long() -> None:
    photos(*(f"in/{i}.jpg" for i in range(4)))
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.environ["COLUMNS"] = "100"
        os.execv(sys.executable, [sys.executable, "-m", "restore", "jpeg", "in", "-o", "out"])
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # its end
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode()
    assert "4/4 in/3.jpg" in text
    assert "4/4 done, " in text
    assert "a minute, about " in text
    assert [line for line in text.splitlines() if line.strip().endswith("out/3.png")]
