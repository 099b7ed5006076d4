"""Metadata: carried, corrected or dropped by one rule, and never worth a picture."""

import struct
import zlib
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from restore.images import Picture, decode, encode, encode_file, read_header
from restore.images.metadata import (
    Metadata,
    Resolution,
    correct_xmp,
    decode_metadata,
    encode_metadata,
    find_iptc,
    resources_with,
)
from tests.support.cases import case

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
XMP = (
    b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
    b'tiff:Orientation="6" xmp:Rating="5"><exif:PixelXDimension>9</exif:PixelXDimension>'
    b"<xmp:Thumbnails><rdf:Alt>abc</rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF>"
    b"</x:xmpmeta>"
)


def picture(**metadata):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    return Picture(pixels, metadata=Metadata(**metadata))


def enlarged(given, factor=2):
    pixels = given.pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    return given.with_pixels(pixels)


def chunk(kind, payload):
    checksum = struct.pack(">I", zlib.crc32(kind + payload))
    return struct.pack(">I", len(payload)) + kind + payload + checksum


# Resolution


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "resolution",
    [Resolution(300, 300), Resolution(204, 98), Resolution(72, 72), Resolution(5, 4, False)],
)
@pytest.mark.parametrize("depth", [8, 16])
def test_a_resolution_goes_to_every_format_in_its_own_way(format, resolution, depth):
    if depth == 16 and format in ("JPEG", "WEBP"):
        return
    made = encode_file(picture(resolution=resolution).at_depth(depth), format)
    assert made.warnings == ()
    again = decode(made.data).metadata.resolution
    assert again.absolute == resolution.absolute
    assert (again.x / again.y) == pytest.approx(resolution.x / resolution.y, rel=1e-3)
    if again.absolute:  # a PNG counts pixels of a metre, whole ones
        assert (again.x, again.y) == pytest.approx((resolution.x, resolution.y), rel=1e-3)


def test_300_dpi_stay_300_dpi_as_other_programs_see_it():
    given = decode(case("05-300-dpi.jpg").read_bytes())
    for format in ("PNG", "JPEG", "TIFF"):
        image = Image.open(BytesIO(encode(given, format)))
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert b"pHYs" + struct.pack(">IIB", 11811, 11811, 1) in encode(given, "PNG")


def test_a_turned_picture_has_its_resolution_turned():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = BytesIO()
    Image.new("L", (9, 4)).save(file, "JPEG", dpi=(204, 98), exif=exif)
    assert decode(file.getvalue()).metadata.resolution == Resolution(98, 204)


@pytest.mark.parametrize("x", [0, -1, float("nan"), 1e30, None])
def test_a_resolution_that_cannot_be_is_none(x):
    from restore.images.metadata import make_resolution

    assert make_resolution(x, 300, 0.0254) is None


# EXIF


def test_exif_speaks_of_the_picture_that_is_written():
    given = decode(case("04-exif-size-and-turn.jpg").read_bytes())
    assert given.size == (96, 128)
    for made, size in ((given, (96, 128)), (enlarged(given), (192, 256))):
        exif = Image.open(BytesIO(encode(made, "JPEG"))).getexif()
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        found = inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]
        assert found == size
        assert ExifTags.Base.Orientation not in exif


def test_what_lies_at_a_place_of_another_grid_is_corrected_or_left_out():
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.SubjectLocation: (3, 4),
        ExifTags.Base.FocalPlaneXResolution: 100.0,
        ExifTags.Base.FocalPlaneYResolution: 50.0,
    }
    for orientation, expected in ((1, (200.0, 100.0)), (6, (100.0, 200.0))):
        exif[ExifTags.Base.Orientation] = orientation
        file = BytesIO()
        Image.new("RGB", (9, 4)).save(file, "JPEG", exif=exif)
        made = enlarged(decode(file.getvalue()))
        inner = Image.open(BytesIO(encode(made, "JPEG"))).getexif().get_ifd(ExifTags.IFD.Exif)
        assert ExifTags.Base.SubjectLocation not in inner
        names = ExifTags.Base.FocalPlaneXResolution, ExifTags.Base.FocalPlaneYResolution
        assert tuple(float(inner[name]) for name in names) == expected


