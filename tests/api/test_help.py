"""What `help` says: every argument of a public function or class by its name."""

import inspect
import re
from collections.abc import Callable

import pytest

import restore
from restore import degradations, metrics, solvers, tasks

LETTERS = {"x", "y", "t", "out"}  # of the mathematics, which a class or its first line explains
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (restore, degradations, metrics, solvers, tasks)
    for name in getattr(module, "__all__", [name for name in vars(module) if name[0] != "_"])
    if callable(getattr(module, name))
    and getattr(module, name).__module__.partition(".")[0] == "restore"
    and not (inspect.isclass(found := getattr(module, name)) and issubclass(found, Exception))
}


def list_arguments(thing: Callable[..., object]) -> set[str]:
    """The names of its own arguments: those of a class that it inherits stand with that."""
    inherited = {
        name
        for base in (thing.__mro__[1:] if inspect.isclass(thing) else ())
        for name in getattr(base, "__dataclass_fields__", {})
    }
    return set(inspect.signature(thing).parameters) - inherited - LETTERS - {"args", "kwargs"}


@pytest.mark.parametrize("name", PUBLIC)
def test_help_tells_of_every_argument(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    missing = {one for one in list_arguments(PUBLIC[name]) if not re.search(rf"\b{one}\b", text)}
    assert not missing
