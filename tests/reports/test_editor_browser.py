"""In a browser a mask is painted by mouse, finger and keyboard, and saved as it was painted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.reports import render_editor
from restore.tasks.masks import hole_of
from tests.support.browser import Browser, complaints
from tests.support.pages import noise

WIDTH, HEIGHT = 160, 120
Open = Callable[..., None]
Save = Callable[[], np.ndarray]


@pytest.fixture
def open_editor(browser: Browser, tmp_path: Path) -> Open:
    """open_editor(mask, width, height, phone): the editor of a picture on a screen."""
    browser.keep_downloads(tmp_path)

    def open_page(
        mask: np.ndarray | None = None, width: int = 1000, height: int = 800, phone: bool = False
    ) -> None:
        path = tmp_path / "editor.html"
        path.write_text(render_editor(noise(WIDTH, HEIGHT), mask, name="photo.jpg"), "utf-8")
        browser.value("onbeforeunload = null")
        browser.screen(width, height, phone=phone)
        browser.open(path.as_uri())

    return open_page


@pytest.fixture
def save(browser: Browser, tmp_path: Path) -> Save:
    """save(): press the button and read the file."""

    def saved() -> np.ndarray:
        path = tmp_path / "photo_mask.png"
        path.unlink(missing_ok=True)
        browser.click("[data-do=save]")
        browser.wait(lambda: path.is_file() and path.stat().st_size > 0, "no file is saved")
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (WIDTH, HEIGHT))
            image.load()
            values = np.asarray(image)
        assert set(np.unique(values)) <= {0, 255}
        hole, warnings = hole_of(path, noise(WIDTH, HEIGHT))
        assert warnings == ()
        np.testing.assert_array_equal(hole, values == 255)
        return values == 255

    return saved


def on_screen(browser: Browser, x: float, y: float) -> tuple[float, float]:
    """Where the middle of a pixel of the fitted picture is."""
    box = browser.place(".canvas")
    scale = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    left = box["x"] + (box["width"] - WIDTH * scale) / 2
    top = box["y"] + (box["height"] - HEIGHT * scale) / 2
    return left + (x + 0.5) * scale, top + (y + 0.5) * scale


def line(start: tuple[int, int], end: tuple[int, int], size: int) -> np.ndarray:
    """The pixels whose middles lie within half the brush's size of a line."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    (ax, ay), (bx, by) = start, end
    dx, dy = bx - ax, by - ay
    along = ((columns - ax) * dx + (rows - ay) * dy) / max(dx * dx + dy * dy, 1)
    along = along.clip(0, 1)
    apart = np.hypot(columns - ax - along * dx, rows - ay - along * dy)
    return apart <= size / 2 + 1e-9


def brush(browser: Browser) -> int:
    return int(browser.value("document.querySelector('output').textContent").split()[0])


def zoom(browser: Browser) -> int:
    words = browser.value("document.querySelector('[role=status]').textContent")
    return int(words.split()[-2])


def stroke(browser: Browser, start: tuple[int, int], end: tuple[int, int]) -> None:
    browser.drag(*on_screen(browser, *start), *on_screen(browser, *end))


def test_what_is_painted_with_the_mouse_is_what_is_saved(browser, open_editor, save):
    open_editor()
    size = brush(browser)
    assert size == 4
    stroke(browser, (20, 30), (100, 30))  # straight on: its steps lie on the same line
    stroke(browser, (60, 50), (60, 90))
    expected = line((20, 30), (100, 30), size) | line((60, 50), (60, 90), size)
    np.testing.assert_array_equal(save(), expected)
    browser.click("[data-tool=eraser]")
    stroke(browser, (50, 30), (80, 30))
    np.testing.assert_array_equal(save(), expected & ~line((50, 30), (80, 30), size))
    assert not complaints(browser)


def test_every_step_is_undone_and_done_again(browser, open_editor, save):
    found = np.zeros((HEIGHT, WIDTH), bool)
    found[40:50, 20:120] = True
    open_editor(found)
    size = brush(browser)
    stroke(browser, (30, 80), (90, 80))
    both = found | line((30, 80), (90, 80), size)
    browser.click("[data-do=clear]")
    assert browser.value("document.querySelector('[data-do=save]').disabled") is True
    browser.click("[data-do=undo]")
    np.testing.assert_array_equal(save(), both)
    browser.press("z", ctrl=True)
    np.testing.assert_array_equal(save(), found)
    assert browser.value("document.querySelector('[data-do=undo]').disabled") is True
    browser.press("z", ctrl=True, shift=True)
    np.testing.assert_array_equal(save(), both)
    browser.click("[data-do=found]")
    np.testing.assert_array_equal(save(), found)
    browser.press("u")
    stroke(browser, (30, 100), (90, 100))
    assert browser.value("document.querySelector('[data-do=redo]').disabled") is True
    np.testing.assert_array_equal(save(), both | line((30, 100), (90, 100), size))


