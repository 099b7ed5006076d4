"""Parts: a model of several files, each fetched and verified by itself.

A part whose hash nobody knows is taken only where that is allowed, like any checkpoint.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from restore.checkpoints import files, sources
from restore.checkpoints.catalogue import Checkpoint, Part
from restore.errors import CheckpointError, RequestError, ResourceError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """A part on this machine, at `path`."""

    part: Part
    path: Path

    def open(self) -> files.TensorFile:
        """Its tensors, after its size and hash were compared; errors as in `files.read`."""
        return files.TensorFile(self.path, sha256=self.part.sha256, size=self.part.bytes)

    def read(self, limit: int = 16 * 2**20) -> bytes:
        """A small file's bytes, of the pinned size and hash; errors as in `files.read`."""
        if self.path.stat().st_size > limit:
            raise CheckpointError(f"{self.path} has more than {limit:,} bytes")
        verify_file(self.path, self.part)
        return self.path.read_bytes()


def choose_adapters(checkpoint: Checkpoint, up: int, down: int) -> tuple[Part, Part]:
    """The adapters of so many evaluations up to noise, and down; RequestError where there is none.

    A checkpoint without parts is no model of this kind, which is a RequestError too.
    """
    if not checkpoint.parts:
        raise RequestError(
            f"{checkpoint.name} is no model for editing: give --model icd-sd15, or a catalogue's "
            "row with parts"
        )

    def adapter(role: str, steps: int) -> Part:
        known = {len(part.times): part for part in checkpoint.parts if part.role == role}
        if steps not in known:
            raise RequestError(
                f"{checkpoint.name} has no {role} adapter of {steps} evaluations, only of "
                f"{', '.join(map(str, sorted(known))) or 'none'}"
            )
        return known[steps]

    return adapter("forward", up), adapter("reverse", down)


def fetch_parts(
    checkpoint: Checkpoint,
    parts: Sequence[Part],
    *,
    offline: bool = False,
    allow_unverified: bool = False,
    announce: Callable[[str], object] | None = None,
) -> list[Fetched]:
    """These parts on this machine, downloaded where they are not.

    Before anything is downloaded, trust and the disk's room are checked, and `announce` is told how
    much comes and under which licences. CheckpointError and ResourceError as in `sources.fetch`.
    """
    if (unknown := [part for part in parts if not part.sha256]) and not allow_unverified:
        raise CheckpointError(
            f"{checkpoint.name}: nobody could check the hash of {unknown[0].repo}/"
            f"{unknown[0].file}. --allow-unverified takes it; compare the hash with the publisher's"
        )
    rows = dict(zip(checkpoint.parts, checkpoint.files(), strict=True))
    missing = [part for part in parts if sources.locate(rows[part]) is None]
    if missing and not offline:
        _check_disk(missing)
        if announce:
            announce(f"{checkpoint.name}: downloading {describe_download(missing)}")
    return [Fetched(part, sources.fetch(rows[part], offline=offline)) for part in parts]


def describe_download(parts: Sequence[Part]) -> str:
    """How many bytes come and under which licences, in words."""
    size = sum(part.size for part in parts)
    amount = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
    count = f"{len(parts)} file" + ("s" if len(parts) > 1 else "")
    licenses = dict.fromkeys(part.license or "none stated" for part in parts)
    return f"{amount} in {count}; licences: {', '.join(licenses)}"


def verify_file(path: Path, part: Part | Checkpoint) -> str:
    """The SHA-256 of a part's file; CheckpointError unless size and hash are the pinned."""
    found = path.stat().st_size if path.is_file() else 0
    if part.bytes and found != part.bytes:
        raise CheckpointError(f"{path}: {found:,} bytes for {part.bytes:,}: another file, or cut")
    sha256 = files.digest(path)
    if part.sha256 and sha256 != part.sha256:
        raise CheckpointError(
            f"{path} is not the file it should be: SHA-256 {sha256}, expected {part.sha256}. "
            "Remove it (`bcm-restore models rm`) and fetch it again"
        )
    if not part.sha256:
        log.warning("%s is unverified: the SHA-256 seen is %s", part.file, sha256)
    return sha256


def check_disk(checkpoint: Checkpoint) -> None:
    """ResourceError where the Hub's cache lacks the room for the parts that are not there yet."""
    pairs = zip(checkpoint.parts, checkpoint.files(), strict=True)
    _check_disk([part for part, row in pairs if sources.locate(row) is None])


def _check_disk(parts: Sequence[Part]) -> None:
    """ResourceError where the Hub's cache lacks the room for these parts."""
    folder = sources.find_caches()["hub"]
    folder = next((p for p in (folder, *folder.parents) if p.is_dir()), Path.cwd())
    needed, free = sum(part.size for part in parts), shutil.disk_usage(folder).free
    if needed > free:
        raise ResourceError(
            f"{needed:,} bytes are to be downloaded and {folder} has {free:,} left: make room, or "
            "set HF_HOME"
        )
