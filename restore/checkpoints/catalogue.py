"""Catalogue: the checkpoints known by name, `weights.toml`, and how a model is asked for.

A checkpoint is a row: where its file comes from, what the file must be (size and SHA-256), which
network it fits and the noise levels tuned for it. A model of several files, as `edit` takes, is a
row with `parts`. A user's own catalogue adds rows. This file needs the standard library alone, so
that listing models is quick.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

from restore.errors import ImageError, RequestError
from restore.files import read_bytes
from restore.presets import Preset, Presets, choose
from restore.record import JSON

WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
REPO = re.compile(f"{WORD}/{WORD}")
FILE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+-]*[A-Za-z0-9_])?")  # one segment of a path
REVISION = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]{0,198}[A-Za-z0-9_])?")
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
SYNTAX = "NAME, FILE.safetensors or hf:OWNER/REPO[/FILE]@REVISION"
SUFFIX = ".safetensors"
LONGEST = 1 << 24  # bytes of a catalogue

ROLES = (  # what a part can be; configurations are known of published architectures
    "unet", "vae", "text", "text-2", "vocabulary", "merges", "forward", "reverse",
    "unet-config", "vae-config", "text-config", "text-2-config",
)  # fmt: skip

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Part:
    """One file, on the Hub, of a model that is several.

    role: what it is of the model, one of ROLES. file: with its folders. revision: a full commit, or
    a branch where `sha256` pins the content. sha256, bytes: "" and 0 mean unknown. about: bytes, to
    tell beforehand where nobody knows them to the byte. times: of an adapter, one for each
    evaluation, in their order. license: of this file.
    """

    role: str
    repo: str
    revision: str
    file: str
    sha256: str = ""
    bytes: int = 0
    about: int = 0
    times: tuple[int, ...] = ()
    license: str = ""

    @property
    def size(self) -> int:
        """Bytes, known or about."""
        return self.bytes or self.about


@dataclass(frozen=True)
class Checkpoint:
    """A row of `weights.toml`, or what a user's FILE or hf: address says of itself.

    `resolution` is the size it was trained at where it only works there, `classes` their number
    where it is class-conditional. `coloured` and `mapped` are the rows of networks, of coloured
    noise and of maps of levels, that do in its place what those have presets for. `bytes` 0 and
    `sha256` "" mean unknown. A row of several files has `parts`, and how `edit` uses them unless
    told otherwise: `guidance` up to the share `tau` of the times, at an area of `side` squared.
    `role` is what a single part is of its model.
    """

    name: str
    source: Literal["embedded", "hub", "url", "file", "parts"]
    file: str
    repo: str = ""
    revision: str = ""
    url: str = ""
    sha256: str = ""
    bytes: int = 0
    license: str = ""
    architecture: str = ""
    config: Mapping[str, JSON] = field(default_factory=dict)
    sigma_data: float = 0.5
    tasks: tuple[str, ...] = ()
    resolution: int | None = None
    classes: int | None = None
    bidirectional: bool = True
    coloured: str = ""
    mapped: str = ""
    presets: Presets = field(default_factory=dict)
    summary: str = ""
    cite: str = ""
    verified: bool = True
    parts: tuple[Part, ...] = ()
    guidance: float | None = None
    tau: float | None = None
    side: int | None = None
    role: str = ""

    @property
    def public_url(self) -> str:
        """The URL without user, password, query and fragment: it gets into terminals and logs."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def files(self) -> tuple["Checkpoint", ...]:
        """A row for each of its files: itself, or one a part, under its own name."""
        if self.source != "parts":
            return (self,)
        return tuple(
            Checkpoint(
                name=self.name,
                source="hub",
                file=part.file,
                repo=part.repo,
                revision=part.revision,
                sha256=part.sha256,
                bytes=part.bytes,
                license=part.license,
                verified=bool(part.sha256),
                role=part.role,
            )
            for part in self.parts
        )

    def preset(self, task: str, mode: str, nfe: int, severity: float | None = None) -> Preset:
        """The row of the largest tuned NFE up to `nfe`, else of the smallest there is.

        Between two rows it is interpolated by `severity`; None takes the first row. RequestError
        where nothing was tuned for the task and mode.
        """
        rows = self.presets.get(task, {}).get(mode)
        if not rows:
            raise RequestError(f"{self.name} has no tuned levels for {task} in {mode} mode")
        return choose(rows, nfe, severity, task)


