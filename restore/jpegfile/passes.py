"""Passes: the decoding of a scan, the first or a refining one, into its planes' coefficients.

Where a block starts is known only once the one before it has been read, so a first pass is
decoded in two parts: `_trace` follows the chain of blocks alone, eight symbols at a leap; then
`_values` reads all blocks at once, one symbol of each after the other. A refinement's chain also
depends on the values found so far, and is followed symbol by symbol (ITU-T T.81, F.2 and G.2).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from restore.jpegfile.huffman import BAD, ZIGZAG, BitWindow, Huffman, damaged, extend
from restore.jpegfile.scan import Plane, Scan


def read_scan(scan: Scan, trailed: bool = False) -> bool:
    """Decode a scan into its planes; whether bytes follow that no encoder had to write.

    trailed: no marker ends the scan, so that anything may follow its data.

    Raises ImageError for data that are damaged or cut short, or that go on when all is decoded.
    """
    (first, last), (high, low) = scan.band, scan.bits
    for plane in scan.planes:
        if (plane.precision[first : last + 1] != (high or -1)).any():
            raise damaged("its scans do not follow each other")
        plane.precision[first : last + 1] = low
    if high == 0:
        ends = _First(scan).read()
    elif first == 0:
        ends = _refine_dc(scan)
    else:
        ends = _refine_ac(scan)
    rests = [piece[-(-end // 8) :] for piece, end in zip(scan.pieces, ends, strict=True)]
    _check_rests(rests[:-1] if trailed else rests)
    return any(rests)


def _check_rests(rests: Sequence[bytes]) -> None:
    """ImageError where what is left over of a scan shows that decoding lost its way.

    Zeros or ones are padding.
    """
    for rest in rests:
        if rest.strip(b"\0") and rest.strip(b"\xff"):
            raise damaged(f"{len(rest)} bytes are left over in a scan")


class _First:
    """A first pass. `starts` are the bits of `chunk` where its blocks start, from `block` on."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.order, self.slots = scan.order(), scan.slots()
        self.dc = [_steps(t) if scan.band[0] == 0 else None for t in scan.dc]
        self.ac = [_steps(t) if scan.band[1] > 0 else None for t in scan.ac]
        self.difference = np.zeros(self.order.shape, np.int32)
        self.data, self.edges = scan.buffer()
        self.chunk = BitWindow(self.data, 0, self.ac)
        self.starts: list[int] = []
        self.block = 0

    def read(self) -> list[int]:
        """Decode; the bit of each piece where that ended."""
        ends = []
        counts = self.scan.intervals(len(self.order))
        stop = 0
        for (p, end), mcus in zip(self.edges, counts, strict=True):
            start = p
            stop += mcus * len(self.slots)
            while self.block + len(self.starts) < stop:
                if not self.chunk.first <= p < self.chunk.limit:
                    self._values()
                    self.block += len(self.starts)
                    self.chunk, self.starts = BitWindow(self.data, p, self.ac), []
                p = self._trace(p, stop - self.block)
                if p > end:
                    raise damaged("the file ends early, or a restart interval does")
            if self.block + len(self.starts) > stop:
                raise damaged("a run of empty blocks passes the end of its scan")
            ends.append(p - start)
        self._values()
        if self.scan.band[0] == 0:
            self._sum_dc(np.array(counts))
        return ends

    def _trace(self, p: int, count: int) -> int:
        """Follow blocks from bit p on while they start in the chunk; returns the bit after them.

        Where each starts goes to `starts`, until it holds `count`: -1 for one that a run leaves
        empty.
        """
        (first, last), width, starts = self.scan.band, len(self.slots), self.starts
        window = self.chunk.window.data
        leaps, turn = self.chunk.leaps, self.block % width
        tables = [
            [None if t is None else t.data for t in (self.dc[n], leaps[n], self.ac[n])]
            for n in self.slots[turn:] + self.slots[:turn]
        ]
        p -= self.chunk.first
        limit = self.chunk.limit - self.chunk.first
        while len(starts) < count and p < limit:
            one, leap, single = tables[len(starts) % width]
            starts.append(p)
            k, end = first, 0
            if one is not None:
                step = one[window[p]]
                p += step & 255
                k, end = 1, step >> 16 & 255
            while k <= last and not end:
                assert leap is not None
                assert single is not None
                step = leap[p]
                end = step >> 16 & 255
                if k + (step >> 8 & 255) + (end > 0) > last + 1:  # a leap past the block's end
                    step = single[window[p]]
                    end = step >> 16 & 255
                k += step >> 8 & 255
                p += step & 255
            if end == BAD or k > last + 1 or (end > 1 and not self.scan.progressive):
                raise damaged("a bit pattern that is no code")
            if end > 1:
                run = (1 << end - 1) + (window[p - end + 1] >> 17 - end)
                starts += [-1] * (run - 1)
        return p + self.chunk.first

    def _values(self) -> None:
        """Read the blocks of the chunk, plane by plane."""
        at = np.array(self.starts, int)
        row, slot = np.divmod(self.block + np.arange(at.size), len(self.slots))
        of_plane = np.array(self.slots)[slot]
        for n, plane in enumerate(self.scan.planes):
            mine = np.flatnonzero((of_plane == n) & (at >= 0))
            where, p = (row[mine], slot[mine]), at[mine]
            dc, ac = self.dc[n], self.ac[n]
            if dc is not None:
                step = dc[self.chunk.window[p]]
                p += step & 255
                self.difference[where] = extend(self.chunk.window, p, step >> 24)
            if ac is not None:
                self._bands(plane, p, self.order[where] * 64, ac)

    def _bands(self, plane: Plane, p: np.ndarray, base: np.ndarray, ac: np.ndarray) -> None:
        """Read AC values from bits p on. All blocks go on together; those that end drop out."""
        (first, last), low = self.scan.band, self.scan.bits[1]
        out, window = plane.coefficients.reshape(-1), self.chunk.window
        k = np.full(p.size, max(first, 1))
        while p.size:
            step = ac[window[p]]
            p = p + (step & 255)
            k = k + (step >> 8 & 255)
            some = np.flatnonzero(step >> 24)
            value = extend(window, p[some], step[some] >> 24)
            out[base[some] + ZIGZAG[k[some] - 1]] = value << low
            on = np.flatnonzero(((step & 0xFF0000) == 0) & (k <= last))
            p, k, base = p[on], k[on], base[on]

    def _sum_dc(self, counts: np.ndarray) -> None:
        """DC is coded as the difference from the plane's block before, afresh in each interval."""
        for n, plane in enumerate(self.scan.planes):
            mine = np.array(self.slots) == n
            delta = self.difference[:, mine].ravel()
            lengths = counts * mine.sum()
            heads = np.cumsum(lengths) - lengths
            total = np.cumsum(delta, dtype=np.int64)
            total -= np.repeat(total[heads] - delta[heads], lengths)
            total <<= self.scan.bits[1]
            if np.abs(total).max() > 32767:
                raise damaged("a DC coefficient out of range")
            plane.coefficients.reshape(-1, 64)[self.order[:, mine].ravel(), 0] = total


