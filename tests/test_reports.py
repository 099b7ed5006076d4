"""Laws of the room `reports`: a page needs nothing else, says all and shows the true pixels."""

import base64
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from restore.errors import ResourceError
from restore.images import Picture, decode
from restore.reports import Page, Sheet, exhibit, proof
from restore.reports.exhibit import most_changed, seen
from restore.reports.words import rows
from tests.support.browser import CHROMIUM, Browser

HOSTILE = ('"><script>alert(1)</script>.png', "a<b>&'.png", "new\nline.png", "\u202eabc\udcff.png")
RED, BLUE, GREEN = (200, 30, 40), (30, 40, 200), (20, 160, 60)


def record(**more: Any) -> dict[str, Any]:
    """A record such as `jpeg` gives."""
    measured = {
        "psnr_input_db": 33.071, "consistency_psnr_db": 61.234, "consistency_exact": False,
        "coefficients_kept": 0.999987, "psnr_db": 27.816, "ssim": 0.78241,
    }  # fmt: skip
    return {
        "schema": 1, "status": "ok", "task": "jpeg", "input": "photos/cup.jpg",
        "output": "out/cup.png", "model": "default", "model_sha256": "55fa44fa", "method": "bcm",
        "mode": "fidelity", "nfe": 4, "seed": 17, "device": "cpu", "dtype": "fp32", "tile": 608,
        "size_in": [61, 43], "size_out": [61, 43], "seconds": 2.336, "metrics": measured,
        "warnings": ["Cb is unconstrained", "mind the <gap>"], "error": None, **more,
    }  # fmt: skip


def failed(**more: Any) -> dict[str, Any]:
    error = {"type": "ImageError", "message": "the JPEG is <truncated>", "stage": "reading"}
    return record(status="failed", error=error, metrics={}, warnings=[], size_out=None, **more)


def flat(colour: Any, width: int = 60, height: int = 40, **more: Any) -> Picture:
    pixels = np.empty((height, width, np.size(colour)), more.pop("dtype", np.uint8))
    pixels[:] = colour
    return Picture(pixels, **more)


def noise(width: int, height: int, seed: int = 0, dtype: Any = np.uint8) -> Picture:
    top = np.iinfo(dtype).max
    return Picture(np.random.default_rng(seed).integers(0, top, (height, width, 3), dtype, True))


