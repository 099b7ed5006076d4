"""Laws of variants: so many results of an input, of seeds in turn, each with its own name."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import restore
from restore.batch.manifest import MANIFEST
from restore.cli import app
from restore.errors import RequestError
from restore.settings import Settings
from restore.tasks import Denoise
from tests.support.batches import bytes_in, photos, records

pytestmark = pytest.mark.usefixtures("clean")

DRAWN = ("denoise", "--sigma", "20", "--nfe", "1", "--mode", "perceptual", "--tile", "0")


def run(*arguments: str, code: int = 0):
    result = CliRunner().invoke(app, [*DRAWN, *arguments])
    assert result.exit_code == code, result.output
    return result


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_variants_are_the_results_of_the_seeds_in_turn():
    photos("a.jpg")
    found = records(run("a.jpg", "--variants", "3", "--seed", "5", "--json"))[:-1]
    names = [f"a_denoise_{number}.png" for number in (1, 2, 3)]
    assert [record["output"] for record in found] == names
    assert [record["seed"] for record in found] == [5, 6, 7]
    assert not Path(MANIFEST).exists()  # as beside any one picture
    shown = [pixels(name) for name in names]
    assert not np.array_equal(shown[0], shown[1])
    run("a.jpg", "--variants", "2", "--seed", "7", "-o", "later.png")
    assert np.array_equal(pixels("later_1.png"), shown[2])


def test_variants_of_means_share_no_draw():
    photos("a.jpg")
    found = records(
        run("a.jpg", "--variants", "2", "--samples", "2", "--uncertainty", "map.png", "--json")
    )
    assert [record["seed"] for record in found[:-1]] == [0, 2]
    assert Path("map_1.png").exists()
    assert Path("map_2.png").exists()


def test_a_batch_of_variants_goes_on_where_it_stopped():
    names = photos("in/a.jpg", "in/b.jpg")
    run("in", "-o", "out/", "--variants", "2")
    before = bytes_in("out")
    assert set(before) == {f"{stem}_{number}.png" for stem in "ab" for number in (1, 2)}
    entries = [json.loads(line) for line in Path("out", MANIFEST).read_text().splitlines()]
    assert sorted(entry["settings"]["seed"] for entry in entries) == [0, 0, 1, 1]
    Path("out/b_2.png").unlink()
    found = records(run("in", "-o", "out/", "--variants", "2", "--existing", "skip", "--json"))
    statuses = [record["status"] for record in found[:-1]]
    assert statuses == ["skipped", "skipped", "skipped", "ok"]
    assert bytes_in("out") == before
    assert len(names) == 2


def test_python_gives_variants_and_refuses_none_at_all():
    photos("a.jpg")
    settings = Settings(nfe=1, mode="perceptual")
    found = list(restore.batch(Denoise(20), "a.jpg", "b.png", settings=settings, variants=2))
    assert [record.output for record in found] == ["b_1.png", "b_2.png"]
    with pytest.raises(RequestError, match="variants is 0"):
        restore.batch(Denoise(20), "a.jpg", "c.png", variants=0)


def test_standard_output_takes_no_variants():
    photos("a.jpg")
    result = run("a.jpg", "-o", "-", "--variants", "2", code=2)
    assert "not several variants" in result.output
