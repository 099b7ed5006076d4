"""Options: the named settings of the commands, defined once and shared.

Options that go together are the fields of a frozen dataclass; `flatten` gives a command whose
parameter is such a group the group's options.
"""

from restore.cli.options.encoding import Encoding
from restore.cli.options.engine import Engine
from restore.cli.options.files import (
    Existing,
    Files,
    Format,
    Images,
    MaxPixels,
    WhereExists,
    Yes,
    choose_policy,
)
from restore.cli.options.groups import FLAG, flatten
from restore.cli.options.restoration import Restoration
from restore.cli.options.run_options import Json, OutputOptions, Quiet, RunOptions, Verbose
from restore.cli.options.source import AllowUnverified, Catalog, Offline, Source

__all__ = [
    "FLAG",
    "AllowUnverified",
    "Catalog",
    "Encoding",
    "Engine",
    "Existing",
    "Files",
    "Format",
    "Images",
    "Json",
    "MaxPixels",
    "Offline",
    "OutputOptions",
    "Quiet",
    "Restoration",
    "RunOptions",
    "Source",
    "Verbose",
    "WhereExists",
    "Yes",
    "choose_policy",
    "flatten",
]
