"""Tasks: from a picture to a `Result`.

A task is data: its fields are its options. It states the problem of a picture, and
`solve_problem` does the rest, alike for all. `TASKS` has them by name, and nothing else knows one
by its name. `generate`, `invert`, `reconstruct` and `interpolate` restore nothing: they take
pictures along the model's ODE, from noise or there.
"""

from restore.settings import Settings
from restore.tasks.compare import compare
from restore.tasks.deblur import Deblur
from restore.tasks.denoise import Denoise
from restore.tasks.generate import generate
from restore.tasks.inpaint import Inpaint
from restore.tasks.interpolate import interpolate
from restore.tasks.invert import Inversion, invert, reconstruct
from restore.tasks.jpeg import Jpeg
from restore.tasks.latent import Latent, read_latent
from restore.tasks.masks import draw_mask
from restore.tasks.operator import solve
from restore.tasks.restoration import solve_problem
from restore.tasks.result import Result
from restore.tasks.series import Series
from restore.tasks.superres import Superres
from restore.tasks.task import ImageLike, Problem, Task

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Inpaint, Jpeg, Superres, Denoise, Deblur)
}

__all__ = [
    "TASKS",
    "Deblur",
    "Denoise",
    "ImageLike",
    "Inpaint",
    "Inversion",
    "Jpeg",
    "Latent",
    "Problem",
    "Result",
    "Series",
    "Settings",
    "Superres",
    "Task",
    "compare",
    "draw_mask",
    "generate",
    "interpolate",
    "invert",
    "read_latent",
    "reconstruct",
    "solve",
    "solve_problem",
]
