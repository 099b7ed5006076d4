"""Solvers: one file a method, each a function of (model, degradation, y, start, preset, noise)."""

from restore.solvers.bcm import bcm, spread

__all__ = ["bcm", "spread"]
