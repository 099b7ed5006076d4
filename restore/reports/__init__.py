"""Reports: what is looked at: a page of results, a sheet of them, an editor for masks."""

from restore.reports.choices import draw_choices, make_choices
from restore.reports.contact_sheet import ContactSheet
from restore.reports.describe import describe_check
from restore.reports.editor import render_editor
from restore.reports.page import Page, build_document, escape
from restore.reports.preview import Preview, make_preview
