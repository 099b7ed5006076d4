"""Tests, a folder for each of the package's."""

import os

# Processes side by side share the cores; torch, not yet imported, asks this how many are its own.
if count := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    share = (os.cpu_count() or 1) // int(count)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(share, 1)))
