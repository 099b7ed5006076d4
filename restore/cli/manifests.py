"""Manifest: the command `report merge`, which sums up what batches have done."""

from __future__ import annotations

from typing import Annotated

import typer

from restore.batch import Tally, keep_latest, read_entries
from restore.cli.groups import make_app, show_examples
from restore.cli.options import Json
from restore.cli.run import summarise
from restore.cli.terminal import emit, escape, format_json
from restore.errors import RequestError

app = make_app(no_args_is_help=True, help="What batches have done, by their manifests.")
app.callback()(lambda: None)


@app.command(
    epilog=show_examples(
        ["report merge out/.bcm-restore*.jsonl", "report merge shards/*.jsonl --json"]
    )
)
def merge(
    manifest: Annotated[
        list[str], typer.Argument(show_default=False, help="Manifests, as the shards wrote them")
    ],
    json: Json = False,
) -> None:
    """Sum up what batches did, by their manifests: counts, and failures by kind.

    Of an output that occurs more than once the latest line counts. Ends with 3
    where an image is left that failed.
    """
    made = keep_latest(read_entries(manifest), key=lambda entry: entry.record.output or "")
    if not made:
        raise RequestError("no manifest has a line of ours")
    tally = Tally.of(entry.record for entry in made.values())
    if json:
        summary = {**tally.counts(), "seconds": round(tally.seconds, 3)}
        files = {"manifests": len(manifest), "failures": tally.failures()}
        emit(format_json({"summary": {**summary, **files}}))
    else:
        for line in summarise(tally, tally.seconds, {}):
            emit(escape(line))
    if tally.count["failed"]:
        raise typer.Exit(3)
