"""Correspondence: for each pixel of a hole the known pixel whose surroundings look most alike.

PatchMatch (Barnes et al. 2009, doi 10.1145/1531326.1531330): begin anywhere, take over what
neighbours found, try at random nearer and nearer; here all pixels at once. Surroundings are squares
of 5 by 5 pixels of a guide, an image whose hole is filled already.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

RADIUS = 2  # pixels of a patch around its own
STEPS = (8, 4, 2, 1)  # pixels to the neighbours that are asked
ROUNDS = 3
ALIKE = 1.0  # mean square of the difference in levels of 8 bits, below which no better is sought


@dataclass(eq=False)
class Correspondence:
    """rows, columns: (N,) of the hole's pixels. from_rows, from_columns: (N,) where each is taken
    from. distance: (N,) float32, of the two patches, the mean square in levels of 8 bits.
    """

    rows: np.ndarray
    columns: np.ndarray
    from_rows: np.ndarray
    from_columns: np.ndarray
    distance: np.ndarray


def sources(known: np.ndarray, radius: int = RADIUS) -> np.ndarray:
    """(H, W) bool, the pixels whose whole patch is known and lies in the picture."""
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return cv2.erode(known.astype(np.uint8), kernel, borderValue=0) > 0


def correspond(
    guide: np.ndarray,
    hole: np.ndarray,
    source: np.ndarray,
    generator: np.random.Generator,
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> Correspondence:
    """The best match found for each pixel of the hole.

    guide: (H, W, 3) in levels of 8 bits, complete. hole, source: (H, W) bool, the pixels to match
    and those to match them with, at least one. start: rows and columns (N,) to begin from, where
    something is known of them; they need not be sources.
    """
    search = _Search(guide, hole, source)
    if start is not None:
        search.offer(np.arange(len(search.rows)), *start)
    pick = generator.integers(len(search.source_rows), size=len(search.rows))
    search.offer_unless_alike(search.source_rows[pick], search.source_columns[pick])
    for _ in range(ROUNDS):
        for step in STEPS:
            for down, right in ((0, step), (0, -step), (step, 0), (-step, 0)):
                search.ask_neighbour(down, right)
        if not search.look_around(generator):
            break
    return Correspondence(
        search.rows, search.columns, search.from_rows, search.from_columns, search.distance
    )


class _Search:
    """The matches found so far, and what proposals are held against."""

    def __init__(self, guide: np.ndarray, hole: np.ndarray, source: np.ndarray) -> None:
        self.shape, self.source = hole.shape, source
        self.rows, self.columns = np.nonzero(hole)
        self.source_rows, self.source_columns = np.nonzero(source)
        count = len(self.rows)
        self.index = np.full(hole.shape, -1)
        self.index[self.rows, self.columns] = np.arange(count)
        width = hole.shape[1] + 2 * RADIUS
        ring = ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0))
        self.pixels = np.pad(guide.astype(np.float32), ring, mode="edge").reshape(-1, 3)
        side = np.arange(2 * RADIUS + 1)
        self.offsets, self.width = (side[:, None] * width + side).ravel(), width
        self.target = self._patches(self.rows, self.columns)
        self.from_rows, self.from_columns = np.zeros(count, int), np.zeros(count, int)
        self.distance = np.full(count, np.inf, np.float32)

    def _patches(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return self.pixels[(rows * self.width + columns)[:, None] + self.offsets]

    def offer(self, which: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
        """Take what is better for the pixels `which`: a source, and nearer than what they have."""
        height, width = self.shape
        able = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        able[able] = self.source[rows[able], columns[able]]
        which, rows, columns = which[able], rows[able], columns[able]
        difference = self._patches(rows, columns) - self.target[which]
        distance = np.einsum("nkc,nkc->n", difference, difference) / (self.target.shape[1] * 3)
        better = distance < self.distance[which]
        which = which[better]
        self.from_rows[which], self.from_columns[which] = rows[better], columns[better]
        self.distance[which] = distance[better]

    def offer_unless_alike(self, rows: np.ndarray, columns: np.ndarray) -> None:
        which = np.flatnonzero(self.distance > ALIKE)
        self.offer(which, rows[which], columns[which])

    def ask_neighbour(self, down: int, right: int) -> None:
        """Offer each pixel what would follow on its neighbour's match."""
        height, width = self.shape
        rows, columns = self.rows + down, self.columns + right
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        neighbour = np.full(len(rows), -1)
        neighbour[inside] = self.index[rows[inside], columns[inside]]
        which = np.flatnonzero((neighbour >= 0) & (self.distance > 0))
        neighbour = neighbour[which]
        rows, columns = self.from_rows[neighbour] - down, self.from_columns[neighbour] - right
        other = (rows != self.from_rows[which]) | (columns != self.from_columns[which])
        if other.any():
            self.offer(which[other], rows[other], columns[other])

    def look_around(self, generator: np.random.Generator) -> bool:
        """Offer places around each match that is not alike yet; False where all are."""
        which = np.flatnonzero(self.distance > ALIKE)
        reach = max(self.shape)
        while reach and len(which):
            down, right = generator.integers(-reach, reach + 1, size=(2, len(which)))
            self.offer(which, self.from_rows[which] + down, self.from_columns[which] + right)
            reach //= 2
        return len(which) > 0


def transfer(x: np.ndarray, found: Correspondence, radius: int = 1) -> np.ndarray:
    """(N, C) float32: the hole's pixels, each the mean of what its neighbours' matches say of it.

    x: (H, W, C), of any depth. radius: pixels to the neighbours that have a say, 0 for a plain
    copy; what is less alike has less of it.
    """
    height, width = x.shape[:2]
    ring = ((radius, radius), (radius, radius), (0, 0))
    pixels = np.pad(x.astype(np.float32), ring, mode="edge")
    weight = 1 / (found.distance + ALIKE)
    total = np.zeros((height + 2 * radius, width + 2 * radius, x.shape[2] + 1), np.float32)
    for down in range(2 * radius + 1):
        for right in range(2 * radius + 1):
            said = pixels[found.from_rows + down, found.from_columns + right]
            said = np.column_stack([said, np.ones(len(said), np.float32)])
            total[found.rows + down, found.columns + right] += weight[:, None] * said
    mean = total[found.rows + radius, found.columns + radius]
    return mean[:, :-1] / mean[:, -1:]
