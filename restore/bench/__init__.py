"""Bench: methods side by side on one network: their figures, tables, plots and page.

Cells (a method at so many evaluations on an exercise) are run on pictures, and what comes of each
is a row of the journal, so that nothing is measured twice. Lines are the rows' means.
"""

from restore.bench.bench import Bench, left, run, versions_of
from restore.bench.cells import cells, methods_of
from restore.bench.exercises import exercises, names_in, usual
from restore.bench.journal import Journal, Row
from restore.bench.measures import perception
from restore.bench.overview import as_markdown
from restore.bench.page import page
from restore.bench.panels import panels
from restore.bench.pictures import Pictures, folder, public13
from restore.bench.plots import sheet
from restore.bench.summary import Line, notes_on, summarised, verdicts
from restore.bench.tables import Table, as_csv, said, tables

__all__ = [
    "Bench", "Journal", "Line", "Pictures", "Row", "Table", "as_csv", "as_markdown", "cells",
    "exercises", "folder", "left", "methods_of", "names_in", "notes_on", "page", "panels",
    "perception", "public13", "run", "said", "sheet", "summarised", "tables", "usual", "verdicts",
    "versions_of",
]  # fmt: skip
