"""Lines are means, and ours are compared with peers that were measured alike."""

import math

import pytest

from restore import bench
from restore.bench.journal import Measures
from restore.bench.summary import compare_with_peers, summarize, write_notes
from tests.support.bench import make_row


def test_lines_are_means_over_pictures_and_seeds() -> None:
    rows = [
        make_row(psnr=20.0, picture="a"),
        make_row(psnr=30.0, picture="b", seconds=4.0),
        make_row(psnr=24.0, picture="a", seed=1, seconds=90.0),
        make_row(picture="b", seed=1, metrics=Measures(masked_psnr_db=math.inf, known_max_error=3)),
    ]
    (line,) = summarize(rows)
    assert line.quality == pytest.approx((20 + 30 + 24 + 100) / 4)
    assert line.psnr_spread_db == pytest.approx(abs(62 - 25) / math.sqrt(2), abs=1e-3)
    assert (line.pictures, line.seeds) == (2, 2)
    assert line.metrics.known_max_error == 3
    assert line.seconds == 3.0
    assert line.megapixels_per_second == pytest.approx((0.25 + 0.5) / 2)


def test_a_verdict_compares_ours_with_the_best_peer_at_the_same_nfe() -> None:
    rows = [
        make_row("bcm", 30.0, mode="fidelity"),
        make_row("bcm", 33.0, mode="perceptual"),
        make_row("ddrm", 29.0),
        make_row("ddnm", 29.5),
        make_row("dps", 40.0, nfe=8),
        make_row("biharmonic", 50.0, nfe=0),
    ]
    (verdict,) = compare_with_peers(summarize(rows))
    assert (verdict.best.method, verdict.nfe, verdict.ahead_db) == ("ddnm", 4, 0.5)
    assert bench.describe_comparison(verdict) == (
        "inpaint-half, NFE 4: bcm 30.00 dB, 0.50 dB above the best peer, ddnm"
    )
    notes = "\n".join(write_notes(summarize(rows)))
    assert "dps: going back through the network" in notes
    assert "3 network evaluations" in notes
    assert "-ccdf" not in notes
    assert any("-ccdf: a" in note for note in write_notes(summarize([make_row("ddrm-ccdf")])))


def test_methods_that_failed_on_a_picture_are_not_compared() -> None:
    rows = [
        make_row("bcm", 30.0, mode="fidelity"),
        make_row("bcm", 30.0, mode="fidelity", picture="b"),
        make_row("ddrm", 40.0),
        make_row("ddnm", 29.0),
        make_row("ddnm", 29.0, picture="b"),
    ]
    lines = summarize(rows)
    assert compare_with_peers(lines)[0].best.method == "ddnm"
    assert any("ddrm, NFE 4: 1 of 2 pictures" in note for note in write_notes(lines))
