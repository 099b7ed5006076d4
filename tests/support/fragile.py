"""A recipe that needs no network, and of which some jobs end the process that does them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore.batch.plan import Job
from restore.batch.run import Work
from restore.errors import CheckpointError
from restore.images import Encoded
from restore.record import Record


@dataclass(frozen=True)
class Fragile:
    """Turns the bytes of a file round.

    A file that holds "mortal" kills the process that makes it the first time, "deadly" each time,
    "broken" fails. What was begun is noted in a folder.
    """

    notes: str
    seconds: float = 0.0
    model: str = "right"

    def load(self) -> object:
        if self.model != "right":
            raise CheckpointError("another file here than where the run began")
        return self

    def work(self, model: object = None) -> Work:
        known = Record(task="turn")
        return Work(known, self.read, self.make, self.encode, settings={"turned": True})

    def encode(self, output: Any, path: str) -> Encoded:
        Path(self.notes, f"writer-{os.getpid()}").touch()
        return Encoded(bytes(output))

    def read(self, job: Job) -> bytes:
        return Path(job.input.path).read_bytes() if job.data is None else job.data

    def make(self, job: Job, data: bytes, progress: object) -> tuple[Any, Record]:
        begun = Path(self.notes, Path(job.input.path).name)
        if data == b"deadly" or (data == b"mortal" and not begun.exists()):
            begun.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if data == b"broken":
            raise ValueError("it is broken")
        time.sleep(self.seconds)
        return bytearray(data[::-1]), Record(seconds=self.seconds, more={"made_by": os.getpid()})
