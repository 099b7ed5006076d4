"""What the command line does about the environment that it is started in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def photo(tmp_path, photograph):
    Image.fromarray(photograph()).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_current_folder_that_was_deleted_is_one_sentence(tmp_path, photo):
    gone = tmp_path / "gone"
    script = f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {sys.executable} -m restore jpeg"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for name in ("photo.png", str(photo)):
        done = subprocess.run(
            ["bash", "-c", f"{script} {name}"], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 5, done.stderr
        assert done.stderr == (
            "error: the current folder is no longer there: change to one that is\n"
        )


DESCRIPTORS = """
import os, sys
from restore.cli.terminal import prepare_streams
prepare_streams()
file = os.open("new", os.O_CREAT | os.O_WRONLY)
print("told", file=sys.stderr)
os.write(2, b"said by a library")
os.write(file, str(file).encode())
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "<&- 2>&-"])
def test_no_file_gets_a_standard_descriptor(tmp_path, closed):
    (tmp_path / "script.py").write_text(DESCRIPTORS)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run(
        ["bash", "-c", f"{sys.executable} script.py {closed}"],
        cwd=tmp_path,
        env=environment,
        check=True,
    )
    assert int((tmp_path / "new").read_text()) > 2
