"""Options: the named settings of the commands, defined once and shared.

Options that go together are the fields of a frozen dataclass; `flattened` gives a command whose
parameter is such a group the group's options.
"""

from restore.cli.options.conduct import Conduct, Json, Manner, Quiet, Verbose
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
    policy_of,
)
from restore.cli.options.groups import FLAG, flattened
from restore.cli.options.restoration import Restoration
from restore.cli.options.source import AllowUnverified, Catalog, Offline, Source

__all__ = [
    "FLAG",
    "AllowUnverified",
    "Catalog",
    "Conduct",
    "Encoding",
    "Engine",
    "Existing",
    "Files",
    "Format",
    "Images",
    "Json",
    "Manner",
    "MaxPixels",
    "Offline",
    "Quiet",
    "Restoration",
    "Source",
    "Verbose",
    "WhereExists",
    "Yes",
    "flattened",
    "policy_of",
]
