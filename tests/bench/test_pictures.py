"""The clean pictures, and the degraded ones that a seed decides."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore import bench
from restore.bench.cases import SETUPS, Case
from restore.bench.pictures import Clean, load_folder, load_public13
from restore.errors import RequestError


def test_public_13_needs_no_download_and_says_what_its_packages_lack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = load_public13(64, 2)
    assert [one.name for one in found.clean] == ["astronaut", "brick"]
    assert {one.size for one in found.clean} == {(64, 64)}
    assert found.title == "Public 13, 2 of 64×64 pixels"
    monkeypatch.setattr("restore.bench.pictures.PUBLIC13", ("chelsea", "china"))
    assert [one.name for one in load_public13(64).clean] == ["chelsea", "china"]
    monkeypatch.setattr("restore.bench.pictures.find_spec", lambda name: None)
    assert "china is missing: scikit-learn" in load_public13(64).missing[0]


def test_a_folder_gives_its_pictures_in_colour_their_centres_aligned(
    tmp_path: Path, photo: np.ndarray
) -> None:
    Image.fromarray(photo).save(tmp_path / "b.png")
    Image.fromarray(photo[..., 0]).save(tmp_path / "a.png")
    Image.fromarray(photo[:20, :50]).convert("RGBA").save(tmp_path / "c.png")
    Image.fromarray(photo[:10]).save(tmp_path / "thin.png")
    (tmp_path / "d.jpg").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("nothing")
    found = load_folder(str(tmp_path))
    assert [one.size for one in found.clean] == [(64, 64), (64, 64), (48, 16)]
    assert all(one.pixels.shape[2] == 3 for one in found.clean)
    assert [text.split(" is missing")[0] for text in found.missing] == ["d.jpg", "thin.png"]
    assert np.array_equal(load_folder(str(tmp_path), 32).clean[1].pixels, photo[16:48, 16:48])
    assert [one.name for one in load_folder(str(tmp_path), first=1).clean] == ["a.png"]
    for wrong in (tmp_path / "none", tmp_path / "b.png"):
        with pytest.raises(RequestError, match="cannot be listed"):
            load_folder(str(wrong))
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="holds no image"):
        load_folder(str(tmp_path / "empty"))


@pytest.mark.parametrize("case", bench.choose_cases(["all"]), ids=lambda one: one.name)
def test_a_seed_decides_all_that_is_random(case: Case, photo: np.ndarray) -> None:
    clean = Clean("a", photo, 3)
    again, other = case.degrade(clean, 0), case.degrade(clean, 1)
    assert again.data == case.degrade(clean, 0).data
    random = SETUPS[case.task].random and case.severity != "block"
    assert (again.data != other.data) is random