def _refine_dc(scan: Scan) -> list[int]:
    """One more bit for each block, and nothing else; the bit of each piece where that ended."""
    order = scan.order()
    data, edges = scan.buffer()
    at = []
    for (p, end), mcus in zip(edges, scan.intervals(len(order)), strict=True):
        at.append(p + np.arange(mcus * order.shape[1]))
        if p + at[-1].size > end:
            raise damaged("the file ends early, or a restart interval does")
    bits = _bits(data, np.concatenate(at)).reshape(order.shape)
    for slot, n in enumerate(scan.slots()):
        plane = scan.planes[n].coefficients.reshape(-1, 64)
        plane[order[:, slot], 0] |= bits[:, slot] << scan.bits[1]
    return [span.size for span in at]


def _refine_ac(scan: Scan) -> list[int]:
    """Values new at this bit are coded; each older one passed on the way gets a bit (G.1.2.3).

    `zeros` are the coefficients without a value so far, `place` is where in its block each is,
    `head` which of them is the first of each block. Gives the bit of each piece where it ended.
    """
    (first, last), (_, low) = scan.band, scan.bits
    band = ZIGZAG[first : last + 1]
    n = band.size
    order = scan.order()
    plane = scan.planes[0].coefficients.reshape(-1, 64)
    values = np.ascontiguousarray(plane[order, band])
    known = values != 0
    zeros = np.flatnonzero(~known)
    place = (zeros % n).astype(np.uint8).tobytes()
    head = np.concatenate([[0], np.cumsum(n - known.sum(axis=1))]).tolist()
    data, edges = scan.buffer()
    table = _steps(scan.ac[0]).data
    fresh, signs = array("q"), array("q")  # zeros that get a value, and the bits of their signs
    older, spans = array("q"), array("q")  # bits for older values: the first, and how many
    block = 0
    chunk = BitWindow(data, 0, [])
    ends = []
    for (p, end), blocks in zip(edges, scan.intervals(len(order)), strict=True):
        start = p
        stop = block + blocks
        while block < stop and p <= end:
            if not chunk.first <= p < chunk.limit:
                chunk = BitWindow(data, p, [])
            window, base = chunk.window.data, chunk.first
            k, z = 0, head[block]
            while k < n:
                step = table[window[p - base]]
                p += step & 255
                ended = step >> 16 & 255
                if ended == BAD:
                    raise damaged("a bit pattern that is no code")
                if ended:
                    run = (1 << ended - 1) + (window[p - base - ended + 1] >> 17 - ended)
                    if block + run > stop:
                        raise damaged("a run of empty blocks passes the end of its scan")
                    older.append(p)
                    spans.append(n * run - k - (head[block + run] - z))
                    p += spans[-1]
                    block += run - 1
                    break
                run = step >> 8 & 255
                z += run
                if z > head[block + 1]:
                    raise damaged("a run of zeros passes the end of its block")
                if step >> 24:
                    fresh.append(z - 1)
                    signs.append(p - 1)
                if passed := place[z - 1] - k - run + 1:
                    older.append(p)
                    spans.append(passed)
                    p += passed
                k = place[z - 1] + 1
            block += 1
        if p > end:
            raise damaged("the file ends early, or a restart interval does")
        ends.append(p - start)
    more = _bits(data, _ranges(np.array(older), np.array(spans))) << low
    values[known] += np.sign(values[known]) * more
    values.reshape(-1)[zeros[fresh]] = (2 * _bits(data, np.array(signs)) - 1) << low
    plane[order, band] = values
    return ends


def _bits(data: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (data[p >> 3] >> (7 - (p & 7)).astype(np.uint8) & 1).astype(np.int16)


def _ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The integers first, first + 1, ..., `count` of them, for each pair one after the other."""
    return np.arange(count.sum()) + np.repeat(first - np.cumsum(count) + count, count)


def _steps(huffman: Huffman | None) -> np.ndarray:
    if huffman is None:
        raise damaged("a Huffman table is missing")
    return huffman.steps
