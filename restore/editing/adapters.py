"""Adapters: low-rank changes of a network's weights, merged into them.

    W' = W + (alpha / rank) up · down        (LoRA, arXiv 2106.09685)

for the weights that a file names, in kohya's naming (`lora_unet_` + the module's name with `_` for
`.`, then `lora_down.weight`, `lora_up.weight`, `alpha`) or in peft's
(`unet.base_model.model.NAME.lora_A.weight`, `lora_B`, no alpha).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from restore.errors import CheckpointError

KOHYA = re.compile(r"lora_unet_(?P<module>.+)\.(?P<part>lora_down|lora_up|alpha)(?:\.weight)?")
PEFT = re.compile(r"(?:unet\.)?base_model\.model\.(?P<module>.+)\.(?P<part>lora_[AB])\.weight")
PARTS = {"lora_A": "lora_down", "lora_B": "lora_up"}
PEFT_ALPHA = 8.0


@dataclass(frozen=True, eq=False)
class Change:
    """A weight's change. down: (rank, in, …). up: (out, rank, …). scale: alpha / rank."""

    down: Tensor
    up: Tensor
    scale: float

    def merged(self, weight: Tensor) -> Tensor:
        """W' in float32, of the shape of `weight`."""
        product = self.up.float().flatten(1) @ self.down.float().flatten(1)
        return weight.float() + self.scale * product.reshape(weight.shape)


Adapter = Mapping[str, Change]  # by the module's name, `_` for `.`


def parse_adapter(tensors: Mapping[str, Tensor], where: str) -> dict[str, Change]:
    """The changes in an adapter's tensors; CheckpointError where a name or a part is amiss."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        match = KOHYA.fullmatch(name) or PEFT.fullmatch(name)
        if match is None:
            raise CheckpointError(f"{where} is no adapter of a UNet: it has a tensor {name!r}")
        part = PARTS.get(match["part"], match["part"])
        parts.setdefault(match["module"].replace(".", "_"), {})[part] = value
    return {module: _change(module, found, where) for module, found in parts.items()}


def merge_(
    network: nn.Module,
    adapter: Adapter,
    original: Callable[[str], Tensor],
    where: str,
) -> None:
    """Set the weights that `adapter` changes to those of the original with the change merged.

    Sums are of float32, whatever the network's dtype, and only one weight at a time is held twice.

    Args:
        network: changed in place.
        adapter: the changes.
        original: gives a weight without any adapter, by its name in the network's state dict.
        where: the adapter's file, for errors.

    Raises:
        CheckpointError: where the adapter names a module that the network lacks, or of another
            shape; the network is then unchanged.
    """
    weights = changed_weights(network, adapter, where)
    for module, name in weights.items():
        weight = network.get_parameter(name)
        merged = adapter[module].merged(original(name).to(weight.device))
        weight.data.copy_(merged)


def changed_weights(network: nn.Module, adapter: Adapter, where: str) -> dict[str, str]:
    """The name of each weight that an adapter changes, by the module's in the adapter."""
    known = {
        name.removesuffix(".weight").replace(".", "_"): name
        for name, value in network.named_parameters()
        if name.endswith(".weight") and value.ndim >= 2
    }
    if missing := [module for module in adapter if module not in known]:
        raise CheckpointError(
            f"{where} is an adapter for another UNet: {len(missing)} of its {len(adapter)} modules "
            f"are not in this one, the first {missing[0]!r}"
        )
    for module, change in adapter.items():
        shape = network.get_parameter(known[module]).shape
        found = (change.up.shape[0], *change.down.shape[1:])
        if found != tuple(shape):
            raise CheckpointError(
                f"{where} is an adapter for another UNet: {module!r} is {list(found)} and "
                f"{list(shape)} here"
            )
    return {module: known[module] for module in adapter}


def _change(module: str, parts: Mapping[str, Tensor], where: str) -> Change:
    """One module's change; CheckpointError unless both factors are there and fit each other."""
    if missing := {"lora_down", "lora_up"} - parts.keys():
        raise CheckpointError(f"{where}: module {module!r} has no {' and no '.join(missing)}")
    down, up = parts["lora_down"], parts["lora_up"]
    rank = down.shape[0] if down.ndim else 0
    if down.ndim < 2 or up.ndim < 2 or up.shape[1] != rank or up[0, 0].numel() != 1:
        raise CheckpointError(
            f"{where}: the factors of {module!r} do not fit: {list(down.shape)}, {list(up.shape)}"
        )
    alpha = float(parts["alpha"]) if "alpha" in parts else PEFT_ALPHA
    return Change(down, up, alpha / rank)
