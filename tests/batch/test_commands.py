"""Laws of a batch by its commands: what is done, shared out, recorded and refused."""

import os
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from restore.batch.manifest import MANIFEST
from restore.cli import app
from tests.support.batches import FAST, bytes_in, jpeg, photos, records, run, statuses

pytestmark = pytest.mark.usefixtures("clean")


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


# One file's failure


def test_of_several_files_those_that_cannot_be_made_fail_alone() -> None:
    photos("in/small.jpg")
    Image.new("RGB", (90, 90)).save("in/large.png")
    options = ("--scale", 4, "--max-pixels", 20_000, "-o", "out", *FAST)
    result = run("superres", "in", *options, "--json", code=3)
    found = {record["input"]: record for record in records(result)[:-1]}
    assert found["in/small.jpg"]["status"] == "ok"
    assert found["in/large.png"]["error"]["type"] == "ImageError"
    assert found["in/large.png"]["error"]["stage"] == "reading"
    assert "are over the limit" in found["in/large.png"]["error"]["message"]
    assert sorted(bytes_in("out")) == ["small.png"]
    run("superres", "in/large.png", *options, code=3)  # in no company it fails as in any
    run("superres", "in/large.png", *options[:4], "-o", "large.png", *FAST, code=2)


def test_a_screenshot_s_opaque_alpha_is_none_in_jpeg() -> None:
    photos("in/a.jpg")
    Image.open("clean.png").convert("RGBA").save("in/b.png")
    run("denoise", "in", "--sigma", 5, "--format", "jpg", "-o", "out", *FAST)
    assert Image.open("out/b.jpg").mode == "RGB"


def test_a_manifest_s_numbers_that_cannot_be_make_a_line_none_of_ours() -> None:
    photos("a.jpg", "b.jpg")
    jpeg("a.jpg", "b.jpg", "-o", "out")
    good = Path("out", MANIFEST).read_text().splitlines()
    for i, number in enumerate(("NaN", "1e999", "-Infinity", str(10**400))):
        wrong = re.sub(r'"seconds": [0-9.]+', f'"seconds": {number}', good[0])
        Path(f"{i}.jsonl").write_text(wrong + "\n")
        run("report", "merge", f"{i}.jsonl", code=2)
        Path(f"{i}.jsonl").write_text(wrong + "\n" + good[1] + "\n")
        assert run("report", "merge", f"{i}.jsonl").stdout.startswith("1 ok in ")