def test_the_keyboard_alone_paints_and_saves(browser, open_editor, save):
    open_editor()
    browser.value("document.querySelector('.canvas').focus()")
    for _ in range(30):
        browser.press("[")
    assert brush(browser) == 1
    for _ in range(10):
        browser.press("ArrowLeft")
    browser.press(" ")  # from the middle, ten pixels to the left
    expected = line((70, 60), (70, 60), 1)
    browser.press("]")
    browser.press("]")
    size = brush(browser)
    assert size == 3
    for _ in range(4):
        browser.press("ArrowDown")  # by half the brush
    browser.key("rawKeyDown", " ")
    for _ in range(5):
        browser.press("ArrowRight", shift=True)  # by one pixel
    browser.key("keyUp", " ")
    down = 60 + 4 * 2
    expected |= line((70, down), (75, down), size)
    np.testing.assert_array_equal(save(), expected)
    browser.value("document.querySelector('.canvas').focus()")
    browser.press("e")
    browser.press(" ")
    np.testing.assert_array_equal(save(), expected & ~line((75, down), (75, down), size))
    assert not complaints(browser)


@pytest.mark.parametrize(("width", "height"), [(360, 640), (740, 360)])
def test_on_a_phone_one_finger_paints_and_two_zoom(browser, open_editor, save, width, height):
    open_editor(width=width, height=height, phone=True)
    for element in ("document.documentElement", "document.querySelector('.bar')"):
        assert browser.value(f"{element}.scrollWidth <= innerWidth") is True
    canvas = browser.place(".canvas")
    assert canvas["height"] > 0.3 * height
    size = brush(browser)
    start, end = on_screen(browser, 40, 60), on_screen(browser, 100, 60)
    browser.touch("Start", start)
    browser.touch("Move", ((start[0] + end[0]) / 2, start[1]))
    browser.touch("Move", end)
    browser.touch("End")
    expected = line((40, 60), (100, 60), size)
    np.testing.assert_array_equal(save(), expected)
    browser.click("[data-do=fit]")
    before = zoom(browser)
    x, y = canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2
    browser.touch("Start", (x - 20, y))
    browser.touch("Start", (x - 20, y), (x + 20, y))
    browser.touch("Move", (x - 60, y), (x + 60, y))
    browser.touch("End")
    assert zoom(browser) == pytest.approx(3 * before, rel=0.02)
    np.testing.assert_array_equal(save(), expected)  # the first finger's mark is taken back
    assert not complaints(browser)


def test_zoomed_in_a_pixel_is_painted_where_it_is_seen(browser, open_editor, save):
    open_editor()
    browser.click("[data-do=exact]")
    box = browser.place(".canvas")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(60):
        browser.press("[")
    for _ in range(8):  # the pixel under the pointer stays there
        wheel = {"x": x + 10, "y": y + 10, "deltaX": 0, "deltaY": -200}
        browser.call("Input.dispatchMouseEvent", type="mouseWheel", **wheel)
    browser.mouse("Pressed", x + 10, y + 10)
    browser.mouse("Released", x + 10, y + 10)
    found = np.argwhere(save())
    assert len(found) == 1
    assert np.abs(found[0] - [70, 90]).max() <= 1
    assert not complaints(browser)


def test_marks_are_seen_on_the_picture_and_can_be_hidden(browser, open_editor, tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:100, 20:140] = True
    open_editor(mask)
    at = tuple(map(int, on_screen(browser, 80, 60)))

    def redness() -> float:
        image = Image.open(browser.screenshot(tmp_path / "shot.png")).convert("RGB")
        part = np.asarray(image.crop((at[0] - 40, at[1] - 40, at[0] + 40, at[1] + 40)), float)
        return float(part[..., 0].mean() - part[..., 1].mean())

    browser.wait(lambda: redness() > 60, "the marks are not seen")
    browser.press("h")
    browser.wait(lambda: abs(redness()) < 20, "the marks are not hidden")


def test_a_browser_that_cannot_compress_saves_the_same(browser, open_editor, save):
    open_editor()
    stroke(browser, (20, 30), (100, 30))
    whole = save()
    browser.value("delete window.CompressionStream")
    assert browser.value("window.CompressionStream === undefined")
    np.testing.assert_array_equal(save(), whole)


def test_nothing_is_lost_unasked(browser, open_editor, save):
    open_editor()
    asks = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert browser.value(asks) is False
    stroke(browser, (20, 30), (100, 30))
    assert browser.value(asks) is True
    save()
    assert browser.value(asks) is False
