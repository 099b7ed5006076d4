"""Fuzzing: damaged files by the thousand, of which only our own errors may come out.

    python tests/support/fuzzing.py --kind images --cases 20000 --seed 7

A case is a number: the same kind, seed and number make the same bytes. Cases run in a process of
their own, under a limit on memory, watched from outside: one that crashes or takes over five
seconds is found by its number, and the rest goes on. `--case N` runs one here, to look into it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import mmap
import os
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from restore.cli.exits import mute_warnings
from restore.errors import ResourceError, RestoreError
from tests.support import specimens

HANG = 5.0  # seconds that a case may take
MEMORY = 512 * 2**20  # bytes that the process may grow by
LARGEST = 4 * 2**20  # bytes of a case: damage repeated comes to gigabytes
EXTREMES = (0, 1, 2, 3, 5, 7, 127, 128, 255)


@dataclass
class Report:
    """What a hunt found: wrong cases by number, and how the right ones ended."""

    kind: str
    seed: int
    cases: int
    read: int = 0  # taken all the same
    refused: int = 0  # by an error of ours
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)  # seconds of the processor, and the case
    grown: int = 0  # bytes, the most by which a process grew
    wrong: dict[int, str] = field(default_factory=dict)


# Mutations: each makes other bytes of some


def flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        changed[place(data, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwritten(data: bytes, chance: random.Random) -> bytes:
    """Some field of 1 to 8 bytes takes an extreme value: a length, a count, a size, an offset."""
    size, order = chance.choice((1, 2, 4, 4, 8)), chance.choice(("little", "big"))
    at = place(data, chance)
    old = int.from_bytes(data[at : at + size], order)
    top = 256**size
    near = [(old + step) % top for step in (-1, 1, 8, -8, old)]
    new = chance.choice(
        [*near, *(value % top for value in EXTREMES), top - 1, top // 2, top // 255]
    )
    return data[:at] + new.to_bytes(size, order) + data[at + size :]


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: place(data, chance)]


def holed(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted((place(data, chance), place(data, chance)))
    return data[:first] + data[last:]


def repeated(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted((place(data, chance), place(data, chance)))
    again = data[first : min(last, first + 4096)] * chance.choice((1, 1, 2, 30))
    return data[:last] + again + data[last:]


def stuffed(data: bytes, chance: random.Random) -> bytes:
    at = place(data, chance)
    return data[:at] + chance.randbytes(chance.choice((1, 2, 4, 100))) + data[at:]


def renumbered(data: bytes, chance: random.Random) -> bytes:
    """A number, word or bracket of a text becomes another."""
    tokens = list(re.finditer(rb"-?\d[\d.e+-]*|[A-Za-z_]\w*|[\[\]{}\",=:]", data))
    if not tokens:
        return flipped(data, chance)
    token = chance.choice(tokens)
    new = chance.choice(specimens.TOKENS)
    return data[: token.start()] + new + data[token.end() :]


def place(data: bytes, chance: random.Random) -> int:
    """Anywhere in the data, often near its start, where headers are."""
    return chance.randrange(min(len(data), chance.choice((32, 256, 2**30))) or 1)


MUTATIONS = (flipped, flipped, overwritten, overwritten, cut, holed, repeated, stuffed)


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Damaged data: anywhere, or within the pieces of its format, whose lengths then still fit."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if not data:
            return data
        turn = chance.random()
        if turn < 0.1:  # a splice
            data = data[: place(data, chance)] + other[chance.randrange(len(other)) :]
        elif turn < 0.45:
            data = _mutation(data, chance)(data, chance)
        else:
            pieces, join = taken_apart(data)
            if not pieces:
                continue
            n = chance.randrange(len(pieces))
            turn = chance.randrange(8)
            if turn == 0:
                pieces.insert(chance.randrange(len(pieces)), pieces[n])
            elif turn == 1:
                pieces[n:n] = [pieces[n]] * 50
            elif turn == 2:
                del pieces[n]
            elif turn == 3:
                pieces[n], pieces[0] = pieces[0], pieces[n]
            elif pieces[n]:
                pieces[n] = _mutation(pieces[n], chance)(pieces[n], chance)
            data = join(pieces)
        data = data[:LARGEST]
    return data


def _mutation(data: bytes, chance: random.Random) -> Callable[[bytes, random.Random], bytes]:
    text = data[:64].isascii() and data[:64].decode().isprintable() and chance.random() < 0.8
    return renumbered if text else chance.choice(MUTATIONS)


# Formats, taken apart and put together again


def taken_apart(data: bytes) -> tuple[list[bytes], Callable[[list[bytes]], bytes]]:
    """The pieces of a file and what joins them, with lengths and checksums put right."""
    if data.startswith(b"\x89PNG"):
        return (
            list(_chunks(data, 8, ">I4s", 4)),
            lambda pieces: (
                data[:8]
                + b"".join(
                    struct.pack(">I", max(len(p) - 4, 0)) + p + struct.pack(">I", zlib.crc32(p))
                    for p in pieces
                )
            ),
        )
    if data.startswith(b"RIFF"):
        return list(_chunks(data, 12, "<4sI", 0)), _riff
    if data[4:8] == b"ftyp":
        return list(_boxes(data)), lambda pieces: b"".join(
            struct.pack(">I", len(p) + 4) + p for p in pieces
        )
    if data.startswith(b"\xff\xd8"):
        return list(_parts(data)), _segments
    if data.startswith((b"II*\0", b"MM\0*")):
        entries = data[10 : 10 + 12 * 20]
        pieces = [data[:10], *(entries[n : n + 12] for n in range(0, len(entries), 12)), data[250:]]
        return pieces, b"".join
    if data.startswith(b"PK"):
        return _members(data)
    length = int.from_bytes(data[:8], "little")
    if data[8:9] == b"{" and length < len(data):
        return [
            data[8 : 8 + length],
            data[8 + length :],
        ], lambda pieces: len(pieces[0]).to_bytes(8, "little") + b"".join(pieces)
    return data.splitlines(keepends=True), b"".join


def _chunks(data: bytes, at: int, layout: str, trailer: int) -> Iterator[bytes]:
    """The chunks of a PNG or RIFF file, each its name and its content."""
    while at + 8 <= len(data):
        length, name = sorted(struct.unpack_from(layout, data, at), key=lambda v: type(v) is bytes)
        yield name + data[at + 8 : at + 8 + length]
        at += 8 + length + trailer + (length % 2 if not trailer else 0)


def _riff(pieces: list[bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        p[:4] + struct.pack("<I", max(len(p) - 4, 0)) + p[4:] + bytes(len(p) % 2) for p in pieces
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _boxes(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 8 <= len(data):
        length = max(int.from_bytes(data[at : at + 4], "big"), 8)
        yield data[at + 4 : at + length]
        at += length


def _parts(data: bytes) -> Iterator[bytes]:
    """The segments of a JPEG file after its first marker, each scan with the data that follow."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDA:
            marker = re.compile(rb"\xff[^\0\xd0-\xd7\xff]").search(data, end)
            end = marker.start() if marker else len(data)
        yield data[at:end]
        at = end
    yield data[at:]


