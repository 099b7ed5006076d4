"""Dead leaves: discs in a picture's colours at all scales."""

import numpy as np

from restore.training import dead_leaves


def test_dead_leaves_have_the_colours_of_a_picture_and_edges_at_all_scales():
    picture = np.random.default_rng(0).integers(0, 2, (40, 40, 1)) * np.array([200, 100, 50])
    leaves = dead_leaves([picture.astype(np.uint8)], 64, seed=1)
    assert leaves.shape == (64, 64, 3)
    assert leaves.dtype == np.uint8
    assert np.allclose(leaves[..., 0] / 4, leaves[..., 2], atol=2)  # mixtures of black and one
    coarse = leaves.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3))
    assert leaves.std() > 30
    assert coarse.std() > 10
    assert np.array_equal(leaves, dead_leaves([picture.astype(np.uint8)], 64, seed=1))
    assert not np.array_equal(leaves, dead_leaves([picture.astype(np.uint8)], 64, seed=2))
