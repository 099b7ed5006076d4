"""Images: a picture with all that a file carries, in and out.

The one place where ranges change: files and arrays hold integers in [0, 2^depth - 1], networks see
float32 in [-1, 1].
"""

from restore.formats import ENDINGS, check_encodable, format_of, sniff
from restore.images.animation import animate, check_animation
from restore.images.arrays import as_array
from restore.images.decoding import (
    MAX_PIXELS,
    as_picture,
    decode,
    file_bytes,
    is_in_memory,
    read_image,
    read_image_stream,
)
from restore.images.encoding import Encoded, encode, encode_file, loses
from restore.images.header import ImageHeader, read_header
from restore.images.picture import Picture

__all__ = [
    "ENDINGS",
    "MAX_PIXELS",
    "Encoded",
    "ImageHeader",
    "Picture",
    "animate",
    "as_array",
    "as_picture",
    "check_animation",
    "check_encodable",
    "decode",
    "encode",
    "encode_file",
    "file_bytes",
    "format_of",
    "is_in_memory",
    "loses",
    "read_header",
    "read_image",
    "read_image_stream",
    "sniff",
]
