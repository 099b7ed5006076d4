"""The photographs of `examples/photos`: made from scikit-image's samples, none trained on.

    python examples/photographs.py examples/photos

- coffee (Rachel Michetti, CC0): compressed at quality 12, and clean
- chelsea (Stéfan van der Walt, CC0): with scratches, their mask, and clean
- astronaut (NASA, public domain): a quarter of its size, and clean
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage import data

from restore import tasks
from restore.images import Picture, as_picture, encode
from restore.tasks import Inpaint, Jpeg, Superres


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)

    def save(name: str, picture: Picture) -> None:
        (folder / name).write_bytes(encode(picture, "PNG"))

    coffee = Picture(np.ascontiguousarray(data.coffee()))
    save("coffee.png", coffee)
    (folder / "coffee_q12.jpg").write_bytes(Jpeg(12).degrade(as_picture(coffee)))
    chelsea = Picture(np.ascontiguousarray(data.chelsea()))
    mask = tasks.draw_mask(chelsea.size, "scratches", seed=1)
    save("chelsea.png", chelsea)
    save("chelsea_scratched.png", Inpaint(mask).degrade(as_picture(chelsea)))
    save("chelsea_mask.png", replace(mask, format="PNG"))
    astronaut = Picture(np.ascontiguousarray(data.astronaut()[:384, 64:448]))
    save("astronaut.png", astronaut)
    save("astronaut_small.png", Superres(4).degrade(as_picture(astronaut)))


if __name__ == "__main__":
    main()
