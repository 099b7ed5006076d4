"""Auto: all that is found is restored, in as few solves as there are; what is sound stays."""

import io
import pickle

import numpy as np
import pytest
from PIL import Image
from skimage import data

import restore
from restore import metrics
from restore.errors import RequestError
from restore.result import COPIED
from restore.tasks import Auto, Denoise, Inpaint, Jpeg, Settings, Superres
from restore.tasks.noisy_jpeg import NoisyJpeg

CLEAN = np.ascontiguousarray(data.chelsea()[60:188, 100:260])


def noisy(sigma: float, pixels: np.ndarray = CLEAN) -> np.ndarray:
    z = np.random.default_rng(0).standard_normal(pixels.shape)
    return np.rint(pixels + sigma * z).clip(0, 255).astype(np.uint8)


def encode(pixels: np.ndarray, kind: str = "PNG", **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def scratch(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture with two white lines, and where they are."""
    hole = np.zeros(pixels.shape[:2], bool)
    hole[60:63, 10:150] = True
    hole[20:110, 70:72] = True
    return np.where(hole[..., None], np.uint8(255), pixels), hole


def psnr(result: restore.Result) -> float:
    return metrics.psnr(result.image, CLEAN)


def plan(image: object, **options: object) -> list[str]:
    return [step.name for step in Auto(**options).open(image).steps]


def test_one_finding_is_its_own_task_to_the_last_bit(real):
    stored = encode(CLEAN, "JPEG", quality=30)
    found, alone = restore.auto(stored, model=real), Jpeg().restore(stored, real)
    assert np.array_equal(found.image, alone.image)
    assert found.record.metrics == alone.record.metrics
    assert (found.record.task, found.record.nfe) == ("auto", 4)
    assert [step["task"] for step in found.report["steps"]] == ["jpeg"]
    assert {one["name"] for one in found.report["findings"]} >= {"file", "verdict"}


def test_noise_is_taken_out_as_denoise_does(real):
    found = restore.auto(noisy(15), model=real)
    assert found.record.nfe == 1
    assert psnr(found) > metrics.psnr(noisy(15), CLEAN) + 5
    assert psnr(found) == pytest.approx(psnr(Denoise().restore(noisy(15), real)), abs=0.1)


def test_grey_noise_is_told_at_its_own_level(real):
    grey = CLEAN.mean(2).round().astype(np.uint8)
    given = noisy(15, grey)
    found, alone = restore.auto(given, model=real), Denoise().restore(given, real)
    a, b = (metrics.psnr(one.image, grey) for one in (found, alone))
    assert a == pytest.approx(b, abs=0.1)


def test_what_is_sound_comes_back_byte_for_byte(real, tmp_path):
    small = np.asarray(Image.fromarray(data.rocket()).resize((320, 213), Image.Resampling.BOX))
    path = tmp_path / "sound.png"
    path.write_bytes(encode(small, compress_level=1))
    found = restore.auto(path, model=real)
    assert found.record.nfe == 0
    assert found.record.metrics["consistency_exact"]
    assert np.array_equal(found.image, small)
    record = found.save(tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == path.read_bytes()
    assert COPIED in record.warnings
    found.save(tmp_path / "out.webp")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.webp")), small)


def test_what_is_no_photograph_is_left_alone(real):
    page = np.where(np.random.default_rng(0).random((80, 90)) > 0.9, 0, 255).astype(np.uint8)
    found = restore.auto(page, model=real)
    assert found.record.nfe == 0
    assert "photographs" in found.report["findings"][-1]["sentence"]


def test_each_pair_takes_as_few_solves_as_it_can():
    _, hole = scratch(CLEAN)
    low, high = encode(noisy(25), "JPEG", quality=75), encode(noisy(12), "JPEG", quality=95)
    assert plan(low) == ["noisy-jpeg"]
    assert plan(high) == ["denoise"]
    assert plan(encode(CLEAN, "JPEG", quality=40), scale=2) == ["superres"]
    assert plan(noisy(3), scale=2) == ["superres"]
    assert plan(noisy(15), scale=2) == ["denoise", "superres"]
    assert plan(noisy(15), mask=hole) == ["denoise", "inpaint"]
    assert plan(encode(CLEAN, "JPEG", quality=40), mask=hole) == ["jpeg", "inpaint"]
    assert plan(encode(CLEAN, "JPEG", quality=40), mask=hole, scale=2) == [
        "jpeg", "inpaint", "superres",
    ]  # fmt: skip


def test_noise_under_a_jpeg_is_one_solve_and_nearer_than_jpeg_alone(real):
    stored = encode(noisy(25), "JPEG", quality=75)
    found = restore.auto(stored, model=real)
    assert found.record.nfe == NoisyJpeg.default_nfe
    assert psnr(found) > psnr(Jpeg().restore(stored, real)) + 2
    assert "coefficients_kept" in found.record.metrics


def test_noise_and_scratches_and_size_are_all_mended(real):
    small = np.asarray(Image.fromarray(CLEAN).resize((80, 64), Image.Resampling.BICUBIC))
    hole = np.zeros(small.shape[:2], bool)
    hole[30:32, 5:70] = True
    given = np.where(hole[..., None], np.uint8(255), noisy(12, small))
    found = restore.auto(given, mask=hole, scale=2, reference=CLEAN, model=real, nfe=2)
    steps = found.report["steps"]
    assert [step["task"] for step in steps] == ["denoise", "inpaint", "superres"]
    assert found.record.nfe == sum(step["nfe"] for step in steps) == 6
    assert found.record.size_out == (160, 128)
    shown = np.asarray(Image.fromarray(given).resize((160, 128), Image.Resampling.BICUBIC))
    assert found.record.metrics["psnr_db"] > metrics.psnr(shown, CLEAN) + 3
    gain = found.record.metrics["psnr_db"] - found.record.metrics["psnr_given_db"]
    assert found.record.metrics["gain_db"] == pytest.approx(gain, abs=0.002)


def test_its_problem_goes_to_other_processes(real):
    given, hole = scratch(noisy(10))
    opened = Auto(scale=2, mask=hole).open(given)
    again = pickle.loads(pickle.dumps(opened))
    assert [step.name for step in again.steps] == ["denoise", "inpaint", "superres"]
    settings = Settings(nfe=1)
    a, b = (one.task.solve(one, real, settings).image for one in (opened, again))
    assert np.array_equal(a, b)


def test_the_noise_around_scratches_is_what_is_measured():
    given, hole = scratch(noisy(10))
    found = Auto(mask=hole).open(given).found
    assert found.noise.sigma == pytest.approx(10, rel=0.2)


def test_a_turned_file_is_mended_upright(real):
    image = Image.fromarray(CLEAN)
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=30, exif=exif)
    hole = np.zeros((CLEAN.shape[1], CLEAN.shape[0]), bool)  # as it is seen
    hole[30:34, 20:90] = True
    found = restore.auto(stream.getvalue(), mask=hole, model=real, nfe=1)
    assert found.record.size_in == found.record.size_out == (128, 160)
    jpeg = Jpeg().restore(stream.getvalue(), real, Settings(nfe=1))
    assert np.array_equal(found.image[~hole], jpeg.image[~hole])
    assert not np.array_equal(found.image[hole], jpeg.image[hole])


def test_a_mask_that_finds_nothing_fills_nothing(real):
    found = Auto(mask="auto").open(np.full((40, 50, 3), 90, np.uint8))
    assert found.steps == ()
    assert "nothing found" in found.warnings[0]


def test_the_uncertainty_is_that_of_the_last_step(real):
    given, hole = scratch(noisy(15))
    found = restore.auto(given, mask=hole, model=real, nfe=1, samples=2)
    assert found.uncertainty is not None
    assert not found.uncertainty[~hole].any()
    assert found.uncertainty[hole].any()


def test_progress_goes_on_over_all_steps(real):
    given, hole = scratch(noisy(15))
    shares: list[float] = []
    progress = lambda done, total: shares.append(done / total)  # noqa: E731
    restore.auto(given, mask=hole, model=real, nfe=1, progress=progress)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_what_it_cannot_take_is_refused(real):
    for settings in (Settings(nfe=0), Settings(start=CLEAN)):
        with pytest.raises(RequestError, match="auto"):
            Auto().restore(noisy(15), real, settings)
    with pytest.raises(RequestError, match="scale"):
        Auto(scale=0.5).open(CLEAN)
    with pytest.raises(RequestError, match="no form for auto"):
        Auto().restore(CLEAN, real, Settings(method="ddrm"))
    assert Superres(2).size_out((8, 9)) == Auto(2).size_out((8, 9))
    assert Auto().size_out((8, 9)) == (8, 9)
    assert Inpaint("masks").sidecars() == Auto(mask="masks").sidecars() == {"mask": "masks"}


def test_an_earlier_jpeg_on_another_grid_is_held_in_place_of_the_file_and_nearer(real):
    clean = np.ascontiguousarray(data.astronaut()[157:354, 157:354])
    first = np.asarray(Image.open(io.BytesIO(encode(clean, "JPEG", quality=40))))
    stored, truth = encode(first[5:, 3:], "JPEG", quality=90), clean[5:, 3:]
    opened = Auto().open(stored)
    (step,) = opened.steps
    assert step.earlier == opened.found.history
    assert step.earlier.offset == (3, 5)
    found, alone = restore.auto(stored, model=real), Jpeg().restore(stored, real)
    gain = metrics.psnr(found.image, truth) - metrics.psnr(alone.image, truth)
    assert gain > 0.1
    assert any("grid of its own" in one["sentence"] for one in found.report["findings"])
    assert found.record.metrics["coefficients_kept"] > 0.9
    assert found.record.metrics["quality"] == step.earlier.quality


def test_what_is_left_is_said_and_why():
    _, hole = scratch(CLEAN)

    def say(image: object, **options: object) -> list[str]:
        return [one.sentence for one in Auto(**options).open(image).left]

    (said,) = say(encode(CLEAN, "JPEG", quality=40), mask=hole)
    assert "`inpaint` alone keeps" in said
    (said,) = say(encode(noisy(12), "JPEG", quality=95))
    assert "as if there were no JPEG" in said
    assert say(encode(CLEAN, "JPEG", quality=40)) == []


def test_the_noise_under_a_jpeg_is_measured_in_the_file(real):
    stored = encode(noisy(20), "JPEG", quality=75)
    measured = NoisyJpeg().open(stored)
    assert measured.task.sigma == pytest.approx(20, rel=0.25)
    assert Auto().open(stored).steps == (NoisyJpeg(measured.task.sigma),)
    a, b = (one.restore(stored, real) for one in (NoisyJpeg(), NoisyJpeg(measured.task.sigma)))
    assert np.array_equal(a.image, b.image)
    assert psnr(a) > psnr(NoisyJpeg(1.5 * measured.task.sigma).restore(stored, real)) + 0.3
    clean = encode(CLEAN, "JPEG", quality=75)
    left = NoisyJpeg().restore(clean, real)
    assert np.array_equal(left.image, np.asarray(Image.open(io.BytesIO(clean))))
    assert "No noise" in left.record.warnings[-1]
