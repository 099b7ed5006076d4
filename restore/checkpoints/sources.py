"""Sources: where a checkpoint's file comes from, the package itself, the Hub, a URL or the user.

What is downloaded lies in the Hub's cache and nowhere else: the Hub's files where the Hub's client
puts them, others in its assets folder under our name. HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and
HF_TOKEN act as everywhere. A download is complete and of the right hash before it gets its name.
"""

import errno
import http.client
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from importlib import resources
from pathlib import Path

from restore.checkpoints import files, headers
from restore.checkpoints.catalogue import SHA256, SUFFIX, Checkpoint
from restore.errors import CheckpointError, RequestError, ResourceError, RestoreError
from restore.files import rename, sync
from restore.settings import Progress

TIMEOUT = 20  # seconds without a byte
ATTEMPTS, PAUSE = 4, 0.5  # tries, seconds before the second one
LIMIT = 16 * 2**30  # bytes, where the catalogue pins none
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
WAYS_OUT = "Ways out: HTTPS_PROXY behind a proxy, HF_ENDPOINT for a mirror of the Hub"


def locate(checkpoint: Checkpoint) -> Path | None:
    """Where the file lies on this machine, or None; nothing is downloaded or checked.

    Of a row with parts it is the first, once all are here whose hash is known.
    """
    if checkpoint.source == "parts":
        found = [locate(row) for row in checkpoint.files() if row.verified]
        return None if None in found else found[0]
    if checkpoint.source == "embedded":
        path = Path(str(resources.files("restore.checkpoints"))) / checkpoint.file
    elif checkpoint.source == "file":
        path = Path(checkpoint.file)
    elif checkpoint.source == "url":
        path = _folder(checkpoint) / checkpoint.file
    elif not (find_caches()["hub"] / f"models--{checkpoint.repo.replace('/', '--')}").is_dir():
        return None  # without the Hub's library, which takes a while to load
    else:
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(
            checkpoint.repo, checkpoint.file, revision=checkpoint.revision
        )
        return Path(cached) if isinstance(cached, str) else None
    return path if path.is_file() else None


def fetch(
    checkpoint: Checkpoint, *, offline: bool = False, progress: Progress | None = None
) -> Path:
    """The file on this machine, downloaded where it is not here yet.

    A fresh download is compared with the pinned size and hash, and dropped where it differs.
    `progress` hears of downloads by URL, in bytes, of 0 in all where nobody knows; for the Hub's
    own its client shows a bar.
    CheckpointError (not to be had) and ResourceError (no space, no permission) say the ways out.
    """
    assert checkpoint.source != "parts", "parts are fetched one by one"
    if path := locate(checkpoint):
        return path
    name = checkpoint.name
    if checkpoint.source in ("embedded", "file"):
        place = "the package lacks" if checkpoint.source == "embedded" else "there is no"
        raise CheckpointError(f"{place} file {checkpoint.file}")
    if not checkpoint.file.endswith(SUFFIX) and not checkpoint.role:
        raise CheckpointError(
            f"{name} is published as a PyTorch file, which is taken by hand: download and unpack "
            f"{checkpoint.public_url or checkpoint.repo}, run `bcm-restore models convert FILE.pt "
            f"-o {name}{SUFFIX}`, then give --model {name}{SUFFIX}"
        )
    from huggingface_hub import constants

    if offline or constants.HF_HUB_OFFLINE:
        what = f"{name} (its {checkpoint.file})" if checkpoint.role else name
        by_hand = "" if checkpoint.role else ", or give a file with --model FILE"
        raise CheckpointError(
            f"{what} is not on this machine and offline mode is on. Run `bcm-restore models "
            f"download {name}` online{by_hand}"
        )
    try:
        if checkpoint.source == "hub":
            return _from_hub(checkpoint)
        return _from_url(checkpoint, progress)
    except RestoreError:
        raise
    except Exception as error:  # the client's own errors differ from version to version
        raise _failure(checkpoint, error) from error


def remove(checkpoint: Checkpoint) -> Path | None:
    """Delete a download, and what a cut one left; returns where it lay, None where nothing did.

    RequestError for the package's own file and for a user's.
    """
    if checkpoint.source in ("embedded", "file"):
        owner = "part of the package" if checkpoint.source == "embedded" else "your own file"
        raise RequestError(f"{checkpoint.file} is {owner}, nothing that was downloaded")
    path = locate(checkpoint)
    try:
        if checkpoint.source == "url":
            shutil.rmtree(_folder(checkpoint), ignore_errors=path is None)
        elif path is not None:
            _unlink_cached(path)
    except OSError as error:
        raise ResourceError(f"cannot remove {path}: {error.strerror}") from error
    return path


