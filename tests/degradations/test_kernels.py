"""Kernels by name, from files and from arrays."""

import io

import numpy as np
import pytest
from PIL import Image

from restore.degradations.kernels import make_kernel
from restore.errors import RequestError


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gaussian:1", (9, 9)),
        ("gaussian:0.3", (5, 5)),
        ("box:1", (1, 1)),
        ("box:4", (4, 4)),
        ("disk:2.5", (7, 7)),
        ("motion:9,0", (3, 11)),
        ("motion:9,90", (11, 3)),
    ],
)
def test_kernels_by_name(name, shape):
    k = make_kernel(name)
    assert k.sum() == pytest.approx(1)
    assert k.min() >= 0
    assert k.shape[0] <= shape[0]
    assert k.shape[1] <= shape[1]
    if "box" not in name:
        centre = [(k.sum(axis=1 - axis) * np.arange(k.shape[axis])).sum() for axis in (0, 1)]
        assert centre == pytest.approx([k.shape[0] // 2, k.shape[1] // 2], abs=1e-6)


def test_kernels_have_the_extent_that_their_names_say():
    def spread(k, axis):
        line, at = k.sum(axis=1 - axis), np.arange(k.shape[axis]) - k.shape[axis] // 2
        return np.sqrt((line * at**2).sum())

    assert spread(make_kernel("gaussian:2"), 0) == pytest.approx(2, rel=0.01)
    assert spread(make_kernel("disk:6"), 1) == pytest.approx(6 / 2, rel=0.01)
    assert spread(make_kernel("motion:20,0"), 1) == pytest.approx(20 / 12**0.5, rel=0.02)
    k = make_kernel("motion:20,30")  # counter-clockwise: up on the right
    assert k[: k.shape[0] // 2, k.shape[1] // 2 + 1 :].sum() > 0.4


def test_kernels_come_from_files_and_arrays(tmp_path):
    k = np.array([[0, 0, 0, 0, 0], [0, 1, 2, 0, 0], [0, 0, 3, 4, 0], [0, 0, 0, 0, 0]], np.uint8)
    Image.fromarray(k * 20).save(tmp_path / "k.png")
    np.save(tmp_path / "k.npy", k)
    wanted = k[1:3, 1:4] / 10
    for given in (k, k.astype(float), tmp_path / "k.png", str(tmp_path / "k.npy")):
        assert np.allclose(make_kernel(given), wanted)


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([[{}]], dtype=object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    "kernel",
    [
        "gaussian:0", "gaussian:-1", "gaussian:nan", "gaussian:", "gaussian:1,2", "box:2.5",
        "motion:9", "disk:1000", "swirl:3", "none.png", np.zeros((3, 3)), np.ones(3),
        np.full((2, 2), np.nan), np.ones((600, 600)), np.array([["a"]]),
    ],
)  # fmt: skip
def test_kernels_that_cannot_be_are_refused(kernel):
    with pytest.raises(RequestError):
        make_kernel(kernel)


@pytest.mark.parametrize("data", [b"", b"not an image", pickled(), pickled()[:20]])
def test_kernel_files_that_are_none_are_refused(data, tmp_path):
    path = tmp_path / "k.npy"
    path.write_bytes(data)
    with pytest.raises(RequestError, match="kernel"):
        make_kernel(path)
