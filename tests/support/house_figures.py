"""House figures: the size of the package and of its parts, as the notes on the house state it.

    python tests/support/house_figures.py [CHECKOUT]

Files, code lines (without blank lines, comments and docstrings), mentions of `Any`, the largest
function and file of restore/, and files and code lines of each of its folders.
"""

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path


def count_code(source: str) -> int:
    """Lines that hold more than a comment or a docstring."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped and token.type != tokenize.ENDMARKER:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def main(checkout: str = ".") -> None:
    root = Path(checkout) / "restore"
    files, code = Counter[str](), Counter[str]()
    functions: list[tuple[int, str]] = []
    lengths: list[tuple[int, str]] = []
    any_count = 0
    for path in sorted(root.rglob("*.py")):
        source, name = path.read_text(), str(path.relative_to(root))
        folder = path.relative_to(root).parts[0] if path.parent != root else "(top)"
        files[folder] += 1
        code[folder] += count_code(source)
        lengths.append((len(source.splitlines()), name))
        for node in ast.walk(ast.parse(source)):
            any_count += isinstance(node, ast.Name) and node.id == "Any"
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                functions.append((length, f"{name}: {node.name}"))
    print(f"files {files.total()}, code lines {code.total()}, Any {any_count}")
    print("largest function: {} lines, {}".format(*max(functions)))
    print("largest file: {} lines, {}".format(*max(lengths)))
    for folder in sorted(files):
        print(f"{folder}: {files[folder]} files, {code[folder]} code lines")


if __name__ == "__main__":
    main(*sys.argv[1:])
