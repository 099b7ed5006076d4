"""Blur: the convolution on the torus, what it erases, and the surroundings of a picture."""

import pytest
import torch

from restore.degradations import Blur, pad_periodic
from restore.degradations.kernels import make_kernel
from restore.errors import RequestError
from tests.support.degradations import image, kernel


@pytest.mark.parametrize("shape", [(5, 5), (4, 7), (1, 9)])
def test_blur_is_the_convolution_on_the_torus(shape):
    k, x = kernel(*shape, seed=2), image(1, 3, 24, 20)
    wanted = torch.zeros_like(x)
    for i in range(shape[0]):
        for j in range(shape[1]):
            wanted += k[i, j] * x.roll((i - shape[0] // 2, j - shape[1] // 2), (2, 3))
    assert torch.allclose(Blur(k, (24, 20), floor=0)(x), wanted, atol=1e-6)


def test_frequencies_that_a_kernel_all_but_erases_count_as_erased():
    degradation = Blur(kernel(15, 15), (48, 48), floor=0.1)
    x = image(1, 3, 48, 48)
    assert degradation.pinv(degradation(x)).abs().max() < 10 * x.abs().max()
    assert degradation(x - degradation.pinv(degradation(x))).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(50, 40), (1, 1), (3, 90), (64, 32)])
def test_a_picture_is_surrounded_without_a_jump(size):
    x = torch.linspace(-1, 1, size[0] * size[1]).view(1, 1, *size)
    torus = pad_periodic(x, (9, 5))
    assert torch.equal(torus[:, :, : size[0], : size[1]], x)
    assert torus.shape[2] >= size[0] + 18
    assert torus.shape[3] >= size[1] + 10
    assert all((2 * 3 * 5 * 7 * 11 * 13) ** 9 % side == 0 for side in torus.shape[2:])  # quick
    assert torus.abs().max() <= 1
    inside = [(x.diff(dim=axis).abs().max().item() if size[axis - 2] > 1 else 0) for axis in (2, 3)]
    for axis, most in zip((2, 3), inside, strict=True):
        steps = (torus.roll(-1, axis) - torus).abs().max()
        assert steps <= max(3 * most, 0.25)


@pytest.mark.parametrize(
    ("k", "sentence"),
    [
        (torch.ones(9, 3), "fits in"),
        (torch.ones(3), "fits in"),
        (torch.zeros(3, 3), "erases every frequency"),
    ],
)
def test_kernels_that_cannot_be_are_refused(k, sentence):
    with pytest.raises(RequestError, match=sentence):
        Blur(k, (8, 8))


def test_around_the_picture_is_what_fits_to_it():
    k = torch.from_numpy(make_kernel("motion:9,30")).float()
    scene = torch.nn.functional.avg_pool2d(
        torch.randn(1, 3, 98, 98, generator=torch.Generator().manual_seed(0)), 3, 1
    )
    whole = Blur(k, (96, 96), floor=0)(scene)[:, :, 20:68, 20:68]
    y = pad_periodic(whole, tuple(k.shape))
    blur = Blur(k, tuple(y.shape[2:]), sigma=0.01)
    completed = blur.extrapolate(y, (48, 48))
    assert torch.equal(completed[:, :, :48, :48], whole)

    def error(y):
        x = blur.posterior_mean(torch.zeros_like(y), y, 0.3)[:, :, :48, :48]
        return float((x - scene[:, :, 20:68, 20:68]).square().mean().sqrt())

    assert error(completed) < 0.6 * error(y)
