"""Startup: how soon the command line answers, by the clock and by the processor.

    python examples/startup.py [RUNS]

Each figure is the least of so many runs (10), which is nearest to that of an idle machine. Modules
are compiled once, into a folder of their own, as an install has them compiled.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTO = Path(__file__).parent / "photos" / "coffee_q12.jpg"
IMPORTS = """
import time, torch, PIL.Image, cv2
began = time.process_time()
import restore.batch.prepare
print(time.process_time() - began)
"""
ANSWERS = (
    ["--version"],
    ["--help"],
    ["jpeg", "--help"],
    ["jpeg", "--help-all"],
    ["models", "list"],
    ["jpeg", "mistyped.jpg"],
)


def name_processor() -> str:
    """As the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def compile_once(folder: str) -> None:
    """Have the processes that follow keep what they compile, whatever the environment says."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, capture_output=True)


def time_own_imports(runs: int) -> float:
    """Seconds of the processor for what a restoration imports of ours, the least of the runs."""
    words = [sys.executable, "-c", IMPORTS]
    return min(
        float(subprocess.run(words, check=True, capture_output=True).stdout) for _ in range(runs)
    )


def time_answer(arguments: list[str], runs: int) -> tuple[float, float]:
    """Seconds by the clock and of the processor, of the whole process, the least of the runs."""
    found = []
    for _ in range(runs):
        before, began = os.times(), time.perf_counter()
        subprocess.run([sys.executable, "-m", "restore", *arguments], capture_output=True)
        seconds, after = time.perf_counter() - began, os.times()
        user = after.children_user - before.children_user
        found.append((seconds, user + after.children_system - before.children_system))
    return min(one for one, _ in found), min(two for _, two in found)


def time_first_line(runs: int) -> float:
    """Seconds until a restoration says that it is starting, the least of the runs."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        words = [sys.executable, "-m", "restore", "jpeg", str(PHOTO), "--dry-run"]
        with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
            assert child.stderr is not None
            assert child.stderr.readline().startswith(b"starting")
            found.append(time.perf_counter() - began)
            child.kill()
    return min(found)


def main(runs: int = 10) -> None:
    with tempfile.TemporaryDirectory() as folder:
        compile_once(folder)
        report(runs)


def report(runs: int) -> None:
    print(f"{name_processor()}, Python {platform.python_version()}, best of {runs}")
    print(f"{'command':24}  clock s  processor s")
    for arguments in ANSWERS:
        clock, processor = time_answer(arguments, runs)
        print(f"{' '.join(arguments):24}  {clock:7.2f}  {processor:11.2f}")
    print(f"{'first line of jpeg':24}  {time_first_line(runs):7.2f}")
    print(f"{'own imports, after torch':24}           {time_own_imports(runs):11.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
