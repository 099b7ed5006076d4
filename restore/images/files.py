"""Files: bytes read whole, and written whole or not at all.

An output path is absent, the whole previous file, or a whole new file: bytes go to a temporary file
in the same folder, which then takes the name in one step. Its writer holds a lock on it, so that
one whose writer was killed is known at once on the same machine, and by its age on others.
"""

import errno
import hashlib
import os
import platform
import secrets
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO

from restore.errors import ImageError, RequestError, ResourceError

try:
    import fcntl
except ImportError:  # not everywhere; temporaries then go by their age
    fcntl = None  # type: ignore[assignment]

PREFIX, SUFFIX = ".bcm-restore-", ".tmp"
FRESH_SECONDS = 1.0  # between making a file and locking it lie microseconds
STALE_SECONDS = 3600.0  # a write takes seconds; what is older was left by a run that was killed

REMEDIES = {
    "ENOSPC": "the disk is full; free some space",
    "EDQUOT": "the disk quota is used up; free some space",
    "EACCES": "permission denied; choose another folder",
    "EPERM": "permission denied; choose another folder",
    "EROFS": "the folder is read-only; choose another",
}


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a regular file.

    Raises RequestError for a folder or an impossible name; ImageError for what is missing, cannot
    be read, or is no file (FIFO, device, socket), which is found out without opening it.
    """
    name = repr(os.fspath(path))
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise RequestError(f"{name} is a folder, where an image file was expected")
        if not stat.S_ISREG(mode):
            raise ImageError(f"{name} is a FIFO, device or socket, where a file was expected")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist") from error
    except OSError as error:
        raise ImageError(f"{name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RequestError(f"{name} is no file name: {error}") from error


def write_atomically(
    path: str | os.PathLike[str],
    data: bytes | Iterable[bytes],
    *,
    ready: Callable[[os.stat_result], object] | None = None,
    tidy: bool = True,
) -> None:
    """Put a file of these bytes, or of these parts in turn, at `path`, whole or not at all.

    `ready` is called when the file is whole, before it takes its name, with what `os.stat` will say
    of it. `tidy` sweeps temporaries that a killed run of ours left in the folder. Raises
    RequestError where `path` is a symbolic link, a folder or anything else but a file, or lies in
    no folder; ResourceError for space and permissions, the previous file then being untouched.
    """
    name = repr(os.fspath(path))
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.islink(path):
        raise RequestError(
            f"{name} is a symbolic link, which is not written through; name its target"
        )
    if os.path.exists(path) and not os.path.isfile(path):
        raise RequestError(f"{name} is not a regular file and is not overwritten")
    if not os.path.isdir(folder):
        raise RequestError(f"{name} lies in a folder that does not exist; create it first")
    if tidy:
        sweep(folder)
    temporary = os.path.join(folder, f"{_own()}{secrets.token_hex(8)}{SUFFIX}")
    try:
        try:
            with open(temporary, "xb") as file:
                locked = _locked(file)
                file.writelines([data] if isinstance(data, bytes) else data)
                file.flush()
                os.fsync(file.fileno())
                if ready:
                    ready(os.fstat(file.fileno()))
                if locked:  # to the end
                    os.replace(temporary, path)
            if not locked:
                os.replace(temporary, path)
        except BaseException:  # an interrupt too leaves nothing behind
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        remedy = REMEDIES.get(errno.errorcode.get(error.errno or 0, ""), error.strerror)
        raise ResourceError(f"{name} cannot be written: {remedy}") from error
    except ValueError as error:
        raise RequestError(f"{name} is no file name: {error}") from error


def sweep(folder: str) -> None:
    """Delete temporaries of ours that no running write can own."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with suppress(OSError):
                    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                    if age > STALE_SECONDS or (age > FRESH_SECONDS and _left(entry)):
                        os.unlink(entry.path)


def _own() -> str:
    """How the names of this machine's temporaries begin."""
    return f"{PREFIX}{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"


def _left(entry: os.DirEntry[str]) -> bool:
    """Whether a temporary is this machine's and nobody holds it."""
    if not entry.name.startswith(_own()) or not entry.is_file(follow_symlinks=False):
        return False
    with open(entry.path, "rb") as file:
        return _locked(file)


def _locked(file: IO[bytes]) -> bool:
    """Whether the lock of a file could be taken; it is held until the file is closed."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
