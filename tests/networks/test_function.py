"""FunctionNetwork: a function of the plane for each window, drawn at any points."""

import math

import pytest
import torch
from torch import Tensor

from restore.networks import build
from restore.networks.drawing import assign, waves
from tests.support.networks import seeded_function

CELLS = 4


def grid(count: int, cells: int = CELLS) -> Tensor:
    """The centres of `count` pixels along an axis, in cells."""
    return (torch.arange(count, dtype=torch.float64) + 0.5) * (cells / count)


@pytest.fixture(scope="module")
def theta() -> Tensor:
    network = seeded_function()
    with torch.no_grad():
        return network.predict(torch.randn(2, 3, 16, 16), torch.ones(1), torch.ones(1))


def draw(theta: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    with torch.no_grad():
        return seeded_function().draw(theta, rows, columns)


def draw_plainly(theta: Tensor, y: float, x: float) -> Tensor:
    """G (3,) at one point of one window, in cells, as the formula has it."""
    w = seeded_function().shared
    width, rank, total = 8, 2, torch.zeros(3)
    for i in range(CELLS):
        for j in range(CELLS):
            tents = []
            for point, cell in ((y, i), (x, j)):
                at = min(max(point - 0.5, 0), CELLS - 1)  # beyond the last centre it stands alone
                tents.append(max(0.0, 1 - abs(at - cell)))
            if not math.prod(tents):
                continue
            offsets = torch.tensor([y - i - 0.5, x - j - 0.5])
            gamma = torch.cat([waves(offset) for offset in offsets])
            a, b, u, v, b2, w3, b3 = theta[i, j].split(
                [width, width, width * rank, width * rank, width, 3 * width, 3]
            )
            h = ((1 + a) * w.first(gamma) + b).sin()
            low = u.reshape(rank, width).T @ (v.reshape(width, rank).T @ h)
            h = (w.second(h) + low + b2).sin()
            total += math.prod(tents) * (w.third(h) + w3.reshape(width, 3).T @ h + b3)
    return total


def test_the_default_is_as_designed() -> None:
    network = build("function", {})
    count = sum(p.numel() for p in network.parameters())
    encoder = sum(p.numel() for p in network.blocks.parameters())
    assert 5.4e6 < count < 5.6e6
    assert network.head.out_features == 451
    assert 0.3 < 1 - encoder / count < 0.36  # less than half predict the function


def test_what_is_drawn_is_the_formula(theta) -> None:
    rows, columns = torch.tensor([0.1, 1.3, 2.0, 3.9]), torch.tensor([0.0, 0.49, 2.51])
    drawn = draw(theta, rows, columns)[1]
    with torch.no_grad():
        for i, y in enumerate(rows.tolist()):
            for j, x in enumerate(columns.tolist()):
                assert torch.allclose(drawn[:, i, j], draw_plainly(theta[1], y, x), atol=1e-5)


@pytest.mark.parametrize("count", [1, 3, 7, 16, 31, 100])
def test_parts_of_a_drawing_are_the_drawing(theta, count) -> None:
    """In rows of any height, whole or uneven numbers of points a cell."""
    whole = draw(theta, grid(count), grid(count + 2))
    for height in (1, 2, 5):
        parts = [draw(theta, some, grid(count + 2)) for some in grid(count).split(height)]
        assert torch.allclose(torch.cat(parts, dim=2), whole, atol=1e-5)


def test_cells_meet_without_a_step(theta) -> None:
    inside = torch.arange(1, CELLS * 2, dtype=torch.float64) / 2  # edges and centres of cells
    step = 0.5e-7  # cells, of a function whose slope is less than 1000 a cell
    before, after = (draw(theta.double(), inside + d, inside + d) for d in (-step, step))
    assert draw(theta, grid(16), grid(16)).std() > 0.1  # of something that varies
    assert (before - after).abs().max() < 1e-4


def test_each_point_belongs_to_its_two_nearest_cells() -> None:
    points = torch.tensor([-0.1, 0.4, 0.5, 0.75, 1.5, 3.2, 4.1], dtype=torch.float64)
    axis = assign(points, CELLS)
    most = axis.offsets.shape[1]
    cell, place = axis.slots // most, axis.slots % most
    at = cell + 0.5 + axis.offsets[cell, place]
    assert torch.allclose(at, points.expand(2, -1).to(at))
    assert cell.tolist() == [[0, 0, 0, 0, 1, 2, 3], [0, 0, 1, 1, 2, 3, 3]]
    assert torch.allclose(axis.weights.sum(dim=0), torch.ones(7).double())
    assert axis.weights[1].tolist() == pytest.approx([1, 1, 0, 0.25, 0, 0.7, 0])


def test_the_answer_is_that_of_the_function() -> None:
    """t F c_out = Î - … : the jump to 0 is the function on the pixels."""
    network, t = seeded_function().double(), torch.tensor([0.3], dtype=torch.float64)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    s = 0.5
    with torch.no_grad():
        x_in = x / (t**2 + s**2).sqrt()
        g = network.draw(network.predict(x_in, t, t), grid(16), grid(16))
        image = network.base(t) * x + network.gain(t) * g
        norm = t**2 + s**2
        f = norm.sqrt() / (t * s) * image - s / (t * norm.sqrt()) * x
        assert torch.allclose(network(x_in, t, t), f, atol=1e-9)


def test_the_scale_is_how_much_an_answer_moves_with_what_is_drawn() -> None:
    network, s = seeded_function(), 0.5
    for t in (0.002, 0.1, 80.0):
        level = torch.tensor([t])
        c_out = t * s / math.sqrt(t**2 + s**2)
        assert float(network.answer_scale(level)) == pytest.approx(
            float(network.gain(level)) / c_out
        )


def test_both_levels_matter() -> None:
    network, x, one = seeded_function(), torch.randn(1, 3, 16, 16), torch.ones(1)
    with torch.no_grad():
        base = network(x, one, one)
        assert not torch.allclose(base, network(x, one, 2 * one))
        assert not torch.allclose(base, network(x, 2 * one, one))


def test_gradients_reach_every_parameter() -> None:
    network = seeded_function()
    network(torch.randn(2, 3, 16, 16), torch.ones(1), torch.ones(1)).square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


def test_gradients_are_those_of_the_formula() -> None:
    network = seeded_function().double()
    x = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    weight, one = network.shared.second.weight, torch.ones(1, dtype=torch.float64)

    def loss() -> Tensor:
        return network(x, one, one).square().mean()

    (found,) = torch.autograd.grad(loss(), weight)
    with torch.no_grad():
        weight[1, 2] += 1e-5
        high = loss()
        weight[1, 2] -= 2e-5
        low = loss()
    assert float(found[1, 2]) == pytest.approx(float((high - low) / 2e-5), rel=1e-4)


def test_without_a_gradient_it_is_drawn_in_chunks_to_the_same(monkeypatch, theta) -> None:
    whole = draw(theta, grid(20), grid(20))
    monkeypatch.setattr("restore.networks.drawing.CHUNK", 1)
    assert torch.allclose(draw(theta, grid(20), grid(20)), whole, atol=1e-5)


def test_a_label_is_refused() -> None:
    one = torch.ones(1)
    for name in ("function", "dit"):
        network = build(name, {"channels": 16, "blocks": 1})
        with pytest.raises(ValueError, match="no classes"):
            network(torch.zeros(1, 3, 8, 8), one, one, torch.zeros(1).long())


def test_channels_that_heads_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        build("dit", {"channels": 24})
