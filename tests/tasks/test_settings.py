"""Settings, models and labels: what is taken, and what is refused with a sentence."""

import numpy as np
import pytest
import torch

import restore
from restore import metrics
from restore.bcm import BCM
from restore.checkpoints import Checkpoint, Preset
from restore.degradations import JpegBox
from restore.errors import RequestError
from restore.images import Picture, as_picture, decode
from restore.jpegfile import read_jpeg
from restore.networks import ADM
from restore.tasks import (
    Inpaint,
    Jpeg,
    Settings,
)
from restore.tasks.schedule import choose_mode
from tests.support.networks import seeded_patch as seeded
from tests.support.tasks import ONE, TASKS, scratched


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"nfe": -1}, "nfe is -1, expected 0 or more"),
        ({"nfe": 2.5}, "nfe is 2.5, expected a whole number"),
        ({"method": "magic"}, "method is 'magic', expected one of bcm"),
        ({"mode": "best"}, "mode is 'best', expected 'fidelity' or 'perceptual'"),
        ({"tile": -1}, "tile is -1, expected 'auto', 0 or a side"),
        ({"tile": "large"}, "tile is 'large', expected a whole number"),
        ({"tile": None}, "tile is None"),
        ({"seed": None}, "seed is None, expected a whole number"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"label": "cat"}, "label is 'cat', expected a whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(RequestError, match=sentence):
        Settings(**settings)


def test_arguments_that_nobody_knows_are_errors(model, clean):
    with pytest.raises(TypeError, match="power"):
        restore.jpeg(clean, model=model, power=2)


def test_a_model_without_classes_refuses_a_label(run, clean):
    with pytest.raises(RequestError, match="label is 3, but this model has no classes"):
        run("jpeg", clean, Settings(label=3))


@pytest.fixture(scope="module")
def published() -> BCM:
    """A tiny network of the published kind: windows of 64 pixels, ten classes."""
    torch.manual_seed(0)
    network = ADM(
        64, 1, (1, 1), (2,), 16, num_classes=10
    )  # two channels to a norm, or no class tells
    for p in network.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    return BCM(network.eval().requires_grad_(False))


@pytest.mark.parametrize(
    ("label", "sentence"),
    [(None, "give a label from 0 to 9"), (10, "label is 10, expected 0 to 9"), (-1, "label is -1")],
)
def test_a_class_conditional_model_needs_one_of_its_classes(label, sentence, run, clean, published):
    with pytest.raises(RequestError, match=sentence):
        run("jpeg", clean, Settings(label=label), published)


@pytest.mark.parametrize("task", TASKS)
def test_a_class_conditional_model_restores_in_its_own_windows(task, run, astronaut, published):
    pixels = astronaut[:36, :20] if task == "superres" else astronaut[:72, :40]
    calls: list[tuple[int, int]] = []

    def settings(label: int) -> Settings:
        return Settings(nfe=1, label=label, progress=lambda *call: calls.append(call))

    first, second = (run(task, pixels, settings(label), published) for label in (1, 2))
    assert first.report["tile"] == 64
    assert not np.array_equal(first.image, second.image)
    assert calls[-1][0] == calls[-1][1]
    proof = first.report["metrics"]
    assert proof.get("known_max_error", 0) == 0
    assert proof.get("coefficients_kept", 1) >= 0.999


def test_a_model_s_own_presets_come_first_and_a_mode_that_nobody_tuned_is_refused(clean):
    model = BCM(seeded())
    rows = {"jpeg": {"fidelity": {1: (Preset((0.5,)),)}}}
    model.checkpoint = Checkpoint("own", "file", "own", presets=rows)
    data = Jpeg().degrade(as_picture(clean))
    with torch.no_grad():
        estimate = model.denoise(decode(data).tensor(), 0.5)
    file = read_jpeg(data)
    wanted = JpegBox.from_file(file).project_into_range(estimate, JpegBox.observe(file))
    found = Jpeg().restore(data, model, ONE)
    assert found.report["model"] == "own"
    assert metrics.max_error(found.image, Picture(clean).with_tensor(wanted).pixels) <= 1
    with pytest.raises(RequestError, match="own has no tuned levels for jpeg in perceptual mode"):
        Jpeg().restore(data, model, Settings(mode="perceptual"))
    assert (
        Inpaint(scratched(clean)).restore(clean, model, ONE).report["nfe"] == 1
    )  # by the default's


@pytest.mark.parametrize(
    ("blend", "mode"), [(None, "fidelity"), (0, "fidelity"), (1, "perceptual"), (0.5, None)]
)
def test_a_blend_has_a_mode_at_its_ends_alone(blend, mode):
    assert choose_mode(Settings(blend=blend)) == mode
