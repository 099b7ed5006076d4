"""Lowest: the least version of each dependency that pyproject.toml allows, as pip's constraints.

    python tests/lowest.py > lowest.txt                  # the dependencies and the extra `test`
    python -m venv /tmp/lowest && . /tmp/lowest/bin/activate
    pip install -e ".[test]" -c lowest.txt && python -m pytest -n 2 --dist loadfile

With extras' names (`python tests/lowest.py test heif`) their dependencies are in it too. A lower
bound has to be a version that was released, or pip finds none that is equal to it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r"^(?P<name>[\w.-]+)(\[[\w,.-]+\])?>=(?P<least>[\w.]+)(,<[\w.]+)?$")


def requirements(extras: tuple[str, ...]) -> list[str]:
    """What pyproject.toml asks for, with some of its extras, without the project itself."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    asked = [*project["dependencies"]]
    for extra in extras:
        asked += project["optional-dependencies"][extra]
    return [line for line in asked if not line.startswith(project["name"])]


def lowest(requirement: str) -> str:
    """A requirement's lower bound as a constraint. Raises ValueError where it has none."""
    if not (bound := BOUND.match(requirement.replace(" ", ""))):
        raise ValueError(f"{requirement!r} has no lower bound of the form NAME>=VERSION")
    return f"{bound['name']}=={bound['least']}"


if __name__ == "__main__":
    print("\n".join(map(lowest, requirements(tuple(sys.argv[1:]) or ("test",)))))
