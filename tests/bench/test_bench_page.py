"""The bench's page says all and loads nothing."""

import re
from pathlib import Path

import pytest

from restore import bench
from tests.support.bench import FACTS, QUALITY, lines_of
from tests.support.browser import Browser
from tests.support.pages import Parsed


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "bench.html"
    lines = lines_of(QUALITY)
    path.write_text(
        bench.render_page("Methods <side> by side", FACTS, lines, ["a <note>"]), "utf-8"
    )
    return path


def test_the_page_is_whole_says_all_and_loads_nothing(page: Path) -> None:
    text = page.read_text("utf-8")
    read = Parsed(text)
    assert not read.open
    for tag, attributes in read.elements:
        for name in ("src", "href", "data", "action", "srcset"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
    assert not re.search(r"url\(|@import|https?://", text)
    words = " ".join(read.words)
    for said in ("Methods <side> by side", "a <note>", "<b>mine</b>", "Ours against the best peer"):
        assert said in words
    assert "+2.90" in words  # 32 against 29.1
    assert sum(tag == "svg" for tag, _ in read.elements) == 2
    targets = {attributes.get("id") for _, attributes in read.elements}
    links = [a["href"] for tag, a in read.elements if tag == "a"]
    assert links
    assert all((link or "")[1:] in targets for link in links)


def test_a_browser_shows_the_page_light_and_dark_without_a_complaint(
    browser: Browser, page: Path
) -> None:
    browser.events.clear()
    browser.open(page.as_uri())
    colours = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.call("Emulation.setEmulatedMedia", features=features)
        fill = 'getComputedStyle(document.querySelector(".plot .back")).fill'
        colours.append(browser.value(fill))
    assert colours[0] != colours[1]
    assert browser.value('document.querySelectorAll(".plot .series").length') == 2 * len(QUALITY)
    size = browser.place(".plot")
    assert size["width"] > 300
    assert size["height"] > 150
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    for event in browser.events:
        params = event.get("params", {})
        assert "exceptionDetails" not in params
        assert params.get("request", {}).get("url", "file:").startswith(("data:", "file:"))
