"""Results go where they are told, whatever the names, and in any company."""

import os
from pathlib import Path

import pytest
from PIL import Image

from restore.batch.manifest import MANIFEST
from tests.support.commands import (
    HOSTILE,
    RECORD,
    Run,
    copies,
    pixels,
    records,
)

# Outputs


def test_the_format_is_the_ending_s_or_what_was_asked(run: Run) -> None:
    for ending, format in ((".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP"), (".tif", "TIFF")):
        assert run("jpeg", "photo.jpg", "--nfe", 1, "-o", f"out{ending}").exit_code == 0
        assert Image.open(f"out{ending}").format == format
    result = run("jpeg", "photo.jpg", "--nfe", 1, "--format", "webp", "--suffix", "-new")
    assert result.stdout == "photo-new.webp\n"
    assert Image.open("photo-new.webp").format == "WEBP"


def test_quality_depth_and_strip_reach_the_file(run: Run) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    Image.open("clean.png").save("tagged.jpg", quality=10, exif=exif)
    sizes = []
    for quality in (30, 95):
        run("jpeg", "tagged.jpg", "--nfe", 1, "-o", "out.jpg", "-y", "--quality", quality)
        sizes.append(Path("out.jpg").stat().st_size)
    assert sizes[0] < sizes[1]
    assert Image.open("out.jpg").getexif()[0x010E] == "a description"
    run("jpeg", "tagged.jpg", "--nfe", 1, "-o", "out.jpg", "-y", "--strip")
    assert not Image.open("out.jpg").getexif()
    run("jpeg", "tagged.jpg", "--nfe", 1, "-o", "deep.png", "--depth", 16)
    assert Path("deep.png").read_bytes()[24] == 16
    run("superres", "deep.png", "--scale", 1.5, "--nfe", 1, "-o", "eight.png", "--depth", 8)
    assert Path("eight.png").read_bytes()[24] == 8


def test_existing_outputs_are_refused_skipped_or_replaced(run: Run) -> None:
    Path("photo_jpeg.png").write_bytes(b"mine")
    refused = run("jpeg", "photo.jpg")
    assert refused.exit_code == 2
    assert "--existing skip or overwrite" in refused.stderr
    skipped = run("jpeg", "photo.jpg", "--existing", "skip", "--json")
    assert skipped.exit_code == 0
    assert list(records(skipped)[0]) == RECORD
    assert records(skipped)[0]["status"] == "skipped"
    assert Path("photo_jpeg.png").read_bytes() == b"mine"
    assert run("jpeg", "photo.jpg", "--existing", "skip", "-y").exit_code == 2
    for option in (["-y"], ["--existing", "overwrite"]):
        Path("photo_jpeg.png").write_bytes(b"mine")
        assert run("jpeg", "photo.jpg", "--nfe", 1, *option).exit_code == 0
        assert pixels("photo_jpeg.png").shape == (32, 48, 3)


def test_a_dry_run_writes_nothing(run: Run, here: Path) -> None:
    before = sorted(os.listdir(here))
    result = run("jpeg", "photo.jpg", "bad.jpg", "-o", "out/", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout == "out/photo.png\nout/bad.png\n"
    (record,) = records(run("jpeg", "photo.jpg", "--dry-run", "--json"))
    assert list(record) == RECORD
    assert record["warnings"] == ["dry run: nothing was written"]
    assert sorted(os.listdir(here)) == before


def test_a_folder_keeps_its_tree(run: Run) -> None:
    copies(["in/a.jpg", "in/below/b.jpeg", "in/.hidden.jpg"])
    Path("in/notes.txt").write_text("no image")
    assert run("jpeg", "in", "-o", "flat", "--nfe", 1).stdout == "flat/a.png\n"
    result = run("jpeg", "in", "-r", "-o", "deep", "--nfe", 1)
    assert sorted(result.stdout.split()) == ["deep/a.png", "deep/below/b.png"]
    assert Path("deep/below/b.png").is_file()


def test_a_second_run_over_a_folder_leaves_its_own_outputs_alone(run: Run) -> None:
    copies(["in/a.jpg"])
    assert run("jpeg", "in", "--nfe", 1).stdout == "in/a_jpeg.png\n"
    again = run("jpeg", "in", "--nfe", 1, "--existing", "skip")
    assert again.exit_code == 0
    assert again.stdout == ""
    assert sorted(os.listdir("in")) == [MANIFEST, "a.jpg", "a_jpeg.png"]


def test_pipes_and_devices_are_passed_over_with_a_count(run: Run) -> None:
    copies(["in/a.jpg"])
    os.mkfifo("in/pipe.png")
    result = run("jpeg", "in", "-o", "out", "--nfe", 1)
    assert (result.exit_code, result.stdout) == (0, "out/a.png\n")
    assert "1 FIFOs or devices were passed over" in result.stderr
    assert run("jpeg", "in/pipe.png").exit_code == 2


def test_masks_among_the_images_are_no_images(run: Run) -> None:
    Path("in").mkdir()
    Path("clean.png").rename("in/clean.png")
    Path("mask.png").rename("in/mask.png")
    result = run("inpaint", "in", "--mask", "in/mask.png", "-o", "out", "--nfe", 1)
    assert result.stdout == "out/clean.png\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_restored_and_printed_escaped(run: Run, name: str) -> None:
    copies([name])
    result = run("jpeg", "--nfe", 1, "--", name)
    assert result.exit_code == 0
    output = f"{name[:-4]}_jpeg.png"
    assert Path(output).is_file()
    assert result.stdout == "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in output
    ) + "\n"  # fmt: skip
    record = run("jpeg", "--nfe", 1, "-y", "--json", "--", name)
    assert record.stdout.isascii()
    assert records(record)[0]["input"] == name
    failed = run("jpeg", "--nfe", 1, "--reference", "none.png", "--", name)
    for text in (record.stderr, failed.stderr, result.stderr):
        assert "\x1b" not in text