@pytest.mark.parametrize("tag", range(512, 533))
def test_tags_that_lay_out_the_pixels_of_one_file_reach_no_other(tag):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[tag] = 7
    file = BytesIO()
    Image.new("RGB", (9, 4)).save(file, "PNG", exif=exif)
    for format in FORMATS:
        again = Image.open(BytesIO(encode(decode(file.getvalue()), format))).getexif()
        assert again[ExifTags.Base.Make] == "Maker"
        assert tag not in again or format == "TIFF"


def test_exif_that_holds_no_tag_is_no_garbage():
    given = decode(case("24-empty-exif.jpg").read_bytes())
    assert (given.exif, given.warnings) == (None, ())


@pytest.mark.parametrize(
    "block", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", b"Exif\0\0\0\0"]
)
def test_empty_exif_comes_in_many_ways(block):
    file = BytesIO()
    Image.new("RGB", (9, 4)).save(file, "JPEG", exif=block)
    assert decode(file.getvalue()).warnings == ()


def test_a_long_maker_s_note_costs_no_picture():
    made = encode_file(decode(case("22-long-exif.png").read_bytes()), "JPEG")
    (warning,) = made.warnings
    assert "maker's note" in warning
    assert decode(made.data).exif


# XMP, IPTC, comments, texts


@pytest.mark.parametrize("format", FORMATS)
def test_xmp_iptc_and_the_comment_go_where_there_is_a_place(format):
    given = decode(case("06-xmp-iptc-comment.jpg").read_bytes())
    assert given.metadata.xmp
    assert given.metadata.iptc
    assert given.metadata.comment
    made = encode_file(given, format)
    again = decode(made.data).metadata
    lost = " ".join(made.warnings)
    assert again.xmp == given.metadata.xmp
    assert (again.iptc == given.metadata.iptc) == (format != "WEBP") == ("IPTC" not in lost)
    kept = again.comment or dict(again.texts).get("Comment", "").encode()
    assert (
        (kept == given.metadata.comment) == (format in ("PNG", "JPEG")) == ("comment" not in lost)
    )


def test_nothing_of_anybody_is_left_where_it_is_stripped():
    given = decode(case("06-xmp-iptc-comment.jpg").read_bytes())
    given = replace(given, metadata=replace(given.metadata, resolution=Resolution(300, 300)))
    for format in FORMATS:
        again = decode(encode(given, format, strip=True)).metadata
        assert (again.xmp, again.iptc, again.comment, again.texts) == (None, None, None, ())
        assert again.resolution.x == pytest.approx(300, abs=0.1)


def test_xmp_speaks_of_the_picture_that_is_written_and_holds_no_other():
    found = correct_xmp(XMP, (192, 256))
    assert b'tiff:Orientation="1"' in found
    assert b"<exif:PixelXDimension>192<" in found
    assert b'xmp:Rating="5"' in found
    assert b"Thumbnails" not in found
    assert decode(encode(picture(xmp=XMP), "WEBP")).metadata.xmp == correct_xmp(XMP, (9, 12))


def test_iptc_is_found_among_photoshop_s_resources():
    other = b"8BIM\x04\x0c\x03abc\0\0\0\x03xyz\0"
    assert find_iptc(other + resources_with(b"odd") + other) == b"odd"
    for damaged in (b"", b"8BIM", other[:9], b"8BIM\x04\x04\0\0\xff\xff\xff\xff"):
        assert find_iptc(damaged) is None


@pytest.mark.parametrize("text", ["plain", "Grüße", "写真", ""])
def test_texts_of_a_png_stay_in_a_png_and_are_named_where_they_cannot(text):
    given = picture(texts=(("Title", text), ("Software", "x")))
    assert decode(encode(given, "PNG")).metadata.texts == given.metadata.texts
    (warning,) = encode_file(given, "WEBP").warnings
    assert warning == "WEBP has no place for text (Title), which was dropped"
    assert encode_file(picture(texts=(("Software", "x"),)), "JPEG").warnings == ()


