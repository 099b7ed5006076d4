"""Card: a checkpoint as the Hub shows it, a README with front matter, beside config and weights.

`publish` writes the whole folder; `hf upload OWNER/REPO FOLDER` sends it, and from then on
hf:OWNER/REPO@COMMIT is a model.
"""

import html
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from restore.checkpoints.catalogue import SUFFIX, Checkpoint
from restore.errors import CheckpointError, RequestError, ResourceError
from restore.files import open_atomically
from restore.record import JSON

WEIGHTS = f"model{SUFFIX}"  # what hf:OWNER/REPO@REVISION means without a /FILE


@dataclass(frozen=True)
class EvalResult:
    """One measured result: a metric's value over a data set, and the degraded input's own value.

    `setting` is the degradation in words, such as "quality 10".
    """

    task: str
    setting: str
    dataset: str
    metric: str
    value: float
    nfe: int
    mode: str = "fidelity"
    baseline: float | None = None


def find_shipped(checkpoint: Checkpoint) -> tuple[str, tuple[EvalResult, ...]]:
    """What lies beside an embedded checkpoint: its story in Markdown, and its measured figures."""
    if checkpoint.source != "embedded":
        return "", ()
    beside = Path(__file__).with_name(checkpoint.file)
    story, figures = beside.with_suffix(".md"), beside.with_suffix(".json")
    rows = json.loads(figures.read_text(encoding="utf-8")) if figures.is_file() else []
    text = story.read_text(encoding="utf-8") if story.is_file() else ""
    return text, tuple(EvalResult(**row) for row in rows)


def make_card(checkpoint: Checkpoint, figures: Sequence[EvalResult] | None = None) -> str:
    """The README.md of a checkpoint: YAML front matter for the Hub, then Markdown.

    `figures` None stands for those that ship with the checkpoint.
    """
    story, own = find_shipped(checkpoint)
    figures = own if figures is None else figures
    lines = [
        "---",
        *(f"{key}: {_json(value)}" for key, value in _front(checkpoint, figures)),
        "---",
    ]
    lines += [f"\n# {_plain(checkpoint.name)}\n"]
    lines += [f"{_plain(checkpoint.summary)}.\n" if checkpoint.summary else ""]
    lines += [
        "A bidirectional consistency model ([arXiv:2403.18035](https://arxiv.org/abs/2403.18035)) "
        "for image restoration with [bcm-restore](https://pypi.org/project/bcm-restore/): one "
        "network that carries an image between any two noise levels. Restored images are held to "
        "the given file, so a task needs a known degradation and no training of its own.\n",
        "```sh",
        f"bcm-restore {_example(checkpoint)} --model {_address(checkpoint)}",
        "```\n",
    ]
    if story:
        lines += [story.strip(), ""]
    if figures:
        lines += ["## Results\n", *_table(_results(figures)), ""]
    presets: list[tuple[str, ...]] = [
        (task, mode, str(nfe), " ".join(f"{level:g}" for level in row.levels), row.estimator)
        for task, modes in checkpoint.presets.items()
        for mode, tuned in modes.items()
        for nfe, rows in tuned.items()
        for row in rows
    ]
    if presets:
        header = ("task", "mode", "NFE", "noise levels", "estimator")
        lines += ["## Tuned levels\n", *_table([header, *presets]), ""]
    facts = {
        "architecture": _plain(checkpoint.architecture),
        "configuration": f"`{_json(checkpoint.config)}`",
        "sigma_data": f"{checkpoint.sigma_data:g}",
        "classes": str(checkpoint.classes or "none"),
        "trained at": f"{checkpoint.resolution} pixels" if checkpoint.resolution else "",
        "bytes": f"{checkpoint.bytes:,}" if checkpoint.bytes else "",
        "SHA-256": f"`{checkpoint.sha256}`" if checkpoint.sha256 else "",
        "licence": _plain(checkpoint.license),
    }
    lines += ["## File\n", *_table([("", ""), *((k, v) for k, v in facts.items() if v)]), ""]
    if checkpoint.cite:
        lines += ["## Citation\n", _plain(checkpoint.cite), ""]
    return "\n".join(lines)


