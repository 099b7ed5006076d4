"""jpeg: what reaches the solver, and kinds of files whose coefficients are not read."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from restore.checkpoints import load
from restore.images import as_picture
from restore.settings import Settings
from restore.tasks.denoise import Denoise
from restore.tasks.jpeg import Jpeg
from tests.support.cases import case


def compressed(photograph, **options):
    stream = io.BytesIO()
    Image.fromarray(photograph()).save(stream, "JPEG", **{"quality": 10, **options})
    return stream.getvalue()


@pytest.fixture
def model():
    return load("default", device="cpu", dtype="fp32")


def with_shrink(model, shrink):
    """The model, all presets of jpeg with another `shrink`."""
    presets = {
        mode: {
            nfe: tuple(replace(row, shrink=shrink) for row in rows) for nfe, rows in known.items()
        }
        for mode, known in model.checkpoint.presets["jpeg"].items()
    }
    found = replace(model.checkpoint, presets={**model.checkpoint.presets, "jpeg": presets})
    model.checkpoint = found
    return model


def test_a_preset_s_shrink_reaches_the_solver(model, photograph):
    data = compressed(photograph)
    settings = Settings(nfe=1)
    images = [
        Jpeg().restore(data, with_shrink(model, shrink), settings).image for shrink in (0.1, 0.5)
    ]
    assert not np.array_equal(*images)


def test_a_preset_s_shrink_shrinks_the_box(photograph):
    task = Jpeg()
    problem = task.open(compressed(photograph))
    preset = load("default").checkpoint.presets["jpeg"]["fidelity"][1][0]
    x = torch.zeros(1, 3, 32, 48)
    y = task.observe(problem, torch.device("cpu"))
    nearest = {
        shrink: task.operator(problem, replace(preset, shrink=shrink), published=False).project(
            x, y
        )
        for shrink in (0.1, 0.3, 0.5, None)
    }
    assert not torch.equal(nearest[0.1], nearest[0.3])
    assert not torch.equal(nearest[0.3], nearest[0.5])
    assert torch.equal(nearest[None], nearest[0.5])


def test_cmyk_is_restored_as_a_picture_without_tables():
    data = case("19-cmyk-with-profile.jpg").read_bytes()
    problem = Jpeg().open(data)
    warnings = " ".join((*problem.source.warnings, *problem.warnings))
    assert "CMYK was converted" in warnings
    assert problem.sound  # no compression shows in its pixels, so it is left as it is
    assert problem.file is None
    assert np.array_equal(problem.source.pixels, Denoise(5.0).open(data).source.pixels)


def test_every_kind_of_jpeg_has_one_rule_in_all_commands(photograph):
    """What one command reads, the other does; what one refuses, so does the other."""
    inks = io.BytesIO()
    Image.fromarray(photograph()).convert("CMYK").save(inks, "JPEG")
    for data in (inks.getvalue(), case("18-twelve-bit.jpg").read_bytes()):
        said = []
        for task in (Jpeg(), Denoise(5.0)):
            with pytest.raises(Exception) as caught:
                task.open(data)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_a_picture_and_an_open_file_are_taken(photograph):
    data = compressed(photograph)
    assert Jpeg().open(io.BytesIO(data)).file is not None
    assert Jpeg().open(as_picture(data)).file is None
