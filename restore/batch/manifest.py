"""Manifest: what a batch has done, a line of JSON for each output; summed up, and as a table.

A line is written when the output is whole, just before that takes its name, so whatever kills a
run, no output of ours is without its line. A line says which output, from which inputs, by which
settings; what a line no longer tells the truth about is done again. Lines cut short, by a full disk
or a power cut, count as not written. Shards write files of their own and read those of all.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from restore.batch.shards import Shard
from restore.errors import RequestError
from restore.files import explain_unwritable, write_atomically
from restore.jsonlines import JsonLines, read_json_lines, to_json
from restore.record import JSON, Cause, Record

if TYPE_CHECKING:
    from restore.batch.plan import Plan

MANIFEST = ".bcm-restore.jsonl"  # in the folder of the outputs
VERSION = 1
TABLE = ".parquet"

MADE = ("ok", "doubtful")  # of an output that was written
COUNTED = ("ok", "skipped", "failed")  # in every summary; other statuses where there are any
PARTICULARS = re.compile(  # names, the bytes that a file starts with, numbers
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\b[0-9a-f]{2}(?: [0-9a-f]{2})+\b|\d+(?:[.,]\d+)*"
)


@dataclass(frozen=True)
class Fingerprint:
    """What tells a file from any other: its size, its time and the hash of its bytes."""

    bytes: int
    mtime_ns: int
    sha256: str

    def fits(self, path: str) -> bool:
        """Whether the file there is this one: by size and time, or where only that differs, hash.

        OSError where there is none.
        """
        found = os.stat(path)
        if found.st_size != self.bytes:
            return False
        if found.st_mtime_ns == self.mtime_ns:
            return True
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def fingerprint(data: bytes, stat: os.stat_result | None) -> Fingerprint:
    """The fingerprint of a file of these bytes; one that is no file has no time."""
    return Fingerprint(len(data), stat.st_mtime_ns if stat else 0, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class ManifestEntry:
    """A line: the record of an output, and what that was made of.

    `path` is the output's, from the manifest's folder. `settings` decide the pixels and their file.
    `inputs` are the fingerprints of the image and of what belongs to it, as masks do.
    """

    path: str
    record: Record
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Sequence[Fingerprint] = ()
    output: Fingerprint | None = None
    when: float = 0.0

    def made(self, output: str) -> bool:
        """Whether the file at a path is the one that was written."""
        try:
            return self.output is not None and self.output.fits(output)
        except OSError:
            return False

    def difference(self, settings: Mapping[str, JSON], inputs: Sequence[str]) -> str:
        """What decides the output and is another now, in words; "" where nothing is."""
        now = json.loads(to_json(settings))
        changes = [
            "the model is another" if name == "model_sha256" else f"{name} was {was!r}, is {is_!r}"
            for name in sorted({*now, *self.settings})
            if (was := self.settings.get(name)) != (is_ := now.get(name))
        ]
        if changes:
            return "; ".join(changes)
        if len(inputs) != len(self.inputs):
            return "it had other inputs"
        try:
            for path, was in zip(inputs, self.inputs, strict=True):
                if not was.fits(path):
                    return f"{path!r} has changed"
        except OSError as error:
            return f"{error.filename!r}: {error.strerror}"
        return ""


class Lines(JsonLines):
    """Entries that are added to a file, each in one piece."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "the manifest")
        self.top = os.path.dirname(os.path.abspath(path))

    def relate(self, output: str) -> str:
        """What an output is called in here: its path from the manifest's folder."""
        return os.path.relpath(os.path.abspath(output), self.top).replace(os.sep, "/")

    def add_entry(self, entry: ManifestEntry) -> None:
        """Write a line, in one piece. ResourceError where that fails."""
        line = {
            "manifest": VERSION,
            "when": round(time.time(), 3),
            "path": entry.path,
            "record": entry.record.as_dict(),
            "settings": entry.settings,
            "inputs": [asdict(one) for one in entry.inputs],
            "output": entry.output and asdict(entry.output),
        }
        self.add(line)


