"""Harness: every cell on every picture, once, and what is said of a restored picture.

All measures are of the 8-bit result, by the same functions for every method, ours and others';
LPIPS (Zhang et al. 2018) where that package is installed. A residual is good where it is as strong
as the noise was. `Measures` says what each is.
"""

from __future__ import annotations

import ast
import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from restore import metrics
from restore.bcm import BCM
from restore.bench.cases import SETUPS, Cell
from restore.bench.journal import Journal, Measures, Row
from restore.bench.pictures import Clean, Degraded, Pictures
from restore.devices import name_dtype
from restore.errors import ImageError, RequestError, RestoreError
from restore.images import Picture
from restore.record import Metrics, round_share
from restore.solvers.tuned import TUNED
from restore.tiling import Tile

PACKAGES = ("bcm-restore", "torch", "numpy", "opencv-python-headless", "scikit-image", "lpips")
MODULES = (
    "bcm",
    "bench",
    "degradations",
    "jpegfile",
    "metrics",
    "networks",
    "presets",
    "settings",
    "solvers",
    "tasks",
    "tiling",
)
APART = (  # files in there that no figure depends on
    "__init__", "bench_page", "journal", "plots", "summary", "tables",
    "generate", "interpolate", "invert", "latent", "record", "series", "uncertainty",
)  # fmt: skip
Perception = Callable[[np.ndarray, np.ndarray], float]
"""LPIPS of two pictures (H, W, 3) uint8."""

PROOFS = ("known_max_error", "coefficients_kept", "residual_sigma", "consistency_psnr_db")
"""What a record says of the result degraded again."""

BACKBONE = "alexnet-owt-7be5be79.pth"  # 233 MB that torchvision would download


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
        return f"{device}, {name_dtype(self.model.dtype)}"

    def rows(self) -> Iterator[tuple[Cell, Clean, Row]]:
        """All of them, not measured yet, case by case and method by method."""
        versions = list_versions(self.perception is not None)
        presets = self.model.checkpoint.presets if self.model.checkpoint else {}
        code = hashlib.sha256(f"{hash_code()} {presets!r} {TUNED!r}".encode()).hexdigest()[:16]
        hashes = {one.name: one.sha256 for one in self.pictures.clean}
        for cell in self.cells:
            for clean in self.pictures.clean:
                yield cell, clean, Row(
                    task=cell.case.task,
                    severity=cell.case.severity,
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
                    code=code if cell.nfe else hash_code(),
                )  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What figures rest on, in words.

    model, model_sha256: of the network. pictures: which, how many and of what size. seeds: how many
    times each. machine: device, threads and number format. versions: of the libraries.
    """

    model: str
    model_sha256: str
    pictures: str
    seeds: str
    machine: str
    versions: str


def describe_bench(bench: Bench) -> Facts:
    """What the figures of a bench rest on."""
    model = bench.model
    versions = list_versions(bench.perception is not None)
    return Facts(
        model=model.checkpoint.name if model.checkpoint else "a model",
        model_sha256=model.sha256 or "",
        pictures=bench.pictures.title,
        seeds=str(1 + max(cell.seed for cell in bench.cells)),
        machine=bench.machine,
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
    )


def run_bench(
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
    given: dict[tuple[str, int], Degraded] = {}
    case = None
    total, done = sum(estimate_work(cell) for cell, _, row in planned if not journal.find(row)), 0
    for cell, clean, row in planned:
        if known := journal.find(row):
            found.append(known)
            continue
        if cell.case != case:
            case, given = cell.case, {}
        key = clean.name, cell.seed
        if key not in given:
            given[key] = cell.case.degrade(clean, cell.seed)
        try:
            made = _measure_row(bench, cell, clean, given[key], row)
        except (RequestError, ImageError) as error:
            fail(f"{cell.case.name}, {cell.label}, NFE {cell.nfe}, {clean.name}", error)
        else:
            journal.add(made)
            found.append(made)
        done += estimate_work(cell)
        if progress:
            progress(done, total)
    return found


def estimate_work(cell: Cell) -> int:
    """About how much there is to do for a cell, in units that only their sum gives a sense."""
    return 1 + 2 * cell.nfe


def _measure_row(bench: Bench, cell: Cell, clean: Clean, given: Degraded, row: Row) -> Row:
    """The row, measured: seconds are from the bytes of the file to the finished picture."""
    data = replace(given)  # nothing that was decoded before
    began = time.perf_counter()
    pixels = restore_case(bench, cell, data)
    seconds = time.perf_counter() - began
    found = measure(pixels, clean, given, bench.perception)
    return replace(row, seconds=round(seconds, 5), metrics=found)


def restore_case(bench: Bench, cell: Cell, given: Degraded) -> np.ndarray:
    """The result (H, W, 3) uint8 of a cell's method."""
    if not cell.nfe:
        return SETUPS[cell.case.task].baselines[cell.method](given)
    settings = replace(cell.settings, tile=bench.tile, label=bench.label)
    result = given.task.restore(given.data, bench.model, settings)
    assert result.report["nfe"] == cell.nfe, (result.report["nfe"], cell)
    return result.picture.pixels


