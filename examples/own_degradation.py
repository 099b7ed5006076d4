"""A degradation of one's own: an image of which only every other row was kept.

    python examples/own_degradation.py examples/photos/coffee.png rows.png

Three methods say what is known; `restore.solve` does the rest, and the record says whether
the result, degraded again, is what was given.
"""

import sys

import torch
from torch import Tensor

import restore
from restore.degradations import Degradation
from restore.images import as_picture


class Rows(Degradation[Tensor]):
    """y = every other row of x: (B, C, H / 2, W). Linear, without noise."""

    def __call__(self, x: Tensor) -> Tensor:
        return x[:, :, ::2]

    def pinv(self, y: Tensor) -> Tensor:
        return y.repeat_interleave(2, dim=2)  # the plainest image that has these rows

    def project(self, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        out = x.clone() if out is None else out.copy_(x)
        out[:, :, ::2] = y
        return out


def main(photograph: str, output: str) -> None:
    x = as_picture(photograph).tensor()
    x = x[:, :, : x.shape[2] // 2 * 2]
    rows = Rows()
    y = rows(x)
    result = restore.solve(y, rows, settings=restore.Settings(nfe=4))
    result.save(output)
    for name, image in (("rows repeated", rows.pinv(y)), ("restored", result.picture.tensor())):
        error = torch.mean((image - x) ** 2)
        print(f"{name}: {10 * torch.log10(4 / error):.2f} dB")
    print(f"the known rows are kept: {result.report['metrics']['consistency_exact']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