class Manifest(Lines):
    """The lines at a path, and those of its shards; new ones go to the path, or to the shard's."""

    def __init__(self, path: str, shard: Shard | None = None) -> None:
        if not path or "\0" in path:
            raise RequestError(f"--manifest {path!r} is no file name")
        self._stem, self._ending, self._shard = *os.path.splitext(path), shard
        share = f".{shard.index}-of-{shard.count}" if shard else ""
        super().__init__(f"{self._stem}{share}{self._ending}")
        there = self.files()
        for found in there:
            if not os.path.isfile(found) or os.path.islink(found):
                raise RequestError(f"the manifest {found!r} is no regular file")
        self.made = keep_latest(
            entry for entry in read_entries(there) if entry.record.status in MADE
        )

    def files(self) -> list[str]:
        """The files of lines that there are: its own, and those of all shards and writers."""
        shards = glob.escape(self._stem) + ".*-of-*" + glob.escape(self._ending)
        paths = {self._stem + self._ending, self.path, *glob.glob(shards, include_hidden=True)}
        return [path for path in sorted(paths) if os.path.lexists(path)]

    def own(self) -> list[str]:
        """The files of lines on what it is the manifest of: all of them, but a shard's only its."""
        return [self.path] if self._shard else self.files()

    def covers(self, plan: Plan) -> bool:
        """Whether anything in here is on an output that is there."""
        return any(job.done and self.relate(job.output) in self.made for job in plan.jobs)

    def gather(self, run: str) -> None:
        """Take over the lines of a run's writers, which have ended. ResourceError as `add`."""
        parts = name_part(glob.escape(self.path), "*", run)
        for path in sorted(glob.glob(parts, include_hidden=True)):
            try:
                with open(path, "rb") as file:
                    for line in file:
                        if line.endswith(b"\n"):
                            self.add_line(line)
                self.sync()
                os.unlink(path)
            except OSError as error:
                raise explain_unwritable(f"{self.name} {self.path!r}", error) from error


def name_part(path: str, writer: str, run: str) -> str:
    """The file for the lines of one of a run's several writers, which is read as a shard's is."""
    stem, ending = os.path.splitext(path)
    return f"{stem}.{writer}-of-{run}{ending}"


def read_entries(paths: Iterable[str]) -> Iterator[ManifestEntry]:
    """The entries in manifests, in their order; lines that are none are passed over.

    ResourceError where one cannot be read.
    """
    for path in paths:
        for line in read_json_lines(path, "the manifest"):
            if (entry := _parse(line)) is not None:
                yield entry


def keep_latest(
    found: Iterable[ManifestEntry], key: Callable[[ManifestEntry], str] = lambda entry: entry.path
) -> dict[str, ManifestEntry]:
    """The last entry of each output, by time."""
    last: dict[str, ManifestEntry] = {}
    for entry in found:
        name = key(entry)
        if name not in last or entry.when >= last[name].when:
            last[name] = entry
    return last


def _parse(line: Mapping[str, JSON]) -> ManifestEntry | None:
    """The entry that a line holds, None where it is somebody else's."""
    try:
        record, when, settings = line["record"], line["when"], line["settings"]
        if line["manifest"] != VERSION or not isinstance(line["path"], str):
            return None
        if not isinstance(when, int | float) or not isinstance(settings, dict):
            return None
        inputs = tuple(_parse_fingerprint(one) for one in line["inputs"])
        output = None if line["output"] is None else _parse_fingerprint(line["output"])
        return ManifestEntry(
            line["path"], Record.from_dict(record), settings, inputs, output, float(when)
        )
    except (ValueError, TypeError, KeyError):
        return None


def _parse_fingerprint(value: JSON) -> Fingerprint:
    found = Fingerprint(**value)
    if not (type(found.bytes) is int and type(found.mtime_ns) is int and type(found.sha256) is str):
        raise TypeError("a fingerprint is two numbers and a hash")
    return found


