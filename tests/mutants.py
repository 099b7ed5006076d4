"""Mutants: lines that are broken one at a time in a copy, to see whether a test notices.

    python tests/mutants.py                 # all of them, some minutes
    python tests/mutants.py solvers images  # those whose file's path has one of these words
    python tests/mutants.py --check         # only whether each line is where the list says

A mutant is a file below restore/, a text that stands there once, what takes its place, and the
tests that have to fail for it, as pytest is given them below tests/. A text that has moved on, or
tests that fail without any break, end the run before anything is broken: mend the list. Exits with
1 where a break goes unnoticed, unless it is in EQUIVALENT, with the reason why nobody can notice.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[1]
CARRIED = ("restore", "tests", "examples", "weights.toml", "pyproject.toml", "README.md")
LARGE = ("torch", "cv2", "PIL.Image", "skimage.data", "typer.testing", "tifffile")
SECONDS = 300  # after which tests that hang have noticed


class Mutant(NamedTuple):
    """file: below restore/. old: stands in it once. new: what takes its place. tests: below tests/,
    separated by blanks.
    """

    file: str
    old: str
    new: str
    tests: str


MUTANTS = tuple(
    Mutant(*row)
    for row in (
        # Mathematics
        ("bcm.py", "(t - u) * s * norm.rsqrt()", "(u - t) * s * norm.rsqrt()", "test_bcm.py"),
        ("bcm.py", "c_skip, c_out = s**2 / norm", "c_skip, c_out = t**2 / norm", "test_bcm.py"),
        ("metrics.py", "** 2 / error)", "** 1 / error)", "test_metrics.py"),
        ("metrics.py", "low, high = max(top - 16, 0)", "low, high = max(top, 0)",
         "test_metrics.py"),
        ("presets.py", "percent = 5000 / severity if severity < 50",
         "percent = 5000 / severity if severity < 1", "test_presets.py"),
        ("presets.py", "else _lerp(near.shrink, far.shrink, inside)", "else near.shrink",
         "test_presets.py"),
        ("uncertainty.py", "LEVELS = 127.5", "LEVELS = 255.0",
         "tasks/test_samples.py::test_a_spread_is_told_in_levels_of_eight_bits"),
        ("networks/patch.py", "return 1 + a, torch", "return a, torch",
         "networks/test_patch.py"),
        ("networks/patch.py", "convolutions += 2 * n * 2 ** (level + 1)",
         "convolutions += n * 2 ** (level + 1)", "networks/test_patch.py"),
        ("networks/adm.py", "[angles.cos(), angles.sin()]", "[angles.sin(), angles.cos()]",
         "networks/test_adm.py"),
        # Degradations and what solves them
        ("degradations/degradation.py", "strip.sub_(beyond, alpha=RELAXATION)",
         "strip.sub_(beyond, alpha=0.0)",
         "degradations/test_laws.py"),
        ("degradations/noise.py", "t**2 / (t**2 + self.sigma**2)", "t / (t + self.sigma)",
         "degradations/test_noise.py"),
        ("degradations/noise.py", "/ 0.6745 if", "/ 1.0 if", "degradations/test_noise.py"),
        ("degradations/jpeg.py", "samples[:, 0] += 0.5", "samples[:, 0] += 0.0",
         "degradations/test_jpeg.py"),
        ("degradations/jpeg.py", "half + FAR * deviation", "half", "degradations/test_jpeg.py"),
        ("degradations/jpeg.py", "self.posterior_mean(out, y, self.closing, out)", "out",
         "degradations/test_jpeg.py"),
        ("solvers/estimate.py", "first = step * preset.flips if preset.turns else 0", "first = 0",
         "solvers/test_bcm.py"),
        ("solvers/estimate.py", "preset.aim * t", "t", "solvers/test_bcm.py"),
        ("presets.py", "width=_lerp(near.width, far.width, inside)", "width=near.width",
         "test_presets.py"),
        ("degradations/kernels.py", 'if not head.startswith(NUMPY):', "if False:",
         "degradations/test_kernels.py"),
        ("solvers/bcm.py", "alpha=preset.noise * t)", "alpha=preset.noise)",
         "solvers/test_bcm.py"),
        ("solvers/bcm.py", "1 + preset.relaxation", "1", "solvers/test_bcm.py"),
        ("solvers/bcm.py", "torch.lerp(first, x, preset.gain, out=x)", "x", "solvers/test_bcm.py"),
        (
            "coloured_noise.py",
            "plane.mul_(kept).add_(smooth, alpha=1 - kept)",
            "plane.mul_(kept).add_(smooth, alpha=kept)",
            "test_coloured_noise.py",
        ),
        (
            "tasks/schedule.py",
            "if checkpoint is None or not plain:",
            "if checkpoint is None:",
            "test_coloured_noise.py",
        ),
        ("solvers/bcm.py", "x = coloured.filter(x, out=x)", "pass", "test_coloured_noise.py"),
        ("level_map.py", "torch.lerp(guess, x, kept), x)", "torch.lerp(x, guess, kept), x)",
         "test_level_map.py"),
        ("networks/coloured.py", "noise.plane.to(x)", "0 * noise.plane.to(x)",
         "test_level_map.py"),
        ("tasks/schedule.py", "checkpoint.mapped if settings.start is None",
         "checkpoint.mapped if True",
         "test_level_map.py"),
        ("presets.py", "levels=(first, *resample(others, steps - 1))",
         "levels=resample(preset.levels, steps)", "test_level_map.py"),
        ("solvers/bcm.py", "x = mapped.weigh(first, x)", "pass",
         "test_level_map.py"),
        ("solvers/estimate.py", "noise.through(turn)", "noise", "test_level_map.py"),
        ("solvers/bcm.py", "other = other.through(lambda hole: cut_windows(hole, places))", "pass",
         "test_level_map.py"),
        ("training/growing.py", "new[:, : old.shape[1]] = 0", "pass", "training/test_trainer.py"),
        ("training/growing.py", 'parts = 2 if ".levels." in name else 1', "parts = 1",
         "training/test_trainer.py"),
        ("networks/winograd.py", "seen[inside, :columns] = seen[inside, columns + width :] = 0",
         "pass", "networks/test_winograd.py"),
        ("networks/winograd.py", "bottom < SIDE * last or wide < SIDE * across", "False",
         "networks/test_winograd.py"),
        ("networks/winograd.py", "with torch.inference_mode(False):", "if True:",
         "networks/test_winograd.py"),
        ("networks/packed.py", "if not isinstance(known, Winograd):", "if True:",
         "networks/test_winograd.py"),
        ("networks/patch.py", "return x.bfloat16().float()", "return x.float()",
         "networks/test_patch.py"),
        ("tasks/denoise.py", "severity=problem.severity / math.sqrt(2)",
         "severity=problem.severity", "tasks/test_start.py"),
        ("solvers/ddnm.py", "math.sqrt(1 - eta**2) * u", "(1 - eta) * u",
         "solvers/test_traces.py"),
        ("solvers/ddrm.py", "ETA, ETA_B = 0.85, 1.0", "ETA, ETA_B = 0.85, 0.4",
         "solvers/test_traces.py"),
        ("solvers/diffpir.py", "math.sqrt(1 - zeta) * u", "(1 - zeta) * u",
         "solvers/test_traces.py"),
        ("solvers/cm4ir.py", ".clamp_(-1, 1)", "", "solvers/test_traces.py"),
        ("solvers/inversion.py", "1 - math.sqrt(1 - share**2)", "share",
         "solvers/test_inversion.py"),
        ("solvers/method.py", "t**2 - degradation.sigma**2", "t**2",
         "solvers/test_peers.py"
         "::test_the_noise_that_an_observation_has_is_not_added_to_it"),
        ("tiling/noise_field.py", "self.origin = origin", "self.origin = (0, 0)",
         "tiling/test_crops.py"),
        ("tiling/noise_field.py", "mul_(self.chroma)", "mul_(1.0)",
         "tiling/test_tiled.py::test_noise_without_chroma_is_grey_and_as_bright"),
        ("tiling/evaluation.py", "waiting[0][2] <= first", "waiting[0][0] is not None",
         "tiling/test_tiled.py::test_a_tiled_run_equals_an_untiled_one"),
        ("tiling/cover.py", "(height + 2 * halo) * (width + 2 * halo)", "height * width",
         "tiling/test_region.py tiling/test_crops.py"),
        ("holes/parts.py", "((False, hole & ~thick), (True, thick))", "((False, hole),)",
         "tasks/test_inpaint_parts.py::test_parts_hold_every_pixel_of_the_hole_once"),
        ("holes/fill.py", "thick[0] = False", "thick[0] = True",
         "holes/test_patches.py::test_auto_takes_patches_for_thick_holes_alone"),
        ("defects/find.py", "SLOPE * (sensitivity - SENSITIVITY)", "0.0",
         "defects/test_find.py::test_kinds_are_sought_alone_and_more_sensitivity_finds_more"),
        ("defects/find.py", "if pixels.shape[2] == 1:", "if pixels.shape[2] == 3:",
         "defects/test_find.py::test_a_date_stamp_is_found_when_asked_for"),
        # Tasks
        ("tasks/jpeg.py", "shrink, closing = preset.shrink or SHRINK", "shrink, closing = SHRINK",
         "tasks/test_jpeg_kinds.py"),
        ("tasks/jpeg.py", "_hold_lost(problem.lost, problem.source, **box)",
         "_hold_lost(problem.lost, problem.source)", "tasks/test_jpeg.py"),
        ("tasks/denoise.py", "sigma * math.sqrt(3) if", "sigma if",
         "tasks/test_denoise.py::test_noise_of_a_grey_picture_is_told_to_be_stronger"),
        ("tasks/inpaint.py", "alpha[problem.hole] = np.iinfo(alpha.dtype).max",
         "alpha[problem.hole] = 0", "tasks/test_inpaint.py"),
        ("tasks/superres.py", "count >= 10**6", "count >= 0", "tasks/test_enlargements.py"),
        ("tasks/schedule.py", "modes[0] if len(modes) == 1", "modes[0] if modes",
         "tasks/test_settings.py::test_a_blend_has_a_mode_at_its_ends_alone"),
        ("tasks/masks.py", "away <= dilate", "away < dilate", "tasks/test_inpaint.py"),
        ("tasks/compare.py", "picture.turned_back(stored.orientation)", "picture",
         "tasks/test_compare.py"),
        ("settings.py", "not 1 <= self.samples", "not 0 <= self.samples",
         "tasks/test_samples.py::test_settings_that_cannot_be_are_refused"),
        ("record.py", "if not 0 <= seconds < LONGEST:", "if not 0 <= seconds:",
         "tasks/test_record.py::test_what_took_no_time_that_there_is_is_no_record"),
        ("result.py", "dict.fromkeys((*self.record.warnings, *encoded.warnings))",
         "dict.fromkeys(self.record.warnings)", "tasks/test_result.py"),
        # Images and files
        ("images/exif.py", "*range(512, 533),", "", "images/test_metadata.py"),
        ("images/exif.py", "holder[across], holder[down] = holder[down], holder[across]", "pass",
         "images/test_metadata.py"),
        ("images/metadata.py", "return (value[0] / x, value[1] / y, *value[2:])", "return value",
         "images/test_metadata.py"),
        ("images/metadata.py", 'b"tiff:Orientation": 1', 'b"tiff:Orientation": 6',
         "images/test_metadata.py"),
        ("images/png.py", 'raise ImageError("truncated PNG: it stops before its IEND chunk")',
         "return",
         "images/test_faults.py images/test_decoding.py"),
        ("images/png.py", "if not stream.eof:", "if False:",
         "images/test_decoding.py images/test_metadata.py"),
        ("images/jfif.py", "rest += END", "rest += rest[-2:]",
         "images/test_damage.py"),
        ("images/tiff.py", "found.numbers(NEW_SUBFILE, (0,))[0] & (REDUCED | MASK)", "False",
         "images/test_damage.py"),
        ("images/tiff.py", "tags[EXTRASAMPLES] = (2,)", "tags[EXTRASAMPLES] = (1,)",
         "images/test_encoding.py images/test_depths.py"),
        ("images/picture.py", "np.clip(sharp[at], least, greatest, out=sharp[at])", "pass",
         "images/test_damage.py"),
        ("images/picture.py", "seen[labels[~hidden]] = pixels[~hidden]", "pass",
         "images/test_pixels.py"),
        ("images/decoding.py", "if told:\n        raise ImageError(f\"damaged TIFF: {told[0]}\")",
         "if False:\n        raise ImageError(f\"damaged TIFF: {told[0]}\")",
         "images/test_damage.py"),
        ("formats.py", "if max(size) > row.longest_side:", "if False:",
         "images/test_encoding.py images/test_depths.py"),
        ("images/header.py", "size[::-1] if turned else size, alpha", "size, alpha",
         "images/test_metadata.py images/test_faults.py"),
        ("jpegfile/quality.py", "(base * percent + 50) // 100", "(base * percent) // 100",
         "jpegfile"),
        ("jpegfile/huffman.py", "bits - (1 << size) + 1, bits", "bits - (1 << size), bits",
         "jpegfile"),
        ("files.py", "sync(file)\n                if ready", "if ready", "test_files.py"),
        ("files.py", 'open(temporary, "x+b")', 'open(temporary, "w+b")', "test_files.py"),
        ("files.py", "return read_stream(file, repr(path), admit=admit, limit=limit)",
         "return read_stream(file, repr(path), limit=limit)", "test_files.py"),
        ("jsonlines.py", "if not (os.path.isfile(path) or is_open_pipe(path)):", "if False:",
         "cli/test_endless.py"),
        # Journeys, editing, diagnosis
        ("journeys/legs.py", "leg[0] ** 2 - level**2", "leg[0] ** 2", "journeys/test_legs.py"),
        ("journeys/legs.py", "return noise.add_(x, -down[-1])", "return x",
         "journeys/test_legs.py"),
        ("journeys/latent.py",
         'metadata["bcm.metadata"] = encode_metadata(picture.metadata)', "pass",
         "journeys/test_latent.py"),
        ("editing/schedule.py", "if share <= self.tau:", "if share < self.tau:",
         "editing/test_schedule.py"),
        ("editing/composition.py", "lost = k * (image", "lost = 0 * (image",
         "editing/test_composition.py"),
        ("diagnosis/blocks.py", "DCT[0] = 8**-0.5", "DCT[0] = 0.5",
         "diagnosis/test_compression.py"),
        ("diagnosis/kind.py", "return 1 - len(unequal) / len(steps_)",
         "return len(unequal) / len(steps_)", "diagnosis/test_diagnosis.py"),
        # Training
        ("training/losses.py", "1 / rho) - root).clamp", "1 / rho) + root).clamp",
         "training/test_losses.py"),
        ("training/losses.py", "t[:, None, None, None] * self.noise", "self.noise",
         "training/test_losses.py"),
        # Checkpoints
        ("checkpoints/headers.py", "if entry.start != end:", "if False:",
         "checkpoints/test_files.py"),
        ("checkpoints/headers.py", "if name in entries:", "if False:", "checkpoints/test_files.py"),
        ("checkpoints/conversion.py", "weights_only=True)\n", "weights_only=False)\n",
         "test_house.py checkpoints/test_conversion.py checkpoints/test_faults.py"),
        ("checkpoints/files.py",
         "_compare_hashes(path, sha256, hashlib.sha256(buffer).hexdigest())",
         "pass",
         "checkpoints/test_files.py checkpoints/test_models.py"),
        ("checkpoints/catalogue.py", 'or ".." in repo', "",
         "checkpoints/test_catalogue.py checkpoints/test_faults.py"),
        # Batches, commands, reports
        ("batch/shards.py", "% self.count == self.index - 1", "% self.count != self.index - 1",
         "batch/test_shards.py"),
        ("batch/manifest.py", "for name in sorted({*now, *self.settings})",
         "for name in sorted({*now, *self.settings} - {'label'})",
         "batch/test_resume.py batch/test_manifest.py"),
        ("batch/manifest.py", "for name in sorted({*now, *self.settings})",
         "for name in sorted({*now, *self.settings} - {'blend', 'samples'})",
         "batch/test_resume.py"),
        ("batch/restorer.py", 'IMMATERIAL = ("tile", "reference", "progress"',
         'IMMATERIAL = ("tile", "reference", "progress", "label"', "batch/test_resume.py"),
        ("batch/plan.py", "        if alone:\n", "        if False:\n",
         "batch/test_plan.py cli/test_exits.py"),
        ("batch/run.py", "data += map(work.read_file, paths[1:])",
         "data += [b'' for _ in paths[1:]]",
         "batch/test_resume.py"),
        ("batch/inputs.py", "> LONGEST_PATH:", "> 10**12:", "cli/test_endless.py"),
        ("cli/exits.py", "return 3 if error.exit_code == 2 else", "return",
         "cli/test_exits.py::test_what_ends_one_input_has_its_own_code"),
        ("record.py", "char if char.isprintable() else", "char if True else",
         "cli/test_terminal.py::test_no_text_moves_the_cursor_or_begins_a_line"),
        ("cli/jobs.py", "data = read_bytes(path, limit=LONGEST_LIST)",
         'data = open(path, "rb").read()', "cli/test_endless.py"),
        ("bench/summary.py", "return self.ours.quality - self.best.quality",
         "return self.best.quality - self.ours.quality", "bench/test_summary.py"),
        ("reports/describe.py", 'worst == 0 else "some changed"', 'worst >= 0 else "some changed"',
         "reports/test_describe.py reports/test_describe_work.py"),
        ("api/arguments.py", "seed = int(drawn)", "seed = 0",
         "tasks/test_record.py::test_a_generator_draws_the_seed"),
        ("devices.py", "if (device.index or 0) >= here[device.type]:", "if False:",
         "cli/test_exits.py cli/test_restoration.py"),
        ("degradations/kernels.py", "found = _parse_npy(data)",
         "found = np.load(path, allow_pickle=True)",
         "test_house.py degradations/test_kernels.py"),
        ("defaults.py", '"bcm", "inversion",', '"bcm",',
         "tasks/test_settings.py"
         " tasks/test_samples.py::test_inversion_needs_a_way_up_and_a_way_down"),
        ("errors.py", "exit_code = 4", "exit_code = 3",
         "cli/test_exits.py checkpoints/test_faults.py"),
    )
)  # fmt: skip

EQUIVALENT: dict[tuple[str, str], str] = {}
"""By (file, new text), why a break changes nothing that anybody could see."""


def find_moved(mutants: tuple[Mutant, ...], top: Path) -> list[str]:
    """A sentence for each mutant whose text does not stand once in its file."""
    found = []
    for mutant in mutants:
        path = top / "restore" / mutant.file
        count = path.read_text("utf-8").count(mutant.old) if path.is_file() else 0
        if count != 1:
            found.append(f"{mutant.file} holds {mutant.old!r} {count} times, not once")
    return found


def run_tests(tests: str, top: Path, seconds: float = SECONDS) -> int | None:
    """pytest's exit code, in a copy of the checkout; None where it did not end in time.

    The child is forked of a process that has imported the large libraries and nothing of ours.
    """
    names = [str(top / "tests" / name) for name in tests.split()]
    child = os.fork()
    if not child:
        try:
            os._exit(_test(names, top))
        finally:
            os._exit(3)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _test(names: list[str], top: Path) -> int:
    os.setpgid(0, 0)
    os.chdir(top)
    os.environ |= {"PYTHONPATH": str(top), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    sys.path[0] = str(top)
    with open(top / "said", "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *names])
    return int(code)


def is_noticed(mutant: Mutant, top: Path) -> bool:
    """Whether the tests fail while the line is broken; it is mended again."""
    path = top / "restore" / mutant.file
    whole = path.read_text("utf-8")
    broken = whole.replace(mutant.old, mutant.new)
    compile(broken, mutant.file, "exec")  # broken, and still Python
    path.write_text(broken, "utf-8")
    try:
        return run_tests(mutant.tests, top) != 0
    finally:
        path.write_text(whole, "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("words", nargs="*", help="of the files to break; all unless told")
    parser.add_argument("--first", type=int, default=1, help="number of the one to begin with")
    parser.add_argument("--trust", action="store_true", help="that the tests pass unbroken")
    parser.add_argument("--check", action="store_true", help="look for the texts alone")
    options = parser.parse_args()
    words = options.words or [""]
    chosen = tuple(m for m in MUTANTS if any(word in m.file for word in words))
    if moved := find_moved(chosen, CHECKOUT):
        print(*moved, sep="\n")
        return 2
    if options.check:
        print(f"{len(chosen)} lines are where the list says")
        return 0
    for name in LARGE:
        importlib.import_module(name)
    unnoticed = 0
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for name in CARRIED:
            source = CHECKOUT / name
            if source.is_dir():
                shutil.copytree(source, top / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, top / name)
        names = sorted({name for mutant in chosen for name in mutant.tests.split()})
        if not options.trust and run_tests(" ".join(names), top, len(chosen) * SECONDS) != 0:
            print("tests fail with nothing broken")
            return 2
        for number, mutant in enumerate(chosen, 1):
            if number < options.first:
                continue
            began = time.monotonic()
            noticed = is_noticed(mutant, top)
            argued = EQUIVALENT.get((mutant.file, mutant.new))
            word = "noticed" if noticed else "equivalent" if argued else "UNNOTICED"
            unnoticed += not noticed and not argued
            seconds = f"{time.monotonic() - began:.0f} s"
            print(f"{number}/{len(chosen)} {word}: {mutant.file}: {mutant.new!r}, {seconds}")
            if argued:
                print(f"    {argued}" if not noticed else "    though it was argued equivalent")
    print(f"{len(chosen)} broken, {unnoticed} unnoticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
