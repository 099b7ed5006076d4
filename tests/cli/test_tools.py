"""`degrade`, `compare`, `models` and `env`."""

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from restore.networks import build
from tests.support.commands import (
    RECORD,
    Run,
    pixels,
    records,
)

# Degrade and compare


def test_degrade_makes_the_input_of_each_task(run: Run) -> None:
    result = run("degrade", "jpeg", "clean.png", "--quality", 20, "--sampling", "4:4:4", "--json")
    (record,) = records(result)
    assert list(record) == RECORD
    assert record["task"] == "degrade jpeg"
    assert Image.open("clean_degraded.jpg").format == "JPEG"
    run("degrade", "jpeg", "clean.png", "-o", "worse.jpg")
    assert Path("worse.jpg").stat().st_size < Path("clean_degraded.jpg").stat().st_size
    run("degrade", "superres", "clean.png", "--scale", 2, "-o", "small.png")
    assert pixels("small.png").shape == (16, 24, 3)
    run("degrade", "inpaint", "clean.png", "--mask", "mask.png", "-o", "grey.png")
    assert (pixels("grey.png")[pixels("mask.png") > 127] == 127).all()


def test_what_degrade_did_denoise_and_deblur_undo(run: Run) -> None:
    for task, *options in (
        ("denoise", "--sigma", 20),
        ("deblur", "--kernel", "motion:5,30", "--sigma", 1),
    ):
        assert run("degrade", task, "clean.png", *options, "-o", "bad.png", "-y").exit_code == 0
        assert (pixels("bad.png") != pixels("clean.png")).any()
        (record,) = records(run(task, "bad.png", *options, "--nfe", 1, "--json", "-y"))
        assert (record["task"], record["nfe"]) == (task, 1)
        assert record["metrics"]["sigma"] == options[-1]
        assert Path(record["output"]).exists()


def test_degrade_writes_the_mask_that_it_drew(run: Run) -> None:
    for seed in (0, 0, 5):
        arguments = (
            "--missing",
            "scratches",
            "--seed",
            seed,
            "--mask-out",
            f"mask{seed}.png",
            "-y",
        )
        assert run("degrade", "inpaint", "clean.png", "-o", "holed.png", *arguments).exit_code == 0
        hole = pixels(f"mask{seed}.png") > 127
        assert (pixels("holed.png")[hole] == 127).all()
        assert (pixels("holed.png") == pixels("clean.png"))[~hole].all()
    assert (pixels("mask0.png") != pixels("mask5.png")).any()
    several = ("clean.png", "photo.jpg", "-o", "out", "--missing", "half", "--mask-out", "holes")
    assert run("degrade", "inpaint", *several).exit_code == 0
    assert sorted(os.listdir("holes")) == ["clean.png", "photo.png"]
    assert run("degrade", "inpaint", *several, "--existing", "skip").exit_code == 0


def test_compare_measures(run: Run) -> None:
    result = run("compare", "photo.jpg", "clean.png", "--degraded", "photo.jpg")
    lines = dict(line.split(" ", 1) for line in result.stdout.splitlines())
    assert float(lines["psnr_db"]) > 15
    assert float(lines["coefficients_kept"]) > 0.9
    same = run("compare", "-", "clean.png", "--json", input=Path("clean.png").read_bytes())
    assert records(same)[0]["metrics"] == {"psnr_db": None, "ssim": 1.0, "max_error": 0}
    assert run("compare", "clean.png", "clean.png").stdout.startswith("psnr_db exact\n")
    missing = run("compare", "clean.png", "photo.jgp")
    assert missing.exit_code == 2
    assert "did you mean 'photo.jpg'?" in missing.stderr
    assert run("compare", "clean.png", "clean.png", "--max-pixels", 99).exit_code == 3


# Models and env


def test_models_are_listed(run: Run) -> None:
    lines = run("models", "list").stdout.splitlines()
    assert lines[0].split()[0] == "NAME"
    rows = records(run("models", "list", "--json"))
    assert [row["name"] for row in rows] == [line.split()[0] for line in lines[1:]]
    assert rows[0]["name"] == "default"
    here = {line.split()[0]: line.split()[1] for line in lines}
    assert (here["NAME"], here["default"], here["icd-sd15"]) == ("HERE", "yes", "no")


