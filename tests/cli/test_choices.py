"""--preview and --sheet: a part of the result, to look at before the long run."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tests.support.commands import Run

PHOTOGRAPH = data.astronaut()[:96, :120]
ONCE = ("--nfe", 1, "--dtype", "fp32")


@pytest.fixture(autouse=True)
def photo(here: Path) -> None:
    Image.fromarray(PHOTOGRAPH).save("photo.jpg", quality=20)


def test_a_preview_is_that_part_under_a_name_of_its_own(run: Run):
    result = run("jpeg", "photo.jpg", "--preview", "30,20,50,40", *ONCE)
    assert result.stdout == "photo_jpeg_preview.png\n"
    assert "the rest is not made" in result.stderr
    run("jpeg", "photo.jpg", *ONCE)
    whole, part = (np.asarray(Image.open(f"photo_jpeg{end}.png")) for end in ("", "_preview"))
    assert np.abs(part.astype(int) - whole[20:60, 30:80]).max() <= 1


@pytest.mark.parametrize("task", ["jpeg", "auto", "denoise --sigma 9", "superres --scale 2"])
def test_every_task_has_it(run: Run, task: str):
    words = (*task.split(), "photo.jpg", "--preview", "8,8,32,24", "-o", "part.png", "--json")
    record = json.loads(run(*words, *ONCE).stdout)
    assert record["preview"] == [8, 8, 32, 24]
    assert record["size_out"] == [32, 24]
    assert Image.open("part.png").size == (32, 24)


def test_a_report_shows_the_part_before_and_after(run: Run):
    result = run("jpeg", "photo.jpg", "--preview", "8,8,32,24", "--report", "page.html", *ONCE)
    assert result.exit_code == 0
    assert Path("page.html").stat().st_size > 0


def test_a_part_that_is_none_is_refused(run: Run):
    for preview in ("1,2,3", "a,b,c,d", "-1,0,9,9", "0,0,0,9"):
        assert run("jpeg", "photo.jpg", f"--preview={preview}", *ONCE).exit_code == 2
    result = run("jpeg", "photo.jpg", "--preview", "100,0,50,50", *ONCE)
    assert result.exit_code == 3
    assert "beyond the result of 120×96" in result.stderr


def test_a_sheet_is_all_that_is_written_and_shows_each_way(run: Run):
    result = run("jpeg", "photo.jpg", "--sheet", "sheet.png", "--preview", "8,8,64,48", *ONCE)
    assert result.stdout == "sheet.png\n"
    assert not Path("photo_jpeg.png").exists()
    sheet = np.asarray(Image.open("sheet.png"))
    cells = [sheet[y : y + 192, x : x + 256] for y in (119, 371) for x in (28, 300, 572)]
    assert all(cell.std() > 10 for cell in cells)
    shown = {cell.tobytes() for cell in cells}
    assert len(shown) == 6
    assert run("jpeg", "photo.jpg", "--sheet", "sheet.png", *ONCE).exit_code == 2
    assert run("jpeg", "photo.jpg", "--sheet", "sheet.png", "-y", *ONCE).exit_code == 0


def test_a_method_without_modes_is_shown_at_its_strengths(run: Run):
    words = ("superres", "photo.jpg", "--scale", 2, "--method", "ddnm", "--sheet", "sheet.png")
    assert run(*words, *ONCE).exit_code == 0
    assert Image.open("sheet.png").height < 700


def test_a_sheet_that_would_take_another_file_s_place_is_refused(run: Run):
    for sheet in ("photo.jpg", "sheet.jpg", "photo_jpeg.png"):
        assert run("jpeg", "photo.jpg", "--sheet", sheet, "-y", *ONCE).exit_code == 2