def _segments(pieces: list[bytes]) -> bytes:
    joined = b"\xff\xd8"
    for piece in pieces:
        sized = piece[:1] == b"\xff" and piece[1:2] not in (b"\xda", b"\xd9")
        length = struct.pack(">H", max(len(piece) - 2, 0) % 2**16)
        joined += piece[:2] + length + piece[4:] if sized else piece
    return joined


def _members(data: bytes) -> tuple[list[bytes], Callable[[list[bytes]], bytes]]:
    """The members of a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            contents = [archive.read(name) for name in names]
    except Exception:  # damaged before; raw mutations go on
        return [data], b"".join

    def join(pieces: list[bytes]) -> bytes:
        stream = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
            warnings.simplefilter("ignore")  # one name twice
            for n, piece in enumerate(pieces):
                archive.writestr(names[min(n, len(names) - 1)], piece)
        return stream.getvalue()

    return contents, join


# The hunt


def case(kind: str, seed: int, number: int) -> bytes:
    """The bytes of a case."""
    chance = random.Random(f"{kind} {seed} {number}")
    seeds = specimens.KINDS[kind].seeds()
    return mutated(chance.choice(seeds), chance.choice(seeds), chance)


def hunt(kind: str, cases: int, seed: int = 0, hang: float = HANG) -> Report:
    """Run all cases of a kind and tell what was wrong with them."""
    report, began, first = Report(kind, seed, cases), time.monotonic(), 0
    specimens.KINDS[kind].seeds()  # made once, for all processes
    with mmap.mmap(-1, 8) as shared, tempfile.TemporaryDirectory() as folder:
        while first < cases:
            shared[:] = first.to_bytes(8, "little")
            results = Path(folder, "results")
            results.write_bytes(b"")
            pid = os.fork()
            if pid == 0:  # pragma: no cover - a process of its own
                code = 1
                try:
                    _work(kind, seed, range(first, cases), shared, Path(folder))
                    code = 0
                finally:
                    os._exit(code)
            ending = _watched(pid, shared, hang)
            for line in results.read_text().splitlines():
                with contextlib.suppress(ValueError):  # the last one may be cut
                    _add(report, json.loads(line))
            number = int.from_bytes(shared[:], "little")
            if ending:
                report.wrong[number] = ending
            first = number + 1 if ending else cases
    report.seconds = round(time.monotonic() - began, 2)
    return report


def _work(kind: str, seed: int, numbers: range, shared: mmap.mmap, folder: Path) -> None:
    """All cases of one process, each announced before it begins."""
    results = (folder / "results").open("w")
    with open(os.devnull, "w") as nowhere, results, mute_warnings():
        os.dup2(nowhere.fileno(), 2)  # what libraries in C have to say
        sys.stderr = said = io.StringIO()
        start = _pages(1)
        resource.setrlimit(resource.RLIMIT_AS, (_pages(0) + MEMORY,) * 2)
        for number in numbers:
            shared[:] = number.to_bytes(8, "little")
            data = case(kind, seed, number)
            began = time.process_time()
            outcome, wrong = attempted(kind, data, folder)
            seconds = time.process_time() - began
            if noise := said.getvalue():
                wrong = wrong or f"it wrote to standard error: {noise[:300]!r}"
                said.seek(said.truncate(0))
            line = {"number": number, "outcome": outcome, "seconds": seconds, "wrong": wrong}
            line["grown"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - start
            results.write(f"{json.dumps(line)}\n")
            results.flush()


def attempted(kind: str, data: bytes, folder: Path) -> tuple[str, str]:
    """How a case ended, "read" or "refused", and what was wrong with that, "" if nothing."""
    try:
        specimens.KINDS[kind].read(data, folder)
    except (ResourceError, MemoryError) as error:
        return "refused", f"memory: {error!r}"
    except RestoreError as error:
        return "refused", "" if str(error).isprintable() else f"not printable: {error!r}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "refused", f"{error!r} at {where.filename}:{where.lineno}"
    return "read", ""


def _watched(pid: int, shared: mmap.mmap, hang: float) -> str:
    """Wait for a process: how it ended, "" if well. It is killed where one case takes too long.

    That is so many seconds of its own, or six times as many on the clock: other programs may have
    the processor meanwhile.
    """
    number, since, used = shared[:], time.monotonic(), _seconds(pid)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return "" if code == 0 else f"crash: the process ended with {code}"
        if shared[:] != number:
            number, since, used = shared[:], time.monotonic(), _seconds(pid)
        elif _seconds(pid) - used > hang or time.monotonic() - since > 6 * hang:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return f"hang: over {hang:g} seconds"
        time.sleep(0.02)


def _seconds(pid: int) -> float:
    """The processor time of a process so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _add(report: Report, line: dict) -> None:
    setattr(report, line["outcome"], getattr(report, line["outcome"]) + 1)
    report.slowest = max(report.slowest, (round(line["seconds"], 3), line["number"]))
    report.grown = max(report.grown, line["grown"])
    if line["wrong"]:
        report.wrong[line["number"]] = line["wrong"]


