"""Passes: the decoding of a scan, the first or a refining one, into its planes' coefficients.

Where a block starts is known only once the one before it has been read, so a first pass is
decoded in two parts: the chain of blocks is followed alone, several symbols at a step; then
`_values` reads all blocks at once, one symbol of each after the other. Short restart intervals have
a chain each, and all are followed at once. A refinement's chain also depends on the values found so
far, and is followed symbol by symbol (ITU-T T.81, F.2 and G.2).
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from restore.jpegfile.huffman import BAD, ENDED, LONG, ZIGZAG, BitWindow, Huffman, chain, damaged
from restore.jpegfile.scan import Plane, Scan

SHORT = 1024  # bytes and blocks of a restart interval, at most: many such are followed at once
NO_CODE = "a bit pattern that is no code"
CUT = "the file ends early, or a restart interval does"


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
        ends: Sequence[int] | np.ndarray = _First(scan).read()
    elif first == 0:
        ends = _refine_dc(scan)
    else:
        ends = _refine_ac(scan)
    return _pass_over(scan.pieces, ends, trailed)


def _pass_over(pieces: Sequence[bytes], ends: Sequence[int] | np.ndarray, trailed: bool) -> bool:
    """Whether bytes are left over of pieces that are read to these bits.

    ImageError where they show that decoding lost its way; zeros or ones are padding.
    """
    read = -(-np.asarray(ends) // 8)
    left = np.flatnonzero(np.array([len(piece) for piece in pieces]) > read)
    for n in left.tolist():
        rest = pieces[n][read[n] :]
        anything = trailed and n == len(pieces) - 1
        if not anything and rest.strip(b"\0") and rest.strip(b"\xff"):
            raise damaged(f"{len(rest)} bytes are left over in a scan")
    return bool(left.size)


@dataclass(frozen=True)
class _Steps:
    """How blocks of a plane are followed: steps of several symbols from a block's first bit on, and
    from later ones; of one symbol in their places, where the several pass the block's end.
    """

    opening: np.ndarray
    going: np.ndarray
    first: np.ndarray
    single: np.ndarray

    @classmethod
    def of_codes(cls, dc: Huffman | None, ac: Huffman | None) -> _Steps:
        """dc, ac: None where the scan has no such coefficients."""
        if ac is None:
            only = _known(dc).steps
            return cls(only, only, only, only)
        going = chain(ac.steps, ac)
        if dc is None:
            return cls(going, going, ac.steps, ac.steps)
        return cls(chain(dc.steps, ac), going, dc.steps, ac.steps)


class _First:
    """A first pass. `starts` are the bits of `chunk` where its blocks start, from `block` on."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.order, self.slots = scan.order(), scan.slots()
        self.dc = [_known(t) if scan.band[0] == 0 else None for t in scan.dc]
        self.ac = [_known(t) if scan.band[1] > 0 else None for t in scan.ac]
        self.steps = [_Steps.of_codes(*codes) for codes in zip(self.dc, self.ac, strict=True)]
        self.difference = np.zeros(self.order.shape, np.int32)
        self.data, self.edges = scan.buffer()
        self.chunk = BitWindow(self.data, 0)
        self.starts: list[int] = []
        self.block = 0

    def read(self) -> Sequence[int] | np.ndarray:
        """Decode; the bit of each piece where that ended."""
        counts = self.scan.intervals(len(self.order))
        longest = max(map(len, self.scan.pieces)), counts[0] * len(self.slots)
        short = len(counts) > 1 and max(longest) <= SHORT and not self.scan.progressive
        ends = self._read_intervals(counts) if short else self._read_chain(counts)
        if self.scan.band[0] == 0:
            self._sum_dc(np.array(counts))
        return ends

    def _read_chain(self, counts: Sequence[int]) -> list[int]:
        """Read block after block, with so many MCUs in each piece."""
        ends = []
        stop = 0
        for (p, end), mcus in zip(self.edges.tolist(), counts, strict=True):
            start = p
            stop += mcus * len(self.slots)
            while self.block + len(self.starts) < stop:
                if not self.chunk.first <= p < self.chunk.limit:
                    self._values(np.array(self.starts, int))
                    self.block += len(self.starts)
                    self.chunk, self.starts = BitWindow(self.data, p), []
                p = self._trace(p, stop - self.block)
                if p > end:
                    raise damaged(CUT)
            if self.block + len(self.starts) > stop:
                raise damaged("a run of empty blocks passes the end of its scan")
            ends.append(p - start)
        self._values(np.array(self.starts, int))
        return ends

    def _trace(self, p: int, count: int) -> int:
        """Follow blocks from bit p on while they start in the chunk; returns the bit after them.

        Where each starts goes to `starts`, until it holds `count`: -1 for one that a run leaves
        empty.
        """
        (first, last), starts = self.scan.band, self.starts
        bits, turn = self.chunk.bits.data, (self.block + len(self.starts)) % len(self.slots)
        p -= self.chunk.first
        limit, past = self.chunk.limit - self.chunk.first, last + 1
        views = [
            (steps.opening.data, steps.first.data, steps.going.data, steps.single.data)
            for steps in self.steps
        ]
        for n in itertools.cycle(self.slots[turn:] + self.slots[:turn]):
            if len(starts) >= count or p >= limit:
                break
            starts.append(p)
            several, single, going, later = views[n]
            k = first
            while True:
                step = several[bits[p]]
                if k + (step >> 8 & 255) > past:
                    step = single[bits[p]]
                k += step >> 8 & 255
                p += step & 255
                if step & ENDED or k >= past:
                    break
                several, single = going, later
            end = step >> 16 & 255
            if end == BAD or k > past or (end > 1 and not self.scan.progressive):
                raise damaged(NO_CODE)
            if end > 1:
                run = (1 << end - 1) + (bits[p - end + 1] >> 17 - end)
                starts += [-1] * (run - 1)
        return p + self.chunk.first

    def _read_intervals(self, counts: Sequence[int]) -> np.ndarray:
        """Read restart intervals, as many at once as start in a chunk; of a whole baseline scan."""
        first, last = self.edges.T
        ends, lengths = np.zeros_like(first), np.array(counts) * len(self.slots)
        done = 0
        while done < len(ends):
            self.chunk = BitWindow(self.data, int(first[done]))
            some = slice(done, int(np.searchsorted(first, self.chunk.limit)))
            starts, ends[some] = self._trace_all(first[some] - self.chunk.first, lengths[some])
            ends[some] += self.chunk.first
            if (ends[some] > last[some]).any():
                raise damaged(CUT)
            self._values(starts)
            self.block += starts.size
            done = some.stop
        return ends - first

    def _trace_all(self, p: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Follow so many blocks of each interval from the bits p of the chunk on.

        Where each block starts, interval by interval, and the bits behind the last ones. All but
        the last interval of a scan are of one length.
        """
        starts = np.zeros((len(p), int(lengths.max())), int)
        for block, n in zip(range(starts.shape[1]), itertools.cycle(self.slots)):
            going = np.flatnonzero(lengths > block)
            starts[going, block] = p[going]
            steps = self.steps[n]
            several, single = steps.opening, steps.first
            k = np.zeros(going.size, int)
            while going.size:
                bits = self.chunk.bits.take(p[going], mode="clip")
                step = several[bits]
                far = k + (step >> 8 & 255) > 64
                if far.any():
                    step = np.where(far, single[bits], step)
                k += step >> 8 & 255
                p[going] += step & 255
                ended = step & ENDED
                if (ended > 1 << 16).any() or (k > 64).any():
                    raise damaged(NO_CODE)
                on = (ended == 0) & (k < 64)
                going, k = going[on], k[on]
                several, single = steps.going, steps.single
        return starts[np.arange(starts.shape[1]) < lengths[:, None]], p

    def _values(self, at: np.ndarray) -> None:
        """Read the blocks of the chunk that start at these bits, plane by plane."""
        row, slot = np.divmod(self.block + np.arange(at.size), len(self.slots))
        of_plane = np.array(self.slots)[slot]
        for n, plane in enumerate(self.scan.planes):
            mine = np.flatnonzero((of_plane == n) & (at >= 0))
            where, p = (row[mine], slot[mine]), at[mine]
            dc, ac = self.dc[n], self.ac[n]
            if dc is not None:
                p, _, self.difference[where] = self._next(p, dc)
            if ac is not None:
                self._bands(plane, p, self.order[where] * 64, ac)

    def _bands(self, plane: Plane, p: np.ndarray, base: np.ndarray, ac: Huffman) -> None:
        """Read AC values from bits p on. All blocks go on together; those that end drop out."""
        (first, last), low = self.scan.band, self.scan.bits[1]
        out = plane.coefficients.reshape(-1)
        k = np.full(p.size, max(first, 1) - 1)
        while p.size:
            p, step, value = self._next(p, ac)
            k += step >> 8 & 255
            out[base + ZIGZAG[k]] = value << low  # 0, as it is, where the block ends
            on = np.flatnonzero(((step & ENDED) == 0) & (k < last))
            p, k, base = p[on], k[on], base[on]

    def _next(self, p: np.ndarray, codes: Huffman) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The bits behind the symbols and values at bits p, the symbols' steps, and the values."""
        bits = self.chunk.bits[p]
        step, value = codes.steps[bits], codes.values[bits]
        p = p + (step & 255)
        if (long := np.flatnonzero(value == LONG)).size:
            value[long] = self.chunk.values_before(p[long], (step[long] >> 24).astype(int))
        return p, step, value

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
    for (p, end), mcus in zip(edges.tolist(), scan.intervals(len(order)), strict=True):
        at.append(p + np.arange(mcus * order.shape[1]))
        if p + at[-1].size > end:
            raise damaged(CUT)
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
    table = _known(scan.ac[0]).steps.data
    fresh, signs = array("q"), array("q")  # zeros that get a value, and the bits of their signs
    older, spans = array("q"), array("q")  # bits for older values: the first, and how many
    block = 0
    chunk = BitWindow(data, 0)
    ends = []
    for (p, end), blocks in zip(edges.tolist(), scan.intervals(len(order)), strict=True):
        start = p
        stop = block + blocks
        while block < stop and p <= end:
            if not chunk.first <= p < chunk.limit:
                chunk = BitWindow(data, p)
            window, base = chunk.bits.data, chunk.first
            k, z = 0, head[block]
            while k < n:
                step = table[window[p - base]]
                p += step & 255
                ended = step >> 16 & 255
                if ended == BAD:
                    raise damaged(NO_CODE)
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
            raise damaged(CUT)
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


def _known(codes: Huffman | None) -> Huffman:
    if codes is None:
        raise damaged("a Huffman table is missing")
    return codes