def describe_kind(error: Cause) -> str:
    """What failures of one kind have in common: the stage and the message without particulars."""
    message = PARTICULARS.sub("…", error["message"].split("\n")[0]) or error["type"]
    return f"{error['stage']}: {message}" if error.get("stage") else message


@dataclass
class Tally:
    """How many images ended how, and the failures by kind, each with a first example."""

    count: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def of(cls, records: Iterable[Record]) -> Tally:
        tally = cls()
        for record in records:
            tally.add(record)
        return tally

    def add(self, record: Record) -> None:
        """Count one image."""
        self.count[record.status] += 1
        self.seconds += record.seconds
        if record.status == "failed":
            assert record.error is not None
            kind = describe_kind(record.error)
            self.kinds[kind] += 1
            self.examples.setdefault(kind, record.input or "")

    def counts(self) -> dict[str, int]:
        """How many ended with each status."""
        others = [status for status in self.count if status not in COUNTED]
        return {status: self.count[status] for status in (*COUNTED, *others)}

    def failures(self) -> list[dict[str, Any]]:
        """The kinds of failure, the most frequent first."""
        return [
            {"kind": kind, "count": count, "example": self.examples[kind]}
            for kind, count in self.kinds.most_common()
        ]


def tabulate(manifest: Manifest) -> str:
    """Write the last line of each output beside the manifest, a shard's own, and tell where.

    ResourceError where that fails.
    """
    import pyarrow
    from pyarrow import parquet

    text, number = pyarrow.string(), pyarrow.int64()
    schema = pyarrow.schema(
        [(name, text) for name in ("path", "status", "input", "output", "task", "model")]
        + [(name, text) for name in ("model_sha256", "method", "mode", "device", "dtype")]
        + [(name, number) for name in ("nfe", "seed", "width_in", "height_in")]
        + [(name, number) for name in ("width_out", "height_out", "bytes")]
        + [("seconds", pyarrow.float64()), ("when", pyarrow.float64()), ("sha256", text)]
        + [(name, text) for name in ("error_type", "error", "error_stage", "metrics", "settings")]
        + [("warnings", pyarrow.list_(text))]
    )
    made = keep_latest(read_entries(manifest.own()))
    rows = [_row(made[path]) for path in sorted(made)]
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), sink)
    path = os.path.splitext(manifest.path)[0] + TABLE
    write_atomically(path, sink.getvalue().to_pybytes())
    return path


def _row(entry: ManifestEntry) -> Mapping[str, JSON]:
    """An entry in columns; a name that is no text is escaped as in its line."""
    record, output = entry.record, entry.output
    error: Mapping[str, JSON] = record.error or {}
    (width_in, height_in), (width_out, height_out) = map(_sides, (record.size_in, record.size_out))
    texts = ("task", "model", "model_sha256", "method", "mode", "device", "dtype")
    return {
        **{name: _text(getattr(record, name)) for name in (*texts, "status", "input", "output")},
        **{name: _number(getattr(record, name)) for name in ("nfe", "seed")},
        "width_in": width_in,
        "height_in": height_in,
        "width_out": width_out,
        "height_out": height_out,
        "path": _text(entry.path),
        "seconds": record.seconds,
        "when": entry.when,
        "bytes": output.bytes if output else None,
        "sha256": output.sha256 if output else None,
        "error_type": _text(error.get("type")),
        "error": _text(error.get("message")),
        "error_stage": _text(error.get("stage")),
        "metrics": to_json(record.metrics),
        "settings": to_json(entry.settings),
        "warnings": [_text(one) for one in record.warnings],
    }


def _text(value: JSON) -> str | None:
    """What a column of text can hold; a line may say anything."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else None


def _number(value: JSON) -> int | None:
    """What a column of 64-bit numbers can hold."""
    return value if type(value) is int and abs(value) < 1 << 63 else None


def _sides(value: JSON) -> tuple[int | None, int | None]:
    pair = value if isinstance(value, tuple) and len(value) == 2 else (None, None)
    return _number(pair[0]), _number(pair[1])
