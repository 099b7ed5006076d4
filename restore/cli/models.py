"""Models: the commands about checkpoints, `models list` and its like."""

from __future__ import annotations

import json as codec
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore.cli.commands import make_app, show_examples
from restore.cli.options.file_options import Yes
from restore.cli.options.restoration_options import AllowUnverified, Catalog, Offline
from restore.cli.options.run_options import Json, Quiet, Verbose
from restore.cli.terminal import Terminal, emit
from restore.errors import CheckpointError, RequestError
from restore.jsonlines import to_json
from restore.record import JSON, spell_out

if TYPE_CHECKING:
    from restore.checkpoints import Checkpoint

_form = partial(typer.Option, rich_help_panel="Conversion", show_default=False)

Spec = Annotated[
    str,
    typer.Argument(
        show_default=False,
        help="NAME of the catalogue, FILE.safetensors, or hf:OWNER/REPO\\[/FILE]@REVISION",
    ),
]
Replaced = Annotated[
    Literal["error", "overwrite"],
    typer.Option(help="Where an output exists: refuse, or replace it"),
]
Specs = Annotated[
    list[str],
    typer.Argument(show_default=False, help="Names, files or hf: addresses"),
]

app = make_app(
    no_args_is_help=True, help="The models: what there is, what is here, and how to get it."
)


@app.command("list", epilog=show_examples(["models list", "models list --json"]))
def list_(catalog: Catalog = None, json: Json = False, verbose: Verbose = False) -> None:
    """List the models of the catalogue, and say which are on this machine."""
    from restore.checkpoints import locate, read_catalogue

    rows = read_catalogue(catalog)
    if json:
        for row in rows.values():
            emit(to_json({**asdict(row), "url": row.public_url}))
        return
    table = [("NAME", "HERE", "SOURCE", "NETWORK", "SIZE", "LICENCE", "SUMMARY")]
    for row in rows.values():
        count = sum(part.size for part in row.parts) or row.bytes
        size = _size(count) if count else "unknown"
        here = "yes" if all(map(locate, row.files())) else "no"
        about = row.source, row.architecture, size, row.license, row.summary
        table.append((row.name, here, *about))
    _print_table(table)


@app.command(epilog=show_examples(["models info default"]))
def info(
    model: Spec, catalog: Catalog = None, json: Json = False, verbose: Verbose = False
) -> None:
    """Tell all that is known of a model, and whether it is on this machine."""
    from restore.checkpoints import locate, resolve
    from restore.checkpoints.parts import describe_download

    row = resolve(model, catalog)
    path = locate(row)
    if row.source == "file":
        row = _described(row)
    facts = {**asdict(row), "url": row.public_url, "path": path and str(path)}
    if json:
        emit(to_json(facts))
        return
    for key, value in facts.items():
        if key not in ("parts", "presets") and value not in (None, "", [], (), {}):
            text = value if isinstance(value, str) else to_json(value)
            emit(f"{key}: {spell_out(text)}")
    if row.architecture == "function":
        window = row.config.get("window", 64)
        emit(f"drawing: any size, from one evaluation of a window of {window}×{window} pixels")
    if row.presets:
        emit("presets, noise levels by task, mode, NFE and severity:")
        _print_table([("TASK", "MODE", "NFE", "SEVERITY", "LEVELS"), *_list_presets(row)])
    if row.parts:
        emit(f"download: {spell_out(describe_download(row.parts))}")
    for part, file in zip(row.parts, row.files() if row.parts else (), strict=True):
        known = part.sha256 or "of unknown hash, needs --allow-unverified"
        here = "here" if locate(file) else "not on this machine"
        where = f"{part.repo}@{part.revision} {part.file}"
        emit(
            spell_out(f"{part.role}: {where}, {_size(part.size)}, {known}, {part.license}, {here}")
        )