def test_a_second_part_of_xmp_is_named():
    data = encode(picture(), "JPEG")
    body = b"http://ns.adobe.com/xmp/extension/\0" + bytes(99)
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    assert "second part of its XMP" in decode(data[:2] + segment + data[2:]).warnings[0]


# The meaning of colours

LINEAR = (b"gAMA", struct.pack(">I", 100000))
WIDE = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
NARROW = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
PQ = (b"cICP", b"\x09\x10\0\1")


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("chunks", [(LINEAR,), (WIDE, LINEAR), (PQ,), ((b"sRGB", b"\0"),)])
def test_what_colours_mean_is_written_again(chunks, depth):
    again = decode(encode(picture(colours=chunks).at_depth(depth), "PNG"))
    assert sorted(again.metadata.colours) == sorted(chunks)


def test_linear_light_stays_linear_light():
    given = decode(case("07-linear-light.png").read_bytes())
    assert b"gAMA" + struct.pack(">I", 100000) in encode(given, "PNG")
    (warning,) = encode_file(given, "JPEG").warnings
    assert "gAMA" in warning


@pytest.mark.parametrize(
    ("chunks", "named"),
    [((LINEAR,), True), ((WIDE,), True), ((PQ,), True),
     ((NARROW, (b"gAMA", struct.pack(">I", 45455))), False),
     (((b"sRGB", b"\0"), LINEAR), False), (((b"cICP", b"\1\x0d\0\1"),), False)],
)  # fmt: skip
def test_a_format_that_cannot_say_it_is_a_warning_unless_it_is_srgb(chunks, named):
    for format in ("JPEG", "WEBP", "TIFF"):
        assert bool(encode_file(picture(colours=chunks), format).warnings) == named


def test_the_colours_of_an_avif_are_said_in_a_png():
    from PIL import features

    if not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    file = BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, "AVIF", quality=90)
    data = file.getvalue()
    at = data.index(b"nclx") + 4
    assert decode(data).metadata.colours == ()
    wide = data[:at] + struct.pack(">HH", 9, 16) + data[at + 4 :]
    assert decode(wide).metadata.colours == (PQ,)


# Maps


def test_a_map_covers_the_same_ground_when_it_is_enlarged():
    given = decode(case("03-geotiff.tif").read_bytes())
    for made, scale in ((given, 0.5), (enlarged(given), 0.25)):
        tags = tifffile.TiffFile(BytesIO(encode(made, "TIFF"))).pages[0].tags
        assert tags[33550].value == (scale, scale, 0)
        before = tifffile.TiffFile(case("03-geotiff.tif")).pages[0].tags
        assert tags[33922].value == before[33922].value
        assert tags[34735].value == before[34735].value
    (warning,) = encode_file(given, "PNG").warnings
    assert "GeoTIFF" in warning


@pytest.mark.parametrize("point", [False, True])
def test_pixels_stay_where_they_are_on_the_ground(point):
    """Whatever a place on the ground was, by scale and tie point or by a matrix, it is again."""
    keys = (1, 1, 0, 1, 1025, 0, 1, 2 if point else 1)
    a, b, d, e, east, north = 3.0, 0.5, -0.25, -2.0, 1000.0, 2000.0
    matrix = (a, b, 0, east, d, e, 0, north, 0, 0, 0, 0, 0, 0, 0, 1)
    half = 0.0 if point else 0.5  # where the first pixel's centre is

    def ground(tags, column, row):
        m = dict(tags)[34264]
        return m[0] * column + m[1] * row + m[3], m[4] * column + m[5] * row + m[7]

    before = Metadata(geotiff=((34735, keys), (34264, matrix)))
    after = before.scaled(2.0, 4.0).geotiff
    corner = half - 0.5
    for column, row in ((0, 0), (3, 5)):  # corners of pixels, which are corners again
        old = ground(before.geotiff, column + corner, row + corner)
        new = ground(after, 2 * column + corner, 4 * row + corner)
        assert new == pytest.approx(old)
    tied = Metadata(geotiff=((34735, keys), (33922, (3 + corner, 5 + corner, 0, 7, 8, 0))))
    assert dict(tied.scaled(2.0, 4.0).geotiff)[33922] == (6 + corner, 20 + corner, 0, 7, 8, 0)


