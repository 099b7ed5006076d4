"""Muon: updates brought near orthogonal matrices, alike however they are shared out."""

import torch

from restore.training import Muon, Workers, orthogonal


def test_an_orthogonalised_update_has_singular_values_near_one():
    for shape in [(8, 40), (40, 8)]:
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)).float())
        assert 0.6 < float(values.min()) <= float(values.max()) < 1.3


def test_an_update_has_the_root_mean_square_of_an_adamw_step() -> None:
    p = torch.zeros(16, 4, 3, 3, requires_grad=True)
    p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    Muon([p], lr=1.0).step()
    assert 0.1 < float(p.detach().square().mean().sqrt()) < 0.3  # 0.2 of a step of AdamW


def test_matrices_are_updated_alike_alone_together_and_among_workers() -> None:
    """Of one shape they go through the iteration in one stack on a GPU."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(8, 4, 3, 3), (8, 4, 3, 3), (12, 8, 1, 1)]
    grads = [torch.randn(shape, generator=generator) for shape in shapes]
    found = []
    for workers in (None, Workers(2)):
        params = [torch.zeros(shape, requires_grad=True) for shape in shapes]
        for p, g in zip(params, grads, strict=True):
            p.grad = g.clone()
        Muon(params, lr=0.1, workers=workers).step()
        found.append(params)
    assert all(map(torch.equal, *found))
    stack = torch.stack([grads[0].flatten(1), grads[1].flatten(1)])
    alone = torch.stack([orthogonal(matrix) for matrix in stack])
    # Products of a stack may sum in another order: an eighth bit, five times, of entries below 1.
    assert torch.allclose(orthogonal(stack).float(), alone.float(), atol=0.05)
