"""Files: read whole, and written whole or not at all.

An output path is absent, the whole previous file, or a whole new file: bytes go to a temporary file
in the same folder, which then takes the name in one step. The name of a temporary is random and it
is made exclusively; its writer holds a lock on it. So one whose writer was killed is known at once
on the same machine, and by its age on others.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, BinaryIO, TypeAlias

from restore.errors import ImageError, RequestError, ResourceError

try:
    import fcntl
except ImportError:  # not everywhere; temporaries then go by their age
    fcntl = None  # type: ignore[assignment]

Path: TypeAlias = str | os.PathLike[str]

PREFIX, SUFFIX = ".bcm-restore-", ".tmp"
FRESH_SECONDS = 1.0  # between making a file and locking it lie microseconds
STALE_SECONDS = 3600.0  # a write takes seconds; what is older was left by a run that was killed

HEAD_BYTES = 4096  # what `admit` sees before the rest is read

OPENED = re.compile(r"/dev/(?:stdin|fd/\d+)|/proc/(?:self|\d+)/fd/\d+")

REMEDIES = {
    "ENOSPC": "the disk is full; free some space",
    "EDQUOT": "the disk quota is used up; free some space",
    "EACCES": "permission denied; choose another folder",
    "EPERM": "permission denied; choose another folder",
    "EROFS": "the folder is read-only; choose another",
    "ELOOP": "it is a symbolic link, which is not written through; name its target",
}
# Disks that cannot be asked to confirm: shared folders of virtual machines, some SMB and FUSE.
NO_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY}
# A file that a scanner, a backup or a file server holds for a moment.
REFUSED = {errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY, errno.EAGAIN}
PAUSES = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)  # seconds before a rename is tried again


# Reading.


def read_bytes(
    path: Path,
    *,
    admit: Callable[[bytes], object] | None = None,
    limit: int | None = None,
) -> bytes:
    """All bytes of a file.

    admit: called with the first bytes, at most 4096, before any more is read; raises where they are
        not what is wanted. Default: anything is.
    limit: bytes that are read at most, default any number.

    A pipe is read where it is open already (`/dev/stdin`, `/dev/fd/63` of `<(...)`); one in the
    file system is not opened, for nobody may be writing to it. Raises RequestError for a folder or
    an impossible name; ImageError for what is missing, cannot be read, is longer than `limit`, or
    is no file.
    """
    name = repr(os.fspath(path))
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise RequestError(f"{name} is a folder, where an image file was expected")
        if not stat.S_ISREG(mode) and not is_open_pipe(path):
            raise ImageError(
                f"{name} is a FIFO, device or socket, where a file was expected; "
                f"to read a pipe, name - and redirect it: < {name}"
            )
        if not stat.S_ISREG(mode):
            drained = _drain(os.fspath(path), os.stat(path).st_ino, admit, limit)
            if isinstance(drained, ImageError):
                raise drained
            return drained
        with open(path, "rb") as file:
            if limit is not None and os.fstat(file.fileno()).st_size > limit:
                if admit:
                    admit(file.read(HEAD_BYTES))
                raise _over(name, limit)
            return read_stream(file, name, admit=admit, limit=limit)
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist") from error
    except OSError as error:
        raise ImageError(f"{name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RequestError(f"{name} is no file name: {error}") from error


def read_stream(
    stream: IO[bytes],
    name: str,
    *,
    admit: Callable[[bytes], object] | None = None,
    limit: int | None = None,
) -> bytes:
    """All bytes of a stream, of which `name` is said in messages; the rest is as in `read_bytes`.

    Raises ImageError where there are more than `limit`, OSError where it cannot be read.
    """
    head = stream.read(HEAD_BYTES)
    if admit:
        admit(head)
    if limit is None:
        return head + stream.read()
    rest = stream.read(max(0, limit + 1 - len(head)))
    if len(head) + len(rest) > limit:
        raise _over(name, limit)
    return head + rest


@functools.cache
def _drain(
    path: str, inode: int, admit: Callable[[bytes], object] | None, limit: int | None
) -> bytes | ImageError:
    """All bytes of a pipe, or why they are not wanted.

    A pipe gives them once; they are kept, as they may be asked for again.
    """
    with open(path, "rb") as file:
        try:
            return read_stream(file, repr(path), admit=admit, limit=limit)
        except ImageError as error:
            return error


def is_open_pipe(path: Path) -> bool:
    """Whether a path names a pipe that this process was given open, as `<(...)` in a shell does."""
    path = os.fspath(path)
    if not OPENED.fullmatch(path):
        return False
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _over(name: str, limit: int) -> ImageError:
    return ImageError(f"{name} has more than {limit:,} bytes, which no image within the limits has")


# Writing.


def write_atomically(
    path: Path,
    data: bytes | Iterable[bytes],
    *,
    below: Path | None = None,
    ready: Callable[[os.stat_result], object] | None = None,
    tidy: bool = True,
) -> None:
    """Put a file of these bytes, or of these parts in turn, at `path`, whole or not at all.

    below: a folder that was named; no part of the path below it may be a symbolic link. Default:
        only the last part may not.
    ready: called when the file is whole, before it takes its name, with what `os.stat` will say.
    tidy: sweep temporaries that a killed run of ours left in the folder.

    Raises RequestError where `path` is a symbolic link, a folder or anything else but a file, or
    lies in no folder; ResourceError for space and permissions, the previous file being untouched.
    """
    with open_atomically(path, below=below, ready=ready, tidy=tidy) as file:
        file.writelines([data] if isinstance(data, bytes) else data)


@contextmanager
def open_atomically(
    path: Path,
    *,
    below: Path | None = None,
    ready: Callable[[os.stat_result], object] | None = None,
    tidy: bool = True,
) -> Iterator[BinaryIO]:
    """A stream to a file that appears at `path` once the block ends, or not at all if it raises.

    Arguments and errors are those of `write_atomically`. Reading what was written is allowed.
    """
    name = repr(os.fspath(path))
    check_target(path, below=below)
    try:
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise RequestError(f"{name} lies in a folder that does not exist; create it first")
        if tidy:
            sweep(folder)
        temporary = _temporary(folder)
        try:
            with open(temporary, "x+b") as file:
                locked = _lock(file)
                yield file
                file.flush()
                sync(file)
                if ready:
                    ready(os.fstat(file.fileno()))
                placed = locked and _try_rename(temporary, path)  # under the lock to the end
            if not placed:
                rename(temporary, path)
        except BaseException:  # an interrupt too leaves nothing behind
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise explain_unwritable(name, error) from error


def check_target(path: Path, *, below: Path | None = None) -> None:
    """RequestError where `path` cannot be written: a link, or what is there and is no file.

    below: a folder that was named; no part of the path below it may be a symbolic link. Default:
        only the last part may not.
    """
    name = repr(os.fspath(path))
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError("it holds a NUL")
    except ValueError as error:
        raise RequestError(f"{name} is no file name: {error}") from error
    link = os.fspath(path) if os.path.islink(path) else below and _link_below(path, below)
    if link:
        raise RequestError(
            f"{link!r} is a symbolic link, which is not written through; name its target"
        )
    if os.path.exists(path) and not os.path.isfile(path):
        raise RequestError(f"{name} is not a regular file and is not overwritten")


def make_folder(path: Path, *, below: Path | None = None) -> None:
    """Make a folder, and those it lies in, where they are not there.

    below: a folder that was named; no part of the path below it may be a symbolic link. Default:
        any may. Raises RequestError for such a link, ResourceError where it cannot be made.
    """
    if below and (link := _link_below(path, below)):
        raise RequestError(f"{link!r} is a symbolic link, which is not written through")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise explain_unwritable(repr(os.fspath(path)), error) from error


def probe_folder(folder: Path) -> bool:
    """Whether the disk of a folder confirms what is written. ResourceError where it takes no file.

    Where it does not, files are written all the same, and a power cut may take them.
    """
    temporary = _temporary(folder)
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(bytes(4096))
                file.flush()
                return sync(file)
        finally:
            with suppress(OSError):
                os.unlink(temporary)
    except OSError as error:
        reason = REMEDIES.get(errno.errorcode.get(error.errno or 0, ""), error.strerror)
        message = f"cannot write into {os.fspath(folder)!r}: {reason}"
        raise ResourceError(message) from error


def sync(file: IO[bytes] | int) -> bool:
    """Have the disk confirm a file, or its descriptor; False where the disk knows no such thing.

    OSError where it fails, as when the disk is full.
    """
    try:
        os.fsync(file if isinstance(file, int) else file.fileno())
    except OSError as error:
        if error.errno not in NO_FSYNC:
            raise
        return False
    return True


def rename(source: Path, target: Path) -> None:
    """Give a file the name `target` in one step, tried again for a second where it is refused."""
    for pause in PAUSES:
        if _try_rename(source, target):
            return
        time.sleep(pause)
    os.replace(source, target)


def sweep(folder: Path) -> None:
    """Delete temporaries of ours that no running write can own."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with suppress(OSError):
                    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                    if age > STALE_SECONDS or (age > FRESH_SECONDS and _is_left(entry)):
                        os.unlink(entry.path)