def test_a_camera_s_model_of_a_satellite_is_scaled():
    rpc = tuple(float(n) for n in range(92))
    (found,) = (v for _, v in Metadata(geotiff=((50844, rpc),)).scaled(2.0, 3.0).geotiff)
    assert found[:9] == (0, 1, 6, 6, 4, 5, 6, 21, 16)
    assert found[9:] == rpc[9:]


def test_the_place_of_a_map_reaches_no_exif():
    exif = Image.open(BytesIO(encode(decode(case("03-geotiff.tif").read_bytes()), "PNG"))).getexif()
    assert not {33550, 33922, 34735} & set(exif)


def test_layers_of_photoshop_are_dropped_with_a_sentence():
    file = BytesIO()
    layers = b"Adobe Photoshop Document Data Block\0" + bytes(5000)
    tifffile.imwrite(
        file, picture().pixels, photometric="rgb", extratags=[(37724, 7, len(layers), layers, True)]
    )
    given = decode(file.getvalue())
    assert "layers" in given.warnings[0]
    assert len(encode(given, "TIFF")) < 4000


# What XMP says alone


def with_orientation(format, turn, form="attribute"):
    text = {"attribute": b'<rdf:Description tiff:Orientation="%d"/>' % turn,
            "element": b"<tiff:Orientation>%d</tiff:Orientation>" % turn}[form]  # fmt: skip
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + text + b"</x:xmpmeta>"
    file = BytesIO()
    image = Image.fromarray(picture().pixels)
    options = {"TIFF": {"tiffinfo": {700: packet}}, "PNG": {}}.get(format, {"xmp": packet})
    image.save(file, format, **options)
    data = file.getvalue()
    if format == "PNG":
        body = b"XML:com.adobe.xmp\0\0\0\0\0" + packet
        data = data[:33] + chunk(b"iTXt", body) + data[33:]
    return data


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("form", ["attribute", "element"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_picture_is_turned_as_xmp_says_where_exif_says_nothing(format, turn, form):
    data = with_orientation(format, turn, form)
    made = decode(data)
    assert made.size == read_header(data).size == ((9, 12) if turn < 5 else (12, 9))
    seen = decode(with_orientation(format, 1, form)).pixels
    expected = {1: seen, 3: seen[::-1, ::-1], 6: np.rot90(seen, -1), 8: np.rot90(seen)}[turn]
    assert np.array_equal(made.pixels, expected)
    again = decode(encode(made, "PNG"))
    assert np.array_equal(again.pixels, made.pixels)  # turned once


def test_exif_is_believed_before_xmp():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    file = BytesIO()
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    Image.new("L", (9, 4)).save(file, "JPEG", exif=exif, xmp=packet)
    assert decode(file.getvalue()).size == read_header(file.getvalue()).size == (9, 4)


# As JSON


WHOLE = Metadata(
    Resolution(300.0, 150.0),
    b"<x/>",
    b"\x1c\x02\x78\0\x05words",
    b"a comment \xff",
    (("Title", "words"), ("Author", "写真")),
    ((b"gAMA", (100000).to_bytes(4, "big")),),
    ((33550, (0.5, 0.5, 0.0)), (34737, "map|")),
)


@pytest.mark.parametrize("given", [WHOLE, Metadata(), Metadata(Resolution(5.0, 4.0, False))])
def test_metadata_go_through_json_and_back(given):
    assert decode_metadata(encode_metadata(given)) == given


@pytest.mark.parametrize(
    "text",
    [
        "[]", "3", "{", '{"xmp": "%"}', '{"xmp": 3}', '{"resolution": [1]}', '{"texts": [3]}',
        '{"colours": [["tEXt", ""]]}', '{"colours": [[3, ""]]}', '{"geotiff": [[1, "a"]]}',
        '{"geotiff": [[33550, [NaN]]]}', '{"geotiff": [[33550, 3]]}',
    ],
)  # fmt: skip
def test_what_is_no_metadata_is_refused(text):
    with pytest.raises((ValueError, TypeError, KeyError)):
        decode_metadata(text)
