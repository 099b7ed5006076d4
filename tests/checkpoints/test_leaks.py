"""What gets out of files and catalogues into terminals, logs and pages."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from restore.checkpoints import resolve
from restore.checkpoints.cards import make_card
from restore.cli import app
from restore.jsonlines import parse_json
from restore.record import is_record

SECRETS = ("user", "password", "SIGNED", "HASHED")
CATALOGUE = """
[mine]
source = "url"
file = "m.safetensors"
url = "http://user:password@127.0.0.1:9/m.safetensors?signature=SIGNED#HASHED"
verified = false
"""


@pytest.mark.parametrize(
    "arguments",
    [["info", "mine"], ["info", "mine", "--json"], ["list"], ["list", "--json"],
     ["download", "mine", "--allow-unverified"]],
)  # fmt: skip
def test_credentials_in_a_url_are_not_printed(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("restore.checkpoints.sources.PAUSE", 0)
    path = tmp_path / "models.toml"
    path.write_text(CATALOGUE)
    result = CliRunner().invoke(app, ["models", *arguments, "--catalog", str(path)])
    assert result.exit_code == (4 if "download" in arguments else 0), result.output
    for secret in SECRETS:
        assert secret not in result.stdout + result.stderr
    if arguments != ["list"]:
        assert "http://127.0.0.1:9/m.safetensors" in result.stdout + result.stderr


HOSTILE = "T\n# Heading\n<img src=x onerror=alert(1)> [link](http://x) `code` | cell \x1b[31m\r\x07"


@pytest.mark.parametrize("field", ["name", "summary", "license", "architecture", "cite"])
def test_what_a_file_says_of_itself_is_one_line_of_text_on_its_card(field):
    plain = resolve("default")
    text = make_card(replace(plain, **{field: HOSTILE}), [])
    assert not any(char in text for char in "\x1b\r\x07")
    body = text.split("\n---\n", 1)[1]
    assert "\n# Heading" not in body
    assert "<img" not in body
    assert "[link](http" not in body
    assert len(body.splitlines()) == len(make_card(plain, []).split("\n---\n", 1)[1].splitlines())


@pytest.mark.parametrize("seconds", ["NaN", "1e400", "1e300", "-1", "Infinity", "1" + "0" * 400])
def test_a_line_whose_numbers_cannot_be_is_none_of_ours(seconds):
    line = '{"status": "ok", "input": null, "output": "o", "seconds": %s}'
    assert is_record(parse_json(line % "3.5"))
    assert not is_record(parse_json(line % seconds))


def test_a_report_of_such_lines_is_one_sentence(tmp_path):
    record = {"status": "ok", "input": "i", "output": "o", "seconds": 1e300}
    entry = {"manifest": 1, "when": 1, "path": "o", "record": record, "settings": {}, "inputs": []}
    Path(tmp_path / "m.jsonl").write_text(json.dumps({**entry, "output": None}) + "\n")
    result = CliRunner().invoke(app, ["report", "merge", str(tmp_path / "m.jsonl")])
    assert result.exit_code == 2
    assert "no manifest has a line of ours" in result.stderr
