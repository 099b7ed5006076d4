"""Browser: a headless Chromium, spoken to over the DevTools protocol through a pipe."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PATIENCE = 20  # seconds, on a machine that does much else
# Chromium reads the protocol from descriptor 3 and writes it to 4.
WIRED = (
    "import fcntl, os, sys; a, b = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]);"
    "os.dup2(a, 3); os.dup2(b, 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """One page of a browser of its own; what it says on the console and asks for is kept."""

    def __init__(self, folder: Path, width: int = 1000, height: int = 900) -> None:
        there, self._out = os.pipe()
        self._in, back = os.pipe()
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
            "--remote-debugging-pipe", f"--window-size={width},{height}",
            f"--user-data-dir={folder / 'profile'}", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", WIRED, str(there), str(back), str(CHROMIUM), *options],
            pass_fds=(there, back),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(back)
        self._rest, self._count = b"", 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")
        found = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol and its answer; what comes in between is kept as events."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def open(self, url: str) -> None:
        """Go to a page and wait until all of it is there; nothing is kept of the one before."""
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call("Page.navigate", url=url)
        there = f"location.href === {json.dumps(url)} && document.readyState === 'complete'"
        self.wait(lambda: bool(self.value(there)), "the page does not come")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def place(self, selector: str) -> dict[str, float]:
        """The rectangle of the first element that a selector finds, on the screen."""
        return self.value(
            f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"
        )

    def mouse(self, kind: str, x: float, y: float) -> None:
        held = {"button": "none" if kind == "Moved" else "left", "buttons": int(kind != "Released")}
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, clickCount=1, **held)

    def drag(self, x: float, y: float, to_x: float, to_y: float) -> None:
        self.mouse("Pressed", x, y)
        for step in (1, 2, 3, 4):
            share = step / 4
            at = {"x": x + (to_x - x) * share, "y": y + (to_y - y) * share}
            self.call("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **at)
        self.mouse("Released", to_x, to_y)

    def click(self, selector: str) -> None:
        box = self.place(selector)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.mouse("Pressed", x, y)
        self.mouse("Released", x, y)

    def swipe(self, x: float, y: float, to_x: float) -> None:
        """A finger's drag to the side."""
        for kind, at in (("Start", x), ("Move", (x + to_x) / 2), ("Move", to_x), ("End", None)):
            points = [] if at is None else [{"x": at, "y": y}]
            self.call("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Fingers that Start, Move or End, all of them at once."""
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.call("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=places)

    def press(self, key: str, *, ctrl: bool = False, shift: bool = False) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.key(kind, key, ctrl=ctrl, shift=shift)

    def key(self, kind: str, key: str, *, ctrl: bool = False, shift: bool = False) -> None:
        """A key that goes down, `rawKeyDown`, or up, `keyUp`."""
        held = 2 * ctrl + 8 * shift
        self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=held)

    def screen(self, width: int, height: int, *, phone: bool = False) -> None:
        """The size of the page, in pixels of style sheets; a phone has twice as many, and touch."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def keep_downloads(self, folder: Path) -> None:
        """Have what a page offers for download written to a folder."""
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def wait(self, there: Callable[[], bool], what: str) -> None:
        """Until something has happened."""
        deadline = time.monotonic() + PATIENCE
        while not there():
            assert time.monotonic() < deadline, what
            time.sleep(0.02)

    def screenshot(self, path: Path) -> Path:
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))
        return path

    def close(self) -> None:
        with suppress(OSError, AssertionError):
            self._session = None
            self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            data = os.read(self._in, 2**20)
            if not data:
                raise OSError("the browser is gone")
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)


def complaints(browser: Browser) -> list[Any]:
    """What the page asked for beyond itself, and what went wrong in it."""
    found = []
    for event in browser.events:
        params = event.get("params", {})
        url = params.get("request", {}).get("url", "data:")
        if not url.startswith(("data:", "file:", "blob:")) or "exceptionDetails" in params:
            found.append(params)
        if event.get("method") == "Log.entryAdded":
            found.append(params)
    return found
