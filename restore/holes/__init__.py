"""Holes: a guess for their pixels, smooth or taken from elsewhere in the picture."""

from restore.holes.fill import DEEP, How, fill, measure_depth, thick_holes
from restore.holes.parts import HolePart, find_patched, split_hole
from restore.holes.patches import (
    fill_by_patches,
    find_surroundings,
    group_holes,
    patches_available,
)