def publish(
    checkpoint: Checkpoint,
    folder: str | Path,
    figures: Sequence[EvalResult] | None = None,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write README.md, config.json and the verified weights into a folder; returns their paths.

    RequestError where one of them exists and `overwrite` is off.
    """
    from restore.checkpoints import models, sources

    folder = Path(folder)
    readme, config, target = (folder / name for name in ("README.md", "config.json", WEIGHTS))
    for path in (readme, config, target):
        if path.exists() and not overwrite:
            raise RequestError(f"{path} exists; --existing overwrite replaces it")
    described, weights = models.read_checkpoint(checkpoint, allow_unverified=True)
    if "bcm.architecture" not in weights.metadata:
        raise CheckpointError(f"{checkpoint.file} has no metadata, so nobody could load it")
    source = sources.fetch(checkpoint)
    described = replace(described, sha256=weights.sha256, bytes=source.stat().st_size)
    facts = {
        "library_name": "bcm-restore",
        "architecture": described.architecture,
        "config": described.config,
        "sigma_data": described.sigma_data,
        "sha256": described.sha256,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot make the folder {folder}: {error.strerror}") from error
    with open_atomically(target) as stream, source.open("rb") as original:
        shutil.copyfileobj(original, stream)
    for path, text in (
        (readme, make_card(described, figures)),
        (config, json.dumps(facts, indent=2)),
    ):
        with open_atomically(path) as stream:
            stream.write(f"{text.rstrip()}\n".encode())
    return [readme, config, target]


def _front(checkpoint: Checkpoint, figures: Sequence[EvalResult]) -> list[tuple[str, JSON]]:
    """The front matter's keys and values; the Hub reads results off `model-index`."""
    results = [
        {
            "task": {"type": "image-to-image", "name": f"{figure.task}, {figure.setting}"},
            "dataset": {"name": figure.dataset, "type": figure.dataset.lower()},
            "metrics": [
                {
                    "type": figure.metric,
                    "name": f"{figure.metric}, {figure.mode}, NFE {figure.nfe}",
                    "value": figure.value,
                }
            ],
        }
        for figure in figures
    ]
    front: list[tuple[str, JSON]] = [
        ("license", checkpoint.license.lower() or "unknown"),
        ("library_name", "bcm-restore"),
        ("pipeline_tag", "image-to-image"),
        ("tags", ["image-restoration", "consistency-model", "safetensors", *checkpoint.tasks]),
    ]
    if results:
        front.append(("model-index", [{"name": checkpoint.name, "results": results}]))
    return front


def _results(figures: Sequence[EvalResult]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("task", "data", "mode", "NFE", "metric", "input", "output")]
    for f in figures:
        baseline = "" if f.baseline is None else f"{f.baseline:.2f}"
        task = f"{f.task}, {f.setting}"
        rows.append((task, f.dataset, f.mode, str(f.nfe), f.metric, baseline, f"{f.value:.2f}"))
    return rows


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows, the first of them the header, as Markdown."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]


def _plain(text: str) -> str:
    """Text out of a file as one line, of which nothing is markup, a link or a control character."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*_{}\[\]#|!~])", r"\\\1", html.escape(line, quote=False))


def _cell(text: str) -> str:
    """A cell of a table: no line ends in it, and no bar that would end it."""
    return " ".join(re.sub(r"(?<!\\)\|", r"\\|", text).split())


def _example(checkpoint: Checkpoint) -> str:
    """A command that the checkpoint is for."""
    examples: dict[tuple[str, ...], str] = {
        ("generate",): "generate --size 512x512",
        ("superres",): "superres photo.png --scale 2",
        ("inpaint",): "inpaint photo.png --mask mask.png",
    }
    return examples.get(checkpoint.tasks, "jpeg photo.jpg")


def _address(checkpoint: Checkpoint) -> str:
    if checkpoint.source == "hub":
        return f"hf:{checkpoint.repo}@{checkpoint.revision}"
    return "hf:OWNER/REPO@COMMIT"


def _json(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False)
