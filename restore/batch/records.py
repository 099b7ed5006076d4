"""Record: what is said of one image, and the summary of many."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KEYS = (
    "schema", "status", "task", "input", "output", "model", "model_sha256", "method", "mode", "nfe",
    "seed", "device", "dtype", "tile", "size_in", "size_out", "seconds", "metrics", "warnings",
    "error",
)  # fmt: skip
STATUSES = ("ok", "skipped", "failed")
PARTICULARS = re.compile(  # names, the bytes that a file starts with, numbers
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\b[0-9a-f]{2}(?: [0-9a-f]{2})+\b|\d+(?:[.,]\d+)*"
)


def blank(known: Mapping[str, Any], input: str, output: str, /, **more: Any) -> dict[str, Any]:
    """The record of an image, what no one says being null."""
    record: dict[str, Any] = dict.fromkeys(KEYS)
    record.update(schema=1, status="ok", seconds=0.0, metrics={}, warnings=[])
    return {**record, **known, **more, "input": input or None, "output": output}


def is_record(value: Any) -> bool:
    """Whether a value that was read has what a summary needs."""
    if not isinstance(value, dict) or value.get("status") not in STATUSES:
        return False
    seconds, error = value.get("seconds"), value.get("error")
    if not isinstance(value.get("input"), str | None) or not isinstance(seconds, int | float):
        return False
    if not isinstance(value.get("output"), str):
        return False
    if value["status"] != "failed":
        return True
    return isinstance(error, dict) and all(
        isinstance(error.get(key), str) for key in ("type", "message")
    )


def kind_of(error: Mapping[str, Any]) -> str:
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
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Tally:
        tally = cls()
        for record in records:
            tally.add(record)
        return tally

    def add(self, record: Mapping[str, Any]) -> None:
        self.count[record["status"]] += 1
        self.seconds += record["seconds"]
        if record["status"] == "failed":
            kind = kind_of(record["error"])
            self.kinds[kind] += 1
            self.examples.setdefault(kind, record["input"] or "")

    def counts(self) -> dict[str, int]:
        return {status: self.count[status] for status in STATUSES}

    def failures(self) -> list[dict[str, Any]]:
        """The kinds of failure, the most frequent first."""
        return [
            {"kind": kind, "count": count, "example": self.examples[kind]}
            for kind, count in self.kinds.most_common()
        ]


def dumped(value: Any) -> str:
    """A value as one line of JSON in ASCII, numbers that are not finite as null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