class Read(HTMLParser):
    """A page as a parser takes it: its elements, and the text outside style and script."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(path.read_text("utf-8"))
        self.text = " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.words.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def images(self) -> dict[str, Image.Image]:
        """The pictures by their names, the first of each."""
        return {
            attributes["data-name"]: embedded(attributes["src"])
            for attributes in reversed(self.all("img"))
            if "data-name" in attributes
        }


def embedded(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))


def one(path: Path, *arguments: Any) -> Read:
    page = Page(str(path), several=False)
    page.add(*arguments)
    page.close()
    return Read(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def test_a_page_needs_nothing_but_itself(path):
    many = Page(str(path), several=True)
    for _ in range(2):
        many.add(record(), exhibit(flat(BLUE), flat(RED), flat(GREEN)))
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
    read = one(path, given, exhibit(flat(BLUE), flat(RED)))
    assert {name for name, _ in rows(given)} > {"nfe", "metrics.ssim", "size_in", "warnings.2"}
    for name, value in rows(given):
        assert name in read.words
        assert value in read.words, name
    for figure in ("27.82 dB", "0.7824", "61×43"):
        assert figure in read.text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_and_messages_are_text_and_never_markup(path, name):
    page = Page(str(path), several=True)
    page.add(record(input=name, output=name, warnings=[name]), exhibit(flat(BLUE), flat(RED)))
    page.add(failed(input=name) | {"error": {"type": name, "message": name, "stage": name}})
    failures = [{"kind": name, "count": 1, "example": name}]
    page.close({"ok": 1, "failed": 1, "seconds": 1.0, "failures": failures})
    read = Read(path)
    assert [len(read.all(tag)) for tag in ("script", "b")] == [1, 6]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    assert sum(shown in words for words in read.words) >= 8


def test_small_pictures_are_shown_to_the_last_bit(path):
    before, after, clean = (noise(61, 43, seed) for seed in range(3))
    images = one(path, record(), exhibit(after, before, clean)).images()
    for name, picture in {"before": before, "after": after, "reference": clean}.items():
        np.testing.assert_array_equal(np.asarray(images[name].convert("RGB")), picture.pixels)


def test_greys_alpha_and_sixteen_bits_are_shown_right():
    grey = exhibit(flat(77)).whole["after"]
    assert (grey.mode, grey.getpixel((3, 3))) == ("L", 77)
    deep = exhibit(flat((60000, 300, 32896), dtype=np.uint16)).whole["after"]
    assert deep.getpixel((3, 3)) == (233, 1, 128)
    veil = np.full((40, 60), 255, np.uint8)
    veil[:, :30] = 0
    veiled = exhibit(flat(BLUE, alpha=veil)).whole["after"]
    assert (veiled.mode, veiled.getpixel((2, 2))[3], veiled.getpixel((50, 2))) == (
        "RGBA", 0, (*BLUE, 255),
    )  # fmt: skip
    assert exhibit(flat(77, alpha=veil)).whole["after"].mode == "LA"


def test_a_picture_that_is_stored_sideways_is_shown_upright():
    stored = Picture(noise(30, 20).pixels, orientation=6)
    np.testing.assert_array_equal(exhibit(stored).whole["after"], stored.upright().pixels)


def test_colours_are_those_of_the_profile(path):
    """The page's pictures carry no profile, so what a profile says has to be in the pixels."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = exhibit(flat(BLUE, icc=srgb)).whole["after"].getpixel((3, 3))
    assert np.abs(np.subtract(same, BLUE)).max() <= 1
    swapped = bytearray(srgb)  # the tags of red and blue name each other's data
    red, blue = (swapped.index(tag) for tag in (b"rXYZ", b"bXYZ"))
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    other = exhibit(flat(BLUE, icc=bytes(swapped))).whole["after"].getpixel((3, 3))
    assert np.abs(np.subtract(other, BLUE[::-1])).max() <= 2
    assert exhibit(flat(BLUE, icc=b"garbage")).whole["after"].getpixel((3, 3)) == BLUE


def test_large_pictures_are_reduced_like_pillow_does_it():
    large = noise(3001, 1703)
    found = np.asarray(seen(large, (300, 170)), np.int16)
    expected = Image.fromarray(large.pixels).resize((300, 170), Image.Resampling.LANCZOS)
    assert np.abs(found - np.asarray(expected, np.int16)).mean() < 2.5  # of noise: its own is 7
    deep = Picture(large.pixels.astype(np.uint16) * 257)
    np.testing.assert_array_equal(np.asarray(seen(deep, (300, 170))), found)


def test_reducing_takes_no_memory_that_grows_with_the_picture():
    large = Picture(np.zeros((4000, 6000, 3), np.uint16))
    tracemalloc.start()
    try:
        exhibit(large, large)
        assert tracemalloc.get_traced_memory()[1] < 60e6  # the picture has 144 MB
    finally:
        tracemalloc.stop()


def test_a_large_picture_has_a_detail_to_the_last_bit_where_most_changed(path):
    before = noise(2000, 1200)
    pixels = before.pixels.copy()
    pixels[700:900, 1500:1700] = 0
    shown = exhibit(Picture(pixels), before)
    left, top, right, bottom = shown.box
    assert (right - left, bottom - top) == (400, 400)
    assert left <= 1501
    assert right >= 1699
    assert top <= 701
    assert bottom >= 899
    np.testing.assert_array_equal(shown.detail["after"], pixels[top:bottom, left:right])
    np.testing.assert_array_equal(shown.detail["before"], before.pixels[top:bottom, left:right])
    read = one(path, record(), shown)
    assert len([a for a in read.all("div") if a.get("role") == "slider"]) == 2
    assert max(a.size[0] for a in read.images().values()) == 1600


