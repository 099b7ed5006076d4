"""Bench: methods side by side on one network: their figures, tables, plots and page.

Cells (a method at so many evaluations on a case) are run on pictures, and what comes of each is a
row of the journal, so that nothing is measured twice. Lines are the rows' means.
"""

from restore.bench.bench_page import make_panels, render_page
from restore.bench.cases import (
    Case,
    choose_cases,
    choose_methods,
    choose_usual_cases,
    make_grid,
    split_list,
)
from restore.bench.harness import (
    Bench,
    Facts,
    describe_bench,
    find_missing,
    load_perception,
    measure,
    run_bench,
)
from restore.bench.journal import Journal, Measures, Row
from restore.bench.pictures import Pictures, load_folder, load_public13
from restore.bench.plots import draw_sheet
from restore.bench.summary import Line, compare_with_peers, summarize, write_notes
from restore.bench.tables import (
    Table,
    describe_comparison,
    format_csv,
    format_json,
    format_markdown,
    make_tables,
)
