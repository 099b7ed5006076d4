"""Solvers: one file a method, each a function of (model, degradation, y, start, preset, noise).

`bcm` and `inversion` are ours, run with the presets tuned for a model. PEERS are published methods
on the same model, for comparison: PUBLISHED are run as published; those that were for many more
evaluations have a form for few, `Method.closer`, too.
"""

from restore.presets import spread
from restore.solvers.bcm import bcm
from restore.solvers.cm import CM
from restore.solvers.cm4ir import CM4IR
from restore.solvers.ddnm import DDNM
from restore.solvers.ddrm import DDRM
from restore.solvers.diffpir import DIFFPIR
from restore.solvers.dps import DPS
from restore.solvers.estimate import ORIENTATIONS
from restore.solvers.inversion import inversion
from restore.solvers.method import Guided, Method
from restore.solvers.pgdm import PGDM
from restore.solvers.repaint import REPAINT

PUBLISHED = {
    "cm": CM,
    "cm4ir": CM4IR,
    "ddrm": DDRM,
    "ddnm": DDNM,
    "dps": DPS,
    "pgdm": PGDM,
    "diffpir": DIFFPIR,
    "repaint": REPAINT,
}
CLOSER = {f"{name}-ccdf": one.closer() for name, one in PUBLISHED.items() if name != "cm4ir"}
PEERS = {**PUBLISHED, **CLOSER}
SOLVERS = {
    "bcm": bcm,
    "inversion": inversion,
    **{name: method.solve for name, method in PEERS.items()},
}

__all__ = [
    "CLOSER", "ORIENTATIONS", "PEERS", "PUBLISHED", "SOLVERS", "Guided", "Method", "bcm",
    "inversion", "spread",
]  # fmt: skip
