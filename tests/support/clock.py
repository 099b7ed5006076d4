"""Time as tests may ask for it: the processor's, against work measured in the same test.

Seconds on the clock tell how busy a machine is. A claim of speed is a ratio here, and what could
hang is given up after `PATIENCE`, which no machine that works at all needs.
"""

import hashlib
import json
import time
from collections.abc import Callable

PATIENCE = 600.0  # seconds on the clock


def spent(function: Callable[[], object]) -> float:
    """Processor seconds of this process that a call takes."""
    began = time.process_time()
    function()
    return time.process_time() - began


def measure_reference() -> float:
    """Processor seconds of a fixed piece of work, about a fifth of one where this was written."""

    def work() -> None:
        table = {f"tensor {n}": {"shape": [n], "data_offsets": [n, n + 1]} for n in range(20_000)}
        for _ in range(2):
            data = json.dumps(json.loads(json.dumps(table))).encode()
            hashlib.sha256(data * 4).digest()

    return spent(work)
