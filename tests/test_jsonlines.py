"""Lines of JSON are added in one piece, and what is no line of ours is passed over."""

import json

import pytest

from restore.errors import ResourceError
from restore.jsonlines import JsonLines, parse_json, read_json_lines, to_json


def test_lines_come_back_in_order_and_a_torn_one_is_passed_over(tmp_path):
    path = tmp_path / "deep" / "lines.jsonl"
    lines = JsonLines(path)
    lines.open()
    lines.add({"n": 1, "seconds": float("nan")})
    lines.add({"name": "\udcff\n"})
    lines.close()
    with open(path, "ab") as file:
        file.write(b'{"n": 3, "torn')
    lines.open()
    lines.add({"n": 4})
    lines.sync()
    lines.close()
    assert list(read_json_lines(path)) == [
        {"n": 1, "seconds": None}, {"name": "\udcff\n"}, {"n": 4},
    ]  # fmt: skip
    assert path.read_bytes().isascii()


@pytest.mark.parametrize(
    "line",
    [
        b"", b"null", b"[1]", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}',
        b'{"a": 1' + b"0" * 400 + b"}",
        b'{"a": 1' + b"0" * 5000 + b"}", b"[" * 100_000, b'{"a": "\xff"}', b'{"a": 1',
    ],
)  # fmt: skip
def test_what_no_program_could_use_is_no_line(line):
    assert parse_json(line) is None


def test_numbers_of_ours_come_back_as_they_were():
    value = {"seed": 2**64 - 1, "mtime_ns": 1_764_000_000_123_456_789, "x": 0.1, "e": 1e-300}
    assert parse_json(to_json(value)) == value
    assert json.loads(to_json({"a": [float("inf"), (1, 2)]})) == {"a": [None, [1, 2]]}


def test_a_link_is_not_added_to(tmp_path):
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(ResourceError, match="symbolic link"):
        JsonLines(tmp_path / "link").open()
    with pytest.raises(ResourceError, match="cannot be read"):
        list(read_json_lines(tmp_path / "absent"))
