"""JPEG files: the quantised coefficients, tables and sampling of a file, exactly as stored."""

from restore.jpegfile.file import (
    Component,
    JpegFile,
    coefficients_kept,
    read_jpeg,
    write_jpeg,
)
from restore.jpegfile.reader import UnheldError
