"""Views: what of a run is to be looked at, a page for a browser and a sheet, where asked for."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from restore.batch.inputs import is_within, normalise_path
from restore.batch.manifest import MADE
from restore.batch.plan import STDOUT, Job, Plan, Policy
from restore.cli.commands import BESIDE
from restore.cli.options.run_options import OutputOptions
from restore.errors import RequestError, RestoreError
from restore.record import JSON, Record

if TYPE_CHECKING:
    from restore.images import Picture
    from restore.reports import ContactSheet, Page, Preview

Seen: TypeAlias = "Picture | bytes"
Look: TypeAlias = "Callable[[Job], tuple[Seen, Seen | None, Seen | None]]"
"""What there is to see of a job: what came out, what went in, the reference."""


class Views:
    """The page and the sheet of a run; neither where `paths` is empty."""

    def __init__(
        self, report: str | None, compare: str | None, several: bool, open: bool = False
    ) -> None:
        self.paths = [path for path in (report, compare) if path is not None]
        self._report, self._compare, self._several = report, compare, several
        self._opens = open
        self._previews: dict[str, Preview] = {}  # by output, from made to written
        self._page: Page | None = None
        self._sheet: ContactSheet | None = None
        self._look: Look | None = None
        self._lock = threading.Lock()  # an interrupt closes while a thread may add

    def open(self) -> None:
        """Begin; ResourceError where the page's folder takes no file."""
        from restore.reports import ContactSheet, Page

        if self._report is not None:
            self._page = Page(self._report, self._several)
        if self._compare is not None:
            self._sheet = ContactSheet(self._compare)

    def look_by(self, look: Look) -> None:
        """Have what there is to see of a job from its files, as another process does the work."""
        self._look = look

    def keep(
        self, job: Job, after: Seen, before: Seen | None = None, reference: Seen | None = None
    ) -> None:
        """What there is to see of a job's result; pictures, or the bytes of their files."""
        from restore.reports import make_preview

        if self.paths:
            pictures = [_picture(image) for image in (after, before, reference)]
            assert pictures[0] is not None
            self._previews[job.output] = make_preview(pictures[0], *pictures[1:])

    def add(self, job: Job, record: Record) -> None:
        """How a job ended, in turn."""
        made = record.status in MADE
        if self.paths and self._look and made:
            with suppress(RestoreError):  # its page then shows the record alone
                self.keep(job, *self._look(job))
        preview = self._previews.pop(job.output, None)
        with self._lock:
            for view in (self._page, self._sheet):
                if view is not None:
                    view.add(record, preview if made else None)

    def close(self, summary: Mapping[str, JSON]) -> list[str]:
        """Write what was asked for, and tell its paths; RestoreError where that cannot be."""
        with self._lock:
            page, self._page = self._page, None
            sheet, self._sheet = self._sheet, None
        if page is not None:
            page.close(summary)
        if sheet is not None:
            sheet.close()
        if page is not None and self._opens:
            open_in_browser(page.path)
        return self.paths


def make_views(
    plan: Plan, run: OutputOptions, existing: Policy, aside: Sequence[str] = ()
) -> Views:
    """The display of a plan; RequestError where it would take the place of another file.

    `aside` are files and folders that belong to the inputs, as masks do.
    """
    several = len(plan.jobs) > 1 or plan.others > 0
    report = _name_beside(plan) if run.page == BESIDE else run.page
    taken = {normalise_path(path) for job in plan.jobs for path in (job.input.path, job.output)}
    for option, path, endings in (
        ("--report", report, (".html", ".htm")),
        ("--compare", run.compare, (".png",)),
    ):
        if path is None:
            continue
        if "\0" in path or not path.lower().endswith(endings):
            raise RequestError(f"{option} {path!r}: expected a file that ends in {endings[0]}")
        if normalise_path(path) in taken or is_within(path, aside):
            raise RequestError(f"{option} {path!r} is an input, an output, a mask or a reference")
        folders = [job.input.folder for job in plan.jobs if job.input.folder]
        if option == "--compare" and is_within(path, list(dict.fromkeys(folders))):
            raise RequestError(
                f"{option} {path!r} lies inside the input folder, whose next run would take it for "
                "an input: choose another"
            )
        if os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path)):
            raise RequestError(f"{option} {path!r} is a symbolic link, or no regular file")
        if os.path.exists(path) and existing == "error":
            raise RequestError(f"{path!r} exists: --existing skip or overwrite (-y) replaces it")
    return Views(report, run.compare, several, run.open)


def open_in_browser(path: str) -> bool:
    """Show a page in the user's browser; whether there is a screen to show it on."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not screen and sys.platform not in ("darwin", "win32"):
        return False  # else a browser for terminals would take this one
    import webbrowser

    return webbrowser.open(Path(path).resolve().as_uri())


def _name_beside(plan: Plan) -> str:
    """The page of one output beside it, under its name; that of several in their folder."""
    outputs = [job.output for job in plan.jobs]
    if plan.others or STDOUT in outputs or not outputs:
        what = "each shard writes one" if plan.others else "the output is no file"
        raise RequestError(f"--report: name the page, since {what}, as in --report page.html")
    if len(outputs) == 1:
        return f"{os.path.splitext(outputs[0])[0]}.html"
    folder = os.path.commonpath([os.path.dirname(path) or "." for path in outputs])
    return os.path.join(folder, "report.html")


def _picture(image: Seen | None) -> Picture | None:
    from restore.images import as_picture

    return None if image is None else as_picture(image, max_pixels=sys.maxsize)
