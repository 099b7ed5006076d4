"""Bench: methods side by side on one network: every cell on every picture, measured once."""

from __future__ import annotations

import ast
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from restore.bcm import BCM
from restore.bench.cells import Cell
from restore.bench.exercises import TASKS
from restore.bench.given import Given
from restore.bench.journal import Journal, Row
from restore.bench.measures import Perception, measured
from restore.bench.pictures import Clean, Pictures
from restore.devices import dtype_name
from restore.errors import ImageError, RequestError, RestoreError
from restore.tiling import Tile

PACKAGES = ("bcm-restore", "torch", "numpy", "opencv-python-headless", "scikit-image", "lpips")
ROOMS = (
    "bcm",
    "bench",
    "degradations",
    "jpegfile",
    "metrics",
    "networks",
    "solvers",
    "tasks",
    "tiling",
)
APART = (  # files in there that no figure depends on
    "__init__", "cells", "journal", "overview", "page", "panels", "plots", "summary", "tables",
    "generate", "interpolate", "invert", "latent", "record", "series", "uncertainty",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Bench:
    """What is to be measured, and on what. `label` is the class of a class-conditional network."""

    model: BCM
    pictures: Pictures
    cells: Sequence[Cell]
    tile: Tile = "auto"
    label: int | None = None
    perception: Perception | None = None

    @property
    def machine(self) -> str:
        """Device, threads and number format."""
        device = str(self.model.device)
        if self.model.device.type == "cpu":
            threads = torch.get_num_threads()
            device += f", {threads} thread{'s' if threads > 1 else ''}"
        elif self.model.device.type == "cuda":
            device += f", {torch.cuda.get_device_name(self.model.device)}"
        return f"{device}, {dtype_name(self.model.dtype)}"

    def rows(self) -> Iterator[tuple[Cell, Clean, Row]]:
        """All of them, not measured yet, exercise by exercise and method by method."""
        versions = versions_of(self.perception is not None)
        presets = self.model.checkpoint.presets if self.model.checkpoint else {}
        tuned = hashlib.sha256(f"{code()} {presets!r}".encode()).hexdigest()[:16]
        hashes = {one.name: one.sha256 for one in self.pictures.clean}
        for cell in self.cells:
            for clean in self.pictures.clean:
                yield cell, clean, Row(
                    task=cell.exercise.task,
                    severity=cell.exercise.severity,
                    method=cell.method,
                    mode=cell.mode,
                    nfe=cell.nfe,
                    seed=cell.seed,
                    picture=clean.name,
                    number=clean.number,
                    picture_sha256=hashes[clean.name],
                    size=clean.size,
                    model_sha256=self.model.sha256 if cell.nfe else None,
                    label=self.label if cell.nfe else None,
                    machine=self.machine,
                    versions=versions,
                    code=tuned if cell.nfe else code(),
                )  # fmt: skip


def run(
    bench: Bench,
    journal: Journal,
    *,
    progress: Callable[[int, int], object] | None = None,
    fail: Callable[[str, RestoreError], object],
) -> list[Row]:
    """Measure what the journal does not hold, and return all rows in their order.

    A picture that a method fails on has no row; `fail` is told, and the rest goes on.
    ResourceError ends the run; what was measured till then is in the journal.
    """
    planned = list(bench.rows())
    found: list[Row] = []
    given: dict[tuple[str, int], Given] = {}
    exercise = None
    total, done = sum(work_of(cell) for cell, _, row in planned if not journal.find(row)), 0
    for cell, clean, row in planned:
        if known := journal.find(row):
            found.append(known)
            continue
        if cell.exercise != exercise:
            exercise, given = cell.exercise, {}
        key = clean.name, cell.seed
        if key not in given:
            given[key] = cell.exercise.given(clean, cell.seed)
        try:
            made = _row(bench, cell, clean, given[key], row)
        except (RequestError, ImageError) as error:
            fail(f"{cell.exercise.name}, {cell.label}, NFE {cell.nfe}, {clean.name}", error)
        else:
            journal.add(made)
            found.append(made)
        done += work_of(cell)
        if progress:
            progress(done, total)
    return found


def work_of(cell: Cell) -> int:
    """About how much there is to do for a cell, in units that only their sum gives a sense."""
    return 1 + 2 * cell.nfe


def _row(bench: Bench, cell: Cell, clean: Clean, given: Given, row: Row) -> Row:
    """The row, measured: seconds are from the bytes of the file to the finished picture."""
    data = replace(given)  # nothing that was decoded before
    began = time.perf_counter()
    pixels = restored(bench, cell, data)
    seconds = time.perf_counter() - began
    found = measured(pixels, clean, given, bench.perception)
    return replace(row, seconds=round(seconds, 5), metrics=found)


def restored(bench: Bench, cell: Cell, given: Given) -> np.ndarray:
    """The result (H, W, 3) uint8 of a cell's method."""
    task = TASKS[cell.exercise.task]
    if not cell.nfe:
        return task.baselines[cell.method](given)
    settings = replace(cell.settings, tile=bench.tile, label=bench.label)
    result = task.restore(given, bench.model, settings)
    assert result.report["nfe"] == cell.nfe, (result.report["nfe"], cell)
    return result.image


def left(bench: Bench, journal: Journal) -> list[tuple[Cell, Clean]]:
    """What the journal does not hold."""
    return [(cell, clean) for cell, clean, row in bench.rows() if journal.find(row) is None]


def versions_of(perception: bool) -> dict[str, str]:
    """The libraries that figures depend on, LPIPS where it is measured."""
    found = {}
    for package in PACKAGES:
        if package == "lpips" and not perception:
            continue
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


@cache
def code() -> str:
    """A hash of the code that figures depend on, so that what was measured before a change of it is
    measured anew; comments, docstrings and line breaks are no part of it.
    """
    digest = hashlib.sha256()
    top = Path(__file__).parents[1]
    for room in ROOMS:
        for path in sorted([*(top / room).rglob("*.py"), *top.glob(f"{room}.py")]):
            if path.stem not in APART:
                digest.update(ast.dump(_undocumented(ast.parse(path.read_bytes()))).encode())
    return digest.hexdigest()[:16]


def _undocumented(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return tree
