"""Crops hold what regions need of a picture, once each."""

import numpy as np
import pytest

from restore.tiling import NoiseField, RegionCrop, find_crops

MARGIN, ALIGN = 100, 64


def marked(*boxes, size=(1000, 1501)):
    region = np.zeros(size, bool)
    for top, bottom, left, right in boxes:
        region[top:bottom, left:right] = True
    return region


@pytest.mark.parametrize(
    "boxes",
    [
        [(500, 512, 700, 712)],
        [(0, 3, 0, 3), (997, 1000, 1490, 1501)],
        [(500, 501, 10, 1400), (700, 710, 10, 20)],
        [],
    ],
)
def test_own_parts_hold_the_region_once_and_crops_their_margin(boxes):
    region = marked(*boxes)
    height, width = region.shape
    count = np.zeros(region.shape, int)
    for ((top, bottom), (left, right)), (rows, columns) in find_crops(region, MARGIN, ALIGN):
        count[slice(*rows), slice(*columns)] += 1
        assert top % ALIGN == 0 == left % ALIGN
        assert bottom % ALIGN == 0 or bottom == height
        assert right % ALIGN == 0 or right == width
        assert top <= max(rows[0] - MARGIN, 0)
        assert bottom >= min(rows[1] + MARGIN, height)
        assert left <= max(columns[0] - MARGIN, 0)
        assert right >= min(columns[1] + MARGIN, width)
    assert count.max() <= 1
    assert (count[region] == 1).all()


def test_two_specks_far_apart_get_two_small_crops():
    crops = find_crops(marked((0, 3, 0, 3), (997, 1000, 1490, 1501)), MARGIN, ALIGN)
    assert len(crops) == 2
    assert all(p.rows[1] - p.rows[0] <= 3 * ALIGN for p, _ in crops)


def test_marks_all_over_take_the_picture_as_one():
    region = np.random.default_rng(0).random((300, 400)) < 0.01
    whole = ((0, 300), (0, 400))
    assert find_crops(region, MARGIN, ALIGN) == [RegionCrop(whole, whole)]


def test_a_crop_gets_the_noise_of_its_place():
    whole = NoiseField(7, chroma=0.3)(2, (0, 300), (0, 280))
    inside = NoiseField(7, chroma=0.3, origin=(100, 64))(2, (10, 200), (0, 216))
    assert np.array_equal(inside, whole[:, :, 110:300, 64:280])
