"""Reports: results to look at: a page for a browser, and a sheet of pictures side by side."""

from restore.reports.exhibit import Exhibit, exhibit
from restore.reports.markup import document, text
from restore.reports.page import Page
from restore.reports.sheet import Sheet
from restore.reports.words import proof

__all__ = ["Exhibit", "Page", "Sheet", "document", "exhibit", "proof", "text"]
