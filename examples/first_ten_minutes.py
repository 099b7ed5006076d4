"""First ten minutes: the pictures of `first_ten_minutes.md`, made by doing what it tells.

    python examples/first_ten_minutes.py

Needs a headless Chromium. Commands run in a folder that holds `examples/photos` alone; what a
terminal of 80 or 120 columns shows of them is drawn by Rich, the pages by the browser.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP))
FOLDER = TOP / "examples" / "first_ten_minutes"
SCREENS = {  # name of the picture: columns, commands
    "help_80": (80, ["bcm-restore jpeg --help"]),
    "help_120": (120, ["bcm-restore inpaint --help"]),
    "run_80": (
        80,
        [
            "bcm-restore jpeg examples/photos/coffee_q12.jpg -o coffee.png --report",
            "bcm-restore jpeg examples/photos/cofee_q12.jpg",
            "bcm-restore upscale examples/photos/astronaut_small.png",
            "bcm-restore jpeg",
        ],
    ),
    "settings_120": (
        120,
        [
            "cat bcm-restore.toml",
            "bcm-restore config show jpeg | grep toml",
            "bcm-restore jpeg examples/photos/coffee_q12.jpg --with web --dry-run",
        ],
    ),
}
SETTINGS = '[jpeg]\nquality = 92\n\n[with.web]\nquality = 80\nformat = "webp"\n'
WIDEST = 720  # pixels of a picture


def show(commands: list[str], columns: int, folder: Path) -> Console:
    """What a terminal shows of commands, colours too."""
    console = Console(width=columns, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    environment = {**os.environ, "COLUMNS": str(columns), "FORCE_COLOR": "1", "TERM": "xterm"}
    environment |= {"PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1"}
    own = f"{shlex.quote(sys.executable)} -m restore"
    for command in commands:
        console.print(Text(f"$ {command}", style="bold green"))
        done = subprocess.run(
            ["bash", "-c", command.replace("bcm-restore ", f"{own} ", 1)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        console.print(Text.from_ansi(done.stdout.rstrip("\n")))
        console.print()
    return console


def shrink(path: Path) -> None:
    """Make a screenshot small: no wider than `WIDEST`, few colours."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.LANCZOS)
    picture.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    from tests.support.browser import Browser

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(TOP / "examples" / "photos", folder / "examples" / "photos")
        (folder / "bcm-restore.toml").write_text(SETTINGS)
        browser = Browser(folder)
        for picture, (columns, commands) in SCREENS.items():
            console = show(commands, columns, folder)
            (folder / "screen.svg").write_text(console.export_svg(title="", clear=False))
            lines = console.export_text().count("\n")
            browser.screen(columns * 12 + 40, lines * 25 + 80)
            browser.open((folder / "screen.svg").as_uri())
            browser.screenshot(FOLDER / f"{picture}.png")
        show(["bcm-restore mask examples/photos/chelsea.png --edit -o mask.html"], 80, folder)
        browser.screen(1000, 700)
        for page in ("coffee.html", "mask.html"):
            browser.open((folder / page).as_uri())
            browser.screenshot(FOLDER / f"{Path(page).stem}.png")
        browser.close()
    for path in FOLDER.glob("*.png"):
        shrink(path)
        print(path.relative_to(TOP), f"{path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
