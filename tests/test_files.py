"""Files are read whole, and written whole or not at all."""

import errno
import os
import subprocess
import sys
import time
from contextlib import suppress
from io import BytesIO
from threading import Thread

import pytest

from restore import files
from restore.errors import ImageError, RequestError, ResourceError
from restore.files import (
    check_target,
    make_folder,
    open_atomically,
    probe_folder,
    read_bytes,
    read_stream,
    sweep,
    write_atomically,
)


def test_reading_says_what_stands_in_the_way(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match=r"'.*missing\.png' does not exist"):
        read_bytes(tmp_path / "missing.png")
    with pytest.raises(RequestError, match="is a folder"):
        read_bytes(tmp_path)
    with pytest.raises(ImageError, match="is a FIFO"):
        read_bytes(tmp_path / "pipe")
    with pytest.raises(RequestError, match="no file name"):
        read_bytes("a\0b")


@pytest.mark.parametrize("name", [os.fsdecode(b"\xff.png"), "new\nline.png", "\x1b[31m.png"])
def test_odd_names_are_escaped_in_messages(tmp_path, name):
    with pytest.raises(ImageError) as caught:
        read_bytes(tmp_path / name)
    assert str(caught.value).encode().isascii()
    assert str(caught.value).isprintable()


def test_writing_is_whole(tmp_path):
    path = tmp_path / ("n" * 246 + ".png")
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "permission denied"), (errno.EIO, "rror")],
)
@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_failed_write_leaves_the_previous_file(tmp_path, monkeypatch, code, sentence, stage):
    path = tmp_path / "a.png"
    path.write_bytes(b"previous")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, stage, fail)
    monkeypatch.setattr(files, "PAUSES", (0.0,))
    with pytest.raises(ResourceError, match=sentence):
        write_atomically(path, b"next")
    assert path.read_bytes() == b"previous"
    assert os.listdir(tmp_path) == ["a.png"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.png", b"next")
    assert os.listdir(tmp_path) == []


def test_only_files_are_written_and_links_are_not_followed(tmp_path):
    target, link, folder = tmp_path / "target", tmp_path / "link", tmp_path / "folder"
    target.write_bytes(b"kept")
    link.symlink_to(target)
    folder.mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RequestError, match="symbolic link"):
        write_atomically(link, b"x")
    for path in (folder, tmp_path / "pipe"):
        with pytest.raises(RequestError, match="not a regular file"):
            write_atomically(path, b"x")
    with pytest.raises(RequestError, match="does not exist"):
        write_atomically(tmp_path / "nowhere" / "a.png", b"x")
    with pytest.raises(RequestError, match="no file name"):
        write_atomically(tmp_path / "a\0b", b"x")
    assert target.read_bytes() == b"kept"


def test_stale_temporaries_of_ours_are_swept(tmp_path):
    stale, fresh = tmp_path / ".bcm-restore-dead.tmp", tmp_path / ".bcm-restore-live.tmp"
    other = tmp_path / "other.tmp"
    for path in (stale, fresh, other):
        path.write_bytes(b"")
    for path in (stale, other):
        os.utime(path, (time.time() - 7200,) * 2)
    write_atomically(tmp_path / "a.png", b"x")
    assert sorted(os.listdir(tmp_path)) == [fresh.name, "a.png", other.name]


