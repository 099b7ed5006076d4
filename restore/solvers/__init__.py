"""Solvers: one file a method, each a function of (denoiser, degradation, y, start, preset, noise).

`bcm` and `inversion` are ours, run with the presets tuned for a model. PEERS are published methods
on the same model, for comparison: PUBLISHED are run as published; those that were for many more
evaluations have a form for few, CLOSER, too. A new solver is a file here, and its name in
`restore.defaults`.
"""

from restore.presets import spread
from restore.solvers.bcm import bcm
from restore.solvers.estimate import ORIENTATIONS
from restore.solvers.inversion import inversion
from restore.solvers.method import Guided, Method, Solver
from restore.solvers.table import (
    CLOSER,
    METHODS,
    OURS,
    PEERS,
    PUBLISHED,
    SOLVERS,
    check_method,
)

__all__ = [
    "CLOSER", "METHODS", "ORIENTATIONS", "OURS", "PEERS", "PUBLISHED", "SOLVERS", "Guided",
    "Method", "Solver", "bcm", "check_method", "inversion", "spread",
]  # fmt: skip
