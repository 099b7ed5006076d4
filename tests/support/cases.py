"""Where the small inputs lie that people brought."""

from pathlib import Path

CASES = Path(__file__).parents[1] / "cases"


def case(name: str) -> Path:
    """The path of a case."""
    path = CASES / name
    assert path.exists(), path
    return path
