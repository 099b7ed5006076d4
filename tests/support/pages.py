"""Pages: records and pictures to report on, and a report as a parser takes it."""

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from restore.images import Picture
from restore.record import Cause, Metrics, Record
from restore.reports import Page

HOSTILE = ('"><script>alert(1)</script>.png', "a<b>&'.png", "new\nline.png", "\u202eabc\udcff.png")
RED, BLUE, GREEN = (200, 30, 40), (30, 40, 200), (20, 160, 60)


def record(**more: Any) -> Record:
    """A record such as `jpeg` gives."""
    measured: Metrics = {
        "psnr_input_db": 33.071, "consistency_psnr_db": 61.234, "consistency_exact": False,
        "coefficients_kept": 0.999987, "psnr_db": 27.816, "ssim": 0.78241,
    }  # fmt: skip
    known = Record(
        task="jpeg", input="photos/cup.jpg", output="out/cup.png", model="default",
        model_sha256="55fa44fa", method="bcm", mode="fidelity", nfe=4, seed=17, device="cpu",
        dtype="fp32", tile=608, size_in=(61, 43), size_out=(61, 43), seconds=2.336,
        metrics=measured, warnings=("Cb is unconstrained", "mind the <gap>"),
    )  # fmt: skip
    return replace(known, **more)


def failed(**more: Any) -> Record:
    error: Cause = {
        "type": "ImageError", "message": "the JPEG is <truncated>", "stage": "reading"
    }  # fmt: skip
    known = {"error": error, "metrics": {}, "warnings": (), "size_out": None, **more}
    return record(status="failed", **known)


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


def write_page(path: Path, *arguments: Any) -> Read:
    page = Page(str(path), several=False)
    page.add(*arguments)
    page.close()
    return Read(path)


class Parsed(HTMLParser):
    """A page of which all that is opened is closed, with the attributes of all elements."""

    VOID = ("meta", "link", "br", "img", "input", "rect", "line", "circle", "polyline", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