def _pages(column: int) -> int:
    """Bytes of memory of this process: 0 all that is mapped, 1 what is resident."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kind", choices=["all", *specimens.KINDS], default="all")
    parser.add_argument("--cases", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="run this one here, with a traceback")
    parser.add_argument("--json", action="store_true", help="one report a line")
    asked = parser.parse_args()
    kinds = list(specimens.KINDS) if asked.kind == "all" else [asked.kind]
    if asked.case is not None:
        with tempfile.TemporaryDirectory() as folder:
            data = case(asked.kind, asked.seed, asked.case)
            Path("case.bin").write_bytes(data)
            specimens.KINDS[asked.kind].read(data, Path(folder))
        return
    found = 0
    for kind in kinds:
        report = hunt(kind, asked.cases, asked.seed)
        found += len(report.wrong)
        if asked.json:
            print(json.dumps(asdict(report)), flush=True)
            continue
        print(
            f"{kind}, seed {asked.seed}: {report.cases} cases in {report.seconds:.1f} s: "
            f"{report.read} read, {report.refused} refused, {len(report.wrong)} wrong; slowest "
            f"{report.slowest[0]:.2f} s (case {report.slowest[1]}), "
            f"at most {report.grown / 2**20:.0f} MiB more",
            flush=True,
        )
        for number, wrong in sorted(report.wrong.items()):
            print(f"  case {number}: {wrong}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