def find_caches() -> dict[str, Path]:
    """Where downloads lie: the Hub's own cache, and its assets folder for what comes by URL."""
    loaded = sys.modules.get("huggingface_hub.constants")
    if loaded is not None:
        hub, assets = loaded.HF_HUB_CACHE, loaded.HF_ASSETS_CACHE
    else:  # as that library reads the environment, which takes a while to load
        above = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
        home = os.environ.get("HF_HOME") or os.path.join(above, "huggingface")
        hub = os.environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
        hub = os.environ.get("HF_HUB_CACHE", hub)
        own = os.environ.get("HUGGINGFACE_ASSETS_CACHE", os.path.join(home, "assets"))
        assets = os.environ.get("HF_ASSETS_CACHE", own)
    places = (Path(os.path.expandvars(path)).expanduser() for path in (hub, assets))
    hub_folder, assets_folder = places
    return {"hub": hub_folder, "url": assets_folder / "bcm-restore" / "checkpoints"}


def read_promised_sha256(path: Path) -> str:
    """The SHA-256 that the Hub gave for a file in its cache, "" where it gave none.

    The Hub's client names what it downloads by the server's ETag, which for large files is it.
    """
    name = _blob(path).name
    return name if SHA256.fullmatch(name) else ""


def _from_hub(checkpoint: Checkpoint) -> Path:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url

    repo, file, revision = checkpoint.repo, checkpoint.file, checkpoint.revision
    # Asked once beforehand: the download itself would try an unreachable server for minutes.
    metadata = get_hf_file_metadata(hf_hub_url(repo, file, revision=revision), timeout=TIMEOUT)
    size = metadata.size or 0
    if checkpoint.bytes and size and size != checkpoint.bytes:
        raise CheckpointError(
            f"{repo}/{file} has {size:,} bytes on the server, expected {checkpoint.bytes:,}"
        )
    _check_space(Path(constants.HF_HUB_CACHE), size)
    path = Path(hf_hub_download(repo, file, revision=revision))
    try:
        _check_download(path, checkpoint, checkpoint.sha256 or read_promised_sha256(path))
    except CheckpointError:
        remove(checkpoint)
        raise
    return path


def _from_url(checkpoint: Checkpoint, progress: Progress | None) -> Path:
    """Stream the URL into FILE.part, resume it where it was cut, and rename it once it is right."""
    from huggingface_hub.utils import WeakFileLock

    target = _folder(checkpoint) / checkpoint.file
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with WeakFileLock(target.with_name(f"{target.name}.lock")):
        if target.is_file():  # another process was first
            return target
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _stream(checkpoint, part, progress)
                break
            except urllib.error.HTTPError as error:
                if error.code != 416 or not part.exists():
                    raise
                part.unlink()  # what is here is longer than what is there
            except (OSError, http.client.HTTPException) as error:
                if (number := getattr(error, "errno", None)) in FULL:
                    part.unlink(missing_ok=True)  # what it holds is what is missing
                if attempt == ATTEMPTS or number in (*FULL, *FORBIDDEN):
                    raise
                time.sleep(PAUSE * attempt)
        try:
            _check_download(part, checkpoint, checkpoint.sha256)
        except CheckpointError:
            part.unlink()
            raise
        rename(part, target)
    return target


