"""Solvers: one file a method, each a function of (model, degradation, y, start, preset, noise)."""

from restore.solvers.bcm import bcm, spread

SOLVERS = {"bcm": bcm}

__all__ = ["SOLVERS", "bcm", "spread"]
