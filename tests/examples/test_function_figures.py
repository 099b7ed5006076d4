"""The program that measures image functions, on tiny models: each figure is a table."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def measure(monkeypatch, capsys) -> Callable[..., list[list[str]]]:
    """measure(*arguments) is the table that the program prints, its cells by rows."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import function_figures as program

    def call(*arguments: object) -> list[list[str]]:
        program.main(list(map(str, arguments)))
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]

    return call


@pytest.fixture
def fashion(tmp_path) -> Path:
    """A folder such as Debian's, of noise, brighter by kind."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 200), ("t10k", 80)):
        labels = np.arange(count, dtype=np.uint8) % 10
        noise = generator.integers(0, 20, (count, 28, 28), dtype=np.uint8)
        pixels = noise + 20 * labels[:, None, None]
        for kind, data, shape in (("images", pixels, pixels.shape), ("labels", labels, (count,))):
            head = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
            name = f"{part}-{kind}-idx{len(shape)}-ubyte.gz"
            (tmp_path / name).write_bytes(gzip.compress(head + data.tobytes()))
    return tmp_path


def test_generation_is_told_beside_the_training_pictures(measure, fashion, tiny_function) -> None:
    training, model = measure("generation", tiny_function, "--data", fashion, "--count", "70")
    assert training[0] == "training pictures"
    assert float(training[2]) < min(float(model[2]), float(model[3]))  # noise is not like them


def test_denoising_is_told_beside_the_noise(measure, fashion, tiny_function) -> None:
    none, model = measure("denoising", tiny_function, "--data", fashion, "--count", "3")
    assert none == ["none", "26.02", "16.48", "6.02"]
    assert np.isfinite([float(cell) for cell in model[1:]]).all()


def test_stability_is_read_off_the_log(measure, tmp_path) -> None:
    lines = [
        {"losses": {"a": mean}, "spread_of_losses": {"a": 0.5}, "psnr_db": {"0.3": psnr}}
        for mean, psnr in ((9.0, 20.0), (4.0, 25.0), (2.0, 24.0), (2.5, 26.0))
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    loss, decibels = measure("stability", tmp_path)
    assert loss[1:] == ["a", "0.23", "+25 %"]  # of the latter half
    assert decibels[1:] == ["PSNR at 0.3", "", "-1.00 dB"]


def test_one_function_agrees_over_sizes_two_samples_do_not(
    measure, tiny_function, tiny_model
) -> None:
    function, pixels = measure("sizes", tiny_function, tiny_model, "--count", "1")
    assert float(function[4]) > float(pixels[4]) + 10


def test_drawing_is_compared_with_enlargement(measure, tiny_function, tmp_path) -> None:
    rows = np.linspace(0, 6, 64)
    pixels = np.uint8(127 + 100 * np.sin(rows[:, None] + rows))[..., None].repeat(3, 2)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[:40]).save(tmp_path / "small.png")  # left out
    found = measure("drawing", tiny_function, "--data", tmp_path, "--count", "2")
    assert [row[1:3] for row in found] == [
        [times, way] for times in "24" for way in ("drawn", "bicubic", "Lanczos")
    ]
    drawn, bicubic = (float(row[3]) for row in found[:2])
    assert 20 < drawn != bicubic > 20


def test_of_fashion_at_16_pixels_32_are_known(measure, fashion, tiny_function) -> None:
    found = measure(
        "drawing", tiny_function, "--recipe", "fashion-16", "--data", fashion, "--count", "2"
    )
    assert all(float(row[3]) > 10 for row in found[:3])
    assert [row[3] for row in found[3:]] == ["", "", ""]


def test_enlarging_is_compared_with_the_default(measure, tiny_function) -> None:
    found = measure("superres", tiny_function, "--side", "32", "--count", "1")
    assert [row[0] for row in found][-3:] == ["×2", "×3.7", "×4"]
    assert all(np.isfinite([float(cell) for cell in row[1:]]).all() for row in found)


def test_samples_are_shown_in_rows(measure, tiny_function, tiny_model, tmp_path) -> None:
    measure("pictures", tiny_model, tiny_function, "-o", tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size == (256, 4 * 16 + 64)


def test_the_distance_is_frechets(measure) -> None:
    import function_figures as program

    def gaussian(mean: float, spread: float) -> Tensor:
        """100 000 numbers of exactly that mean and spread, in the first of two dimensions."""
        x = torch.randn(100_000, 2, dtype=torch.float64)
        x = (x - x.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T
        return x * torch.tensor([spread, 1.0]) + torch.tensor([mean, 0.0])

    found = program.frechet_distance(gaussian(0, 1), gaussian(3, 3))
    assert found == pytest.approx(3**2 + (3 - 1) ** 2, rel=1e-9)