def find_builtin() -> Path:
    """Where the package's own catalogue lies: inside a wheel, or at the top of a checkout."""
    inside = Path(__file__).resolve().parents[1] / "weights.toml"
    return inside if inside.is_file() else inside.parents[1] / "weights.toml"


def read_catalogue(path: str | Path | None = None) -> dict[str, Checkpoint]:
    """The built-in rows by name, then those of the user's catalogue.

    That is `path`, else what BCM_RESTORE_CATALOG names, else none. RequestError for a file that
    cannot be read, an unknown key, a value that cannot be, or a name that is taken.
    """
    rows = _read(find_builtin())
    path = path or os.environ.get("BCM_RESTORE_CATALOG")
    if path:
        own = _read(Path(path))
        if taken := sorted(rows.keys() & own.keys()):
            raise RequestError(f"{path}: the name {taken[0]!r} is taken: give the table another")
        rows |= own
    return rows


def resolve(spec: str, catalogue: str | Path | None = None) -> Checkpoint:
    """The checkpoint that NAME, FILE.safetensors or hf:OWNER/REPO[/FILE]@REVISION stands for.

    One that is in no catalogue takes the presets of `default`: levels mean the same to every
    model, only nobody tuned them for this one. RequestError for names that cannot be.
    """
    rows = read_catalogue(catalogue)
    if not spec or "\0" in spec:
        raise RequestError(f"{spec!r} names no model: give {SYNTAX}")
    if spec in rows:
        return rows[spec]
    if spec.startswith("hf:"):
        row = _hub_row(spec)
    elif "://" in spec:
        raise RequestError(f"{spec!r} is a URL: download it, then give the file ({SYNTAX})")
    elif spec.endswith(SUFFIX) or "/" in spec or os.sep in spec or os.path.isfile(spec):
        row = Checkpoint(name=Path(spec).stem, source="file", file=spec)
    else:
        near = difflib.get_close_matches(spec, rows, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(rows)}."
        raise RequestError(f"no model is named {spec!r}; {hint} Or give {SYNTAX}")
    return replace(row, presets=rows["default"].presets, tasks=rows["default"].tasks)


def _hub_row(spec: str) -> Checkpoint:
    """hf:OWNER/REPO[/FILE]@REVISION as a row; the Hub itself says the file's hash."""
    address, _, revision = spec.removeprefix("hf:").partition("@")
    owner, repo, file = (*address.split("/", 2), "", "")[:3]
    file = file or f"model{SUFFIX}"
    if not revision:
        raise RequestError(f"{spec!r} has no @REVISION: give {SYNTAX}, best with a full commit")
    _check_address(f"{owner}/{repo}", file, revision, spec)
    return Checkpoint(spec, "hub", file, repo=f"{owner}/{repo}", revision=revision)


def _check_address(repo: str, file: str, revision: str, where: str) -> None:
    """RequestError unless repository, file and revision are plain names that stay in their place.

    No `..`, no leading dot or slash, no drive letter, no URL, no NUL.
    """
    if not REPO.fullmatch(repo) or ".." in repo or "--" in repo or repo.endswith(".git"):
        raise RequestError(f"{where!r}: {repo!r} is no repository: expected OWNER/REPO")
    if not all(FILE.fullmatch(part) for part in file.split("/")):
        raise RequestError(f"{where!r}: {file!r} is no plain file name")
    if not REVISION.fullmatch(revision) or ".." in revision or "//" in revision:
        raise RequestError(f"{where!r}: {revision!r} is no revision")


def _read(path: Path) -> dict[str, Checkpoint]:
    try:
        return _parse(read_bytes(path, limit=LONGEST).decode(), path)
    except ImageError as error:
        raise RequestError(f"cannot read the catalogue: {error}") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"the catalogue {path} is not UTF-8 text") from error


def _parse(text: str, path: Path) -> dict[str, Checkpoint]:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of numbers and nests without end
        raise RequestError(f"{path} is no valid TOML: {error}") from error
    return {name: _checkpoint(name, table, f"{path} [{name}]") for name, table in tables.items()}


