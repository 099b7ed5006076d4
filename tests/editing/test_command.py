"""The command `edit` on the tiny model of a loopback Hub: outputs, records, exit codes, faults."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

import restore
from restore.cli.app import app
from restore.editing import loading
from tests.support.clock import PATIENCE
from tests.support.editing import need_extra, tiny_catalogue
from tests.support.hub_server import HubServer

WORDS = ("--source", "a photo of a cat", "--target", "a photo of a dog")
TINY = ("-m", "tiny-sd", "--catalog", "tiny.toml", "--device", "cpu")
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photograph, hub: HubServer) -> None:
    """A folder with two pictures, a mask and the tiny model's catalogue."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    Image.fromarray(photograph("cat", 60, 40)).save("cat.png")
    Image.fromarray(photograph("astronaut", 40, 60)).save("woman.png")
    mask = np.zeros((40, 60), np.uint8)
    mask[5:30, 10:50] = 255
    Image.fromarray(mask).save("mask.png")
    tiny_catalogue(Path("tiny.toml"), side=64)


@pytest.fixture
def run() -> Run:
    """run(*arguments): `edit` within this process."""

    def call(*arguments: object, input: bytes | None = None) -> Result:
        text = [str(argument) for argument in ("edit", *arguments)]
        return CliRunner().invoke(app, text, input=input)

    return call


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def extra() -> None:
    need_extra()


