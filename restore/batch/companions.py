"""Companion: a file that goes with an input, its mask or its reference.

One FILE goes with every input; in a FOLDER it is the image of the input's name, whatever the
ending, at the same place below it or at its top.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from restore.batch.inputs import Input
from restore.errors import ImageError, RequestError


@dataclass(frozen=True)
class Companion:
    """`kind` is what it is called in a sentence. RequestError where there is nothing at `path`."""

    kind: str
    path: str

    def __post_init__(self) -> None:
        if "\0" in self.path or not os.path.exists(self.path):
            raise RequestError(f"--{self.kind} {self.path!r} does not exist")

    def of(self, input: Input) -> str:
        """The path for an input; ImageError where none matches its name, or several do."""
        from restore.images import ENDINGS

        if not os.path.isdir(self.path):
            return self.path
        for folder in dict.fromkeys((os.path.join(self.path, input.place), self.path)):
            found = []
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                stem, ending = os.path.splitext(name)
                if stem == input.stem and ending.lower() in ENDINGS:
                    found.append(os.path.join(folder, name))
            if len(found) > 1:
                raise ImageError(f"several {self.kind}s match: {', '.join(map(repr, found[:3]))}")
            if found:
                return found[0]
        raise ImageError(f"no {self.kind} in {self.path!r} is named {input.stem!r}")