def _stream(checkpoint: Checkpoint, part: Path, progress: Progress | None) -> None:
    """One request for what `part` still lacks. ConnectionError where the server ends too early."""
    # Without a hash nobody would notice that the file changed between two halves.
    have = part.stat().st_size if checkpoint.sha256 and part.is_file() else 0
    if checkpoint.bytes and have == checkpoint.bytes:
        return
    headers = {"User-Agent": "bcm-restore", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(checkpoint.url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        range_ = response.headers.get("Content-Range", "")
        if response.status != 206 or not range_.startswith(f"bytes {have}-"):
            have = 0
        length = int(response.headers.get("Content-Length") or 0)
        total = have + length if length else checkpoint.bytes
        limit = checkpoint.bytes or LIMIT
        if total > limit:
            raise CheckpointError(
                f"{checkpoint.public_url} sends {total:,} bytes, expected {limit:,}"
            )
        _check_space(part.parent, total - have)
        with part.open("ab" if have else "wb") as file:
            while chunk := response.read(2**18):
                have += len(chunk)
                if have > limit:
                    raise CheckpointError(
                        f"{checkpoint.public_url} sends more than {limit:,} bytes"
                    )
                file.write(chunk)
                if progress:
                    progress(have, total)
            file.flush()
            sync(file)
    if have < total:
        raise ConnectionError(f"the connection was cut after {have:,} of {total:,} bytes")


def _check_download(path: Path, checkpoint: Checkpoint, sha256: str) -> None:
    """CheckpointError unless a fresh download has the size and hash that were pinned."""
    size = path.stat().st_size
    if checkpoint.bytes and size != checkpoint.bytes:
        problem = f"{size:,} bytes came, expected {checkpoint.bytes:,}"
    elif sha256 and (found := files.digest(path)) != sha256:
        problem = f"its SHA-256 is {found}, expected {sha256}"
    else:
        return
    with path.open("rb") as stream:
        what = headers.identify(stream.read(4096), size)
    raise CheckpointError(
        f"{checkpoint.name}: the download is not the file it should be: {problem}"
        f"{f'; it is {what}' if what else ''}. It was dropped. {_ways_out(checkpoint)}"
    )


def _check_space(folder: Path, needed: int) -> None:
    """ResourceError where the disk of a folder, which need not exist yet, lacks the room."""
    folder = next((p for p in (folder, *folder.parents) if p.is_dir()), Path.cwd())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ResourceError(
            f"{needed:,} bytes are needed and {folder} has {free:,} left: make room, or set HF_HOME"
        )


def _folder(checkpoint: Checkpoint) -> Path:
    """Where downloads by URL lie: the layout of huggingface_hub's cached_assets_path, not made."""
    return find_caches()["url"] / checkpoint.name


def _blob(path: Path) -> Path:
    """What a file in the Hub's cache points at: one step, as the next may leave the repository."""
    return path.parent / os.readlink(path) if path.is_symlink() else path


def _unlink_cached(path: Path) -> None:
    """Remove one file from the Hub's cache, and its blob unless another commit shares it."""
    blob = _blob(path)
    path.unlink()
    snapshots = next(folder for folder in path.parents if folder.name == "snapshots")
    links = (other for other in snapshots.rglob("*") if other.is_symlink())
    if not any(_blob(other).name == blob.name for other in links):
        blob.unlink(missing_ok=True)


def _failure(checkpoint: Checkpoint, error: Exception) -> RestoreError:
    """What a failed download means to the user."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    name = checkpoint.name
    reason = getattr(error, "reason", error)  # urllib wraps the socket's error
    number = getattr(reason, "errno", None) or getattr(error, "errno", None)
    text = str(reason).strip().splitlines()[0] if str(reason).strip() else type(error).__name__
    if number in FULL or "No space left" in text:
        return ResourceError(f"no space left to download {name}: make room, or set HF_HOME")
    if number in FORBIDDEN:
        return ResourceError(f"cannot write the download of {name}: {error}; set HF_HOME")
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "code", None)
    if isinstance(error, GatedRepoError):
        problem = "it is gated: accept its terms on its page, then log in or set HF_TOKEN"
    elif status in (401, 403) or isinstance(error, RepositoryNotFoundError):
        problem = (
            f"refused ({status}): there is no such repository, or it is private and HF_TOKEN is "
            "missing or lacks the right"
        )
    elif status == 404:
        problem = "not there (404): the repository, the revision or the file"
    elif status:
        problem = f"the server answered {status}"
    else:
        problem = text.replace(checkpoint.url, checkpoint.public_url) if checkpoint.url else text
    place = checkpoint.public_url or f"{checkpoint.repo}/{checkpoint.file} at {checkpoint.revision}"
    return CheckpointError(
        f"{name} could not be downloaded from {place}: {problem}. {_ways_out(checkpoint)}"
    )


def _ways_out(checkpoint: Checkpoint) -> str:
    """What to do where a download fails; a single file can come by hand."""
    if checkpoint.role:
        return WAYS_OUT
    return f"{WAYS_OUT}, or fetch the file elsewhere and give it with --model FILE"
