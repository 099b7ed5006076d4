"""Table: a manifest as Parquet, a row for each output, for tools that read columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from restore.batch.manifest import Entry, Manifest, entries, latest
from restore.batch.records import dumped

ENDING = ".parquet"


def tabulate(manifest: Manifest) -> str:
    """Write the last line of each output beside the manifest, a shard's own, and tell where.

    ResourceError where that fails.
    """
    import pyarrow
    from pyarrow import parquet

    from restore.images import write_atomically

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
    made = latest(entries(manifest.own()))
    rows = [_row(made[path]) for path in sorted(made)]
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), sink)
    path = os.path.splitext(manifest.path)[0] + ENDING
    write_atomically(path, sink.getvalue().to_pybytes())
    return path


def _row(entry: Entry) -> Mapping[str, Any]:
    """An entry in columns; a name that is no text is escaped as in its line."""
    record = entry.record
    error = record.get("error") or {}
    sides = [*(record.get("size_in") or (None, None)), *(record.get("size_out") or (None, None))]
    plain = ("status", "task", "model", "model_sha256", "method", "mode", "device", "dtype")
    return {
        **{name: record.get(name) for name in (*plain, "nfe", "seed")},
        **{name: _text(record.get(name)) for name in ("input", "output")},
        **dict(zip(("width_in", "height_in", "width_out", "height_out"), sides, strict=True)),
        "path": _text(entry.path),
        "seconds": record.get("seconds"),
        "when": entry.when,
        "bytes": entry.output.bytes if entry.output else None,
        "sha256": entry.output.sha256 if entry.output else None,
        "error_type": error.get("type"),
        "error": _text(error.get("message")),
        "error_stage": error.get("stage"),
        "metrics": dumped(record.get("metrics")),
        "settings": dumped(entry.settings),
        "warnings": [_text(one) for one in record.get("warnings") or ()],
    }


def _text(value: str | None) -> str | None:
    return value and value.encode("utf-8", "backslashreplace").decode()