# Several inputs


def test_one_bad_file_stops_no_other(run: Run) -> None:
    copies(["a.jpg", "b.jpg"])
    result = run("jpeg", "a.jpg", "bad.jpg", "none.jpg", "b.jpg", "-o", "out", "--nfe", 1, "--json")
    assert result.exit_code == 3
    *found, last = records(result)
    assert [r["status"] for r in found] == ["ok", "failed", "failed", "ok"]
    assert all(list(r) == RECORD for r in found)
    assert found[1]["error"]["type"] == "ImageError"
    assert last["summary"].items() >= {"ok": 2, "skipped": 0, "failed": 2, "left": 0}.items()
    assert sorted(os.listdir("out")) == [MANIFEST, "a.png", "b.png"]
    assert "failed: bad.jpg: reading: " in result.stderr


def test_fail_fast_stops_at_the_first(run: Run) -> None:
    copies(["a.jpg"])
    result = run("jpeg", "bad.jpg", "a.jpg", "-o", "out", "--fail-fast", "--json")
    assert result.exit_code == 3
    assert len(records(result)) == 2
    assert records(result)[-1]["summary"]["left"] == 1
    assert os.listdir("out") == [MANIFEST]


def test_neither_company_nor_order_changes_a_byte(run: Run) -> None:
    names = ["a.jpg", "b.jpg", "c.jpg"]
    copies(names)
    run("jpeg", *names, "-o", "forth", "--mode", "perceptual")
    run("jpeg", *names[::-1], "-o", "back", "--mode", "perceptual")
    run("jpeg", "b.jpg", "-o", "alone/", "--mode", "perceptual")
    for name in ("a.png", "b.png", "c.png"):
        assert Path("forth", name).read_bytes() == Path("back", name).read_bytes()
    assert Path("forth/b.png").read_bytes() == Path("alone/b.png").read_bytes()


# Standard input and output


def test_images_come_and_go_through_pipes(run: Run) -> None:
    run("jpeg", "photo.jpg", "--nfe", 1)
    data = Path("photo.jpg").read_bytes()
    piped = run("jpeg", "-", "-o", "-", "--nfe", 1, input=data)
    assert piped.exit_code == 0
    assert piped.stdout_bytes == Path("photo_jpeg.png").read_bytes()
    assert (
        run("jpeg", "-", "--nfe", 1, "--format", "jpg", input=data).stdout_bytes[:2] == b"\xff\xd8"
    )
    run("jpeg", "-", "-o", "out/", "--nfe", 1, input=data)
    assert Path("out/stdin.png").read_bytes() == piped.stdout_bytes
    assert run("jpeg", "-", input=b"no image").exit_code == 3


def test_each_output_is_in_the_format_of_its_input(run: Run) -> None:
    copies(["in/a.jpg"])
    Image.open("clean.png").save("in/a.png")
    result = run("jpeg", "in", "-o", "out", "--name", "{stem}_{task}{ext}", "--quality", 60)
    assert result.exit_code == 0, result.stderr
    assert sorted(os.listdir("out")) == [MANIFEST, "a_jpeg.jpg", "a_jpeg.png"]
    assert [Image.open(f"out/a_jpeg.{end}").format for end in ("jpg", "png")] == ["JPEG", "PNG"]
    again = run("jpeg", "in", "-o", "out", "--format", "same", "--json", "--existing", "skip")
    assert [record["output"] for record in records(again)[:2]] == ["out/a.jpg", "out/a.png"]
    assert Image.open("out/a.jpg").format == "JPEG"


def test_what_is_so_of_most_files_is_a_note_and_said_once(run: Run) -> None:
    for name in ("a.jpg", "b.jpg"):
        Image.open("clean.png").crop((0, 0, 41, 31)).save(name, quality=20)
    result = run("jpeg", "a.jpg", "b.jpg", "-o", "out", "--json", "-v")
    for record in records(result)[:2]:
        (note,) = record["notes"]
        assert note == "Y and Cb and Cr are unconstrained in blocks that reach past the edge"
        assert record["warnings"] == []
    assert result.stderr.count("unconstrained") == 1
    assert "unconstrained" not in run("jpeg", "a.jpg").stderr
