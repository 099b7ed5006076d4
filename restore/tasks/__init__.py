"""Tasks: from a picture to a `Result`.

A task states its problem (what is known of the degradation, where to start, what proves the
result) and `run.solve` does the rest, alike for all.
"""

from restore.defaults import DEFAULT_NFE
from restore.tasks.compare import compare
from restore.tasks.degrade import compressed, holed, random_mask, reduced
from restore.tasks.inpaint import inpaint
from restore.tasks.jpeg import jpeg
from restore.tasks.result import Result
from restore.tasks.run import Settings
from restore.tasks.superres import superres

__all__ = [
    "DEFAULT_NFE",
    "Result",
    "Settings",
    "compare",
    "compressed",
    "holed",
    "inpaint",
    "jpeg",
    "random_mask",
    "reduced",
    "superres",
]
