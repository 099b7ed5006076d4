"""Files of cameras, which sharpen: the mask is found, and undone where they are enlarged."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore import metrics
from restore.diagnosis import diagnose
from restore.images import Picture
from restore.settings import Settings
from restore.tasks import Superres
from restore.tasks.schedule import schedule
from restore.tasks.superres import ReducedProblem
from tests.support.degradations import encode

CLEAN = np.ascontiguousarray(data.astronaut()[100:356, 100:356])
SMALL = np.asarray(Image.fromarray(CLEAN).resize((64, 64), Image.Resampling.BICUBIC))


def sharpen(pixels: np.ndarray, amount: float = 1.0) -> np.ndarray:
    blurred = cv2.GaussianBlur(pixels.astype(float), (0, 0), 1)
    return (pixels + amount * (pixels - blurred)).round().clip(0, 255).astype(np.uint8)


def opened(file: bytes, scale: float, **options) -> ReducedProblem:
    return Superres(scale, **options).open(file)


def test_more_sharpening_is_told_from_less():
    soft = cv2.GaussianBlur(SMALL, (0, 0), 0.8)
    amounts = [diagnose(one).detail.amount for one in (soft, SMALL, sharpen(SMALL))]
    assert amounts[0] == 0
    assert amounts[1] < amounts[2]
    assert amounts[2] > 0.3


def test_it_is_undone_where_it_shows_and_nothing_is_given():
    file = encode(sharpen(SMALL), quality=85)
    assert opened(file, 4).sharpening > 0.3
    assert opened(file, 4, sigma=0).sharpening == 0
    assert opened(file, 4, sigma=3).sharpening == 0
    assert opened(encode(SMALL, quality=85), 2).sharpening == 0


def test_a_result_is_nearer_for_it_and_still_gives_the_file():
    file = encode(sharpen(SMALL), quality=85)
    once = Settings(nfe=1)
    undone = Superres(4).restore(file, settings=once)
    left = Superres(4, sigma=3).restore(file, settings=once)
    gain = [metrics.psnr(one.picture.pixels, CLEAN) for one in (undone, left)]
    assert gain[0] > gain[1] + 0.1
    assert undone.record.metrics["sharpening"] > 0.3
    assert undone.record.metrics["coefficients_kept"] > 0.9
    assert "sharpened by" in Superres.describe(undone.record)


@pytest.mark.parametrize("mode", ["fidelity", "perceptual"])
def test_a_tolerance_takes_presets_of_its_own(mode):
    stream = io.BytesIO()
    Image.fromarray(SMALL).save(stream, "PNG")
    settings = Settings(nfe=4, mode=mode)
    found = [
        Superres(2, sigma=sigma).restore(stream.getvalue(), settings=settings).picture.pixels
        for sigma in (0, 1e-4)
    ]
    assert not np.array_equal(*found)


def test_a_jpeg_file_has_presets_of_its_own():
    stored = encode(SMALL, quality=30)
    kinds = [
        Superres(2, sigma=sigma).open(image).kind
        for image, sigma in ((stored, None), (stored, 0), (stored, 3), (Picture(SMALL), 0))
    ]
    assert kinds == ["jpeg", "", "camera", ""]
    own, exact = (
        schedule(None, Superres, Settings(nfe=8), 2.0, kind)[0][1] for kind in ("jpeg", "")
    )
    assert own.width > exact.width == 0  # coefficients of a file are doubted, its pixels are not
