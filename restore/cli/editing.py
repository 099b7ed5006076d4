"""Editing: the command `edit`, which changes pictures by words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore.batch.inputs import Sidecar
from restore.batch.plan import Job, Plan
from restore.batch.run import Progress, Work, prepare_folders, resume
from restore.cli.commands import flatten
from restore.cli.jobs import plan_run
from restore.cli.options.file_options import EncodingOptions, Files, Images
from restore.cli.options.restoration_options import AllowUnverified, Catalog, DeviceOptions, Offline
from restore.cli.options.run_options import RunOptions
from restore.cli.run import choose_manifest, describe_run, run_here, say_again
from restore.cli.views import Views, make_views
from restore.errors import ImageError, RequestError
from restore.files import read_bytes
from restore.record import Record

if TYPE_CHECKING:
    from restore.checkpoints import Checkpoint
    from restore.editing.editor import Editor
    from restore.images import Picture
    from restore.tasks.edit import Edit

ALPHA = "alpha"
LONGEST_PROMPTS = 1 << 26  # bytes

_words = partial(typer.Option, rich_help_panel="Words", show_default=False)
_control = partial(typer.Option, rich_help_panel="Control")
_model = partial(typer.Option, rich_help_panel="Model")


@dataclass(frozen=True)
class Words:
    """What the pictures show, and what they shall show."""

    source: Annotated[
        str | None, _words(metavar="TEXT", help="What the picture shows: 'a photo of a cat'")
    ] = None
    target: Annotated[
        str | None, _words(metavar="TEXT", help="What it shall show: 'a photo of a dog'")
    ] = None
    prompts: Annotated[
        str | None,
        _words(
            metavar="FILE.csv",
            help="For many images, in place of both: a line each of stem,source,target",
        ),
    ] = None


@dataclass(frozen=True)
class Ways:
    """How much the words change, and where."""

    nfe: Annotated[
        int,
        _control(metavar="6|7|8", help="Evaluations: 3 up and 3 down, 3 + 4, 4 + 4"),
    ] = 8
    control: Annotated[
        Literal["auto", "p2p", "masactrl", "words", "none"],
        _control(
            help="What the edit takes over from what the source's words give back: p2p keeps the "
            "layout, masactrl lets the shape change, words begins with the source's; auto is p2p, "
            "and words for XL"
        ),
    ] = "auto"
    cross: Annotated[
        float | None,
        _control(metavar="0..1", show_default="0.3", help="p2p: steps whose attention to words"),
    ] = None
    self_: Annotated[
        float | None,
        _control(
            "--self",
            metavar="0..1",
            show_default="0.6",
            help="p2p: and steps whose attention between pixels is the source's, as a share",
        ),
    ] = None
    amplify: Annotated[
        list[str] | None,
        _control(
            metavar="WORD=F",
            show_default="4 for each new word",
            help="p2p: how much more a word of the target counts; may be repeated",
        ),
    ] = None
    blend: Annotated[
        str | None,
        _control(
            metavar="WORD:WORD",
            help="p2p: change nothing but where a word of the source, or one of the target, is",
        ),
    ] = None
    mask: Annotated[
        str | None,
        _control(
            metavar="FILE|DIR|alpha",
            help="White may change, all else stays to the last bit: a file for all, a folder with "
            "one of each input's name, or alpha for what is fully transparent",
        ),
    ] = None
    keep: Annotated[
        Literal["auto", "none"],
        _control(help="auto keeps the picture where words changed nothing; none is the bare edit"),
    ] = "auto"
    guidance: Annotated[
        float | None,
        _control(metavar="W", show_default="the model's", help="How strongly the target pulls"),
    ] = None
    tau: Annotated[
        float | None,
        _control(
            metavar="0..1", show_default="the model's", help="The share of the times it pulls in"
        ),
    ] = None
    start: Annotated[
        int, _control(metavar="T", help="The time at which the way to noise begins")
    ] = 19
    side: Annotated[
        int | None,
        _control(
            metavar="N",
            show_default="the model's",
            help="Pictures go through the networks at an area of N by N pixels",
        ),
    ] = None
    seed: Annotated[
        int, _control(metavar="N", help="Of the noise; the same seed gives the same pixels")
    ] = 0


@dataclass(frozen=True)
class EditingModelOptions:
    """Which editing model, and what is taken for one."""

    model: Annotated[
        str,
        _model("--model", "-m", metavar="NAME", help="Of the catalogue: icd-sd15 or icd-sdxl"),
    ] = "icd-sd15"
    catalog: Catalog = None
    offline: Offline = False
    allow_unverified: AllowUnverified = False


@dataclass(frozen=True)
class Given:
    """What the files of a job hold."""

    picture: Picture
    options: Edit


@dataclass(frozen=True)
class Changer:
    """Reads and edits one picture after the other.

    known: what a record says without any result. options: by the input's stem, or under "" for all.
    """

    known: Record
    options: dict[str, Edit]
    sidecar: Sidecar | None
    seed: int
    max_pixels: int
    views: Views

    def read(self, job: Job) -> Given:
        """A picture with its words and its mask; ImageError where it has none."""
        from restore.images import as_picture

        options = self.options.get("") or self.options.get(job.input.stem)
        if options is None:
            raise ImageError(f"the prompts file has no line for {job.input.stem!r}")
        picture = as_picture(job.source, max_pixels=self.max_pixels)
        if self.sidecar:
            mask = as_picture(self.sidecar.find(job.input), max_pixels=self.max_pixels)
            options = replace(options, mask=mask)
        return Given(picture, options)

    def make(
        self, editor: Editor | None, job: Job, given: Given, progress: Progress | None
    ) -> tuple[Picture, Record]:
        """The edited picture and its record."""
        from restore.tasks.edit import edit

        assert editor is not None, "nothing is made without its networks"
        result = edit(
            given.picture,
            given.options,
            editor,
            seed=self.seed,
            progress=progress,
            max_pixels=self.max_pixels,
        )
        self.views.keep(job, result.picture, given.picture.upright())
        return result.picture, result.record

    def find_sidecars(self, job: Job) -> list[str]:
        return [self.sidecar.find(job.input)] if self.sidecar else []


@flatten
def edit(
    image: Images,
    *,
    words: Words,
    ways: Ways,
    files: Files,
    encoding: EncodingOptions,
    source: EditingModelOptions,
    processor: DeviceOptions,
    run: RunOptions,
) -> None:
    """Change pictures by words: what was not asked for stays.

    A picture goes up to noise by the words for what it shows, and comes down
    by those for what it shall show. Needs the extra bcm-restore\\[edit] and
    4.8 GB of published weights.
    """
    from restore.checkpoints import resolve

    checkpoint = resolve(source.model, source.catalog)
    sidecar = None if ways.mask in (None, ALPHA) else Sidecar("mask", str(ways.mask))
    options = _check_options(words, ways, checkpoint)
    aside = [path for path in (sidecar.path if sidecar else None, words.prompts) if path]
    planned = plan_run(image, "edit", files, run, aside=aside, bits=encoding.bits)
    format = encoding.choose(planned.format)
    views = make_views(planned, run, files.policy, aside)

    from restore.batch.restorer import choose_machine, collect_settings
    from restore.editing import networks
    from restore.editing.loading import choose_parts

    parts = choose_parts(checkpoint, ways.nfe)
    networks.check_extra()
    device, dtype = choose_machine(processor.device, processor.dtype)
    known = Record(
        task="edit",
        model=checkpoint.name,
        model_sha256=parts["unet"].sha256 or None,
        method="icd",
        nfe=ways.nfe,
        seed=ways.seed,
        device=device,
        dtype=dtype,
    )
    changer = Changer(known, options, sidecar, ways.seed, files.max_pixels, views)
    own = {
        "nfe": ways.nfe,
        "seed": ways.seed,
        "edits": {stem: one.settings() for stem, one in options.items()},
        "parts": {role: part.sha256 for role, part in parts.items()},
    }

    def work(editor: Editor | None = None) -> Work:
        return Work(
            known,
            changer.read,
            partial(changer.make, editor),
            format.encode,
            collect_settings(known, format, None, own),
            changer.find_sidecars,
        )

    manifest = choose_manifest(planned, run)
    if manifest:
        planned = resume(planned, manifest, work())
        say_again(planned, work(), run)

    def load() -> Work:
        if all(job.done for job in planned.jobs):
            return work()
        prepare_folders(planned, views.paths)
        editor = _load(checkpoint, ways, source, processor, run)
        for one in options.values():  # a prompt's length is known by the tokenizer alone
            editor.read_prompt(one.source)
            editor.read_prompt(one.target)
        run.terminal.say(_announce(editor, planned, options))
        return work(editor)

    run_here(planned, known, load, run, views, manifest)


def _load(
    checkpoint: Checkpoint,
    ways: Ways,
    source: EditingModelOptions,
    processor: DeviceOptions,
    run: RunOptions,
) -> Editor:
    """The networks; errors as of `load_editor`."""
    import torch

    from restore.editing.loading import load_editor

    if processor.threads:
        torch.set_num_threads(processor.threads)
    editor = load_editor(
        checkpoint,
        ways.nfe,
        processor.device,
        processor.dtype,
        side=ways.side,
        offline=source.offline,
        allow_unverified=source.allow_unverified,
        announce=run.terminal.say,
    )
    for role, sha256 in editor.sha256.items():
        run.terminal.detail(f"SHA-256 of {checkpoint.name}'s {role}: {sha256}")
    return editor


def _announce(editor: Editor, planned: Plan, options: dict[str, Edit]) -> str:
    """One line on what will run."""
    from restore.tasks.edit import choose_control

    todo = sum(not job.done for job in planned.jobs)
    control = choose_control(next(iter(options.values())), editor.checkpoint)
    what = f"edit: {todo} image{'s' if todo > 1 else ''}"
    return describe_run(editor.unet, editor.checkpoint, what, editor.nfe, control)


def _check_options(words: Words, ways: Ways, checkpoint: Checkpoint) -> dict[str, Edit]:
    """The options of each picture, by its stem, or under "" for all.

    RequestError for what cannot be honoured.
    """
    from restore.tasks.edit import Edit

    pair = {"--source": words.source, "--target": words.target}
    if words.prompts is not None:
        if given := [name for name, text in pair.items() if text is not None]:
            raise RequestError(f"{given[0]} and --prompts say the same thing: give one of them")
        pairs = read_prompts(words.prompts)
    else:
        if missing := [name for name, text in pair.items() if text is None]:
            raise RequestError(f"{missing[0]} is needed, or --prompts FILE.csv for many images")
        pairs = {"": (words.source or "", words.target or "")}
    common = Edit(
        "",
        "",
        control=ways.control,
        cross=ways.cross,
        self_=ways.self_,
        amplify=tuple(map(parse_amplify, ways.amplify)) if ways.amplify else None,
        blend=None if ways.blend is None else parse_blend(ways.blend),
        guidance=ways.guidance,
        tau=ways.tau,
        start=ways.start,
        side=ways.side,
        keep=ways.keep,
        mask=ALPHA if ways.mask == ALPHA else None,
    )
    options = {stem: replace(common, source=a, target=b) for stem, (a, b) in pairs.items()}
    for one in options.values():
        one.check(checkpoint)
    return options


def read_prompts(path: str) -> dict[str, tuple[str, str]]:
    """(source, target) by stem, of a CSV file whose first line may name its columns.

    RequestError for what is none.
    """
    import csv
    from io import StringIO

    pairs: dict[str, tuple[str, str]] = {}
    try:
        text = read_bytes(path, limit=LONGEST_PROMPTS).decode("utf-8-sig")
        rows = [row for row in csv.reader(StringIO(text, newline=""), skipinitialspace=True) if row]
    except (ImageError, UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"--prompts {path!r} cannot be read: {error}") from error
    if rows and [cell.strip().lower() for cell in rows[0]] == ["stem", "source", "target"]:
        del rows[0]
    for number, row in enumerate(rows, start=1):
        if len(row) != 3:
            raise RequestError(
                f"--prompts {path!r}, entry {number}: found {len(row)} columns, expected stem, "
                "source, target; quote what holds a comma"
            )
        stem, source, target = (cell.strip() for cell in row)
        if not stem or stem in pairs:
            raise RequestError(f"--prompts {path!r}, entry {number}: {stem!r} is empty, or twice")
        pairs[stem] = (source, target)
    if not pairs:
        raise RequestError(f"--prompts {path!r} has no line of stem, source, target")
    return pairs


def parse_amplify(text: str) -> tuple[str, float]:
    """A word and its factor, of WORD=F. RequestError for anything else."""
    word, equals, factor = text.rpartition("=")
    try:
        if not (word and equals):
            raise ValueError(text)
        return word, float(factor)
    except ValueError as error:
        raise RequestError(
            f"--amplify {text!r}: expected a word and a factor, as lego=4"
        ) from error


def parse_blend(text: str) -> tuple[str, str]:
    """Both words of WORD:WORD. RequestError for anything else."""
    first, colon, second = text.partition(":")
    if not (first and colon and second):
        raise RequestError(f"--blend {text!r}: expected two words, as cat:dog")
    return first, second
