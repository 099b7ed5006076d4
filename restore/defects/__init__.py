"""Defects: what a scan has that the photograph did not, found as a mask."""

from restore.defects.find import KINDS, USUAL, Defects, find_defects

__all__ = ["KINDS", "USUAL", "Defects", "find_defects"]
