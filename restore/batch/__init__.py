"""Batch: many images by one task, planned before any work, resumable, in shards.

The plan makes jobs; `run` takes each through three overlapped stages (read, make, write); the
manifest remembers what was made of what, so that another run does only the rest.
"""

from restore.batch.companions import Companion
from restore.batch.inputs import STDIN, Input, names_in
from restore.batch.jobs import STDOUT, Existing, Job, check_outputs, past_existing
from restore.batch.manifest import MANIFEST, Entry, Manifest, entries, latest
from restore.batch.pipeline import Failure
from restore.batch.plan import Format, Kind, Names, Plan, Size, Where, plan
from restore.batch.records import KEYS, Tally, blank
from restore.batch.runs import Witness, probe, resumed, run
from restore.batch.shards import Shard, assigned, shard_of
from restore.batch.work import Ended, Made, Progress, Recipe, Work

__all__ = [
    "KEYS",
    "MANIFEST",
    "STDIN",
    "STDOUT",
    "Companion",
    "Ended",
    "Entry",
    "Existing",
    "Failure",
    "Format",
    "Input",
    "Job",
    "Kind",
    "Made",
    "Manifest",
    "Names",
    "Plan",
    "Progress",
    "Recipe",
    "Shard",
    "Size",
    "Tally",
    "Where",
    "Witness",
    "Work",
    "assigned",
    "blank",
    "check_outputs",
    "entries",
    "latest",
    "names_in",
    "past_existing",
    "plan",
    "probe",
    "resumed",
    "run",
    "shard_of",
]
