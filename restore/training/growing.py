"""Growing: a network that begins as a smaller one, whatever it has more of."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def grow(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of a network that computes what a smaller one with `weights` does.

    As Net2Net (Chen et al. 2016, arXiv 1511.05641) by zeros: what is of no smaller layer, blocks
    and channels, stays as initialised in `own`; what the smaller layers see more counts nothing at
    first. Blocks that are new begin as the identity by themselves.
    """
    grown = {name: weight.clone() for name, weight in own.items()}
    for name, weight in weights.items():
        parts = 2 if ".levels." in name else 1  # scales of all channels, then their shifts
        old, new = (w.unflatten(0, (parts, -1)) for w in (weight, grown[name]))
        new[:, : old.shape[1]] = 0
        new[tuple(map(slice, old.shape))] = old.to(new)
    return grown