def _checkpoint(name: str, table: object, where: str) -> Checkpoint:
    """A table of the catalogue as a row, every value checked."""
    if not NAME.fullmatch(name):
        raise RequestError(f"{where}: a name is lower case letters, digits, '.', '_' and '-'")
    table, presets = _table(table, where), {}
    for task, modes in _table(table.get("presets", {}), where).items():
        at = f"{where} presets {task}"
        presets[task] = {mode: _tuned(r, f"{at} {mode}") for mode, r in _table(modes, at).items()}
    parts = _parts(table.get("parts", []), where)
    values = {**table, "name": name, "presets": presets, "parts": parts}
    if parts:
        values = {"file": "", **values}
    row = _row(Checkpoint, values, where)
    if row.source == "file" or row.role:
        raise RequestError(f"{where}: source is 'embedded', 'hub', 'url' or 'parts', without role")
    if (row.source == "parts") != bool(parts):
        raise RequestError(f"{where}: source = 'parts' and a list of parts go together")
    if parts:
        return row
    if row.source == "hub":
        _check_address(row.repo, row.file, row.revision, where)
        if not COMMIT.fullmatch(row.revision):
            raise RequestError(f"{where}: revision must be a full commit, 40 hexadecimal digits")
    elif not FILE.fullmatch(row.file):
        raise RequestError(f"{where}: {row.file!r} is no plain file name")
    if row.source == "url" and not re.match(r"https?://[^/\s]+/", row.url):
        raise RequestError(f"{where}: url {row.public_url!r} is no http(s) address")
    if row.verified and not (SHA256.fullmatch(row.sha256) and row.bytes > 0):
        raise RequestError(
            f"{where}: needs sha256 (64 hexadecimal digits) and bytes, or verified = false"
        )
    return row


def _parts(tables: object, where: str) -> tuple[Part, ...]:
    """A row's parts, every value checked."""
    if not isinstance(tables, list):
        raise RequestError(f"{where}: parts are an array of tables")
    parts = []
    for table in tables:
        part = _row(Part, table, f"{where} parts")
        at = f"{where} part {part.role}"
        if part.role not in ROLES:
            raise RequestError(f"{at}: expected one of {', '.join(ROLES)}")
        _check_address(part.repo, part.file, part.revision, at)
        if part.sha256 and not SHA256.fullmatch(part.sha256):
            raise RequestError(f"{at}: sha256 has 64 hexadecimal digits")
        if bool(part.times) != (part.role in ("forward", "reverse")):
            raise RequestError(f"{at}: adapters, and they alone, have times")
        if not all(0 < t < 1000 for t in part.times):
            raise RequestError(f"{at}: times are whole numbers from 1 to 999")
        parts.append(part)
    return tuple(parts)


def _tuned(rows: object, where: str) -> dict[int, tuple[Preset, ...]]:
    """{"4": a table or an array of tables} as {4: presets}, in order of NFE."""
    tuned = {}
    for nfe, tables in _table(rows, where).items():
        if not nfe.isdecimal() or int(nfe) < 1:
            raise RequestError(f"{where}: {nfe!r} is no number of network evaluations")
        tables = tables if isinstance(tables, list) else [tables]
        tuned[int(nfe)] = tuple(_row(Preset, table, f"{where} {nfe}") for table in tables)
        for preset in tuned[int(nfe)]:
            if not preset.levels or not all(0 < level <= 80 for level in preset.levels):
                raise RequestError(f"{where} {nfe}: levels are numbers above 0, at most 80")
    return dict(sorted(tuned.items()))


def _row(kind: type[Parsed], table: object, where: str) -> Parsed:
    """A dataclass from a table; RequestError for unknown or missing keys and wrong types."""
    columns = {column.name: column for column in fields(kind)}  # type: ignore[arg-type]
    table = _table(table, where)
    if unknown := sorted(table.keys() - columns.keys()):
        raise RequestError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(columns)}")
    for key, column in columns.items():
        if key not in table and column.default is column.default_factory is MISSING:
            raise RequestError(f"{where}: the key {key!r} is missing")
    return kind(**{k: _value(v, columns[k].type, f"{where} {k}") for k, v in table.items()})


def _value(value: object, kind: Any, where: str) -> Any:
    """A TOML value as the type that a column declares; RequestError where it is another."""
    origin, options = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _value(value, options[0], where)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(item, options[0], where) for item in value)
    if origin is Literal:
        fits, kind = value in options, " or ".join(map(repr, options))
    elif origin is not None:
        fits, kind = isinstance(value, dict if origin is Mapping else origin), origin.__name__
    else:
        number = isinstance(value, (int, float) if kind is float else kind)
        fits, kind = number and isinstance(value, bool) == (kind is bool), kind.__name__
    if not fits:
        raise RequestError(f"{where}: found {value!r}, expected {kind}")
    return value


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RequestError(f"{where}: found {value!r}, expected a table")
    return value
