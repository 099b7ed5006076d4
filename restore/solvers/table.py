"""Table: every solver by its name, of those that `restore.defaults` lists.

`bcm` and `inversion` are ours. PUBLISHED are methods as they were published, on the same model;
cm4ir, published for four evaluations with settings of each task and noise, has tuned ones. CLOSER
are the others in their form for few evaluations, tuned too.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from restore import defaults
from restore.errors import RequestError
from restore.solvers.bcm import BCM_METHOD
from restore.solvers.inversion import INVERSION
from restore.solvers.method import Method, Solver
from restore.solvers.tuned import TUNED


def _import(name: str) -> Method:
    """The method of a file here: of `ddrm.py` its `DDRM`."""
    method = getattr(import_module(f"restore.solvers.{name}"), name.upper())
    assert isinstance(method, Method)
    return method


OURS: Mapping[str, Method] = {"bcm": BCM_METHOD, "inversion": INVERSION}
PUBLISHED: dict[str, Method] = {
    name: _import(name)
    for name in defaults.METHODS
    if name not in OURS and not name.endswith("-ccdf")
}
PUBLISHED["cm4ir"] = PUBLISHED["cm4ir"].tuned(TUNED["cm4ir"])
CLOSER: Mapping[str, Method] = {
    f"{name}-ccdf": PUBLISHED[name].tuned(TUNED[name])
    for name in PUBLISHED
    if f"{name}-ccdf" in defaults.METHODS
}
PEERS: Mapping[str, Method] = {**PUBLISHED, **CLOSER}
METHODS: Mapping[str, Method] = {**OURS, **PEERS}
SOLVERS: dict[str, Solver] = {name: method.solve for name, method in METHODS.items()}


def check_method(name: str, task: str, nfe: int) -> None:
    """RequestError, saying what to give instead, where a method cannot do what is asked.

    name: a key of METHODS. task: a task's name. nfe: network evaluations of every pixel.
    """
    method = METHODS[name]
    if method.supports(task) is not None:
        able = [other for other, one in METHODS.items() if one.supports(task) is None]
        raise RequestError(
            f"the method {name} has no form for {task}: give one of {', '.join(able)}"
        )
    if reason := method.supports(task, nfe):
        raise RequestError(f"nfe is {nfe}, and {reason}: give {method.admitted(task)}")
