"""Network: F(c_in(t) x, t, u, label), the trained part of a model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from restore.errors import RequestError

Config: TypeAlias = dict[str, int | list[int] | None]  # a constructor's arguments, as JSON has them


class FilteredNoise(Protocol):
    """Noise that is not white, as a network sees it behind Wiener's filter for it.

    level: (B,) or (1,), that of the white noise that leaves as much unknown. spectrum: `level`, the
    levels below and above a frequency, and that frequency. plane: (B, 1, H, W) or (1, 1, H, W), how
    much of it each pixel has, None where all have as much. through: that of images which the
    function given has cut or turned.
    """

    @property
    def level(self) -> Tensor: ...
    @property
    def spectrum(self) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @property
    def plane(self) -> Tensor | None: ...
    def through(self, change: Callable[[Tensor], Tensor]) -> "FilteredNoise": ...


class Network(nn.Module, ABC):
    """What every network says of itself.

    num_classes: classes it is conditioned on, or None. stride: height and width are multiples of
    it. bytes_per_pixel: of memory that an evaluation takes in float32, weights aside.
    receptive_field: pixels that an output pixel sees to each side at most, None where attention
    is global. window: the size it was trained at, where it only works there.
    """

    num_classes: int | None = None
    stride: int
    bytes_per_pixel: int = 400  # measured of the compact network
    receptive_field: int | None = None
    window: int | None = None

    @abstractmethod
    def forward(self, x: Tensor, t: Tensor, u: Tensor, label: Tensor | None = None) -> Tensor:
        """x = c_in(t) x_t (B, 3, H, W); t and u (B,) or (1,), above 0; label (B,) or (1,).

        x is float32, whatever the dtype that the network computes and answers in.
        """

    def remove_noise(self, x: Tensor, noise: FilteredNoise) -> Tensor:
        """F of x = c_in (B, 3, H, W) times what its filter left of an image with such noise.

        RequestError where the network does not know it.
        """
        raise RequestError(
            "this model knows white noise alone: give one whose architecture is coloured or mapped"
        )

    @classmethod
    @abstractmethod
    def read_config(cls, tensors: Mapping[str, Tensor]) -> Config:
        """The constructor's arguments of the network whose state dict this is.

        Read off names and shapes alone, so tensors may be without memory; what leaves no trace in
        them is the constructor's default. ValueError says what is missing in a state dict of
        another network.
        """

    def takes_strips(self) -> bool:
        """Whether an evaluation without gradients takes about 5/8 of that memory there."""
        return False

    def answer_scale(self, t: Tensor) -> Tensor:
        """How large what the network answers at levels t is, 1 for most: losses divide by it."""
        return torch.ones_like(t)
