"""A network with random weights, the embedded one, a face, and every task on what it is for."""

import numpy as np
import pytest

import restore
from restore.bcm import BCM
from restore.images import as_picture
from restore.tasks import (
    Deblur,
    Denoise,
    Inpaint,
    Jpeg,
    Settings,
    Superres,
)
from tests.support.networks import seeded_patch as seeded
from tests.support.tasks import LOADED, ONE, Run, scratched


@pytest.fixture(scope="module")
def model() -> BCM:
    return BCM(seeded())


@pytest.fixture(scope="module")
def real() -> BCM:
    return restore.load("default", **LOADED)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """A face, 96 pixels of it."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[60:156, 180:276])


@pytest.fixture(scope="module")
def clean(astronaut: np.ndarray) -> np.ndarray:
    return astronaut[20:60, 16:72]


@pytest.fixture(scope="module")
def run(model: BCM) -> Run:
    """run(task, pixels, settings): a task on what it is there for."""

    def run(
        task: str, pixels: np.ndarray, settings: Settings = ONE, by: BCM | None = model
    ) -> restore.Result:
        if task == "inpaint":
            hole = scratched(pixels)
            return Inpaint(hole).restore(Inpaint(hole).degrade(as_picture(pixels)), by, settings)
        if task == "jpeg":
            return Jpeg().restore(Jpeg(20).degrade(as_picture(pixels)), by, settings)
        if task == "denoise":
            return Denoise(25).restore(Denoise(25).degrade(as_picture(pixels)), by, settings)
        if task == "deblur":
            return Deblur("gaussian:1.2", sigma=1).restore(
                Deblur("gaussian:1.2").degrade(as_picture(pixels)), by, settings
            )
        return Superres(2).restore(pixels, by, settings)

    return run
