"""Laws of the configuration file: what comes before what, and what is refused by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clock import PATIENCE
from tests.support.commands import Run, records

FILE = Path("bcm-restore.toml")


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "bcm-restore" / "bcm-restore.toml"
    path.parent.mkdir(parents=True)
    return path


def seen(run: Run, *words: object) -> dict[str, object]:
    """What a run of `jpeg` would do."""
    done = run("jpeg", "photo.jpg", "--dry-run", "--json", *words)
    assert done.exit_code == 0, done.stderr
    return records(done)[0]


def test_flag_over_bundle_over_environment_over_file_over_default(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (seen(run)["seed"], seen(run)["nfe"], seen(run)["dtype"]) == (0, 4, "fp32")
    FILE.write_text('seed = 5\nnfe = 3\ndtype = "fp16"\n[jpeg]\nseed = 6\n[with.b]\ndtype = "bf16"')
    assert (seen(run)["seed"], seen(run)["nfe"], seen(run)["dtype"]) == (6, 3, "fp16")
    monkeypatch.setenv("BCM_RESTORE_DTYPE", "fp32")
    assert seen(run)["dtype"] == "fp32"
    assert seen(run, "--with", "b")["dtype"] == "bf16"
    assert seen(run, "--with=b", "--dtype", "fp16")["dtype"] == "fp16"
    assert seen(run, "--seed", 7)["seed"] == 7


def test_the_file_here_comes_before_the_user_s(run: Run, user_file: Path) -> None:
    user_file.write_text("seed = 1\nnfe = 2\n[with.fast]\nnfe = 1")
    assert (seen(run)["seed"], seen(run)["nfe"]) == (1, 2)
    FILE.write_text("seed = 3")
    assert (seen(run)["seed"], seen(run)["nfe"]) == (3, 2)
    assert seen(run, "--with", "fast")["nfe"] == 1


def test_a_flag_pushes_aside_what_contradicts_it(run: Run) -> None:
    FILE.write_text('mode = "perceptual"\nexisting = "skip"\n[with.soft]\nmode = "perceptual"')
    assert seen(run)["mode"] == "perceptual"
    assert run("jpeg", "photo.jpg", "--blend", "0.5", "--dry-run", "-y").exit_code == 0
    assert run("jpeg", "photo.jpg", "--with", "soft", "--blend", "0.5", "-y", "--dry-run").stdout


def test_flags_and_lists_are_taken(run: Run) -> None:
    Path("in").mkdir()
    for name in ("a.jpg", "b.jpg"):
        Path("in", name).write_bytes(Path("photo.jpg").read_bytes())
    FILE.write_text('[jpeg]\nexclude = ["a.*"]\ndry-run = true\n[with.c]\ndry_run = false')
    assert run("jpeg", "in", "-o", "out").stdout == "out/b.png\n"
    assert not Path("out").exists()


def test_a_quality_in_a_file_is_for_the_outputs_that_have_one(run: Run) -> None:
    FILE.write_text("[jpeg]\nquality = 5")
    assert run("jpeg", "photo.jpg", "-o", "a.png").exit_code == 0
    assert run("jpeg", "photo.jpg", "-o", "low.jpg").exit_code == 0
    assert run("jpeg", "photo.jpg", "-o", "high.jpg", "--quality", 95).exit_code == 0
    assert Path("low.jpg").stat().st_size < Path("high.jpg").stat().st_size


def test_a_run_says_whose_settings_it_has() -> None:
    FILE.write_text("seed = 1")
    words = [sys.executable, "-m", "restore", "jpeg", "photo.jpg", "--dry-run"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert "settings of bcm-restore.toml" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds_ = 1", "there is no option 'seeds-': did you mean 'seeds'?"),
        ("[jpeg]\nqualty = 1", "there is no option 'jpeg.qualty': did you mean 'quality'?"),
        ("[jpge]\nquality = 1", "there is no command 'jpge': did you mean 'jpeg'?"),
        ('[jpeg]\nquality = 200\nformat = "jpg"', "in bcm-restore.toml"),
        ('seed = "many"', "in bcm-restore.toml"),
        ("seed =", "'bcm-restore.toml' cannot be read"),
        ("[jpeg.more]\nseed = 1", "jpeg.more is a table"),
        ("with = 3", "there is no option 'with'"),
        ("[with]\nfast = 3", "fast is none"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, text: str, said: str) -> None:
    FILE.write_text(text)
    done = run("jpeg", "photo.jpg")
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_bundle_that_does_not_fit_is_refused(run: Run) -> None:
    FILE.write_text("[with.large]\nscale = 2")
    assert "has no option 'scale'" in run("jpeg", "photo.jpg", "--with", "large").stderr
    near = run("jpeg", "photo.jpg", "--with", "larg")
    assert near.exit_code == 2
    assert "did you mean 'large'?" in near.stderr


def test_config_show_says_where_each_value_comes_from(
    run: Run, monkeypatch: pytest.MonkeyPatch, user_file: Path
) -> None:
    monkeypatch.setenv("BCM_RESTORE_DEVICE", "cpu")
    user_file.write_text("threads = 1")
    FILE.write_text("[jpeg]\nquality = 92\n[with.print]\nquality = 98")
    rows = {line.split()[0]: line for line in run("config", "show").stdout.splitlines()}
    assert str(user_file) in rows["threads"]
    assert rows["jpeg.quality"].split()[1:] == ["92", "bcm-restore.toml"]
    assert rows["device"].split()[1:] == ["cpu", "environment,", "BCM_RESTORE_DEVICE"]
    assert rows["seed"].split()[1:] == ["0", "default"]
    assert "--with print: quality = 98" in run("config", "show").stdout
    found = json.loads(run("config", "show", "jpeg", "--json").stdout)
    assert found["options"]["quality"] == {"value": "92", "source": "bcm-restore.toml"}
    assert found["options"]["nfe"]["value"] == "4"
    assert found["bundles"] == {"print": {"quality": "98"}}
    assert run("config", "show", "jpge").exit_code == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("bcm-restore sup", {"superres"}),
        ("bcm-restore jpeg --model ic", {"icd-sd15", "icd-sdxl"}),
        ("bcm-restore jpeg --mode ", {"fidelity", "perceptual"}),
        ("bcm-restore models in", {"info"}),
        ("bcm-restore superres --sc", {"--scale"}),
        ("bcm-restore jpeg --with p", {"print"}),
    ],
)
def test_a_shell_completes(words: str, expected: set[str]) -> None:
    FILE.write_text("[with.print]\nquality = 98\n[with.web]\nquality = 80")
    asked = {
        "_BCM_RESTORE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run(
        [sys.executable, "-m", "restore"],
        env=os.environ | asked,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert set(done.stdout.decode().split()) == expected


def test_completion_is_installed_by_an_option(run: Run) -> None:
    assert "--install-completion" in run("--help").stdout
