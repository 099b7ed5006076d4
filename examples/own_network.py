"""A network of one's own: a Wiener filter, which is the exact model of images that are white noise.

    python examples/own_network.py examples/photos/chelsea.png

A network answers F(c_in(t) x, t, u); `BCM` gives it the two-way map and the denoiser. This one has
no weights: for pixels drawn from N(0, s²) the map is jump(x, t, u) = x sqrt((u² + s²) / (t² + s²)),
so that both estimators are known in closed form, and can be checked. To have weights of such a
network found in a file, give it a file in `restore/networks/` and a row of ARCHITECTURES there.
"""

import sys
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import restore
from restore.images import as_picture
from restore.networks import Config, Network

S = 0.5  # sigma_data


class Wiener(Network):
    """F of the probability-flow ODE whose data are N(0, s²), pixel by pixel."""

    stride = 1  # height and width are multiples of it
    receptive_field = 0  # pixels to each side that an output pixel sees

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))  # says where the network is, and how precise

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        t, u = t[:, None, None, None], u[:, None, None, None]
        norm = t**2 + S**2
        x = x * norm.sqrt()  # c_in(t) x_t came in
        ratio = ((u**2 + S**2) / norm).sqrt()
        slope = torch.where(t == u, t / norm, (1 - ratio) / (t - u).where(t != u, 1))
        # f = c_skip x + c_out F, solved for F; at u = t its limit, by the slope of the ratio
        return x * (t / norm - slope) * norm.sqrt() / S

    @classmethod
    def read_config(cls, tensors: Mapping[str, Tensor]) -> Config:
        return {}


def main(photograph: str) -> None:
    model = restore.BCM(Wiener())
    x, t, u = as_picture(photograph).tensor(), 0.3, 0.1
    with torch.no_grad():
        jumped, denoised = model.jump(x, t, u), model.denoise(x, t)
    wanted = x * ((u**2 + S**2) / (t**2 + S**2)) ** 0.5
    print(f"jump: off by {float((jumped - wanted).abs().max()):.1e} at most")
    wanted = x * S**2 / (t**2 + S**2)
    print(f"denoise: off by {float((denoised - wanted).abs().max()):.1e} at most")
    result = restore.denoise(photograph, sigma=10, model=model)
    print(f"a photograph by this model: {result.report['metrics']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
