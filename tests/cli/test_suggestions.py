"""Laws of suggestions: one style of errors, and what was meant where a name is another's."""

import pytest

from restore.cli.app import COMMANDS, load_command
from restore.cli.exits import MEANT, OPTIONS_MEANT
from tests.support.commands import Run

SINGLE = [name for name, row in COMMANDS.items() if row.examples]


def test_a_command_without_a_file_shows_examples(run: Run) -> None:
    for words in (["jpeg"], ["inpaint", "photo.png"], ["compare"]):
        done = run(*words)
        assert done.exit_code == 2
        assert f"$ bcm-restore {COMMANDS[words[0]].examples[0]}" in done.stderr


@pytest.mark.parametrize("name", MEANT)
def test_a_command_of_other_programs_leads_to_ours(run: Run, name: str) -> None:
    done = run(name, "photo.jpg")
    assert done.exit_code == 2
    assert f"did you mean {MEANT[name]}?" in done.stderr


def test_what_names_lead_to_is_there() -> None:
    assert set(MEANT.values()) <= set(COMMANDS)


def test_an_option_of_other_programs_leads_to_ours(run: Run) -> None:
    for command, option, ours in (
        ("superres", "-s", "--scale"),
        ("denoise", "-s", "--sigma or --seed"),
        ("jpeg", "--resume", "--existing skip"),
        ("jpeg", "--overwrite", "-y"),
    ):
        done = run(command, "photo.jpg", option)
        assert done.exit_code == 2
        assert f"no option is called {option}: did you mean {ours}" in done.stderr
    assert "images are named without an option" in run("jpeg", "-i", "photo.jpg").stderr


def test_what_options_lead_to_is_there() -> None:
    known = {
        name for command in SINGLE for one in load_command(command).params for name in one.opts
    }
    assert {words.split()[0] for meant in OPTIONS_MEANT.values() for words in meant} <= {
        *known,
        "--with",
    }


def test_all_errors_have_one_style(run: Run) -> None:
    for words in (["--foo"], ["jpeg", "--samples", "0"], ["models", "list", "-x"], ["jpeg", "x"]):
        done = run(*words)
        assert done.exit_code == 2
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1