def test_a_killed_write_is_swept_at_once_and_a_running_one_never(tmp_path):
    script = (
        "import os, sys, time; from restore.files import write_atomically\n"
        "def wait(*_): print('here', flush=True); time.sleep(60)\n"
        f"write_atomically({str(tmp_path / 'a.png')!r}, b'x', ready=wait)"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"here\n"
    (name,) = os.listdir(tmp_path)
    os.utime(tmp_path / name, (time.time() - 60,) * 2)
    sweep(str(tmp_path))
    assert os.listdir(tmp_path) == [name]
    child.kill()
    child.wait()
    sweep(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_file_is_told_ready_when_it_is_whole_and_not_yet_there(tmp_path):
    path, told = tmp_path / "a.png", []

    def ready(stat):
        told.append((stat.st_size, stat.st_mtime_ns, path.exists()))

    write_atomically(path, b"whole", ready=ready)
    assert told == [(5, path.stat().st_mtime_ns, False)]


def test_a_disk_that_confirms_nothing_is_written_all_the_same(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(refusal, os.strerror(refusal))

    assert probe_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse)
    for refusal in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
        write_atomically(tmp_path / "a.png", b"%d" % refusal)
        assert (tmp_path / "a.png").read_bytes() == b"%d" % refusal
        assert not probe_folder(tmp_path)
    refusal = errno.EIO
    with pytest.raises(ResourceError, match="cannot write into"):
        probe_folder(tmp_path)
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EBUSY, errno.ETXTBSY])
def test_a_rename_that_is_refused_for_a_moment_is_tried_again(tmp_path, monkeypatch, code):
    replace, refusals = os.replace, [code] * 3

    def busy(source, target):
        if refusals:
            raise OSError(refusals.pop(), "busy")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    write_atomically(tmp_path / "a.png", b"x")
    assert (tmp_path / "a.png").read_bytes() == b"x"
    assert not refusals


def test_no_part_of_a_path_below_the_output_may_be_a_link(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "other")
    (tmp_path / "way").symlink_to(tmp_path / "out")
    inside = tmp_path / "out" / "sub" / "deeper" / "x.png"
    for act in (check_target, lambda *a, **k: write_atomically(a[0], b"x", **k), make_folder):
        with pytest.raises(RequestError, match="sub' is a symbolic link"):
            act(inside, below=tmp_path / "out")
    assert os.listdir(tmp_path / "other") == []
    write_atomically(tmp_path / "way" / "x.png", b"x", below=tmp_path / "way")  # it was named
    assert (tmp_path / "out" / "x.png").read_bytes() == b"x"


def test_a_link_in_the_place_of_a_temporary_is_not_written_through(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"kept")
    monkeypatch.setattr(files.secrets, "token_hex", lambda _: "00")
    (tmp_path / f"{files._own()}00.tmp").symlink_to(victim)
    with pytest.raises(ResourceError, match="cannot be written"):
        write_atomically(tmp_path / "x.png", b"x")
    assert victim.read_bytes() == b"kept"


def test_the_first_bytes_decide_before_the_rest_is_read(tmp_path):
    big = tmp_path / "big.png"
    with open(big, "wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no space, and nobody could read it

    def admit(head):
        assert len(head) <= files.HEAD_BYTES
        raise ImageError("no image")

    with pytest.raises(ImageError, match="no image"):
        read_bytes(big, admit=admit)
    with pytest.raises(ImageError, match="no image"):
        read_bytes(big, admit=admit, limit=10)
    with pytest.raises(ImageError, match="more than 4,096 bytes"):
        read_bytes(big, limit=4096)
    with pytest.raises(ImageError, match="more than 5 bytes"):
        read_stream(BytesIO(b"123456"), "standard input", limit=5)
    assert read_stream(BytesIO(b"12345"), "standard input", limit=5) == b"12345"


def test_a_pipe_that_was_given_open_is_read(tmp_path):
    out, into = os.pipe()
    os.write(into, b"piped")
    os.close(into)
    assert read_bytes(f"/dev/fd/{out}") == b"piped"
    os.close(out)
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageError, match="name - and redirect"):
        read_bytes(tmp_path / "a.png")


def test_the_first_bytes_of_a_pipe_decide_and_are_told_again(tmp_path):
    out, into = os.pipe()
    written = []

    def write():
        with suppress(BrokenPipeError), open(into, "wb", buffering=0) as file:
            for _ in range(200):
                written.append(file.write(bytes(1 << 16)))

    def refuse(head):
        raise ImageError("not an image")

    writer = Thread(target=write)
    writer.start()
    for _ in range(2):  # a pipe that was begun is not read on
        with pytest.raises(ImageError, match="not an image"):
            read_bytes(f"/dev/fd/{out}", admit=refuse)
    os.close(out)
    writer.join()
    assert sum(written) < 1 << 20


def test_what_is_raised_while_a_file_is_written_is_not_called_a_bad_name(tmp_path):
    def fail():
        with open_atomically(tmp_path / "a") as file:
            file.write(b"half")
            raise ValueError("of the caller")

    with pytest.raises(ValueError, match="of the caller"):
        fail()
    assert os.listdir(tmp_path) == []
