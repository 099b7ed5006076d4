"""State of a run: tensors in parts of a bounded size, and an index that is written last.

    state.json        {"parts": ["state-1200-0.safetensors", …], "counts": {"step": 1200, …}}

Whatever happens while a state is written, the index names parts that are whole. Parts stay small
enough to carry where only small files travel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from restore.checkpoints.files import read_tensors, write
from restore.files import make_folder, write_atomically

PART_BYTES = 15_000_000  # of tensors in one part, at most


def write_state(folder: Path, tensors: Mapping[str, Tensor], counts: Mapping[str, float]) -> None:
    """Replace the state in `folder` by `tensors` and `counts`, of which "step" names the parts."""
    make_folder(folder)
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in tensors.items():
        size += value.nbytes
        if size > PART_BYTES and parts[-1]:
            parts.append({})
            size = value.nbytes
        parts[-1][name] = value
    names = [f"state-{counts['step']}-{n}.safetensors" for n in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        write(folder / name, part, {})
    index = json.dumps({"parts": names, "counts": dict(counts)}, indent=1)
    write_atomically(folder / "state.json", f"{index}\n".encode())
    for path in folder.glob("state-*.safetensors"):
        if path.name not in names:
            path.unlink()


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, float]] | None:
    """The tensors and counts in `folder`, on the CPU; None where there is no state."""
    index = folder / "state.json"
    if not index.exists():
        return None
    found = json.loads(index.read_text())
    tensors: dict[str, Tensor] = {}
    for name in found["parts"]:
        tensors |= read_tensors(folder / name, lambda header: None).tensors
    return tensors, found["counts"]
