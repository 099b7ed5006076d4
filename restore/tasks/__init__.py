"""Tasks: from a picture to a `Result`.

A task is data: its fields are its options. It states the problem of a picture, and
`solve_problem` does the rest, alike for all. `TASKS` has them by name, and nothing else knows one
by its name.
"""

from restore.result import ImageLike, Result
from restore.settings import Settings
from restore.tasks.auto import Auto
from restore.tasks.compare import compare
from restore.tasks.deblur import Deblur
from restore.tasks.denoise import Denoise
from restore.tasks.inpaint import Inpaint
from restore.tasks.jpeg import Jpeg
from restore.tasks.masks import draw_mask
from restore.tasks.operator import solve
from restore.tasks.solving import solve_problem
from restore.tasks.superres import Superres
from restore.tasks.task import Problem, Task

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Inpaint, Jpeg, Superres, Denoise, Deblur, Auto)
}

__all__ = [
    "TASKS",
    "Auto",
    "Deblur",
    "Denoise",
    "ImageLike",
    "Inpaint",
    "Jpeg",
    "Problem",
    "Result",
    "Settings",
    "Superres",
    "Task",
    "compare",
    "draw_mask",
    "solve",
    "solve_problem",
]
