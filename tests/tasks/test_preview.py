"""Preview: a part of a result is that part of the whole, and no more is computed than it needs."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

import restore
from restore.errors import ImageError, RequestError
from restore.tasks import Auto, Deblur, Denoise, Inpaint, Jpeg, Settings, Superres, Task

CLEAN = np.ascontiguousarray(data.astronaut()[:288, :352])
BOX = (150, 120, 40, 30)


def hole() -> np.ndarray:
    found = np.zeros(CLEAN.shape[:2], bool)
    found[20:24, 10:300] = True
    found[100:200, 160:164] = True
    return found


def noisy() -> np.ndarray:
    z = np.random.default_rng(0).standard_normal(CLEAN.shape)
    return np.rint(CLEAN + 15 * z).clip(0, 255).astype(np.uint8)


def encode(orientation: int = 1) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(CLEAN).save(stream, "JPEG", quality=20, exif=exif)
    return stream.getvalue()


CASES: dict[str, tuple[Task, object]] = {
    "jpeg": (Jpeg(), encode()),
    "a turned jpeg": (Jpeg(), encode(6)),
    "denoise": (Denoise(15), noisy()),
    "deblur": (Deblur("gaussian:2", sigma=2), CLEAN),
    "inpaint": (Inpaint(hole()), CLEAN),
    "superres": (Superres(2), CLEAN[:160, :200]),
    "auto": (Auto(mask=hole()), noisy()),
    "auto, sound": (Auto(), np.zeros(CLEAN.shape, np.uint8)),
}


@pytest.mark.parametrize(
    ("name", "mode"), [*((name, "fidelity") for name in CASES), ("superres", "perceptual")]
)
def test_it_is_that_part_of_the_whole(name, mode, real):
    task, image = CASES[name]
    settings = Settings(nfe=2, mode=mode, seed=3)
    whole = task.restore(image, real, settings).image
    part = task.restore(image, real, Settings(nfe=2, mode=mode, seed=3, preview=BOX))
    left, top, width, height = BOX
    expected = whole[top : top + height, left : left + width]
    assert part.image.shape == expected.shape
    # Windows of another shape sum in another order: a value on the edge may round the other way.
    assert np.abs(part.image.astype(int) - expected).max() <= 1
    assert (part.image == expected).mean() > 0.99
    assert part.record.size_out == (width, height)
    assert part.report["preview"] == list(BOX)
    assert not part.record.metrics["consistency_exact"]


def test_less_is_computed_than_for_the_whole(real):
    pixels: list[int] = []
    hook = real.network.register_forward_hook(
        lambda network, inputs, result: pixels.append(inputs[0][0, 0].numel())
    )
    for preview in (None, (0, 0, 16, 16)):
        calls: list[int] = []
        progress = lambda done, total, calls=calls: calls.append(total)  # noqa: E731
        Jpeg().restore(encode(), real, Settings(nfe=1, progress=progress, preview=preview))
        assert len(calls) == calls[-1]
    hook.remove()
    whole, part = pixels
    assert part < whole / 2


def test_other_methods_are_run_on_all_of_it(real):
    plain, part = (
        Superres(2).restore(CLEAN[:60, :80], real, Settings(nfe=2, method="ddnm", preview=box))
        for box in (None, (10, 20, 30, 40))
    )
    assert np.array_equal(part.image, plain.image[20:60, 10:40])


def test_figures_are_those_of_the_part(real):
    settings = Settings(nfe=1, preview=BOX, reference=CLEAN)
    found = Denoise(15).restore(noisy(), real, settings).record.metrics
    assert found["gain_db"] > 3
    assert found["sigma"] == 15
    settings = Settings(nfe=1, preview=BOX, samples=2)
    result = Denoise(15).restore(noisy(), real, settings)
    assert result.uncertainty.shape == (30, 40)


def test_a_part_outside_is_refused(real):
    with pytest.raises(ImageError, match="beyond the result of 352×288"):
        Denoise(15).restore(noisy(), real, Settings(preview=(340, 0, 20, 20)))
    for box in ((-1, 0, 5, 5), (0, 0, 0, 5), (1, 2, 3), ("a", 0, 1, 1)):
        with pytest.raises(RequestError, match="preview"):
            Settings(preview=box)
    assert restore.Settings().preview is None
