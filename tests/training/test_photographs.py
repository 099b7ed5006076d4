"""Photographs: crops are parts of them, drawn by the seed, busy ones first."""

import cv2
import numpy as np
import torch

from restore.training import Photographs


def test_crops_are_parts_of_the_photographs(photographs):
    x = photographs.crops(64, 32, torch.Generator().manual_seed(0))
    assert x.shape == (64, 3, 32, 32)
    assert -1 <= float(x.min()) < float(x.max()) <= 1
    values = set(photographs.pixels.flatten().tolist())
    assert set(((x + 1) * 127.5).round().int().flatten().tolist()) <= values


def test_a_crop_is_a_window_in_one_of_eight_positions():
    picture = np.arange(40 * 48).reshape(40, 48, 1).repeat(3, 2) % 251
    x = Photographs([picture.astype(np.uint8)], scales=(1.0,)).crops(
        40, 32, torch.Generator().manual_seed(0)
    )
    found = ((x[:, 0] + 1) * 127.5).round().int()
    windows = (
        torch.from_numpy(picture[..., 0]).unfold(0, 32, 1).unfold(1, 32, 1).reshape(-1, 32, 32)
    )
    seen = set()
    for crop in found:
        for k in range(8):
            turned = crop.flip(1) if k >= 4 else crop
            if bool((windows == turned.rot90(-(k % 4))).all(dim=(1, 2)).any()):
                seen.add(k)
                break
        else:
            raise AssertionError("a crop is no window of the picture")
    assert seen == set(range(8))


def test_crops_repeat_with_the_seed_alone(photographs):
    def crops(seed):
        return photographs.crops(4, 32, torch.Generator().manual_seed(seed))

    assert torch.equal(crops(1), crops(1))
    assert not torch.equal(crops(1), crops(2))


def test_busy_crops_are_preferred_to_flat_ones():
    flat = np.full((64, 640, 3), 128, np.uint8)
    flat[:, :64] = np.random.default_rng(0).integers(0, 255, (64, 64, 3))
    x = Photographs([flat], scales=(1.0,)).crops(200, 32, torch.Generator().manual_seed(0))
    busy = float((x.std(dim=(1, 2, 3)) > 0.05).float().mean())
    assert busy > 0.22  # where chance gives 0.15


def test_dead_leaves_take_the_share_that_was_asked_for(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (1024, 512, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    alone = Photographs.from_folder(tmp_path, scales=(1.0,))
    mixed = Photographs.from_folder(tmp_path, scales=(1.0,), leaves=0.5)
    assert len(mixed.pixels) == 2 * len(alone.pixels)
