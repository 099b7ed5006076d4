"""Laws of degradations: the projection degrades to y, is idempotent, and leaves what fits alone."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from restore.degradations import (
    Blur,
    Free,
    Jpeg,
    Mask,
    Noise,
    Resize,
    jpeg,
    pad_periodic,
    resize,
)
from restore.errors import RequestError
from restore.jpegfile import coefficients_kept, read_jpeg, write_jpeg


def image(*shape, seed=0):
    """Smooth noise within [-1, 1]."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (0.4 * x + 0.5 * F.avg_pool2d(x, 5, 1, 2)).clamp(-1, 1)


def encode(pixels, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def tables(quality, components=3):
    colour = np.zeros((8, 8, 3), np.uint8)
    file = read_jpeg(encode(colour if components == 3 else colour[..., 0], quality=quality))
    return [component.table for component in file.components]


def box(size, quality, samplings, **options):
    """A JPEG degradation whose box is all but whole, so that its laws hold."""
    slack = {"margin": 0, "shrink": 0.4999, **options}
    return Jpeg(size, tables(quality, len(samplings)), samplings, **slack)


def kernel(height, width, seed=None):
    """A Gaussian one, or of random numbers: asymmetric, and with frequencies that it erases."""
    if seed is not None:
        k = torch.rand(height, width, generator=torch.Generator().manual_seed(seed))
        return k / k.sum()
    rows, columns = (torch.arange(n) - n // 2 for n in (height, width))
    k = torch.exp(-(rows[:, None] ** 2 + columns**2) / 8)
    return k / k.sum()


S444, S422, S420, S440 = ([(1, 1), chroma, chroma] for chroma in [(1, 1), (1, 2), (2, 2), (2, 1)])
HALF = torch.rand(1, 1, 37, 53, generator=torch.Generator().manual_seed(5)) < 0.5
LAWFUL = {
    "mask": Mask(HALF),
    "mask, all known": Mask(torch.ones(1, 1, 20, 31, dtype=torch.bool)),
    "mask, none known": Mask(torch.zeros(1, 1, 20, 31, dtype=torch.bool)),
    "resize 2": Resize((64, 48), (32, 24)),
    "resize 3": Resize((63, 48), (21, 16)),
    "resize 4": Resize((64, 100), (16, 25)),
    "resize 8": Resize((40, 64), (5, 8)),
    "resize 1.7": Resize((51, 85), (30, 50)),
    "resize 1.01": Resize((101, 102), (100, 101)),
    "resize 2 by 1": Resize((50, 33), (25, 33)),
    "resize 3.3 by 1.2": Resize((99, 61), (30, 51)),
    "resize, odd": Resize((37, 53), (13, 19)),
    "resize to a pixel": Resize((9, 7), (1, 1)),
    "resize, nothing": Resize((9, 7), (9, 7)),
    "resize, many blocks": Resize((301, 203), (150, 131)),
    "noise": Noise(0.2),
    "blur, Gaussian": Blur(kernel(13, 13), (64, 48)),
    "blur, odd sides": Blur(kernel(5, 9), (37, 53)),
    "blur, any kernel": Blur(kernel(6, 3, seed=3), (40, 31), sigma=0.1),
    "blur, box": Blur(torch.ones(7, 7) / 49, (49, 63)),
    "blur, nothing": Blur(torch.ones(1, 1), (9, 7)),
    "blur as large as the image": Blur(kernel(9, 7, seed=4), (9, 7)),
    "jpeg 4:4:4, 5": box((48, 64), 5, S444),
    "jpeg 4:4:4, 95": box((37, 53), 95, S444),
    "jpeg 4:2:0, 10": box((48, 64), 10, S420),
    "jpeg 4:2:0, 50": box((37, 53), 50, S420),
    "jpeg 4:2:0, 95": box((90, 33), 95, S420),
    "jpeg 4:2:2, 30": box((40, 72), 30, S422),
    "jpeg 4:4:0, 30": box((40, 72), 30, S440),
    "jpeg grey, 20": box((40, 72), 20, [(1, 1)]),
    "jpeg, no whole block": box((7, 5), 20, S420),
}


def sides(degradation):
    if isinstance(degradation, Mask):
        return degradation.known.shape[-2:]
    if isinstance(degradation, Noise):
        return (37, 53)
    return degradation.large if isinstance(degradation, Resize) else degradation.size


def distance(a, b):
    """The largest difference between observations, coefficients counted as integers."""
    pairs = zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]
    return max((p.double() - q.double()).abs().max().item() for p, q in pairs)


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
    tolerance = 2e-3 if isinstance(degradation, Jpeg) else 1e-5
    assert distance(degradation.project(x, degradation(x)), x) < tolerance
    assert distance(degradation(degradation.pinv(y)), y) < 1e-5


@pytest.mark.parametrize("name", LAWFUL)
def test_a_projection_may_overwrite_its_image(name):
    degradation = LAWFUL[name]
    x = image(2, 3, *sides(degradation), seed=1)
    y = degradation(image(1, 3, *sides(degradation), seed=2))  # one observation for the batch
    y = y if isinstance(degradation, Jpeg) else y.expand(2, -1, -1, -1)
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
    monkeypatch.setattr(resize, "STRIP", 1)
    strips = degradation(x), degradation.project(x, y), degradation.pinv(y)
    assert all(distance(a, b) < 1e-6 for a, b in zip(whole, strips, strict=True))


SMALL = {
    "mask": (Mask(HALF[..., :6, :7]), 0.0),
    "resize": (Resize((6, 7), (3, 4)), 0.0),
    "blur": (Blur(kernel(3, 4, seed=1), (6, 7)), 0.0),
    "blur with noise": (Blur(kernel(3, 4, seed=1), (6, 7), sigma=0.3), 0.3),
    "noise": (Noise(0.3), 0.3),
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
    assert all(side % 32 == 0 for side in torus.shape[2:])
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


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_noise_has_a_level_above_0(sigma):
    with pytest.raises(RequestError, match="above 0"):
        Noise(sigma)


def test_free_leaves_every_image_alone():
    x = image(1, 3, 8, 8)
    assert Free()(x) is None
    assert torch.equal(Free().project(x, None), x)
    assert Free().project(x, None, out=x) is x


def test_a_mask_keeps_known_pixels_bit_for_bit_whatever_the_hole_holds():
    x, y = image(1, 3, 37, 53, seed=1), image(1, 3, 37, 53, seed=2)
    y[:, :, ~HALF[0, 0]] = torch.nan
    projected = Mask(HALF).project(x, y)
    known = HALF.expand_as(x)
    assert torch.equal(projected[known], y[known])
    assert torch.equal(projected[~known], x[~known])


def test_a_mask_of_another_kind_is_refused():
    with pytest.raises(RequestError, match="expected"):
        Mask(torch.ones(1, 3, 4, 4, dtype=torch.bool))
    with pytest.raises(RequestError, match="bool"):
        Mask(torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize(
    ("large", "small"),
    [((64, 48), (32, 24)), ((63, 50), (21, 17)), ((101, 77), (60, 45)), ((300, 7), (149, 7))],
)
def test_resize_is_pillows_bicubic(large, small):
    x = image(1, 3, *large)
    y = Resize(large, small)(x)
    for c in range(3):
        shrunk = Image.fromarray(x[0, c].numpy()).resize(small[::-1], Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(shrunk) - y[0, c].numpy()).max() < 1e-5


def test_the_projection_onto_a_small_image_is_the_nearest():
    degradation = Resize((24, 20), (10, 9))
    x, y = image(1, 1, 24, 20, seed=1).double(), image(1, 1, 10, 9, seed=2).double()
    columns = torch.eye(24 * 20, dtype=torch.float64).view(-1, 1, 24, 20)
    matrix = degradation(columns).flatten(1).T
    nearest = x.flatten() - torch.linalg.pinv(matrix) @ (matrix @ x.flatten() - y.flatten())
    assert torch.allclose(degradation.project(x, y).flatten(), nearest, atol=1e-7)


@pytest.mark.parametrize("small", [(0, 4), (9, 4), (8, 9)])
def test_a_size_that_is_no_reduction_is_refused(small):
    with pytest.raises(RequestError, match="no reduction"):
        Resize((8, 8), small)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [5, 30, 60])
def test_a_jpeg_file_is_what_its_degradation_observes(subsampling, quality):
    pixels = np.ascontiguousarray(data.chelsea()[60:136, 90:181])
    stream = encode(pixels, quality=quality, subsampling=subsampling)
    file = read_jpeg(stream)
    degradation = Jpeg.from_file(file)
    y = degradation.observe(file)
    clean = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    same = [(a == b).double().mean() for a, b in zip(degradation(clean), y, strict=True)]
    assert min(same) > 0.995  # the encoder rounds its planes to 8 bits first
    assert [tuple(k.shape[1:3]) for k in y] == [part.known.shape for part in file.components]


def test_luma_alone_leaves_the_differences_of_channels():
    degradation = box((40, 40), 10, [(1, 1)])
    x, y = image(1, 3, 40, 40, seed=1), degradation(image(1, 3, 40, 40, seed=2))
    change = degradation.project(x, y) - x
    assert change.abs().max() > 0.1
    assert torch.allclose(change[:, 0], change[:, 1], atol=1e-6)
    assert torch.allclose(change[:, 0], change[:, 2], atol=1e-6)


def test_chroma_changes_all_pixels_of_a_sample_alike():
    degradation = box((32, 32), 10, S420)
    x, y = image(1, 3, 32, 32, seed=1), degradation(image(1, 3, 32, 32, seed=2))
    change = degradation.project(x, y) - x
    chroma = change[:, 0] - change[:, 2]
    assert torch.allclose(
        chroma, chroma[:, ::2, ::2].repeat_interleave(2, 1).repeat_interleave(2, 2), atol=1e-6
    )


def test_unknown_blocks_are_free():
    known = [np.ones((5, 5), bool)]
    known[0][1, 2] = known[0][3] = False
    degradation = Jpeg((40, 40), tables(10, 1), [(1, 1)], known)
    x = image(1, 3, 40, 40, seed=1)
    y = degradation(image(1, 3, 40, 40, seed=2))
    change = (degradation.project(x, y) - x).abs().unflatten(2, (5, 8)).unflatten(4, (5, 8))
    changed = change.amax((0, 1, 3, 5)) > 0
    assert torch.equal(changed, torch.from_numpy(known[0]))
    assert not y[0][0, ~torch.from_numpy(known[0])].any()


@pytest.mark.parametrize(("margin", "shrink"), [(1.5, 0.5), (0, 0.3), (4, 0.25), (50, 0.5)])
def test_margin_and_shrink_keep_coefficients_off_the_walls(margin, shrink):
    q = 20
    steps = [np.full((8, 8), q)] * 3
    degradation = Jpeg((48, 48), steps, S420, margin=margin, shrink=shrink)
    y = degradation(image(1, 3, 48, 48, seed=2))
    x = degradation.project(image(1, 3, 48, 48, seed=1), y)
    assert distance(degradation(x), y) == 0
    r = min(max(0.5 - margin / q, 0.02), shrink)
    inside, narrower = (Jpeg((48, 48), steps, S420, margin=0, shrink=s) for s in (r, 0.9 * r))
    assert distance(inside.project(x, y), x) < 1e-5
    assert distance(narrower.project(x, y), x) > 1e-3


def test_options_of_a_jpeg_that_make_no_sense_are_refused():
    for options in ({"shrink": 0.6}, {"margin": -1}):
        with pytest.raises(RequestError, match="expected"):
            box((8, 8), 50, S420, **options)
    with pytest.raises(RequestError, match="steps from 1"):
        Jpeg((8, 8), [np.zeros((8, 8), int)], [(1, 1)])


@pytest.mark.parametrize("name", [n for n, kind in LAWFUL.items() if kind.sigma == 0])
def test_what_has_settled_lies_in_the_range_and_degrades_to_y(name):
    degradation = LAWFUL[name]
    start = 1.2 * image(1, 3, *sides(degradation), seed=1)
    y = degradation(0.8 * image(1, 3, *sides(degradation), seed=2))
    x = degradation.project_into_range(start, y, rounds=30)
    assert x.abs().max() <= 1
    assert distance(degradation(x), y) < (1.5 if isinstance(degradation, Jpeg) else 0.01)
    assert degradation.project_into_range(start, y, rounds=30, out=start) is start
    assert torch.equal(start, x)


PUBLIC = {
    "astronaut": data.astronaut()[128:256, 160:320],
    "coffee": data.coffee()[100:228, 200:360],
    "flower": load_sample_image("flower.jpg")[100:228, 200:360],
}


@pytest.mark.parametrize("quality", [10, 20, 40])
@pytest.mark.parametrize("name", PUBLIC)
def test_coefficients_outlast_a_strong_smoother_and_8_bits(name, quality):
    stream = encode(np.ascontiguousarray(PUBLIC[name]), quality=quality, subsampling="4:2:0")
    file = read_jpeg(stream)
    decoded = np.array(Image.open(io.BytesIO(stream)))
    degradation = Jpeg.from_file(file, margin=1.5)
    y = degradation.observe(file)
    x = torch.from_numpy(decoded).permute(2, 0, 1)[None] / 127.5 - 1
    x = F.avg_pool2d(F.pad(x, (3, 3, 3, 3), mode="reflect"), 7, 1)
    smooth = x.clone()
    x = degradation.project_into_range(x, y)
    assert x.abs().max() <= 1

    def stored(x):
        return ((x[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()

    def recompression_psnr(pixels):
        again = np.asarray(Image.open(io.BytesIO(write_jpeg(pixels, file)))).astype(float)
        return 10 * np.log10(255**2 / max(np.mean((again - decoded) ** 2), 1e-9))

    assert coefficients_kept(stored(smooth), file) < 0.99
    assert coefficients_kept(stored(x), file) >= 0.999
    assert recompression_psnr(stored(x)) > recompression_psnr(stored(smooth)) + 12
