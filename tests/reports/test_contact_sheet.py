"""A sheet shows results side by side and counts those that have no room."""

import numpy as np
import pytest

from restore.images import decode
from restore.reports import ContactSheet, make_preview
from tests.support.pages import (
    BLUE,
    GREEN,
    HOSTILE,
    RED,
    failed,
    flat,
    record,
    write_page,
)  # fmt: skip


def test_a_sheet_shows_the_pictures_side_by_side_with_the_detail_below(tmp_path):
    sheet = ContactSheet(str(tmp_path / "sheet.png"))
    sheet.add(record(), make_preview(flat(BLUE), flat(RED), flat(GREEN)))
    sheet.close()
    picture = decode((tmp_path / "sheet.png").read_bytes())
    columns = []
    for colour in (RED, BLUE, GREEN):
        found = np.argwhere((picture.pixels == colour).all(axis=2))
        assert len(found) > 2 * 350 * 200
        columns.append(found[:, 1])
    assert columns[0].max() < columns[1].min()
    assert columns[1].max() < columns[2].min()


def test_a_sheet_has_rows_up_to_a_cap_and_counts_the_rest(tmp_path):
    shown = make_preview(flat(BLUE), flat(RED))

    def height(rows: int) -> int:
        sheet = ContactSheet(str(tmp_path / "sheet.png"))
        for _ in range(rows):
            sheet.add(record(), shown)
        return sheet.image().height

    row = height(2) - height(1)
    assert height(12) == height(1) + 11 * row
    assert height(12) < height(13) < height(12) + row / 4
    assert height(13) == height(20)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (7, 5), (150, 100)])
def test_any_size_and_any_name_can_be_shown(tmp_path, size):
    shown = make_preview(flat(BLUE, *size), flat(9, *size), flat(7, *size))
    for name in (*HOSTILE, "é😀" * 200):
        sheet = ContactSheet(str(tmp_path / "sheet.png"))
        sheet.add(record(input=name), shown)
        sheet.add(failed(input=name))
        sheet.close()
    assert write_page(tmp_path / "report.html", record(), shown).images()["after"].size == size
