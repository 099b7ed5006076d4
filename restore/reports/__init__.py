"""Reports: results to look at: a page for a browser, and a sheet of pictures side by side."""

from restore.reports.contact_sheet import ContactSheet
from restore.reports.describe import describe_proof
from restore.reports.page import Page, build_document, escape
from restore.reports.preview import Preview, make_preview

__all__ = [
    "ContactSheet", "Page", "Preview", "build_document", "describe_proof", "escape",
    "make_preview",
]  # fmt: skip
