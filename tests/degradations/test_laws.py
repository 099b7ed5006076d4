"""Laws of degradations: the projection degrades to y, is idempotent, and leaves what fits alone."""

import pytest
import torch

from restore.degradations import Blur, Crop, Mask, Noise, Resize, Sharpen, band, compose, jpeg
from tests.support.degradations import HALF, LAWFUL, distance, image, kernel, rounds, sides


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", LAWFUL)
def test_laws(name, batch):
    degradation = LAWFUL[name]
    x = image(batch, 3, *sides(degradation), seed=1)
    y = degradation(image(batch, 3, *sides(degradation), seed=2))
    projected = degradation.project(x, y)
    assert distance(degradation(projected), y) < 1e-5
    assert distance(degradation.project(projected, y), projected) < 1e-5
    # The box of a JPEG is taken a ten-thousandth of a step inside its walls.
    tolerance = 2e-3 if rounds(degradation) else 1e-5
    assert distance(degradation.project(x, degradation(x)), x) < tolerance
    assert distance(degradation(degradation.pinv(y)), y) < 1e-5


@pytest.mark.parametrize("name", LAWFUL)
def test_a_projection_may_overwrite_its_image(name):
    degradation = LAWFUL[name]
    x = image(2, 3, *sides(degradation), seed=1)
    y = degradation(image(1, 3, *sides(degradation), seed=2))  # one observation for the batch
    y = y if rounds(degradation) else y.expand(2, -1, -1, -1)
    before = x.clone()
    projected = degradation.project(x, y)
    assert torch.equal(x, before)
    other = torch.empty_like(x)
    assert degradation.project(x, y, out=other) is other
    assert torch.equal(other, projected)
    assert degradation.project(x, y, out=x) is x
    assert torch.equal(x, projected)


@pytest.mark.parametrize("name", [n for n in LAWFUL if n.startswith(("resize", "jpeg"))])
def test_strips_give_what_the_whole_gives(name, monkeypatch):
    degradation = LAWFUL[name]
    x = image(2, 3, *sides(degradation), seed=1)
    y = degradation(image(2, 3, *sides(degradation), seed=2))
    whole = degradation(x), degradation.project(x, y), degradation.pinv(y)
    monkeypatch.setattr(jpeg, "STRIP", 1)
    monkeypatch.setattr(band, "STRIP", 1)
    strips = degradation(x), degradation.project(x, y), degradation.pinv(y)
    assert all(distance(a, b) < 1e-6 for a, b in zip(whole, strips, strict=True))


SMALL = {
    "mask": (Mask(HALF[..., :6, :7]), 0.0),
    "resize": (Resize((6, 7), (3, 4)), 0.0),
    "blur": (Blur(kernel(3, 4, seed=1), (6, 7)), 0.0),
    "blur with noise": (Blur(kernel(3, 4, seed=1), (6, 7), sigma=0.3), 0.3),
    "noise": (Noise(0.3), 0.3),
    "mask with noise": (Mask(HALF[..., :6, :7], sigma=0.3), 0.3),
    "resize with noise": (Resize((6, 7), (3, 4), sigma=0.3), 0.3),
    "resize, hardly, with noise": (Resize((6, 7), (5, 7), sigma=0.03), 0.03),
    "sharpen": (Sharpen((6, 7), 0.8), 0.0),
    "sharpen with noise": (Sharpen((6, 7), 0.8).with_noise(0.3), 0.3),
    "crop": (Crop((6, 7), (1, 2), (3, 4)), 0.0),
    "crop with noise": (Crop((6, 7), (1, 2), (3, 4)).with_noise(0.3), 0.3),
    "noise after resize": (compose(Noise(0.3), Resize((6, 7), (3, 4))), 0.3),
}


def as_matrix(degradation, height=6, width=7):
    columns = torch.eye(height * width).view(-1, 1, height, width)
    return degradation(columns).flatten(1).T.double()


@pytest.mark.parametrize("name", SMALL)
def test_the_approach_is_the_mean_of_what_the_observation_leaves(name):
    degradation, sigma = SMALL[name]
    a, t = as_matrix(degradation), 0.7
    x, y = image(1, 1, 6, 7, seed=1), degradation(image(1, 1, 6, 7, seed=2))
    misfit = y.flatten() - a @ x.flatten().double()
    weight = t**2 * a.T @ torch.linalg.pinv(t**2 * a @ a.T + sigma**2 * torch.eye(len(a)))
    found = degradation.posterior_mean(x, y, t)
    assert torch.allclose(found.flatten().double(), x.flatten() + weight @ misfit, atol=1e-5)
    assert degradation.posterior_mean(x, y, t, out=x) is x
    assert torch.equal(x, found)


@pytest.mark.parametrize("name", SMALL)
def test_a_filter_acts_on_singular_vectors_by_the_noise_left_in_them(name):
    degradation, sigma = SMALL[name]
    _, s, v = torch.linalg.svd(as_matrix(degradation))
    s = torch.cat([s, torch.zeros(42 - len(s))])
    tau = torch.where(s < 1e-5, torch.inf, sigma / s)

    def gain(tau):
        return torch.where(tau.isinf(), 3.0, 1 / (1 + tau))

    x = image(1, 1, 6, 7, seed=1)
    wanted = v.T @ (gain(tau) * (v @ x.flatten().double()))
    assert torch.allclose(
        degradation.spectral_filter(x, gain).flatten().double(), wanted, atol=1e-5
    )


@pytest.mark.parametrize("kind", [Blur(kernel(3, 3), (8, 8), sigma=0.1), Noise(0.1)])
def test_an_observation_with_noise_is_not_met(kind):
    x, y = 2 * image(1, 3, 8, 8, seed=1), image(1, 3, 8, 8, seed=2)
    assert torch.equal(kind.project_into_range(x, y), x.clamp(-1, 1))


@pytest.mark.parametrize("name", [n for n, kind in LAWFUL.items() if kind.sigma == 0])
def test_what_has_settled_lies_in_the_range_and_degrades_to_y(name):
    degradation = LAWFUL[name]
    start = 1.2 * image(1, 3, *sides(degradation), seed=1)
    y = degradation(0.8 * image(1, 3, *sides(degradation), seed=2))
    x = degradation.project_into_range(start, y, rounds=30)
    assert x.abs().max() <= 1
    assert distance(degradation(x), y) < (1.5 if rounds(degradation) else 0.01)
    assert degradation.project_into_range(start, y, rounds=30, out=start) is start
    assert torch.equal(start, x)


def test_a_projection_within_the_range_is_not_done_again(monkeypatch):
    calls, project = [], Resize.project
    monkeypatch.setattr(Resize, "project", lambda *args: calls.append(1) or project(*args))
    degradation = Resize((12, 14), (6, 7))
    x = 0.1 * image(1, 3, 12, 14)
    degradation.project_into_range(x, degradation(x))
    assert len(calls) == 1
    degradation.project_into_range(30 * x, degradation(30 * x))
    assert len(calls) == 1 + 5
