"""In a browser a page can be looked at by mouse, finger and keyboard."""

import json
import re

import pytest
from PIL import Image

from restore.reports import Page, make_preview
from tests.support.browser import Browser, complaints
from tests.support.pages import (
    BLUE,
    GREEN,
    HOSTILE,
    RED,
    failed,
    flat,
    noise,
    record,
    write_page,
)  # fmt: skip


def now(browser: Browser) -> int:
    value = browser.value("document.querySelector('[role=slider]').getAttribute('aria-valuenow')")
    return int(value)


def test_in_a_browser_the_divider_is_dragged_between_the_pictures(browser, path, tmp_path):
    write_page(path, record(), make_preview(flat(BLUE), flat(RED), flat(GREEN)))
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
    write_page(path, record(), make_preview(noise(1000, 800), noise(1000, 800, 1)))
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
    page.add(record(input=HOSTILE[0]), make_preview(flat(BLUE), flat(RED)))
    page.add(failed(input="bad.jpg"))
    page.add(record(input="third.jpg"), make_preview(flat(GREEN), flat(RED)))
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
    page.add(record(input="a" * 200), make_preview(noise(2000, 1200), noise(2000, 1200, 1)))
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