def find_missing(bench: Bench, journal: Journal) -> list[tuple[Cell, Clean]]:
    """What the journal does not hold."""
    return [(cell, clean) for cell, clean, row in bench.rows() if journal.find(row) is None]


def list_versions(perception: bool) -> dict[str, str]:
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
def hash_code() -> str:
    """A hash of the code that figures depend on; once it changes, all is measured anew.

    Comments, docstrings and line breaks are no part of it.
    """
    digest = hashlib.sha256()
    top = Path(__file__).parents[1]
    for module in MODULES:
        for path in sorted([*(top / module).rglob("*.py"), *top.glob(f"{module}.py")]):
            if path.stem not in APART:
                digest.update(ast.dump(_strip_docstrings(ast.parse(path.read_bytes()))).encode())
    return digest.hexdigest()[:16]


def _strip_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return tree


def measure(
    pixels: np.ndarray, clean: Clean, given: Degraded, perception: Perception | None = None
) -> Measures:
    """The measures of a result (H, W, 3) uint8."""
    hole = given.problem.hole
    masked = None if hole is None else _round(metrics.psnr(pixels, clean.pixels, hole))
    sharp = metrics.sharpness(clean.pixels)
    return Measures(
        psnr_db=_round(metrics.psnr(pixels, clean.pixels)),
        ssim=round_share(metrics.ssim(pixels, clean.pixels)),
        masked_psnr_db=masked,
        lpips=round_share(perception(pixels, clean.pixels)) if perception else None,
        sharpness=round_share(metrics.sharpness(pixels) / sharp if sharp else 1.0),
        blur=round_share(metrics.blur(pixels) - metrics.blur(clean.pixels)),
        texture_error=round_share(metrics.texture_error(pixels, clean.pixels)),
        **_choose_proof(given.task.prove(given.problem, Picture(pixels))),
    )


def _choose_proof(held: Metrics) -> dict[str, float]:
    """The first of PROOFS that a task has, a PSNR of equal pictures being infinite."""
    for name in PROOFS:
        value = held.get(name)
        if isinstance(value, int | float):
            return {name: value}
    return {"consistency_psnr_db": math.inf} if held.get("consistency_exact") else {}


def _round(decibels: float) -> float:
    """A PSNR to 0.001 dB."""
    return round(decibels, 3)


def load_perception(offline: bool) -> tuple[Perception | None, str]:
    """LPIPS with AlexNet on the CPU, where it is installed; else None, and why.

    Its backbone's weights are torchvision's, which downloads them once, unless `offline`.
    """
    try:
        import lpips
    except ImportError as error:  # it needs torchvision, which it may not have found
        package = (error.name or "lpips").partition(".")[0]
        return None, f"LPIPS is left out: the package {package} is not installed"
    import torch

    backbone = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE
    if offline and not backbone.is_file():
        return None, f"LPIPS is left out: {os.fspath(backbone)!r} is not here, and this is offline"
    try:
        network = lpips.LPIPS(net="alex", verbose=False).eval().requires_grad_(False)
    except Exception as error:  # a download fails in many ways
        cause = str(error) or type(error).__name__
        return None, f"LPIPS is left out: its weights could not be had: {cause}"

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        x, y = (torch.tensor(image).permute(2, 0, 1)[None].float() / 127.5 - 1 for image in (a, b))
        with torch.inference_mode():
            return float(network(x, y))

    return distance, ""