@app.command(epilog=show_examples(["models download hf:OWNER/REPO@COMMIT"]))
def download(
    model: Specs,
    catalog: Catalog = None,
    allow_unverified: AllowUnverified = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Download models into the Hub's cache, verify them, and print where they lie."""
    from restore.checkpoints import fetch, resolve, verify
    from restore.checkpoints.parts import check_disk, describe_download

    terminal = Terminal(quiet, verbose)
    for whole in [resolve(spec, catalog) for spec in model]:
        if whole.parts:
            check_disk(whole)
            terminal.say(f"{whole.name}: {describe_download(whole.parts)}")
        for row in whole.files():
            if row.role and not (row.verified or allow_unverified):
                terminal.say(f"{row.file}: of unknown hash, left out; --allow-unverified takes it")
                continue
            with terminal.progress(row.name) as progress:
                path = fetch(row, progress=progress)
            verify(row, allow_unverified=allow_unverified)
            emit(spell_out(str(path)))


@app.command(epilog=show_examples(["models verify default", "models verify mine.safetensors"]))
def verify(
    model: Specs,
    catalog: Catalog = None,
    offline: Offline = False,
    allow_unverified: AllowUnverified = False,
    verbose: Verbose = False,
) -> None:
    """Check models as loading does, and print their SHA-256."""
    from restore.checkpoints import resolve, verify

    for row in [row for spec in model for row in resolve(spec, catalog).files()]:
        sha256 = verify(row, offline=offline, allow_unverified=allow_unverified)
        emit(f"{sha256}  {spell_out(f'{row.name} {row.file}' if row.role else row.name)}")


@app.command(epilog=show_examples(["models path default"]))
def path(model: Spec, catalog: Catalog = None, verbose: Verbose = False) -> None:
    """Print where a model's file lies on this machine."""
    from restore.checkpoints import locate, resolve

    whole = resolve(model, catalog)
    for row in [row for row in whole.files() if row.verified or not row.role]:
        found = locate(row)
        if found is None:
            mine = row.source in ("embedded", "file")
            hint = "" if mine else f"; `models download {model}` gets it"
            raise CheckpointError(f"{row.name} is not on this machine{hint}")
        emit(spell_out(str(found)))


@app.command(epilog=show_examples(["models rm hf:OWNER/REPO@COMMIT"]))
def rm(
    model: Specs, catalog: Catalog = None, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Remove downloads, and print where they lay."""
    from restore.checkpoints import remove, resolve

    for row in [row for spec in model for row in resolve(spec, catalog).files()]:
        found = remove(row)
        if found is None:
            Terminal(quiet).say(f"{row.file if row.role else row.name} was not here")
        else:
            emit(spell_out(str(found)))


@app.command(
    epilog=show_examples(["models convert ema.pt -o imagenet64.safetensors --license MIT"])
)
def convert(
    source: Annotated[
        str, typer.Argument(metavar="FILE.pt", show_default=False, help="As it was published")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE.safetensors", show_default=False, help="The new file"
        ),
    ],
    architecture: Annotated[
        str, _form(metavar="NAME", show_default=True, help="Of the network, such as adm or patch")
    ] = "adm",
    config: Annotated[
        str | None,
        _form(
            metavar="JSON", help='Settings that the file does not tell: {"num_head_channels": 32}'
        ),
    ] = None,
    part: Annotated[
        str | None, _form(metavar="NAME", help="Which state dict, where a file has several")
    ] = None,
    dtype: Annotated[
        Literal["float32", "float16", "bfloat16"], _form(show_default=True, help="Of the weights")
    ] = "float32",
    sigma_data: Annotated[
        float, _form(metavar="S", show_default=True, help="The data's standard deviation")
    ] = 0.5,
    title: Annotated[str, _form(metavar="TEXT", help="For the metadata")] = "",
    license: Annotated[str, _form(metavar="TEXT", help="For the metadata, as MIT")] = "",
    training: Annotated[
        str, _form(metavar="TEXT", help="For the metadata, how it came about")
    ] = "",
    existing: Replaced = "error",
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Convert a published PyTorch file into a safetensors file of ours.

    No code in the file runs; a file that asks for any is refused by name.
    """
    from restore.checkpoints import convert

    found = convert(
        source,
        output,
        architecture=architecture,
        config=_config(config),
        part=part,
        dtype=dtype,
        sigma_data=sigma_data,
        title=title,
        license=license,
        training=training,
        overwrite=yes or existing == "overwrite",
    )
    if json:
        emit(to_json({"output": output, **found}))
        return
    Terminal(quiet).say(
        f"{found['architecture']}, {found['parameters']:,} parameters, SHA-256 {found['sha256']}"
    )
    emit(spell_out(output))


@app.command(
    epilog=show_examples(["models card default", "models card mine.safetensors -o to-publish/"])
)
def card(
    model: Spec,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            show_default="print the card",
            help="Write README.md, config.json and the weights there, ready for `hf upload`",
        ),
    ] = None,
    catalog: Catalog = None,
    existing: Replaced = "error",
    yes: Yes = False,
    verbose: Verbose = False,
) -> None:
    """Print the model card, or write all that publishing on the Hub needs."""
    from restore.checkpoints import make_card, publish, resolve

    row = resolve(model, catalog)
    if row.parts:
        raise RequestError(f"{row.name} is others' work: its cards are on its parts' pages")
    if output is not None:
        for written in publish(row, output, overwrite=yes or existing == "overwrite"):
            emit(spell_out(str(written)))
        return
    if yes or existing != "error":
        raise RequestError("-y and --existing are about the folder of -o, and there is no -o")
    text = make_card(_described(row) if row.source == "file" else row)
    for line in text.splitlines():
        emit(spell_out(line))


def _list_presets(row: Checkpoint) -> Iterator[tuple[str, ...]]:
    """The rows of a checkpoint's presets, in words."""
    for task, modes in row.presets.items():
        for mode, tuned in modes.items():
            for nfe, presets in tuned.items():
                for one in presets:
                    severity = "any" if one.severity is None else f"{one.severity:g}"
                    levels = " ".join(f"{level:g}" for level in one.levels)
                    yield task, mode, str(nfe), severity, levels


def _print_table(table: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (spell_out(cell).ljust(width) for cell, width in zip(line, widths, strict=True))
        emit("  ".join(cells).rstrip())


def _described(row: Checkpoint) -> Checkpoint:
    """A user's file with what it says of itself; CheckpointError where it cannot be loaded."""
    from restore.checkpoints.models import read_checkpoint

    described, weights = read_checkpoint(row)
    return replace(described, sha256=weights.sha256, bytes=os.path.getsize(row.file))


def _config(text: str | None) -> dict[str, JSON] | None:
    """--config as a table; RequestError for anything else."""
    try:
        value = None if text is None else codec.loads(text)
    except ValueError as error:
        raise RequestError(f"--config {text!r} is no JSON: {error}") from error
    if not isinstance(value, dict | None):
        raise RequestError(f'--config {text!r}: expected a table, as in {{"num_classes": 1000}}')
    return value


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"
