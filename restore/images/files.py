"""Files: bytes read whole, and written whole or not at all.

An output path is absent, the whole previous file, or a whole new file: bytes go to a temporary file
in the same folder, which then takes the name in one step.
"""

import errno
import os
import secrets
import stat
import time
from contextlib import suppress

from restore.errors import ImageError, RequestError, ResourceError

PREFIX, SUFFIX = ".bcm-restore-", ".tmp"
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


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Put a file of these bytes at `path`, whole or not at all.

    Sweeps temporaries that a killed run of ours left in the folder. Raises RequestError where
    `path` is a symbolic link, a folder or anything else but a file, or lies in no folder;
    ResourceError for space and permissions, the previous file then being untouched.
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
    _sweep(folder)
    temporary = os.path.join(folder, f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
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


def _sweep(folder: str) -> None:
    """Delete temporaries of ours that no running write can own."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            ours = entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX)
            if ours and time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE_SECONDS:
                os.unlink(entry.path)
