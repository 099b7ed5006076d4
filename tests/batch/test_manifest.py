"""Laws of a manifest: what it remembers, when an output is to be made again, and the sums."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from restore.batch.manifest import (
    Manifest,
    ManifestEntry,
    Tally,
    describe_kind,
    fingerprint,
    keep_latest,
    read_entries,
    tabulate,
)
from restore.batch.restorer import Encoding, collect_settings
from restore.batch.shards import Shard
from restore.errors import RequestError
from restore.record import Record
from restore.settings import Settings
from restore.tasks import Superres
from tests.support.batches import files

SETTINGS = {"nfe": 4, "model_sha256": "a" * 64}


def entry(path, *, status="ok", settings=SETTINGS, inputs=(), output=None):
    error = {"type": "ImageError", "message": "no"} if status == "failed" else None
    record = Record(
        status=status, input="a.jpg", output=f"out/{path}", seconds=1.0, error=error
    )  # fmt: skip
    return ManifestEntry(path, record, settings, inputs, output)


def fingerprint_of(path):
    return fingerprint(Path(path).read_bytes(), os.stat(path))


@pytest.fixture
def made():
    """A manifest that knows how out/a.png was made of a.jpg and mask.png."""
    files("a.jpg", "mask.png", "out/a.png")
    manifest = Manifest("out/m.jsonl")
    manifest.open()
    inputs = fingerprint_of("a.jpg"), fingerprint_of("mask.png")
    manifest.add_entry(entry("a.png", inputs=inputs, output=fingerprint_of("out/a.png")))
    manifest.close()
    return Manifest("out/m.jsonl").made["a.png"]


def why(made, settings=SETTINGS, inputs=("a.jpg", "mask.png")):
    return made.difference(settings, list(inputs))


def test_an_output_is_left_while_all_it_was_made_of_is_the_same(made):
    assert why(made) == ""
    for path in ("a.jpg", "out/a.png"):
        os.utime(path, (1, 1))  # as a copy of the archive may have it
    assert why(made) == ""
    assert made.made("out/a.png")


def test_an_output_is_made_again_by_other_settings_or_another_model(made):
    assert why(made, SETTINGS | {"nfe": 8}) == "nfe was 4, is 8"
    assert why(made, SETTINGS | {"blend": 0.5}) == "blend was None, is 0.5"
    assert why(made, SETTINGS | {"model_sha256": "b" * 64}) == "the model is another"


@pytest.mark.parametrize("path", ["a.jpg", "mask.png"])
def test_an_output_is_made_again_when_an_input_is_no_longer_what_it_was(made, path):
    Path(path).write_bytes(b"long")  # as long as it was
    os.utime(path, (1, 1))
    assert "changed" in why(made)
    Path(path).write_bytes(b"longer")
    assert "changed" in why(made)
    Path(path).unlink()
    assert "No such file" in why(made)
    assert why(made, inputs=["a.jpg"]) == "it had other inputs"


def test_an_output_that_is_no_longer_as_it_was_written_is_not_ours(made):
    Path("out/a.png").write_bytes(b"long")  # as long as it was
    os.utime("out/a.png", (1, 1))
    assert not made.made("out/a.png")
    Path("out/a.png").unlink()
    assert not made.made("out/a.png")


def test_a_torn_tail_is_no_line_and_spoils_none_that_follow(made):
    whole = Path("out/m.jsonl").read_bytes()
    for cut in range(len(whole)):
        Path("torn.jsonl").write_bytes(whole[:cut])
        manifest = Manifest("torn.jsonl")
        assert set(manifest.made) <= {"a.png"}
        if cut % 50 == 0:
            manifest.open()
            manifest.add_entry(entry("b.png"))
            manifest.close()
            assert "b.png" in Manifest("torn.jsonl").made


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"3", b"null", b'"x"', b"\0" * 99, b"\xff\xfe", b"[" * 99999,
     b'{"manifest": 1, "when": 1, "path": 3, "record": {}, "settings": {}, "inputs": []}',
     b'{"manifest": 1, "when": NaN, "path": "p", "record": {"status": "ok"}, "settings": {}}',
     b'{"manifest": 1, "when": 1e999, "path": "p", "record": {"status": "ok"}, "settings": {}}'],
)  # fmt: skip
def test_lines_that_are_none_are_passed_over(made, line):
    good = Path("out/m.jsonl").read_bytes()
    Path("m.jsonl").write_bytes(line + b"\n" + good + line)
    assert list(Manifest("m.jsonl").made) == ["a.png"]


def test_a_failure_forgets_nothing_of_what_was_made(made):
    manifest = Manifest("out/m.jsonl")
    manifest.open()
    manifest.add_entry(entry("a.png", status="failed"))
    manifest.close()
    assert why(Manifest("out/m.jsonl").made["a.png"]) == ""
    assert keep_latest(read_entries(["out/m.jsonl"]))["a.png"].record.status == "failed"


def test_shards_write_apart_and_read_together():
    for index in (1, 2):
        manifest = Manifest("out/.m.jsonl", Shard(index, 2))
        manifest.open()
        manifest.add_entry(entry(f"{index}.png"))
        manifest.close()
    assert sorted(os.listdir("out")) == [".m.1-of-2.jsonl", ".m.2-of-2.jsonl"]
    for shard in (None, Shard(1, 2), Shard(2, 3)):
        assert sorted(Manifest("out/.m.jsonl", shard).made) == ["1.png", "2.png"]


def test_names_in_a_manifest_are_those_from_its_folder(here):
    manifest = Manifest("out/m.jsonl")
    assert manifest.relate("out/deep/a.png") == "deep/a.png"
    assert manifest.relate(str(here / "out" / "\udcff.png")) == "\udcff.png"
    manifest.open()
    manifest.add_entry(entry("\udcff\n.png"))
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
            tally.add(replace(made.record, input=f"{i}{j}.jpg", error=error))
    tally.add(entry("p").record)
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

    kinds = {describe_kind(unknown(start)) for start in ("62 61 64 0a", "ff 00 be ef", "de ad 12")}
    assert kinds == {"reading: of an unknown kind (it starts …); no image"}


def test_a_table_takes_whatever_a_line_says():
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    manifest = Manifest("m.jsonl")
    manifest.open()
    manifest.add_entry(entry("a.png"))
    manifest.close()
    line = json.loads(Path("m.jsonl").read_text())
    line["record"] |= {"nfe": "four", "seed": 2**63, "size_in": 5, "size_out": ["a", "b"],
                       "model": 3, "metrics": [1], "warnings": "none"}  # fmt: skip
    Path("m.jsonl").write_text(json.dumps(line) + "\n")
    (row,) = parquet.read_table(tabulate(Manifest("m.jsonl"))).to_pylist()
    assert (row["path"], row["status"]) == ("a.png", "ok")
    assert row["nfe"] is row["seed"] is row["width_in"] is row["model"] is None


# Lines of 0.1.0


OLD = {
    "manifest": 1, "when": 1780000000.0, "path": "a.png",
    "record": {
        "schema": 1, "status": "ok", "task": "superres", "input": "a.jpg", "output": "out/a.png",
        "model": "default", "model_sha256": "a" * 64, "method": "bcm", "mode": "fidelity", "nfe": 8,
        "seed": 0, "device": "cpu", "dtype": "fp32", "tile": 64, "size_in": [24, 16],
        "size_out": [48, 32], "seconds": 0.1, "metrics": {"consistency_psnr_db": 50.0},
        "warnings": [], "error": None,
    },
    "settings": {
        "task": "superres", "model_sha256": "a" * 64, "dtype": "fp32", "nfe": 8,
        "mode": "fidelity", "method": "bcm", "seed": 0, "label": None, "samples": 1, "blend": None,
        "format": "PNG", "quality": None, "depth": "auto", "strip": False, "scale": 2.0,
        "size": None,
    },
}  # fmt: skip


def test_a_line_of_the_first_version_still_tells_what_was_made():
    files("a.jpg", "out/a.png")
    line = OLD | {"inputs": [asdict(fingerprint_of("a.jpg"))],
                  "output": asdict(fingerprint_of("out/a.png"))}  # fmt: skip
    Path("out/m.jsonl").write_text(json.dumps(line) + "\n")
    (made,) = Manifest("out/m.jsonl").made.values()
    known = Record(task="superres", model_sha256="a" * 64, dtype="fp32")
    settings = collect_settings(
        known, Encoding("PNG"), Settings(nfe=8), Superres(scale=2.0).settings()
    )  # fmt: skip
    assert made.made("out/a.png")
    assert made.difference(settings, ["a.jpg"]) == ""
    assert made.record.as_dict() == OLD["record"]


@pytest.mark.parametrize(
    "change", [{"label": 3}, {"blend": 0.5}, {"samples": 2}, {"method": "ddrm"}, {"seed": 1}]
)
def test_every_setting_that_changes_pixels_is_compared(made, change):
    known = Record(task="jpeg", model_sha256="a" * 64, dtype="fp32")
    was = collect_settings(known, Encoding("PNG"), Settings(nfe=8), {})
    now = collect_settings(known, Encoding("PNG"), replace(Settings(nfe=8), **change), {})
    old = replace(made, settings=was)
    assert next(iter(change)) in old.difference(now, ["a.jpg", "mask.png"])
    assert old.difference(was, ["a.jpg", "mask.png"]) == ""


@pytest.mark.parametrize("change", [{"tile": 64}, {"reference": "clean.png"}])
def test_settings_that_change_no_pixel_are_not_kept(change):
    known = Record(task="jpeg")
    was, now = (
        collect_settings(known, Encoding("PNG"), settings, {})
        for settings in (Settings(), replace(Settings(), **change))
    )
    assert was == now