def test_the_smaller_picture_is_enlarged_onto_the_result():
    x, y = np.meshgrid(np.arange(40), np.arange(30))
    given = Picture((np.dstack([x, y, x + y]) * 3).astype(np.uint8))
    large = Image.fromarray(given.pixels).resize((2000, 1500), Image.Resampling.BICUBIC)
    after = Picture(np.asarray(large).copy())
    shown = exhibit(after, given, after)
    for pictures in (shown.whole, shown.detail):
        a, b = (np.asarray(pictures[name], np.int16) for name in ("before", "after"))
        assert np.abs(a - b).max() <= 2
    assert shown.psnr_before_db > 45


def test_the_region_that_changed_most_is_found_by_hand():
    a = np.zeros((20, 30, 3), np.uint8)
    b = a.copy()
    b[12, 25] = 9
    left, top, right, bottom = most_changed(Image.fromarray(a), Image.fromarray(b), (5, 4))
    assert left <= 25 < right
    assert top <= 12 < bottom
    assert most_changed(Image.fromarray(a), Image.fromarray(a), (10, 10)) == (10, 5, 20, 15)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "tables of the given file, and compared with the given one: 99.9987 % of the known "
             "DCT coefficients are equal, and they agree to 61.23 dB, a root mean square "
             "difference of 0.22 in 255."),
        ({"metrics": {"consistency_psnr_db": None, "consistency_exact": True,
                      "coefficients_kept": 1.0}}, "100 % of the known DCT coefficients are"),
        ({"metrics": {"consistency_psnr_db": None, "consistency_exact": False}}, "Nothing holds"),
        ({"task": "superres", "size_in": [15, 10],
          "metrics": {"consistency_psnr_db": 70.0, "consistency_exact": False}},
         "shrunk again to 15×10 pixels, by Pillow's bicubic, and compared with the given one: "
         "they agree to 70.00 dB"),
        ({"task": "inpaint", "metrics": {"known_max_error": 0}}, "last bit; largest error 0"),
        ({"task": "inpaint", "metrics": {"known_max_error": 3}}, "some changed; largest error 3"),
        ({"task": "reconstruct", "metrics": {"round_trip_psnr_db": 28.66}}, "back at 28.66 dB"),
        ({"task": "generate", "metrics": {}}, "noise alone"),
        ({"task": "denoise", "metrics": {"sigma": 25.0, "residual_sigma": 24.312,
          "consistency_psnr_db": None, "consistency_exact": False}},
         "deviation of 24.312 levels in 255; the noise was taken to have 25."),
        ({"task": "deblur", "metrics": {"sigma": 2.0, "residual_sigma": 1.9,
          "consistency_psnr_db": 42.5, "consistency_exact": False}},
         "blurred again, with the kernel, and compared with the given one: they agree to 42.50 dB, "
         "a root mean square difference of 1.9 in 255, its noise being taken to be 2."),
        ({"status": "failed"}, ""),
    ],
)  # fmt: skip
def test_the_proof_is_one_sentence_with_its_numbers(more, words):
    found = proof(record(**more))
    assert words in found
    assert bool(words) == bool(found)


def test_nearly_all_coefficients_are_never_called_all():
    assert "99.9999 %" in proof(record(metrics={"coefficients_kept": 0.99999999, **NEAR}))


NEAR = {"consistency_psnr_db": 80.0, "consistency_exact": False}


def test_a_page_of_many_tells_how_each_ended(path):
    page = Page(str(path), several=True)
    page.add(record(), exhibit(flat(BLUE), flat(RED)))
    page.add(failed(input="bad.jpg"))
    page.add(record(status="skipped", input="old.jpg", warnings=["the output exists"], metrics={}))
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
        page.add(record(input=f"{number}.jpg"), exhibit(noise(61, 43), flat(RED, 61, 43)))
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
    page.drop()
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
    shown = exhibit(noise(400, 400), noise(400, 400, 1))
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


