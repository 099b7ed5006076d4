"""Pickle: a program that builds objects; here one is read, opcode by opcode, and never run.

What it would import is compared with a short list of what plain tensors need, and how large the
tuples that it builds from each other would be is added up: of forty opcodes comes one whose hash
takes years.
"""

import io
import pickletools
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from restore.errors import CheckpointError

PICKLE_LIMIT = 16 * 2**20
OPCODE_LIMIT = 400_000  # of a state dict's: some fifty a tensor
WEIGHT_LIMIT = 10**6  # objects in one tuple, those in its tuples included

Opcode = tuple[pickletools.OpcodeInfo, object]  # each with its argument

GLOBALS = {
    "collections OrderedDict",
    "torch BFloat16Storage",
    "torch FloatStorage",
    "torch HalfStorage",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor_v2",
}
KINDS = {  # by a part of the global's name, what it would have been
    "sparse": "a sparse tensor",
    "qtensor": "a quantised tensor",
    "QInt": "a quantised tensor",
    "Complex": "a complex tensor",
    "Storage": "a tensor of another dtype",
}


def check_pickle(path: Path, data: bytes) -> None:
    """CheckpointError for pickles, one after the other, that ask for more than plain tensors.

    By the name of what they would import.
    """
    opcodes = list(islice(_opcodes(data), OPCODE_LIMIT))
    if len(opcodes) == OPCODE_LIMIT or _heaviest(opcodes) > WEIGHT_LIMIT:
        raise CheckpointError(f"{path}: its pickle is a bomb, or of far more than a state dict")
    strange = sorted(set(_globals(opcodes)) - GLOBALS)
    if not strange:
        return
    kinds = [what for part, what in KINDS.items() if any(part in name for name in strange)]
    code = not kinds or not all(name.startswith("torch") for name in strange)
    names = ", ".join(clean_name(name.replace(" ", ".")) for name in strange[:5])
    raise CheckpointError(
        f"{path} asks for {names}: it holds "
        f"{'code, which is never run' if code else kinds[0]}; taken are plain tensors in float16, "
        "bfloat16 and float32"
    )


def clean_name(name: str) -> str:
    """A name out of a file as ASCII that moves no cursor, cut where it is long."""
    return ascii(name)[1:-1][:100]


def _globals(opcodes: Iterable[Opcode]) -> Iterator[str]:
    """What the pickles would import: "module name"."""
    strings = ["?", "?"]
    for opcode, argument in opcodes:
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument)
        elif opcode.name == "STACK_GLOBAL":
            yield " ".join(strings[-2:])
        elif opcode.name.startswith("EXT"):
            yield f"extension {argument}"
        elif "UNICODE" in opcode.name or "STRING" in opcode.name:
            strings.append(str(argument))


def _heaviest(opcodes: Iterable[Opcode]) -> int:
    """How many objects the largest tuple holds, what is in its tuples counted each time it is."""
    stack: list[int] = []  # the weight of each object, and 0 for a mark
    memo: dict[object, int] = {}
    heaviest = 0
    for opcode, argument in opcodes:
        before, name = opcode.stack_before, opcode.name
        weight = 1
        if pickletools.markobject in before:
            while stack and (top := stack.pop()):
                weight += top
        below = before.index(pickletools.markobject) if pickletools.markobject in before else None
        for _ in before[:below]:
            weight += stack.pop() if stack else 1
        if "PUT" in name or name == "MEMOIZE":
            memo[len(memo) if argument is None else argument] = stack[-1] if stack else 1
        elif "GET" in name:
            weight = memo.get(argument, 1)
        if "TUPLE" in name:
            heaviest = max(heaviest, weight)
        weight = min(weight, 2 * WEIGHT_LIMIT)
        stack += [0 if name == "MARK" else weight] * len(opcode.stack_after)
    return heaviest


def _opcodes(data: bytes) -> Iterator[Opcode]:
    """The opcodes and arguments of pickles, one after the other; no more where they are cut."""
    stream = io.BytesIO(data)
    try:
        while stream.tell() < len(data):
            for opcode, argument, _ in pickletools.genops(stream):
                yield opcode, argument
    except ValueError:  # the end of the pickles: what follows is raw, or it is cut
        return
