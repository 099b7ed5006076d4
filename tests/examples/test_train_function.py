"""The program that trains image functions, on scikit-learn's digits."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import restore
from restore.training import Trainer

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Trainer]]:
    """train(*arguments) runs the recipe for digits; its folder is tmp_path/run."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import train_function as program

    threads = torch.get_num_threads()
    yield lambda *arguments: program.main(
        [str(tmp_path / "run"), "--recipe", "digits", "--device", "cpu", *arguments]
    )
    torch.set_num_threads(threads)


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_digits_are_learned(train, tmp_path) -> None:
    """The loss falls, noise of 0.3 is taken off, and samples in one step are like the data."""
    train("--steps", "25", "--report", "1e9")
    first = log(tmp_path / "run")[-1]
    trainer = train("--steps", "300", "--report", "1e9")
    last = log(tmp_path / "run")[-1]
    assert last["losses"]["diagonal"] < 0.7 * first["losses"]["diagonal"]
    assert last["psnr_db"]["0.3"] > 20  # of 16.5
    data = trainer.photographs.at(torch.arange(1000))
    mean, spread = last["one_step"]
    assert mean == pytest.approx(float(data.mean()), rel=0.2)
    assert spread == pytest.approx(float(data.std()), rel=0.2)
    seen = restore.generate(4, recipe="one-step", model=tmp_path / "run/average.safetensors")
    assert seen.pictures[0].size == (8, 8)
    assert Image.open(tmp_path / "run/samples-0000300.png").size == (64, 64)


@pytest.mark.parametrize("network", ["dit", "patch"])
def test_networks_of_pixels_learn_by_the_same_program(train, tmp_path, network) -> None:
    train("--network", network, "--steps", "2")
    found = log(tmp_path / "run")[-1]
    assert found["step"] == 2
    assert np.isfinite(list(found["losses"].values())).all()
    assert restore.load(tmp_path / "run/average.safetensors").checkpoint.architecture == network


def test_a_run_goes_on_where_it_stopped(train, tmp_path) -> None:
    whole = train("--steps", "6").average.state_dict()
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    train("--steps", "6", "--session", "0")  # ends after one step
    assert log(tmp_path / "run")[-1]["step"] == 1
    parts = train("--steps", "6").average.state_dict()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_fashion_is_read_as_the_package_has_it(train, tmp_path, monkeypatch) -> None:
    import gzip

    import train_function as program

    for part, count in (("train", 3), ("t10k", 2)):
        numbers = b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
        data = b"\0\0\x08\x03" + numbers + bytes([count]) * (count * 784)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(data))
    training, test = program.read_data("fashion", tmp_path, "cpu")
    assert training.pixels.shape == (3, 32, 32, 1)
    x = test.at(torch.tensor([1]))
    assert x.shape == (1, 3, 32, 32)
    assert x[0, 0, 0, 0] == -1  # the border is black
    assert float(x[0, 2, 16, 16]) == pytest.approx(2 / 127.5 - 1)
    training, test = program.read_data("fashion-16", tmp_path, "cpu")
    assert (training.pixels.shape, test.pixels.shape) == ((3, 32, 32, 1), (2, 16, 16, 1))
    assert test.pixels[1, [0, 1, 8], 8, 0].tolist() == [0, 2, 2]


def test_jumps_are_learned_by_the_published_losses_too(train, tmp_path) -> None:
    train("--steps", "30", "--report", "1e9", "--jumps", "published")
    losses = log(tmp_path / "run")[-1]["losses"]
    assert losses.keys() >= {"diagonal", "consistency", "trajectory"}
    assert "semigroup" not in losses
    assert np.isfinite(list(losses.values())).all()


def test_emoji_are_read_as_their_program_leaves_them(train, tmp_path) -> None:
    import train_function as program

    generator = np.random.default_rng(0)
    for part, count in (("train", 3), ("test", 2)):
        (tmp_path / part).mkdir()
        for number in range(count):
            pixels = generator.integers(0, 256, (128, 128, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / part / f"{number}.png")
    training, test = program.read_data("emoji", tmp_path, "cpu")
    assert training.pixels.shape == (3, 64, 64, 3)
    assert test.pixels.shape == (2, 32, 32, 3)
    mean = pixels[:4, 4:8].reshape(16, 3).mean(axis=0)  # of the last one's
    assert np.abs(test.pixels[1, 0, 1].numpy() - mean).max() <= 0.5
    trainer = program.main(
        [str(tmp_path / "run"), "--recipe", "emoji", "--device", "cpu", "--steps", "1",
         "--data", str(tmp_path)]
    )  # fmt: skip
    assert trainer.step == 1


def test_what_is_no_emoji_is_left_out(train) -> None:
    import emoji

    white = np.full((136, 136, 3), 255, np.uint8)
    outline, coloured = white.copy(), white.copy()
    outline[20:120, 40], outline[20:120, 90] = 0, 0
    coloured[20:120, 40:90] = np.random.default_rng(0).integers(0, 200, (100, 50, 3))
    found = [emoji.is_coloured(pixels) for pixels in (white, outline, coloured)]
    assert found == [False, False, True]