def _try_rename(source: Path, target: Path) -> bool:
    """Whether a rename was done, and not refused in a way that may pass."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        return False
    return True


def _link_below(path: Path, top: Path) -> str:
    """The first part of a path below a folder that is a symbolic link, "" where none is."""
    top, path = os.path.abspath(top), os.path.abspath(path)
    if not path.startswith(os.path.join(top, "")):
        return ""
    part = top
    for step in os.path.relpath(path, top).split(os.sep):
        part = os.path.join(part, step)
        if os.path.islink(part):
            return part
    return ""


def _temporary(folder: Path) -> str:
    return os.path.join(folder, f"{_own()}{secrets.token_hex(8)}{SUFFIX}")


def _own() -> str:
    """How the names of this machine's temporaries begin."""
    return f"{PREFIX}{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Whether a temporary is this machine's and nobody holds it."""
    if not entry.name.startswith(_own()) or not entry.is_file(follow_symlinks=False):
        return False
    with open(entry.path, "rb") as file:
        return _lock(file)


def _lock(file: IO[bytes]) -> bool:
    """Whether the lock of a file could be taken; it is held until the file is closed."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def explain_unwritable(name: str, error: OSError) -> ResourceError:
    """The error to raise for a file, `name` in messages, that could not be written."""
    code = errno.errorcode.get(error.errno or 0, "")
    reason = REMEDIES.get(code) or error.strerror or str(error)
    return ResourceError(f"{name} cannot be written: {reason}")
