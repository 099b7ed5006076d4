"""Tuned: the published methods in few evaluations, each as the same search found it best.

A row a severity, in the task's unit: the highest level, the lowest, the share of fresh noise, and
by how much the network is told a higher level. Found by `examples/tune_peers.py` for the embedded
network at NFE 4, by as many trials as our own presets take (24 a row), on six crops of 64 by 64
pixels of photographs that no figure is reported on. Levels between are even in their logarithm, and
rows are interpolated by severity, as our presets are.
"""

from __future__ import annotations

from collections.abc import Mapping

from restore.presets import Preset

Rows = Mapping[str, tuple[Preset, ...]]  # by task


def _row(severity: float, high: float, low: float, noise: float, delta: float = 0.0) -> Preset:
    return Preset((high, low), noise=noise, delta=delta, severity=severity)


TUNED: Mapping[str, Rows] = {
    "cm": {
        "inpaint": (
            _row(1.03, 0.0056, 0.0056, 0),
            _row(2.15, 0.32, 0.05, 0),
            _row(3.19, 0.0432, 0.018, 0),
        ),
        "jpeg": (
            _row(10, 0.128, 0.032, 0),
            _row(40, 0.0173, 0.0173, 0),
        ),
        "superres": (
            _row(2, 0.18, 0.075, 0),
            _row(4, 0.3, 0.075, 0),
        ),
    },
    "cm4ir": {
        "inpaint": (
            _row(1.03, 0.2, 0.05, 0.1, 0.15),
            _row(2.15, 0.465, 0.032, 0.1, 0.4),
            _row(3.19, 0.2, 0.05, 0),
        ),
        "jpeg": (
            _row(10, 0.168, 0.02, 0.1, 0.4),
            _row(40, 0.08, 0.02, 0.1, 0.4),
        ),
        "superres": (
            _row(2, 0.3, 0.12, 0),
            _row(4, 0.3, 0.12, 0.1, 0.4),
        ),
        "deblur": (_row(2.55, 0.253, 0.113, 0.1),),
    },
    "ddrm": {
        "inpaint": (
            _row(1.03, 0.2, 0.05, 1),
            _row(2.15, 0.512, 0.05, 1),
            _row(3.19, 0.2, 0.03, 1),
        ),
        "jpeg": (
            _row(10, 0.205, 0.032, 1),
            _row(40, 0.08, 0.0512, 0.6),
        ),
        "superres": (
            _row(2, 0.3, 0.12, 1),
            _row(4, 0.48, 0.12, 1),
        ),
        "denoise": (
            _row(15, 0.2, 0.08, 0),
            _row(50, 0.392, 0.098, 0),
        ),
        "deblur": (_row(2.55, 0.461, 0.072, 0.85),),
    },
    "ddnm": {
        "inpaint": (
            _row(1.03, 0.2, 0.05, 1),
            _row(2.15, 0.512, 0.05, 1),
            _row(3.19, 0.2, 0.03, 1),
        ),
        "jpeg": (
            _row(10, 0.205, 0.02, 1),
            _row(40, 0.128, 0.032, 1),
        ),
        "superres": (
            _row(2, 0.3, 0.12, 1),
            _row(4, 0.48, 0.12, 1),
        ),
        "denoise": (
            _row(15, 0.2, 0.08, 0),
            _row(50, 0.392, 0.098, 0),
        ),
        "deblur": (_row(2.55, 0.461, 0.072, 0.85),),
    },
    "dps": {
        "inpaint": (
            _row(1.03, 0.2, 0.03, 0),
            _row(2.15, 0.512, 0.05, 0),
            _row(3.19, 0.12, 0.03, 0),
        ),
        "superres": (
            _row(2, 0.3, 0.075, 0),
            _row(4, 0.3, 0.075, 0),
        ),
        "denoise": (
            _row(15, 0.32, 0.03, 0),
            _row(50, 1.61, 0.251, 0),
        ),
        "deblur": (_row(2.55, 0.18, 0.045, 0),),
    },
    "pgdm": {
        "inpaint": (
            _row(1.03, 0.2, 0.03, 1),
            _row(2.15, 0.819, 0.05, 1),
            _row(3.19, 0.12, 0.03, 1),
        ),
        "jpeg": (
            _row(10, 0.205, 0.02, 1),
            _row(40, 0.128, 0.02, 1),
        ),
        "superres": (
            _row(2, 0.3, 0.075, 1),
            _row(4, 0.48, 0.075, 1),
        ),
        "denoise": (
            _row(15, 0.12, 0.018, 1),
            _row(50, 0.392, 0.0353, 1),
        ),
        "deblur": (_row(2.55, 0.288, 0.045, 1),),
    },
    "diffpir": {
        "inpaint": (
            _row(1.03, 0.2, 0.05, 1),
            _row(2.15, 0.512, 0.08, 1),
            _row(3.19, 0.2, 0.03, 1),
        ),
        "jpeg": (
            _row(10, 0.205, 0.02, 1),
            _row(40, 0.128, 0.032, 1),
        ),
        "superres": (
            _row(2, 0.3, 0.12, 1),
            _row(4, 0.48, 0.12, 1),
        ),
        "denoise": (
            _row(15, 0.12, 0.08, 0),
            _row(50, 0.392, 0.157, 0),
        ),
        "deblur": (_row(2.55, 0.461, 0.045, 1),),
    },
    "repaint": {
        "inpaint": (
            _row(1.03, 0.2, 0.0108, 0),
            _row(2.15, 0.512, 0.018, 0),
            _row(3.19, 0.12, 0.00648, 0),
        ),
    },
}
