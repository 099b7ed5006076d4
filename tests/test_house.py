"""The house: a room imports only from the floors below it."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from restore.cli.app import COMMANDS as COMMAND_ROWS

ROOT = Path(__file__).resolve().parents[1] / "restore"
FLOORS = {
    "errors": -2, "files": -1, "jsonlines": 0,
    "defaults": 0, "formats": 0.2, "devices": 0.2, "settings": 0.4, "presets": 0.4, "record": 0.4,
    "metrics": 0.4, "images": 1, "jpegfile": 1, "networks": 1, "degradations": 1,
    "uncertainty": 1.5, "result": 1.7,
    "diagnosis": 1.5, "functions": 1.9, "coloured_noise": 1.9, "level_map": 1.9, "bcm": 2,
    "checkpoints": 3, "tiling": 3,
    "solvers": 4, "holes": 4, "defects": 4.6, "editing": 4, "journeys": 4.5,
    "tasks": 5,
    "training": 6, "batch": 6, "reports": 6, "bench": 6,
    "api": 6.5,
    "cli": 7, "__init__": 8, "__main__": 8,
}  # fmt: skip
SAME_FLOOR = {
    ("bench", "reports"),  # its page is one of theirs
    ("images", "jpegfile"),  # decoders fill in silently what is missing of a JPEG's scans
    ("degradations", "images"),  # kernels and noise are read from pictures
    ("functions", "checkpoints"),  # its file is one of weights
    ("degradations", "jpegfile"),  # the box is made of a file's tables
}
HOMES = {
    "typer": {"cli"},
    "rich": {"cli"},
    "huggingface_hub": {"checkpoints", "cli"},
    "PIL": {"formats", "images", "jpegfile", "tasks", "reports", "bench", "uncertainty"},
    "ray": {"batch"},
    "diffusers": {"editing"},
    "transformers": {"editing"},
    "pyarrow": {"batch"},
    "cv2": {
        "diagnosis",
        "defects",
        "holes",
        "images",
        "metrics",
        "tasks",
        "training",
        "bench",
        "cli",
        "uncertainty",
    },
}

ONE_EACH = {  # functions that several modules have, one for each of its kind
    "levels",  # of a published method
    "take_apart", "read_metadata", "with_metadata",  # of a format
}  # fmt: skip
COMMANDS = {*COMMAND_ROWS, "convert", "verify"}  # the last two are below `models`


def rooms():
    paths = sorted(ROOT.rglob("*.py"))
    return [(path.relative_to(ROOT).parts[0].removesuffix(".py"), path) for path in paths]


def imported(path: Path):
    """(module, line) of every import, those for type checkers alone left out."""
    tree = ast.parse(path.read_text())
    typing = [
        n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)
    ]
    skipped = {id(inner) for block in typing for inner in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "restore":
                yield from ((f"restore.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


@pytest.mark.parametrize(("room", "path"), rooms(), ids=lambda v: str(getattr(v, "name", v)))
def test_a_room_imports_only_from_floors_below(room, path):
    for module, line in imported(path):
        if not module.startswith("restore."):
            continue
        other = module.split(".")[1]
        if other == room or other not in FLOORS:
            continue
        assert FLOORS[other] < FLOORS[room] or (room, other) in SAME_FLOOR, (
            f"{path}:{line}: {module}"
        )


@pytest.mark.parametrize(("room", "path"), rooms(), ids=lambda v: str(getattr(v, "name", v)))
def test_libraries_live_in_their_rooms(room, path):
    for module, line in imported(path):
        allowed = HOMES.get(module.split(".")[0])
        assert allowed is None or room in allowed, f"{path}:{line}: {module}"


def test_every_room_has_a_floor():
    assert {room for room, _ in rooms()} == set(FLOORS)


def test_files_stay_short():
    long = {str(path): n for _, path in rooms() if (n := len(path.read_text().splitlines())) > 450}
    assert not long


def public_names(path: Path) -> tuple[set[str], set[str]]:
    """The classes of a module, and what else it names as classes are named: aliases of types."""
    body = ast.parse(path.read_text()).body
    classes = {node.name for node in body if isinstance(node, ast.ClassDef)}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    aliases = {one.id for one in targets if isinstance(one, ast.Name) and not one.id.isupper()}
    return tuple({name for name in names if name[0].isupper()} for names in (classes, aliases))


def test_one_name_means_one_class():
    """A former name beside a new one stands in an `__init__`, for those who import it."""
    homes: dict[str, list[str]] = {}
    for _, path in rooms():
        classes, aliases = public_names(path)
        for name in classes | (aliases if path.name != "__init__.py" else set()):
            homes.setdefault(name, []).append(str(path.relative_to(ROOT)))
    homes.pop("Size")  # (width, height) for a plan and for a page
    assert not {name: where for name, where in homes.items() if len(where) > 1}


def test_one_name_means_one_function():
    """Public functions of two modules have two names, unless both do the same for another caller.

    A command has the name of the function that it calls, and that of the module it leads to.
    """
    homes: dict[str, list[str]] = {}
    for room, path in rooms():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(room)
    several = {name: where for name, where in homes.items() if len(where) > 1}
    layers = {name for name, where in several.items() if name in COMMANDS and "cli" in where}
    assert all(len(set(several[name])) == len(several[name]) for name in layers)
    assert several.keys() - layers == ONE_EACH


def test_no_three_files_share_a_name():
    names = Counter(path.name for _, path in rooms())
    assert not {name for name, n in names.items() if n > 2 and name != "__init__.py"}


def test_importing_restore_loads_no_torch():
    code = "import restore, sys; sys.exit(any(m in sys.modules for m in ('torch', 'cv2', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent).returncode == 0


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_is_ever_unpickled(path):
    """By name: no call asks for it, whatever is said elsewhere of how safe it is."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert named.get("allow_pickle", "False") == "False", f"{path}:{node.lineno}"
        assert named.get("weights_only", "True") == "True", f"{path}:{node.lineno}"
        called = ast.unparse(node.func)
        if "batch" in path.parts:  # what its own processes send each other
            continue
        assert called not in {"pickle.load", "pickle.loads", "pickle.Unpickler"}, (
            f"{path}:{node.lineno}: {called}"
        )
