"""A page needs nothing else, says all and shows the true pixels."""

import re
import tracemalloc

import numpy as np
import pytest

from restore.errors import ResourceError
from restore.images import Picture
from restore.reports import Page, make_preview
from restore.reports.describe import flatten_record
from tests.support.pages import (
    BLUE,
    GREEN,
    HOSTILE,
    RED,
    Read,
    failed,
    flat,
    noise,
    record,
    write_page,
)  # fmt: skip


def test_a_page_needs_nothing_but_itself(path):
    many = Page(str(path), several=True)
    for _ in range(2):
        many.add(record(), make_preview(flat(BLUE), flat(RED), flat(GREEN)))
    many.close({"ok": 2, "seconds": 1.0})
    read = Read(path)
    for tag, attributes in read.elements:
        assert (
            tag not in ("link", "iframe", "object", "embed") or attributes.get("href") == "data:,"
        )
        for name, value in attributes.items():
            if name in ("src", "href", "srcset", "action", "poster", "data"):
                assert (value or "").startswith("data:"), (tag, name, value)
    page = path.read_text()
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp", page)
    policy = next(a["content"] for a in read.all("meta") if a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_the_page_says_every_value_of_the_record(path):
    given = record()
    read = write_page(path, given, make_preview(flat(BLUE), flat(RED)))
    assert {name for name, _ in flatten_record(given.as_dict())} > {
        "nfe",
        "metrics.ssim",
        "size_in",
        "warnings.2",
    }
    for name, value in flatten_record(given.as_dict()):
        assert name in read.words
        assert value in read.words, name
    for figure in ("27.82 dB", "0.7824", "61×43"):
        assert figure in read.text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_and_messages_are_text_and_never_markup(path, name):
    page = Page(str(path), several=True)
    page.add(record(input=name, output=name, warnings=(name,)), make_preview(flat(BLUE), flat(RED)))
    page.add(failed(input=name, error={"type": name, "message": name, "stage": name}))
    failures = [{"kind": name, "count": 1, "example": name}]
    page.close({"ok": 1, "failed": 1, "seconds": 1.0, "failures": failures})
    read = Read(path)
    assert [len(read.all(tag)) for tag in ("script", "b")] == [1, 6]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    assert sum(shown in words for words in read.words) >= 8


def test_small_pictures_are_shown_to_the_last_bit(path):
    before, after, clean = (noise(61, 43, seed) for seed in range(3))
    images = write_page(path, record(), make_preview(after, before, clean)).images()
    for name, picture in {"before": before, "after": after, "reference": clean}.items():
        np.testing.assert_array_equal(np.asarray(images[name].convert("RGB")), picture.pixels)


def test_a_large_picture_has_a_detail_to_the_last_bit_where_most_changed(path):
    before = noise(2000, 1200)
    pixels = before.pixels.copy()
    pixels[700:900, 1500:1700] = 0
    shown = make_preview(Picture(pixels), before)
    left, top, right, bottom = shown.box
    assert (right - left, bottom - top) == (400, 400)
    assert left <= 1501
    assert right >= 1699
    assert top <= 701
    assert bottom >= 899
    np.testing.assert_array_equal(shown.detail["after"], pixels[top:bottom, left:right])
    np.testing.assert_array_equal(shown.detail["before"], before.pixels[top:bottom, left:right])
    read = write_page(path, record(), shown)
    assert len([a for a in read.all("div") if a.get("role") == "slider"]) == 2
    assert max(a.size[0] for a in read.images().values()) == 1600


def test_a_page_of_many_tells_how_each_ended(path):
    page = Page(str(path), several=True)
    page.add(record(), make_preview(flat(BLUE), flat(RED)))
    page.add(failed(input="bad.jpg"))
    page.add(record(status="skipped", input="old.jpg", warnings=("the output exists",), metrics={}))
    page.close({"ok": 1, "skipped": 1, "failed": 1, "seconds": 3.25, "failures": [
        {"kind": "reading: cut short", "count": 1, "example": "bad.jpg"}]})  # fmt: skip
    read = Read(path)
    assert [a["data-status"] for a in read.all("li") if "data-status" in a] == [
        "ok", "failed", "skipped",
    ]  # fmt: skip
    assert "reading: the JPEG is <truncated>" in read.words
    assert "the output exists" in read.words
    assert "1 × reading: cut short (first: bad.jpg)" in read.text
    assert "3.2 s" in read.words


def test_a_page_that_is_full_goes_on_with_thumbnails_and_then_with_names(path):
    page = Page(str(path), several=True, shown=30_000, listed=60_000)
    for number in range(40):
        page.add(record(input=f"{number}.jpg"), make_preview(noise(61, 43), flat(RED, 61, 43)))
    page.close({"ok": 40, "seconds": 1.0})
    read = Read(path)
    assert path.stat().st_size < 200_000
    assert all(f"{number}.jpg" in read.words for number in range(40))
    assert len(read.all("li")) >= 40
    sentences = [words for words in read.words if "the page is full" in words]
    assert [" ".join(s.split()[1:6]) for s in sentences] == [
        "pictures are without previews: the", "pictures are without thumbnails: the",
    ]  # fmt: skip


def test_a_page_is_there_whole_or_not_at_all(path, monkeypatch):
    path.write_text("before")
    page = Page(str(path), several=False)
    page.add(record())
    assert path.read_text() == "before"
    page = Page(str(path), several=False)
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(page._spool, "write", lambda data: (_ for _ in ()).throw(full))
    page.add(record())
    with pytest.raises(ResourceError, match="No space left"):
        page.close()
    assert path.read_text() == "before"
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_page_of_many_pictures_is_never_whole_in_memory(path):
    page = Page(str(path), several=True, shown=2**40)
    shown = make_preview(noise(400, 400), noise(400, 400, 1))
    page.add(record(), shown)
    tracemalloc.start()
    try:
        for _ in range(12):
            page.add(record(), shown)
        page.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 15e6
    assert peak < 8e6