def test_a_catalogue_of_one_s_own_adds_models(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    row = f'source = "hub"\nrepo = "a/b"\nrevision = "{"0" * 40}"\nfile = "m.safetensors"\n'
    Path("own.toml").write_text(f"[mine]\n{row}verified = false\n")
    assert "mine " in run("models", "list", "--catalog", "own.toml").stdout
    monkeypatch.setenv("BCM_RESTORE_CATALOG", "own.toml")
    assert run("models", "path", "mine").exit_code == 4
    refused = run("jpeg", "photo.jpg", "-m", "mine", "--offline")
    assert (refused.exit_code, "--allow-unverified" in refused.stderr) == (4, True)
    allowed = run("jpeg", "photo.jpg", "-m", "mine", "--offline", "--allow-unverified")
    assert (allowed.exit_code, "--allow-unverified" in allowed.stderr) == (4, False)


def test_a_model_s_file_is_told_verified_and_described(run: Run, tiny_model: Path) -> None:
    assert run("models", "path", tiny_model).stdout == f"{tiny_model}\n"
    sha256, name = run("models", "verify", tiny_model).stdout.split()
    assert (len(sha256), name) == (64, "tiny")
    (facts,) = records(run("models", "info", tiny_model, "--json"))
    assert (facts["architecture"], facts["sha256"]) == ("patch", sha256)
    assert f"sha256: {sha256}" in run("models", "info", tiny_model).stdout
    assert run("models", "download", tiny_model, "-q").stdout == f"{tiny_model}\n"
    assert run("models", "rm", tiny_model).exit_code == 2
    assert run("models", "rm", f"hf:some/body@{'0' * 40}").stdout == ""


def test_a_card_is_printed_or_written_to_publish(run: Run, tiny_model: Path) -> None:
    assert run("models", "card", tiny_model).stdout.startswith("---\nlicense: ")
    assert run("models", "card", tiny_model, "-o", "folder").exit_code == 0
    assert sorted(os.listdir("folder")) == ["README.md", "config.json", "model.safetensors"]
    assert run("models", "card", tiny_model, "-o", "folder").exit_code == 2
    assert run("models", "card", tiny_model, "-o", "folder", "-y").exit_code == 0
    assert run("models", "card", tiny_model, "-y").exit_code == 2


def test_a_published_file_is_converted(run: Run, tiny_model: Path) -> None:
    from tests.conftest import TINY

    torch.save(build("patch", TINY).state_dict(), "ema.pt")
    arguments = ("ema.pt", "-o", "new.safetensors", "--architecture", "patch")
    settings = ("--config", json.dumps(TINY), "--title", "New", "--dtype", "float16")
    result = run("models", "convert", *arguments, *settings, "--json")
    assert records(result)[0]["architecture"] == "patch"
    assert records(run("models", "info", "new.safetensors", "--json"))[0]["summary"] == "New"
    assert run("models", "convert", *arguments, *settings).exit_code == 2
    assert run("models", "convert", *arguments, *settings, "-y").stdout == "new.safetensors\n"
    assert run("jpeg", "photo.jpg", "-m", "new.safetensors", "--nfe", 1).exit_code == 0


def test_env_tells_what_a_bug_report_needs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    (facts,) = records(run("env", "--json"))
    assert set(facts) >= {"versions", "devices", "caches", "catalogue", "variables"}
    built = torch.__version__.split("+")[0]  # its package may not say for what
    assert facts["versions"]["torch"].split("+")[0] == built
    text = run("env").stdout
    assert "hf_secret" not in text + json.dumps(facts)
    assert "threads" in text


def test_presets_are_a_table(run: Run) -> None:
    lines = run("models", "info", "default").stdout.splitlines()
    titles = ["TASK", "MODE", "NFE", "SEVERITY", "LEVELS"]
    head = [line.split() for line in lines].index(titles)
    rows = [line.split(maxsplit=4) for line in lines[head + 1 :]]
    assert {row[0] for row in rows} >= {"jpeg", "inpaint", "superres"}
    assert all(float(level) > 0 for row in rows for level in row[4].split())
