"""How fast the overlapped batch is beside its slowest stage alone, on this machine.

    python examples/pipeline.py                       # jpeg at its default NFE
    python examples/pipeline.py --nfe 1 --scale 2     # superres: far more to encode than to read

Reading, the network and writing are timed apart, each alone over all files, then the batch as the
commands run it, one after the other and overlapped. Overlapped, the batch cannot be faster than its
slowest stage; the last line says how near it comes. It cannot be faster, either, than all its
computing shared by all cores: so that codecs have a core to run on, the network gets all but one.
Every figure is the best of some rounds, taken in turn, as other work on the machine only slows.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from machine import roll_photographs

from restore.batch.plan import Job, Names, Where
from restore.batch.prepare import prepare
from restore.batch.restorer import ModelSource
from restore.batch.run import Outcome, exhaust
from restore.checkpoints import resolve
from restore.files import write_atomically
from restore.settings import Settings
from restore.tasks import Jpeg, Superres


class Silent:
    """An observer who says nothing and counts what failed."""

    failed = 0

    def begin(self, number: int, job: Job) -> None:
        return None

    def end(self, number: int, job: Job, outcome: Outcome) -> None:
        self.failed += outcome.failure is not None

    def emit(self, data: bytes) -> None: ...


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock and of all cores."""
    began, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--megapixels", type=float, default=0.25)
    parser.add_argument("--nfe", type=int)
    parser.add_argument("--model", default="default", help="a small one makes the codecs matter")
    parser.add_argument("--scale", type=float, help="superres instead of jpeg")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) - 1))
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    task = Superres(arguments.scale) if arguments.scale else Jpeg()

    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder, "in"), Path(folder, "out")
        inputs.mkdir()
        outputs.mkdir()
        scenes = roll_photographs(arguments.megapixels)
        for number, image in enumerate(islice(scenes, arguments.count)):
            image.save(inputs / f"{number:03}.jpg", quality=30)
        planned = prepare(
            task,
            Names([str(inputs)]),
            Where(str(outputs), existing="overwrite"),
            ModelSource(resolve(arguments.model), threads=arguments.threads),
            settings=Settings(nfe=arguments.nfe),
            manifest=None,
        )
        with planned.connect() as planned:
            planned = planned.load()
        work, jobs = planned.restorer.work(planned.model), planned.plan.jobs
        given = [work.read(job) for job in jobs]
        made = [work.make(job, one, None)[0] for job, one in zip(jobs, given, strict=True)]

        def write() -> None:
            for job, picture in zip(jobs, made, strict=True):
                assert work.encode is not None
                write_atomically(job.output, work.encode(picture).data)

        def network() -> None:
            for job, one in zip(jobs, given, strict=True):
                work.make(job, one, None)

        def batch(workers: int) -> None:
            observer = Silent()
            exhaust(planned.run(observer, threads=workers))
            assert not observer.failed

        ways: dict[str, Callable[[], object]] = {
            "reading alone": lambda: [work.read(job) for job in jobs],
            "network alone": network,
            "writing alone": write,
            "one after the other": lambda: batch(0),
            "overlapped": lambda: batch(arguments.workers),
        }
        found = {name: (float("inf"), float("inf")) for name in ways}
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                found[name] = min(found[name], timed(way))

    print(
        f"{task.name}, {arguments.count} images of {arguments.megapixels} megapixels, "
        f"NFE {planned.restorer.settings.nfe}, {planned.restorer.source.device}, "
        f"{os.cpu_count()} cores, "
        f"{arguments.threads} threads for the network, {arguments.workers} to read and to write"
    )
    for name, (seconds, computing) in found.items():
        print(f"{name:>20}: {seconds:7.2f} s, {computing:7.2f} s of computing")
    slowest = max(seconds for name, (seconds, _) in found.items() if "alone" in name)
    print(f"the slowest stage takes {slowest / found['overlapped'][0]:.1%} of the overlapped batch")


if __name__ == "__main__":
    main()
