"""Inputs: which files names, patterns, lists and folders stand for."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.batch.inputs import Choice, Input, find, split_names
from restore.errors import RequestError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def touch(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def paths(*names, listed=(), recursive=False, aside=(), choice=None):
    found = find(names, listed, recursive, aside, choice or Choice())
    return [input.path for input in found.inputs]


@pytest.mark.parametrize("name", ["a.jpg", "./a.jpg", "sub/a.jpg", "./sub/../a.jpg"])
def test_a_listed_name_has_a_place_below_the_current_folder(name):
    touch("a.jpg", "sub/a.jpg")
    (found,) = find([], [name], False, []).inputs
    assert found.place == ("sub" if name == "sub/a.jpg" else "")
    assert found.key == os.path.normpath(name)


def test_a_file_that_is_named_twice_is_one():
    touch("a.jpg", "sub/b.jpg", "sub/c.jpg")
    assert paths("a.jpg", "./a.jpg", os.path.abspath("a.jpg"), "*.jpg") == ["a.jpg"]
    assert paths("sub/b.jpg", "sub", "sub/*.jpg") == ["sub/b.jpg", "sub/c.jpg"]
    assert paths(listed=["a.jpg", "a.jpg", "./a.jpg"]) == ["a.jpg"]
    os.symlink("a.jpg", "link.jpg")  # another name, which has an output of its own
    assert paths("a.jpg", "link.jpg") == ["a.jpg", "link.jpg"]


@pytest.mark.parametrize(
    ("data", "null"),
    [
        (b"a.jpg\nb c.png\n", False),
        (b"a.jpg\r\nb c.png\r\n\r\n", False),
        (b"\xef\xbb\xbfa.jpg\nb c.png", False),
        ("\ufeffa.jpg\r\nb c.png\r\n".encode("utf-16-le"), False),
        ("\ufeffa.jpg\nb c.png\n".encode("utf-16-be"), False),
        (b"a.jpg\0b c.png\0", True),
        (b"\xef\xbb\xbfa.jpg\0b c.png\0", True),
    ],
)
def test_a_byte_order_mark_is_no_part_of_a_name(data, null):
    assert split_names(data, null) == ["a.jpg", "b c.png"]


def test_names_that_are_no_utf_8_come_through_lists():
    assert split_names(b"\xff.jpg\n", False) == [os.fsdecode(b"\xff.jpg")]
    assert split_names("\ufeffé.jpg".encode("utf-16-le"), False) == ["é.jpg"]


@pytest.mark.parametrize("ending", [".jfif", ".JIF", ".mpo", ".apng", ".jpe", ".bmp", ".gif"])
def test_every_ending_of_a_format_that_is_read_is_found(ending):
    touch(f"in/one{ending}")
    assert paths("in") == [f"in/one{ending}"]


def test_pictures_that_are_not_read_are_counted_by_ending():
    touch("in/a.jpg", "in/b.CR2", "in/c.cr2", "in/d.psd", "in/notes.txt", "in/.hidden.psd")
    found = find(["in"], [], False, [])
    assert [input.path for input in found.inputs] == ["in/a.jpg"]
    assert found.unread == {".cr2": 2, ".psd": 1}
    touch("raw/a.nef")
    with pytest.raises(RequestError, match=r"holds no image, only 1 \.nef"):
        find(["raw"], [], False, [])


@pytest.mark.parametrize(
    "system",
    ["@eaDir/photo.jpg", "#recycle", "$RECYCLE.BIN/S-1-5", ".@__thumb", "@Recycle", "__MACOSX",
     "System Volume Information", "lost+found", ".Trash-1000/files"],
)  # fmt: skip
def test_folders_that_systems_keep_are_left_out_unless_they_are_named(system):
    touch("in/photo.jpg", f"in/{system}/thumb.jpg", "in/sub/more.jpg")
    assert paths("in", recursive=True) == ["in/photo.jpg", "in/sub/more.jpg"]
    assert paths(f"in/{system}") == [f"in/{system}/thumb.jpg"]


def test_patterns_choose_among_the_files_of_folders():
    touch("in/a.jpg", "in/b.png", "in/thumbs/c.jpg", "in/x/thumbs/d.jpg", "in/x/e.jpg")
    assert paths("in", recursive=True, choice=Choice(["*.jpg"], ["thumbs"])) == [
        "in/a.jpg", "in/x/e.jpg",
    ]  # fmt: skip
    assert paths("in", recursive=True, choice=Choice(exclude=["x/*", "*.png"])) == [
        "in/a.jpg", "in/thumbs/c.jpg",
    ]  # fmt: skip
    assert paths("in", recursive=True, choice=Choice(["x/"])) == ["in/x/e.jpg", "in/x/thumbs/d.jpg"]
    assert paths("in/b.png", choice=Choice(["*.jpg"])) == ["in/b.png"]  # it was named


def test_a_pipe_is_passed_over_and_one_that_was_given_open_is_not():
    os.mkfifo("a.png")
    touch("b.png")
    found = find(["a.png", "b.png"], [], False, [])
    assert ([input.path for input in found.inputs], found.passed) == (["b.png"], 1)
    with pytest.raises(RequestError, match="1 are FIFOs or devices"):
        find(["a.png"], [], False, [])
    out, into = os.pipe()
    assert paths(f"/dev/fd/{out}") == [f"/dev/fd/{out}"]
    os.close(out)
    os.close(into)


def test_an_input_in_the_current_folder_has_no_place():
    assert Input("a.jpg", base=".").place == ""


def test_a_picture_that_is_piped_is_read_once_and_restored(tiny_model, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from restore.cli import app

    monkeypatch.setenv("BCM_RESTORE_MODEL", str(tiny_model))
    Image.fromarray(np.arange(48 * 40, dtype=np.uint16).astype(np.uint8).reshape(48, 40)).save(
        "p.jpg"
    )
    Image.fromarray((np.eye(48, 40) * 255).astype(np.uint8)).save("m.png")
    ends = []
    for name in ("p.jpg", "m.png"):
        out, into = os.pipe()
        os.write(into, Path(name).read_bytes())
        os.close(into)
        ends.append(f"/dev/fd/{out}")
    arguments = ["inpaint", ends[0], "--mask", ends[1], "--nfe", "1", "-o", "out.png"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert Image.open("out.png").size == (40, 48)
