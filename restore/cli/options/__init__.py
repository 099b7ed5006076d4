"""Options: the named settings of the commands, defined once and shared.

Options that go together are the fields of a frozen dataclass; `flatten` gives a command whose
parameter is such a group the group's options.
"""

from restore.cli.commands import FLAG, flatten
from restore.cli.options.files import (
    EncodingOptions,
    Existing,
    Files,
    Images,
    Inputs,
    MaxPixels,
    WhereExists,
    Yes,
    choose_policy,
)
from restore.cli.options.restoration import (
    AllowUnverified,
    Catalog,
    HoleOptions,
    ModelOptions,
    Offline,
    Restoration,
)
from restore.cli.options.run_options import Engine, Json, OutputOptions, Quiet, RunOptions, Verbose

__all__ = [
    "FLAG",
    "AllowUnverified",
    "Catalog",
    "EncodingOptions",
    "Engine",
    "Existing",
    "Files",
    "HoleOptions",
    "Images",
    "Inputs",
    "Json",
    "MaxPixels",
    "ModelOptions",
    "Offline",
    "OutputOptions",
    "Quiet",
    "Restoration",
    "RunOptions",
    "Verbose",
    "WhereExists",
    "Yes",
    "choose_policy",
    "flatten",
]
