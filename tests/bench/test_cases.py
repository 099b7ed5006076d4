"""Cases and methods by name, and the cells that can be measured."""

import re

import numpy as np
import pytest

import restore
from restore import bench
from restore.bench.cases import CLASSICAL, GROUPS, SETUPS
from restore.bench.pictures import Clean, Pictures
from restore.errors import RequestError
from restore.solvers import PEERS
from tests.support.bench import HOLES, JPEG


def test_a_task_is_all_its_severities_or_the_one_that_is_named() -> None:
    named = bench.choose_cases(["jpeg", "superres-1.5", "deblur-motion:9,-45", "jpeg-10"])
    assert [one.name for one in named] == [
        "jpeg-10", "jpeg-20", "jpeg-40", "superres-1.5", "deblur-motion:9,-45",
    ]  # fmt: skip
    everything = bench.choose_cases(["all"])
    assert {one.task for one in everything} == set(SETUPS)
    assert set(bench.choose_usual_cases()) <= set(everything)


@pytest.mark.parametrize(
    "name",
    ["sharpen", "jpeg-0", "jpeg-best", "superres-1", "inpaint-lace", "denoise-0", "deblur-lens:3"],
)
def test_an_exercise_that_cannot_be_is_refused_with_its_name(name: str) -> None:
    with pytest.raises(RequestError, match=f"--tasks '{name}'"):
        bench.choose_cases([name])


def test_a_comma_before_a_number_belongs_to_the_severity() -> None:
    text = "jpeg, deblur-motion:15,30,denoise-25,"
    assert bench.split_list(text) == ["jpeg", "deblur-motion:15,30", "denoise-25"]


def test_groups_name_every_method_once() -> None:
    assert bench.choose_methods(["all"]) == list(GROUPS["all"])
    assert bench.choose_methods(["peers", "ddrm"]) == list(PEERS)
    with pytest.raises(RequestError, match="expected ours, peers, classical, all"):
        bench.choose_methods(["magic"])


def test_what_cannot_be_measured_is_named_in_the_notes(
    model: restore.BCM, pictures: Pictures
) -> None:
    cells, notes = bench.make_grid(
        [JPEG, HOLES],
        ["bcm", "inversion", "dps", "repaint", "telea"],
        ["fidelity", "perceptual"],
        [1, 4],
        1,
        pictures=pictures,
        checkpoint=model.checkpoint,
    )
    text = "\n".join(notes)
    assert "takes 3 network evaluations: dps (NFE 1)" in text
    assert re.search(r"no form of it for the task: dps, repaint \(jpeg\)", text)
    assert "inversion fidelity, inversion perceptual (NFE 1)" in text
    assert {(c.case.task, c.nfe) for c in cells if c.method == "dps"} == {("inpaint", 4)}
    assert {c.mode for c in cells if c.method == "bcm"} == {"fidelity", "perceptual"}
    assert [c.case for c in cells if c.method == "telea"] == [HOLES]
    with pytest.raises(RequestError, match=r"nothing can be measured; left out.*repaint"):
        bench.make_grid(
            [JPEG], ["repaint"], ["fidelity"], [1], 1,
            pictures=pictures, checkpoint=model.checkpoint,
        )  # fmt: skip


def test_slow_classical_methods_are_left_out_of_large_pictures(model: restore.BCM) -> None:
    large = Pictures("large", (Clean("a", np.zeros((512, 528, 3), np.uint8), 0),))
    cells, notes = bench.make_grid(
        [HOLES], list(CLASSICAL), ["fidelity"], [1], 1,
        pictures=large, checkpoint=model.checkpoint,
    )  # fmt: skip
    assert [cell.method for cell in cells] == ["telea", "navier-stokes"]
    assert "biharmonic (inpaint)" in notes[0]