def test_a_sheet_shows_the_pictures_side_by_side_with_the_detail_below(tmp_path):
    sheet = Sheet(str(tmp_path / "sheet.png"))
    sheet.add(record(), exhibit(flat(BLUE), flat(RED), flat(GREEN)))
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
    shown = exhibit(flat(BLUE), flat(RED))

    def height(rows: int) -> int:
        sheet = Sheet(str(tmp_path / "sheet.png"))
        for _ in range(rows):
            sheet.add(record(), shown)
        return sheet.image().height

    row = height(2) - height(1)
    assert height(12) == height(1) + 11 * row
    assert height(12) < height(13) < height(12) + row / 4
    assert height(13) == height(20)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (7, 5), (150, 100)])
def test_any_size_and_any_name_can_be_shown(tmp_path, size):
    shown = exhibit(flat(BLUE, *size), flat(9, *size), flat(7, *size))
    for name in (*HOSTILE, "é😀" * 200):
        sheet = Sheet(str(tmp_path / "sheet.png"))
        sheet.add(record(input=name), shown)
        sheet.add(failed(input=name))
        sheet.close()
    assert one(tmp_path / "report.html", record(), shown).images()["after"].size == size


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def complaints(browser: Browser) -> list[Any]:
    """What the page asked for beyond itself, and what went wrong in it."""
    found = []
    for event in browser.events:
        params = event.get("params", {})
        url = params.get("request", {}).get("url", "data:")
        if not url.startswith(("data:", "file:")) or "exceptionDetails" in params:
            found.append(params)
        if event.get("method") == "Log.entryAdded":
            found.append(params)
    return found


def now(browser: Browser) -> int:
    value = browser.value("document.querySelector('[role=slider]').getAttribute('aria-valuenow')")
    return int(value)


def test_in_a_browser_the_divider_is_dragged_between_the_pictures(browser, path, tmp_path):
    one(path, record(), exhibit(flat(BLUE), flat(RED), flat(GREEN)))
    browser.open(path.as_uri())
    box = browser.place(".view")
    middle = box["y"] + box["height"] / 2

    def colours() -> list[tuple[int, ...]]:
        """Those left and right of the middle, at a quarter of the height from the bottom."""
        image = Image.open(browser.screenshot(tmp_path / "shot.png")).convert("RGB")
        y = box["y"] + box["height"] * 0.85
        return [image.getpixel((int(box["x"] + box["width"] * s), int(y))) for s in (0.1, 0.4, 0.9)]

    assert now(browser) == 50
    assert colours() == [RED, RED, BLUE]
    grip = browser.place("[role=slider]")
    browser.drag(grip["x"] + grip["width"] / 2, middle, box["x"] + box["width"] * 0.25, middle)
    assert now(browser) == 25
    assert colours() == [RED, BLUE, BLUE]
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    browser.swipe(box["x"] + box["width"] * 0.5, middle, box["x"] + box["width"] * 0.6)
    assert now(browser) == 60
    browser.value("document.querySelector('[role=slider]').focus()")
    for key, expected in (("ArrowRight", 62), ("PageDown", 52), ("End", 100), ("Home", 0)):
        browser.press(key)
        assert now(browser) == expected
    text = browser.value("document.querySelector('[role=slider]').getAttribute('aria-valuetext')")
    assert text == "0 % Given JPEG, 100 % Restored"
    browser.press("End")
    browser.click("[data-left=reference]")
    assert colours() == [GREEN, GREEN, GREEN]
    browser.click("[data-difference]")
    assert colours()[0] == tuple(min(8 * abs(a - b), 255) for a, b in zip(GREEN, BLUE, strict=True))
    assert not complaints(browser)


