"""Formats: the names that are asked for are those of the table's rows that are written."""

from typing import get_args

from restore.formats import WRITTEN, FormatName


def test_every_format_that_is_written_can_be_asked_for():
    assert get_args(FormatName) == ("auto", "same", *WRITTEN)
