"""BCM: a bidirectional consistency model, one map between any two noise levels of an image.

    f(x, t, u) = c_skip(t, u) x + c_out(t, u) F(c_in(t) x, t, u)
    D(x, t)    = s² / (t² + s²) x + t s / sqrt(t² + s²) F(c_in(t) x, t, t)

f jumps along the probability-flow ODE from noise level t to u, up or down (Li and He 2024,
arXiv 2403.18035, eq. 7). Its derivative in u at u = t is the ODE's velocity, so the diagonal is a
denoiser in the preconditioning of EDM (Karras et al. 2022, table 1). s = sigma_data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

from restore.errors import RequestError
from restore.functions import DrawnWindow, ImageFunction, draw_picture, predict
from restore.networks import FilteredNoise, FunctionNetwork, Network
from restore.networks.function import SIGMA_DATA

if TYPE_CHECKING:
    from restore.checkpoints.catalogue import Checkpoint

SIGMA_MIN, SIGMA_MAX = 0.002, 80.0
Level: TypeAlias = float | Tensor  # of noise: one, or one for each image of a batch


class BCM(nn.Module):
    """A network with its mathematics. Images are (B, 3, H, W) in [-1, 1], levels in [0.002, 80].

    network: F, which knows no levels' mathematics. sigma_data: the standard deviation of the data
    that it was trained on, 0.5 for images in [-1, 1]. `checkpoint` and `sha256` say where the
    weights come from, when they come from a file.
    """

    checkpoint: Checkpoint | None = None
    sha256: str | None = None

    def __init__(self, network: Network, sigma_data: float = 0.5) -> None:
        super().__init__()
        self.network = network
        self.sigma_data = sigma_data

    def __repr__(self) -> str:
        name = self.checkpoint.name if self.checkpoint else "unnamed"
        millions = sum(weight.numel() for weight in self.parameters()) / 1e6
        return f"BCM({name}, {millions:.1f} million parameters, {self.device}, {self.dtype})"

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    def encode_label(self, label: int | None) -> Tensor | None:
        """A class as a tensor (1,) on the model's device; None where there are no classes.

        RequestError as of `check_label`.
        """
        classes = self.network.num_classes
        check_label(label, classes)
        return None if label is None else torch.tensor([label], device=self.device)

    def evaluate(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """F(c_in(t) x, t, u) in float32, the network run in its own dtype."""
        c_in = (t**2 + self.sigma_data**2).rsqrt()
        f: Tensor = self.network(_column(c_in) * x, t, u, label)
        return f.float()

    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """f(x, t, u) with levels (B,) or (1,) as tensors: for training and compilation."""
        s = self.sigma_data
        norm = t**2 + s**2
        c_skip, c_out = (t * u + s**2) / norm, (t - u) * s * norm.rsqrt()
        return (_column(c_out) * self.evaluate(x, t, u, label)).add_(_column(c_skip) * x)

    def jump(self, x: Tensor, t: Level, u: Level, label: Tensor | None = None) -> Tensor:
        """The image x of noise level t, carried along the ODE to level u.

        x is (B, 3, H, W); t and u are floats or (B,). jump(x, t, t) = x exactly.
        """
        t, u = self._levels(t, u, like=x)
        return self.forward(x, t, u, label)

    def denoise(self, x: Tensor, t: Level, label: Tensor | None = None) -> Tensor:
        """E[clean image | x at noise level t], the limit of the velocity of jump as u nears t.

        x is (B, 3, H, W); t is a float or (B,).
        """
        return self.secant(x, t, t, label)

    def denoise_filtered(self, x: Tensor, noise: FilteredNoise) -> Tensor:
        """E[clean image | noisy image], from x (B, 3, H, W), what a filter for `noise` left of it.

        RequestError where the network does not know such noise.
        """
        t, s = noise.level, self.sigma_data
        norm = t**2 + s**2
        c_in, c_skip, c_out = norm.rsqrt(), s**2 / norm, t * s * norm.rsqrt()
        f = self.network.remove_noise(_column(c_in) * x, noise).float()
        return (_column(c_out) * f).add_(_column(c_skip) * x)

    def secant(self, x: Tensor, t: Level, u: Level, label: Tensor | None = None) -> Tensor:
        """Where the straight line from x, at level t, through jump(x, t, u) meets level 0.

        x is (B, 3, H, W); t and u are floats or (B,). Of the curved path it takes in what lies
        between t and u: nothing at u = t, where it is the tangent and denoise(x, t), and all of it
        as u nears 0, where it is the jump.
        """
        t, u = self._levels(t, u, like=x)
        s = self.sigma_data
        norm = t**2 + s**2
        c_skip, c_out = s**2 / norm, t * s * norm.rsqrt()
        return (_column(c_out) * self.evaluate(x, t, u, label)).add_(_column(c_skip) * x)

    @torch.no_grad()
    def function(self, x: Tensor, t: float, u: float | None = SIGMA_MIN) -> ImageFunction:
        """The jump of x (1, 3, H, W) of noise level t to u as a function, drawn at any size.

        Between the pixels it is (u/t) B[x] + (1 - u/t) Î, and on them jump(x, t, u); with None for
        u it is Î, and on them denoise(x, t). RequestError where the network answers pixels.
        """
        network, base, gain = self._weigh(t, u, x)
        windows = [theta for _, _, theta in predict(network, x, *self._ends(t, u, x))]
        return ImageFunction(
            x.clone(),
            torch.cat(windows).float(),
            {k: v.detach().float() for k, v in network.shared.state_dict().items()},
            base=base,
            gain=gain,
            window=network.window,
            model=self.checkpoint.name if self.checkpoint else "",
            model_sha256=self.sha256 or "",
        )

    @torch.no_grad()
    def draw(
        self,
        x: Tensor,
        t: float,
        u: float | None,
        height: int,
        width: int,
        progress: Callable[[], object] | None = None,
    ) -> Tensor:
        """`function(x, t, u).render(height, width)` in the memory of the drawing, window by window.

        progress is called after each window.
        """
        network, base, gain = self._weigh(t, u, x)

        def windows() -> Iterator[DrawnWindow]:
            for window in predict(network, x, *self._ends(t, u, x)):
                yield window
                if progress:
                    progress()

        shared = network.shared.state_dict()
        return draw_picture(x, windows(), shared, network.window, base, gain, (height, width))

    def _ends(self, t: float, u: float | None, x: Tensor) -> tuple[Tensor, Tensor]:
        level, end = self._levels(t, t if u is None else u, like=x)
        return level, end

    def _weigh(self, t: float, u: float | None, x: Tensor) -> tuple[FunctionNetwork, float, float]:
        """The network of functions, and what the input and the drawn weigh in the jump."""
        network = check_function(self)
        level, _ = self._ends(t, u, x)
        share = 0.0 if u is None else u / t
        base = share + (1 - share) * float(network.base(level))
        return network, base, (1 - share) * float(network.gain(level))

    @staticmethod
    def _levels(*levels: Level, like: Tensor) -> tuple[Tensor, ...]:
        """Levels as float32 (1,) or (B,), all of one length, on the image's device.

        Nothing here waits for a GPU: a number is filled in there, and a tensor that lies there is
        not looked at.
        """
        tensors = [_level(v, like) for v in levels]
        longest = max(v.numel() for v in tensors)
        return tuple(v.expand(longest) for v in tensors)


def check_function(model: BCM) -> FunctionNetwork:
    """A model's network that makes functions; RequestError where it answers pixels alone."""
    if not isinstance(model.network, FunctionNetwork):
        raise RequestError(
            "this model answers pixels, not functions of the plane: give one whose architecture "
            "is function"
        )
    assert model.sigma_data == SIGMA_DATA, "its mathematics is made for that"
    return model.network


