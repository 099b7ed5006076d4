"""Lowest: what is declared as a lower bound is a version, and one that pip can be held to."""

import pytest

from tests.lowest import lowest, requirements


@pytest.mark.parametrize("extra", ["test", "heif", "ray", "edit", "dev"])
def test_every_dependency_has_a_lower_bound(extra):
    for requirement in requirements((extra,)):
        name, version = lowest(requirement).split("==")
        assert requirement.startswith(name)
        assert f">={version}" in requirement


@pytest.mark.parametrize("requirement", ["torch", "torch<3", "torch==2.10", "torch>1"])
def test_a_dependency_without_one_is_an_error(requirement):
    with pytest.raises(ValueError, match="no lower bound"):
        lowest(requirement)