def test_in_a_browser_a_click_enlarges_and_a_drag_moves(browser, path):
    one(path, record(), exhibit(noise(1000, 800), noise(1000, 800, 1)))
    browser.open(path.as_uri())
    view, stage = browser.place(".view"), browser.place(".stage")
    assert stage["width"] == pytest.approx(view["width"])
    x, y = view["x"] + view["width"] * 0.75, view["y"] + view["height"] * 0.75
    browser.mouse("Pressed", x, y)
    browser.mouse("Released", x, y)
    stage = browser.place(".stage")
    assert stage["width"] == 1000
    browser.click("[data-zoom='4']")
    stage = browser.place(".stage")
    assert stage["width"] == 4000
    centre = (view["x"] + view["width"] / 2 - stage["x"]) / 4
    assert centre == pytest.approx(750, abs=2)
    browser.drag(view["x"] + 60, view["y"] + 60, view["x"] + 160, view["y"] + 90)
    moved = browser.place(".stage")
    assert (moved["x"] - stage["x"], moved["y"] - stage["y"]) == pytest.approx((100, 30), abs=1)
    assert now(browser) == 50
    rendering = "getComputedStyle(document.querySelector('.stage img')).imageRendering"
    assert browser.value(rendering) == "pixelated"
    browser.value("document.querySelector('.view').focus()")
    browser.press("0")
    assert browser.place(".stage")["width"] == pytest.approx(view["width"])
    assert not complaints(browser)


def test_in_a_browser_a_picture_opens_from_the_grid(browser, path):
    page = Page(str(path), several=True)
    page.add(record(input=HOSTILE[0]), exhibit(flat(BLUE), flat(RED)))
    page.add(failed(input="bad.jpg"))
    page.add(record(input="third.jpg"), exhibit(flat(GREEN), flat(RED)))
    page.close({"ok": 2, "failed": 1, "seconds": 1.0})
    browser.open(path.as_uri())
    heading = "document.querySelector('dialog h2')?.textContent"
    assert browser.value(heading) is None
    browser.click("#picture-1 .open")
    assert browser.value(heading) == HOSTILE[0]
    figures = browser.value("[...document.querySelectorAll('dialog dd')].map(e => e.textContent)")
    assert "27.82 dB" in figures[0]
    table = browser.value(
        "Object.fromEntries([...document.querySelectorAll('dialog tr')].map(e => "
        "[e.children[0].textContent, e.children[1].textContent]))"
    )
    assert json.loads(table["metrics.coefficients_kept"]) == 0.999987
    browser.press("ArrowRight")
    assert browser.value(heading) == "bad.jpg"
    browser.click("[data-step='1']")
    assert browser.value(heading) == "third.jpg"
    box = browser.place("dialog .view")
    browser.drag(box["x"] + 200, box["y"] + 50, box["x"] + box["width"] * 0.75, box["y"] + 50)
    assert now(browser) == 75
    browser.click("[data-close]")
    assert browser.value("document.querySelector('dialog').open") is False
    browser.click("[data-show=failed]")
    seen = browser.value("[...document.querySelectorAll('.grid li')].map(e => !e.hidden)")
    assert seen == [False, True, False]
    assert not complaints(browser)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_in_a_browser_nothing_is_wider_than_the_screen(browser, path, dark, width):
    page = Page(str(path), several=True)
    page.add(record(input="a" * 200), exhibit(noise(2000, 1200), noise(2000, 1200, 1)))
    page.close({"ok": 1, "seconds": 1.0})
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=700,
                 deviceScaleFactor=1, mobile=width < 500)  # fmt: skip
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.call("Emulation.setEmulatedMedia", features=[scheme])
    browser.open(path.as_uri() + "#picture-1")
    assert browser.value("document.querySelector('dialog').open") is True
    for element in ("document.documentElement", "document.querySelector('dialog')"):
        assert browser.value(f"{element}.scrollWidth <= innerWidth") is True
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", paper))) < 60) is dark
    assert not complaints(browser)
