"""Page: a report in one HTML file that needs nothing else, written picture by picture.

What is shown of each picture goes to a temporary file at once, so memory stays flat; the page takes
its name when it is whole. A page of many thousand pictures would be too large for a browser: past
`SHOWN` bytes of previews a picture has its thumbnail and record alone, past `LISTED` its line.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from restore.errors import ResourceError
from restore.images import write_atomically
from restore.reports.exhibit import Exhibit
from restore.reports.markup import article, buttons, card, document, text, tiles
from restore.reports.words import Figure

SHOWN = 48 * 2**20  # bytes
LISTED = 96 * 2**20
CHUNK = 2**20


class Page:
    """A report on one picture, or on several.

    A full disk is told of by `close` alone: what restores pictures goes on without its report.
    """

    def __init__(
        self, path: str, several: bool, *, shown: int = SHOWN, listed: int = LISTED
    ) -> None:
        self.path = path
        self._several, self._shown, self._listed = several, shown, listed
        self._titles = ""
        self._count = self._bytes = 0
        self._reduced = {"previews": 0, "thumbnails": 0}  # pictures that went without
        self._broken: OSError | None = None
        self._spool: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115 - closed by `close`
            dir=os.path.dirname(os.path.abspath(path)), prefix=".bcm-restore-"
        )

    def add(self, record: Mapping[str, Any], exhibit: Exhibit | None = None) -> None:
        """One more picture, at the end."""
        self._count += 1
        self._titles = self._titles or _title(record)
        if not self._several:
            self._put(article(record, exhibit))
            return
        inside = ""
        if self._bytes < self._shown:
            inside = article(record, exhibit, 2)
        elif self._bytes < self._listed:
            inside = article(record, None, 2)
            self._reduced["previews"] += bool(exhibit)
        else:
            self._reduced["thumbnails"] += bool(exhibit)
            exhibit = None
        self._put(card(self._count, record, exhibit, inside))

    def close(self, summary: Mapping[str, Any] | None = None) -> None:
        """Write the page, with the summary of `--json` at its top.

        ResourceError where it cannot be written, RequestError where it must not.
        """
        with self._spool:
            if self._broken:
                reason = self._broken.strerror
                raise ResourceError(f"the report {self.path!r} cannot be written: {reason}")
            title = f"{self._titles or 'nothing'}: bcm-restore"
            write_atomically(self.path, document(title, self._body(summary)))

    def drop(self) -> None:
        """Write nothing."""
        self._spool.close()

    def _put(self, fragment: str) -> None:
        data = fragment.encode()
        self._bytes += len(data)
        if self._broken:
            return
        try:
            self._spool.write(data)
        except OSError as error:
            self._broken = error

    def _body(self, summary: Mapping[str, Any] | None) -> Iterator[str | bytes]:
        yield '<header class="top"><span>bcm-restore</span>'
        yield f"<span>{text(self._titles)}</span></header>\n<main>\n"
        if self._several:
            yield f"<h1>{self._count} pictures</h1>\n{_summary(summary or {}, self._reduced)}"
            yield '<ul class="grid">\n'
        self._spool.seek(0)
        while data := self._spool.read(CHUNK):
            yield data
        if self._several:
            yield '</ul>\n<dialog aria-label="A picture"><div class="bar">'
            yield '<button type="button" data-step="-1">Previous</button>'
            yield '<button type="button" data-step="1">Next</button>'
            yield '<button type="button" data-close>Close</button></div>'
            yield '<div class="inside"></div></dialog>\n'
        yield "</main>\n"


def _title(record: Mapping[str, Any]) -> str:
    """What was run, in a few words."""
    return ", ".join(str(record[key]) for key in ("task", "model", "device") if record.get(key))


def _summary(summary: Mapping[str, Any], reduced: Mapping[str, int]) -> str:
    """How many ended how, in what time, and why some failed."""
    counts = [(key, summary.get(key) or 0) for key in ("ok", "skipped", "failed", "left")]
    found = [Figure(key, str(count)) for key, count in counts if count]
    if "seconds" in summary:
        found.append(Figure("time", f"{summary['seconds']:.1f} s"))
    parts = [tiles(found)]
    if failures := summary.get("failures"):
        kinds = f"<b>Failures</b><ul>{_kinds(failures)}</ul>"
        parts.append(f'<div class="notice failed">{kinds}</div>\n')
    for what, count in reduced.items():
        if count:
            words = f"{count} pictures are without {what}: the page is full."
            parts.append(f'<p class="note">{words}</p>\n')
    shown = [(key, f"{key} {count}") for key, count in counts[:3] if count]
    if len(shown) > 1:
        parts.append(buttons("Show", "show", [("", "all"), *shown]))
    return "".join(parts)


def _kinds(failures: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f"<li>{row['count']} × {text(row['kind'])} (first: {text(row['example'])})</li>"
        for row in failures
    )
