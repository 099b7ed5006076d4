"""Cards: what is published, and loads again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from restore import checkpoints
from restore.checkpoints import files
from restore.checkpoints.cards import EvalResult
from restore.errors import RequestError
from tests.support.checkpoints import CONFIG, REPO
from tests.support.hub_server import COMMIT, HubServer


def test_what_is_published_loads_from_the_hub(
    hub: HubServer, model: Path, tmp_path: Path, catalogue: Callable[..., Path]
) -> None:
    from huggingface_hub import ModelCard

    figure = EvalResult("jpeg", "quality 10", "LIVE1", "psnr", 26.1, nfe=2, baseline=25.69)
    folder = tmp_path / "card"
    checkpoint = checkpoints.resolve("mine", catalogue(license="MIT", tasks=["jpeg"]))
    paths = checkpoints.publish(checkpoint, folder, [figure])
    assert sorted(p.name for p in paths) == ["README.md", "config.json", "model.safetensors"]
    assert paths[2].read_bytes() == model.read_bytes()
    facts = json.loads(paths[1].read_text())
    assert (facts["config"], facts["sha256"]) == (CONFIG, files.digest(model))

    text = paths[0].read_text()
    front = ModelCard(text).data.to_dict()
    assert front["license"] == "mit"
    assert front["pipeline_tag"] == "image-to-image"
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 26.1
    assert "| jpeg, quality 10 | LIVE1 | fidelity | 2 | psnr | 25.69 | 26.10 |" in text
    assert files.digest(model) in text

    hub.files["model.safetensors"] = paths[2].read_bytes()
    assert checkpoints.load(f"hf:{REPO}@{COMMIT}", device="cpu").sha256 == facts["sha256"]
    with pytest.raises(RequestError, match="exists"):
        checkpoints.publish(checkpoint, folder)
    assert checkpoints.publish(checkpoint, folder, overwrite=True)


def test_a_card_without_figures_shows_the_tuned_levels() -> None:
    default = checkpoints.resolve("default")
    text = checkpoints.make_card(default, ())
    assert "model-index" not in text
    assert "## Tuned levels" in text
    assert "Results" not in text


def test_a_card_shows_a_command_that_the_checkpoint_is_for() -> None:
    default = checkpoints.resolve("default")
    assert "bcm-restore jpeg photo.jpg --model" in checkpoints.make_card(default)
    generator = replace(default, tasks=("generate",))
    assert "bcm-restore generate --size 512x512 --model" in checkpoints.make_card(generator, ())


def test_the_embedded_checkpoints_ship_their_story_and_their_figures() -> None:
    rows = checkpoints.read_catalogue().values()
    embedded = [row for row in rows if row.source == "embedded"]
    assert len(embedded) > 1
    for row in embedded:
        text = checkpoints.make_card(row)
        for part in ("model-index", "## Trained on", "## Good at, and not", "## Results"):
            assert part in text, row.name
        assert ("## Tuned levels" in text) == bool(row.presets)


def test_every_name_of_the_room_can_be_had() -> None:
    for name in (name for names in checkpoints.ROOMS.values() for name in names):
        assert getattr(checkpoints, name) is not None
    with pytest.raises(AttributeError):
        _ = checkpoints.nothing
