"""The coefficients of a JPEG file are read exactly, or a sentence says why not."""

import contextlib
import io
import itertools
import random

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.errors import ImageError, RequestError
from restore.jpegfile import coefficients_kept, huffman, passes, read_jpeg, write_jpeg

CAT = data.chelsea()
DCT = np.sqrt(np.where(np.arange(8) == 0, 1, 2) / 8)[:, None] * np.cos(
    np.arange(8)[:, None] * (2 * np.arange(8) + 1) * np.pi / 16
)


def encode(pixels, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def crop(height, width):
    return np.ascontiguousarray(CAT[60 : 60 + height, 100 : 100 + width])


def plane(component):
    """The samples that the coefficients stand for."""
    c = component.coefficients * component.table.astype(float)
    samples = np.einsum("un,rcuv,vm->rncm", DCT, c, DCT) + 128
    rows, _, columns, _ = samples.shape
    return np.clip(samples.reshape(8 * rows, 8 * columns), 0, 255)


def equal(a, b):
    return all(
        np.array_equal(p.coefficients, q.coefficients)
        for p, q in zip(a.components, b.components, strict=True)
    )


def flat(factors, width, height):
    """A JPEG file whose every block is "00", no DC difference and no AC, made by hand."""
    components = b"".join(bytes([n, v | u << 4, 0]) for n, (v, u) in enumerate(factors, 1))
    code = bytes([1]) + bytes(15) + b"\0"
    tall, wide = (max(side) * 8 for side in zip(*factors, strict=True))
    mcus = -(-width // wide) * -(-height // tall)
    bits = 2 * mcus * sum(v * u for v, u in factors)
    frame = b"\x08" + height.to_bytes(2) + width.to_bytes(2) + bytes([len(factors)]) + components
    selectors = b"".join(bytes([n, 0]) for n in range(1, len(factors) + 1))
    parts = [
        (0xDB, b"\0" + bytes([2]) * 64),
        (0xC0, frame),
        (0xC4, b"\0" + code + b"\x10" + code),
        (0xDA, bytes([len(factors)]) + selectors + b"\0\x3f\0"),
    ]
    segments = [bytes([255, m]) + (len(body) + 2).to_bytes(2) + body for m, body in parts]
    return b"\xff\xd8" + b"".join(segments) + bytes(-(-bits // 8)) + b"\xff\xd9"


@pytest.mark.parametrize("quality", [3, 25, 75, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0", "grey"])
def test_coefficients_are_those_that_the_decoder_shows(subsampling, quality):
    grey = subsampling == "grey"
    pixels = crop(75, 93)
    options = {} if grey else {"subsampling": subsampling}
    stream = encode(pixels[..., 0] if grey else pixels, quality=quality, **options)
    file = read_jpeg(stream)
    half = subsampling == "4:2:0"
    for n, component in enumerate(file.components):
        shown = Image.open(io.BytesIO(stream))
        if not grey:
            shown.draft("YCbCr", (46, 37) if half and n else None)
        decoded = np.asarray(shown).reshape(*shown.size[::-1], -1)[..., n]
        h, w = decoded.shape
        assert component.sampling == ((2, 2) if half and n else (1, 1))
        assert np.abs(plane(component)[:h, :w] - decoded).max() < 1.01  # islow's own rounding


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (61, 47), (100, 170)])
def test_every_way_of_coding_gives_the_same_coefficients(size, subsampling):
    pixels = crop(*size)
    for quality in (10, 95):
        plain = read_jpeg(encode(pixels, quality=quality, subsampling=subsampling))
        for options in (
            {"optimize": True},
            {"progressive": True},
            {"restart_marker_blocks": 1},
            {"restart_marker_rows": 1},
            {"progressive": True, "restart_marker_blocks": 3},
        ):
            stream = encode(pixels, quality=quality, subsampling=subsampling, **options)
            assert equal(read_jpeg(stream), plain), options


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_where_the_data_are_cut_into_chunks_makes_no_difference(options, monkeypatch):
    stream = encode(crop(120, 150), quality=90, **options)
    whole = read_jpeg(stream)
    monkeypatch.setattr(huffman, "CHUNK", 500)
    assert equal(read_jpeg(stream), whole)


def test_flat_and_clipped_blocks_are_exact_too():
    white = np.full((32, 48, 3), 255, np.uint8)
    file = read_jpeg(encode(white, quality=30, subsampling=0))
    luma = file.components[0]
    assert (luma.coefficients[..., 0, 0] == round(8 * 127 / luma.table[0, 0])).all()
    assert np.count_nonzero(luma.coefficients[..., 0, 0]) == np.count_nonzero(luma.coefficients)


def test_blocks_that_reach_past_the_edge_are_unknown():
    file = read_jpeg(encode(crop(43, 88), subsampling="4:2:0"))
    luma, chroma, _ = file.components
    assert file.size == (88, 43)
    assert luma.known.shape == (6, 11)
    assert luma.known[:5].all()
    assert not luma.known[5].any()
    assert chroma.known.shape == (3, 6)
    assert chroma.known[:2, :5].all()
    assert chroma.known.sum() == 10
    assert file.edges == ("Y", "Cb", "Cr")
    assert not read_jpeg(encode(crop(32, 64))).edges


@pytest.mark.parametrize(
    ("factors", "samplings"),
    [
        ([(2, 1), (1, 1), (1, 1)], [(1, 1), (2, 1), (2, 1)]),
        ([(1, 4), (1, 1), (1, 1)], [(1, 1), (1, 4), (1, 4)]),
        ([(2, 2), (1, 2), (1, 1)], [(1, 1), (2, 1), (2, 2)]),
        ([(2, 2)], [(1, 1)]),
    ],
)
def test_any_whole_sampling_is_read(factors, samplings):
    file = read_jpeg(flat(factors, 64, 32))
    assert [component.sampling for component in file.components] == samplings
    assert all(component.known.all() for component in file.components)
    assert [component.known.shape for component in file.components] == [
        (4 // v, 8 // u) for v, u in samplings
    ]
    assert 0 <= coefficients_kept(write_jpeg(np.full((32, 64, 3), 128, np.uint8), file), file) <= 1


def test_a_broken_sampling_ratio_stays_unconstrained():
    file = read_jpeg(flat([(1, 3), (1, 2), (1, 1)], 48, 16))
    assert [component.known.all() for component in file.components] == [True, False, True]
    assert "broken ratio" in file.notes[0]


def test_a_file_of_red_green_and_blue_stays_unconstrained():
    file = read_jpeg(encode(crop(32, 32), keep_rgb=True))
    assert not any(component.known.any() for component in file.components)
    assert "R, G and B" in file.notes[0]
    assert coefficients_kept(write_jpeg(crop(32, 32), file), file) == 1.0


def test_a_progressive_file_without_its_last_bits_stays_unconstrained():
    stream = encode(crop(64, 64), progressive=True, quality=80)
    cut = read_jpeg(stream[: stream.rindex(b"\xff\xda")] + b"\xff\xd9")
    assert not cut.components[0].known.any()  # the last scan refines luma
    assert cut.components[1].known.all()
    assert "last bits" in cut.notes[0]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_file_cut_short_is_refused(options):
    stream = encode(crop(96, 96), **options)
    start = stream.index(b"\xff\xda")
    for part in (0.1, 0.5, 0.9):
        with pytest.raises(ImageError, match="damaged"):
            read_jpeg(stream[: start + int(part * (len(stream) - start))])


def test_what_is_no_jpeg_file_of_8_bits_is_refused_by_its_name():
    stream = encode(crop(16, 16))
    frame = stream.index(b"\xff\xc0")

    def patched(offset, value):
        return stream[: frame + offset] + bytes([value]) + stream[frame + offset + 1 :]

    for marker, name in ((0xC3, "lossless"), (0xC9, "arithmetic"), (0xC5, "hierarchical")):
        with pytest.raises(ImageError, match=name):
            read_jpeg(patched(1, marker))
    with pytest.raises(ImageError, match="12 bits"):
        read_jpeg(patched(4, 12))
    cmyk = io.BytesIO()
    Image.new("CMYK", (16, 16)).save(cmyk, "JPEG")
    with pytest.raises(ImageError, match="CMYK"):
        read_jpeg(cmyk.getvalue())
    with pytest.raises(ImageError, match="65535×65535 pixels do not fit"):
        read_jpeg(stream[: frame + 5] + b"\xff\xff\xff\xff" + stream[frame + 9 :])
    for nothing in (b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n" + bytes(99), stream[:frame]):
        with pytest.raises(ImageError):
            read_jpeg(nothing)


@pytest.mark.parametrize("quality", [20, 100])
def test_intervals_read_at_once_and_one_after_the_other_are_the_same(quality, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    for blocks in (1, 3, 100):
        stream = encode(noise, quality=quality, restart_marker_blocks=blocks)
        monkeypatch.setattr(passes, "SHORT", 1 << 16)
        at_once = read_jpeg(stream)
        monkeypatch.setattr(passes, "SHORT", 0)
        assert equal(read_jpeg(stream), at_once)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_damage_is_an_image_error_or_goes_unseen(options):
    stream = encode(crop(40, 40), quality=60, **options)
    for seed in range(150):
        chance = random.Random(seed)
        bad = bytearray(stream)
        for _ in range(chance.randint(1, 5)):
            bad[chance.randrange(2, len(bad))] = chance.randrange(256)
        with contextlib.suppress(ImageError):
            read_jpeg(bytes(bad))


def test_written_files_have_the_tables_and_the_sampling_of_the_file():
    for subsampling, quality in itertools.product(("4:4:4", "4:2:2", "4:2:0"), (1, 50, 100)):
        pixels = crop(48, 64)
        file = read_jpeg(encode(pixels, quality=quality, subsampling=subsampling))
        data = write_jpeg(pixels, file)
        again = read_jpeg(data)
        for a, b in zip(file.components, again.components, strict=True):
            assert np.array_equal(a.table, b.table)
            assert a.sampling == b.sampling
        assert equal(file, again)
        assert coefficients_kept(data, file) == 1.0
        assert coefficients_kept(write_jpeg(255 - pixels, file), file) < 1.0


def test_a_grey_file_is_compared_by_its_luma():
    pixels = crop(48, 64)[..., 1]
    file = read_jpeg(encode(pixels, quality=40))
    for some in (pixels, np.repeat(pixels[..., None], 3, axis=2)):
        assert coefficients_kept(write_jpeg(some, file), file) == 1.0


def test_pixels_that_do_not_fit_the_file_are_refused():
    file = read_jpeg(encode(crop(16, 24)))
    for pixels in (np.zeros((24, 16, 3), np.uint8), np.zeros((16, 24, 3), np.float32)):
        with pytest.raises(RequestError, match="do not fit"):
            write_jpeg(pixels, file)
