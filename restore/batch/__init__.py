"""Batch: many images by one task, planned before any work, resumable, in shards.

The plan makes jobs; `run` takes each through three overlapped stages (read, make, finish); the
manifest remembers what was made of what, so that another run does only the rest. Module `ray`
does the same on the machines of a cluster.

Names are imported when first used: `import restore` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore.batch.inputs import STDIN, Choice, Input, Sidecar, count_endings, split_names
    from restore.batch.manifest import (
        MANIFEST,
        Manifest,
        ManifestEntry,
        Tally,
        keep_latest,
        read_entries,
    )
    from restore.batch.pipeline import Failure
    from restore.batch.plan import (
        STDOUT,
        Existing,
        Job,
        Names,
        OutputKind,
        Plan,
        Policy,
        Size,
        Where,
        check_outputs,
        mark_existing,
    )
    from restore.batch.run import (
        Observer,
        Outcome,
        Output,
        Progress,
        Work,
        WorkFactory,
        prepare_folders,
        resume,
    )
    from restore.batch.shards import Shard, find_assigned, parse_shard

HOMES = {
    "inputs": (
        "STDIN",
        "Choice",
        "Input",
        "Sidecar",
        "count_endings",
        "split_names",
    ),
    "manifest": (
        "MANIFEST",
        "ManifestEntry",
        "Manifest",
        "Tally",
        "keep_latest",
        "read_entries",
    ),
    "pipeline": ("Failure",),
    "plan": (
        "STDOUT",
        "Existing",
        "Job",
        "OutputKind",
        "Names",
        "Plan",
        "Policy",
        "Size",
        "Where",
        "check_outputs",
        "mark_existing",
    ),
    "run": (
        "Observer",
        "Outcome",
        "Output",
        "Progress",
        "WorkFactory",
        "Work",
        "prepare_folders",
        "resume",
    ),
    "shards": (
        "Shard",
        "find_assigned",
        "parse_shard",
    ),
}

__all__ = [
    "MANIFEST",
    "STDIN",
    "STDOUT",
    "Choice",
    "Existing",
    "Failure",
    "Input",
    "Job",
    "Manifest",
    "ManifestEntry",
    "Names",
    "Observer",
    "Outcome",
    "Output",
    "OutputKind",
    "Plan",
    "Policy",
    "Progress",
    "Shard",
    "Sidecar",
    "Size",
    "Tally",
    "Where",
    "Work",
    "WorkFactory",
    "check_outputs",
    "count_endings",
    "find_assigned",
    "keep_latest",
    "mark_existing",
    "parse_shard",
    "prepare_folders",
    "read_entries",
    "resume",
    "split_names",
]


def __getattr__(name: str) -> object:
    for home, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
