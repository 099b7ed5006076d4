"""Solvers: one file a method, each a function of (model, degradation, y, start, preset, noise)."""

from restore.solvers.bcm import bcm, spread
from restore.solvers.inversion import inversion

SOLVERS = {"bcm": bcm, "inversion": inversion}

__all__ = ["SOLVERS", "bcm", "inversion", "spread"]