def check_label(label: int | None, classes: int | None) -> None:
    """RequestError where a network of so many classes (None: of none) cannot take the label."""
    if classes is None:
        if label is not None:
            raise RequestError(f"label is {label}, but this model has no classes: leave it out")
    elif label is None:
        raise RequestError(f"this model is class-conditional: give a label from 0 to {classes - 1}")
    elif not 0 <= label < classes:
        raise RequestError(f"label is {label}, expected 0 to {classes - 1}")


def _level(v: Level, like: Tensor) -> Tensor:
    """A level as float32 (1,) or (B,) on an image's device; ValueError for one that is none."""
    if not isinstance(v, Tensor):
        if not v > 0:
            raise ValueError("noise levels are standard deviations above zero")
        return torch.full((1,), float(v), dtype=torch.float32, device=like.device)
    if v.ndim > 1 or (v.ndim == 1 and len(v) not in (1, len(like))):
        raise ValueError(f"levels of shape {tuple(v.shape)} for a batch of {len(like)}")
    if v.device.type == "cpu" and not bool((v > 0).all()):
        raise ValueError("noise levels are standard deviations above zero")
    return v.reshape(-1).to(like.device, torch.float32)


def _column(level: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1, 1), to scale images."""
    return level.reshape(-1, 1, 1, 1)
