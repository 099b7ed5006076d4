"""Kernels by name, from files and from arrays."""

import io
import tracemalloc
from pathlib import Path

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


def npy(header: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode("latin-1")
    size = len(text).to_bytes(2 if version == b"\1\0" else 4, "little")
    return b"\x93NUMPY" + version + size + text + body


class Marking:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def pickled(content: object = None) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([[content]], dtype=object), allow_pickle=True)
    return stream.getvalue()


def test_an_array_of_objects_is_refused_before_it_is_unpickled(tmp_path):
    path, mark = tmp_path / "k.npy", tmp_path / "mark"
    path.write_bytes(pickled(Marking(mark)))
    with pytest.raises(RequestError, match="names no array"):
        make_kernel(path)
    assert not mark.exists()
    np.load(path, allow_pickle=True)
    assert mark.exists()


HEADER = "{'descr': '<f8', 'fortran_order': %s, 'shape': (2, 3), }\n"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0"])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<u2", "|u1", "<i4", "|b1"])
def test_arrays_are_read_as_numpy_writes_them(order, version, dtype, tmp_path):
    k = np.asarray(np.array([[1, 1, 0], [1, 0, 1]]), dtype=dtype, order=order)
    with open(tmp_path / "k.npy", "wb") as file:
        np.lib.format.write_array(file, k, version=(version[0], 0))
    assert np.allclose(make_kernel(tmp_path / "k.npy"), k.astype(float) / 4)


@pytest.mark.parametrize(
    "data",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }", bytes(72)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,3), 5:6}", bytes(72)),
        npy("-" * 9000),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (True, True), }", bytes(8)),
        npy(HEADER % False, np.full(6, 1e308).tobytes()),  # whose sum is infinite
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,3"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,3), '''"),
        npy(HEADER % False, bytes(47)),
        npy("{'descr': '<f9', 'fortran_order': False, 'shape': (1, 1), }", bytes(9)),
        npy("", version=b"\1"),
        b"\x93NUMPY",
    ],
)
def test_arrays_that_nobody_could_use_are_one_sentence_before_any_work(data, tmp_path):
    path = tmp_path / "k.npy"
    path.write_bytes(data)
    with pytest.raises(RequestError, match="the kernel"):
        make_kernel(path)


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


def test_what_is_no_kernel_is_not_read_whole(tmp_path):
    path = tmp_path / "big.npy"
    with open(path, "wb") as file:
        file.truncate(1 << 26)
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match="not an image"):
            make_kernel(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