@pytest.mark.usefixtures("extra")
class TestWithTheExtra:
    def test_a_picture_is_edited_beside_itself_and_the_record_says_how(self, run: Run) -> None:
        result = run("cat.png", *WORDS, *TINY, "--json", "--seed", 3)
        assert result.exit_code == 0, result.stderr
        (record,) = records(result)
        assert (record["task"], record["status"], record["nfe"]) == ("edit", "ok", 8)
        assert (record["output"], record["branches"], record["seed"]) == ("cat_edit.png", 2, 3)
        assert (record["source"], record["target"]) == (WORDS[1], WORDS[3])
        assert record["parts"].keys() == {"unet", "forward", "reverse", "vae", "text"}
        assert pixels("cat_edit.png").shape == (40, 60, 3)
        assert "downloading 1.3 MB in 10 files; licences: MIT" in result.stderr
        assert "edit: 1 image, cpu" in result.stderr
        assert "NFE 8, p2p" in result.stderr

    def test_outside_a_mask_the_written_bits_are_the_inputs(self, run: Run) -> None:
        deep = (pixels("cat.png").astype(np.uint16) * 257) + 5
        import cv2

        cv2.imwrite("deep.png", deep[..., ::-1])
        options = (*TINY, "--mask", "mask.png", "--keep", "none", "--guidance", 19)
        result = run("deep.png", *WORDS, *options, "--json")
        assert result.exit_code == 0, result.stderr
        assert records(result)[0]["metrics"]["outside_max_error"] == 0
        made, mask = (
            cv2.imread("deep_edit.png", cv2.IMREAD_UNCHANGED)[..., ::-1],
            pixels("mask.png"),
        )
        assert made.dtype == np.uint16
        assert np.array_equal(made[mask == 0], deep[mask == 0])
        assert not np.array_equal(made[mask > 0], deep[mask > 0])

    def test_many_pictures_with_a_line_of_words_each(self, run: Run) -> None:
        Path("in").mkdir()
        for name in ("cat.png", "woman.png"):
            Path(name).rename(Path("in") / name)
        Image.open("in/cat.png").save("in/nobody.png")
        Path("in/bad.png").write_bytes(b"no picture")
        Path("words.csv").write_text(
            "stem,source,target\ncat,a photo of a cat,a photo of a dog\n"
            'woman,"a photo of a bird","a photo of a lego bird, standing"\nbad,a cat,a dog\n'
        )
        result = run("in", "--prompts", "words.csv", *TINY, "-o", "out", "--json")
        assert result.exit_code == 3, result.stderr
        *found, summary = records(result)
        status = {Path(record["input"]).stem: record["status"] for record in found}
        assert status == {"bad": "failed", "cat": "ok", "nobody": "failed", "woman": "ok"}
        assert found[3]["target"] == "a photo of a lego bird, standing"
        assert "no line for 'nobody'" in found[2]["error"]["message"]
        assert (summary["summary"]["ok"], summary["summary"]["failed"]) == (2, 2)
        again = run(
            "in", "--prompts", "words.csv", *TINY, "-o", "out", "--existing", "skip", "--json"
        )
        assert [record["status"] for record in records(again)[:4]].count("skipped") == 2

    def test_a_folder_of_masks_goes_by_name(self, run: Run) -> None:
        Path("masks").mkdir()
        Path("mask.png").rename("masks/cat.png")
        Image.new("L", (40, 60), 0).save("masks/woman.png")
        result = run(
            "cat.png", "woman.png", *WORDS, *TINY, "--mask", "masks", "-o", "out", "--json"
        )
        assert result.exit_code == 3
        found = records(result)
        assert [record["status"] for record in found[:2]] == ["ok", "failed"]
        assert "the mask is empty" in found[1]["error"]["message"]

    def test_standard_output_takes_the_picture(self, run: Run) -> None:
        result = run("-", "-o", "-", *WORDS, *TINY, input=Path("cat.png").read_bytes())
        assert result.exit_code == 0, result.stderr
        assert Image.open(io.BytesIO(result.stdout_bytes)).size == (60, 40)

    def test_other_words_make_a_picture_anew_where_a_folder_is_done_again(self, run: Run) -> None:
        run("cat.png", "woman.png", *WORDS, *TINY, "-o", "out")
        same = run("cat.png", "woman.png", *WORDS, *TINY, "-o", "out", "--existing", "skip")
        assert same.stderr.count("skipped") == 2 or "2 skipped" in same.stderr
        words = ("--source", "a photo of a cat", "--target", "a photo of a bird")
        other = run("cat.png", "woman.png", *words, *TINY, "-o", "out", "--existing", "skip")
        assert other.stderr.count("again: ") == 2

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ("wrong bytes", "not the file it should be"),
            ("missing file", "not there (404)"),
            ("unauthorised", "HF_TOKEN"),
        ],
    )
    def test_a_part_that_cannot_be_had_is_code_4(self, run: Run, hub, fault, said) -> None:
        hub.fault = fault
        result = run("cat.png", *WORDS, *TINY)
        assert (result.exit_code, said in result.stderr) == (4, True), result.stderr
        assert not Path("cat_edit.png").exists()

    def test_offline_is_code_4_and_asks_nobody(self, run: Run, hub) -> None:
        result = run("cat.png", *WORDS, *TINY, "--offline")
        assert (result.exit_code, "offline mode is on" in result.stderr) == (4, True)
        assert not hub.seen

    def test_short_memory_is_code_5_before_anything_comes(
        self, run: Run, hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loading, "free_memory", lambda device: 1000)
        result = run("cat.png", *WORDS, *TINY)
        assert (result.exit_code, "GB of memory" in result.stderr) == (5, True)
        assert not hub.seen

    def test_a_prompt_past_its_length_is_code_2(self, run: Run) -> None:
        result = run("cat.png", "--source", "a cat", "--target", "a zebra " * 30, *TINY)
        assert (result.exit_code, "77 are taken" in result.stderr) == (2, True)
        assert not Path("cat_edit.png").exists()

    def test_from_python(self) -> None:
        path = tiny_catalogue(Path("tiny.toml"), side=64)
        editor = loading.load_editor("tiny-sd", device="cpu", catalogue=path)
        mask = np.zeros((40, 60), bool)
        mask[:20] = True
        result = restore.edit(
            "cat.png", source=WORDS[1], target=WORDS[3], model=editor, mask=mask, amplify={"dog": 2}
        )
        assert result.report["amplify"] == [["dog", 2]]
        assert np.array_equal(result.image[20:], pixels("cat.png")[20:])

    def test_models_are_downloaded_verified_told_and_removed_by_their_parts(self, hub) -> None:
        def models(*arguments: str) -> Result:
            return CliRunner().invoke(
                app, ["models", *arguments, "tiny-sd", "--catalog", "tiny.toml"]
            )

        told = models("info").stdout
        assert "download: 1.3 MB in 10 files; licences: MIT" in told
        assert "not on this machine" in told
        assert not hub.seen
        assert models("path").exit_code == 4
        paths = models("download").stdout.splitlines()
        assert len(paths) == 10
        assert models("path").stdout.splitlines() == paths
        assert all(len(line.split()[0]) == 64 for line in models("verify").stdout.splitlines())
        assert len(models("rm").stdout.splitlines()) == 10
        assert models("path").exit_code == 4
        assert models("card").exit_code == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--source is needed"),
        (("--source", "a cat"), "--target is needed"),
        (("--source", "a cat", "--target", "a cat"), "both prompts are"),
        ((*WORDS, "--prompts", "x.csv"), "--source and --prompts"),
        (("--prompts", "absent.csv"), "cannot be read"),
        (("--prompts", "two.csv"), "found 2 columns"),
        (("--prompts", "twice.csv"), "'cat' is empty, or twice"),
        ((*WORDS, "--blend", "cat"), "expected two words"),
        ((*WORDS, "--blend", "cow:dog"), "'cow' is not in the prompt"),
        ((*WORDS, "--amplify", "dog"), "as lego=4"),
        ((*WORDS, "--amplify", "cow=2"), "'cow' is not in the prompt"),
        ((*WORDS, "--control", "none", "--cross", 0.2), "belongs to control 'p2p'"),
        ((*WORDS, "--tau", 2), "tau is 2"),
        ((*WORDS, "--mask", "absent.png"), "does not exist"),
        ((*WORDS, "-m", "default"), "no model for editing"),
        ((*WORDS, "-m", "icd-sdxl", "--control", "p2p"), "not for icd-sdxl"),
        ((*WORDS, "--nfe", 5), "nfe is 5, expected 6, 7, 8"),
    ],
)
def test_what_is_asked_wrongly_is_code_2_before_anything_comes(run: Run, hub, options, said):
    Path("two.csv").write_text("cat,a cat\n")
    Path("twice.csv").write_text("cat,a cat,a dog\ncat,a cat,a dog\n")
    result = run("cat.png", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert not hub.seen


def test_without_the_extra_it_is_code_5_with_the_line_to_type(tmp_path: Path) -> None:
    """In a process whose imports of the extra fail, as where it is not installed."""
    code = (
        "import sys\n"
        "sys.modules['diffusers'] = None\n"
        "from restore.cli import main\n"
        "sys.argv = ['bcm-restore', *sys.argv[1:]]\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "edit", "cat.png", *WORDS],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={"PYTHONPATH": str(Path(restore.__file__).parents[1]), "PATH": "", "COLUMNS": "200"},
    )
    assert done.returncode == 5, done.stderr
    assert "pip install 'bcm-restore[edit]'" in done.stderr


def test_a_dry_run_needs_neither_weights_nor_network(run: Run, hub) -> None:
    need_extra()
    result = run("cat.png", *WORDS, "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "cat_edit.png\n")
    assert not hub.seen


def test_help_imports_neither_torch_nor_the_extra() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom restore.cli.app import app\n"
        "result = CliRunner().invoke(app, ['edit', '--help'])\n"
        "assert result.exit_code == 0\n"
        "print(sorted({'torch', 'diffusers', 'transformers'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout.strip() == "[]", done.stderr
