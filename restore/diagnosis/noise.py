"""Noise: its level, its spectrum and its colour, where the picture is flattest.

A photograph has little detail in its flattest blocks, and what noise has is there as everywhere:
the median over those blocks of each squared DCT coefficient is the noise's power spectrum S. They
are chosen by their lowest frequencies alone, so that the others are not biased. What tells noise
from fine texture, text or halftone is that all flat blocks have alike much of it: the spread of
their whitened energy, mean of c² / S, is that of a χ² distribution, and a wider one is texture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from restore.diagnosis.blocks import FREQUENCY, cut, transform
from restore.diagnosis.coded_noise import Quantisation, measure_coded_colour, measure_coded_noise

DIRECTIONS = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], np.float32)  # grey first, two colours
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
LOW = (FREQUENCY >= 1) & (FREQUENCY <= 2)
MIDDLE = (FREQUENCY >= 3) & (FREQUENCY <= 6)
HIGH = FREQUENCY >= 7
ABOVE = FREQUENCY >= 3
NOISY = 1.5  # levels: below, denoising takes more than it gives
MEDIAN = 0.4549  # of the square of a standard normal number
QUARTILES = 1.349  # between the quartiles of one
FLATTEST = 0.1  # of the blocks
FEWEST = 40  # blocks
MOST = 1 << 16
QUIET = 0.75  # of the flattest blocks
CLIPPED = 0.05  # of a block's pixels
EVEN = 1.6  # times the spread that noise has: more is texture
EVEN_COLOUR = 1.4
PEAK = 6.0  # times its neighbours nearer to 0: a coefficient that stands out is a pattern
SAME, SMALL_PEAK = 0.6, 2.5  # of a pattern that repeats
LEAST = 0.8  # levels: below, rounding to 8 bits is as strong
WHITE = (0.75, 1.4)  # high to middle frequencies
CODED = 1.2  # of the level before a JPEG: the best one to denoise by, at all qualities and levels
IN_LUMA = math.sqrt(0.299**2 + 0.587**2 + 0.114**2)  # of noise in each colour, what luma has
HIDDEN = 0.9  # of what chroma shows, that luma has at least
ALONE = 0.85  # of the level, where one direction alone has noise
COLOURFUL = 0.4  # of the grey level, from which on a colour has noise
STEEPNESS = 0.3  # of the share of high frequencies
UNEVEN = 1.6  # bright to dark


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of a picture, in levels of 8 bits.

    sigma: standard deviation in each channel, the root of its mean square over the three.
    strongest: along the direction of colour that has most, grey for noise that is alike in all
    channels: √3 sigma then. spectrum: "white", or "correlated" where high frequencies have less,
    as after scaling or compression. colour: "colour" where channels differ, else "grey". dark,
    bright: the level in the darkest and in the brightest quarter that has flat blocks. effective:
    of white noise for which a denoiser takes this noise away best. sentence: the finding in words.
    """

    sigma: float
    strongest: float
    spectrum: Literal["white", "correlated"]
    colour: Literal["colour", "grey"]
    dark: float
    bright: float
    effective: float
    sentence: str

    @property
    def before(self) -> float:
        """The level before it was compressed, of noise in a JPEG."""
        return self.effective / CODED


@dataclass(frozen=True)
class Spectrum:
    """The power of the flattest blocks in a direction of colour.

    power: (8, 8) of each frequency. evenness: the spread of the blocks' energy as a multiple of
    what noise has; NaN where there is next to none. peak: of a coefficient to its neighbours nearer
    to 0, the largest.
    """

    power: np.ndarray
    evenness: float
    peak: float

    @property
    def patterned(self) -> bool:
        """Whether it is that of a regular pattern: it stands out, or all blocks are the same."""
        return self.peak >= PEAK or (self.evenness < SAME and self.peak >= SMALL_PEAK)

    def level(self, where: np.ndarray) -> float:
        """The standard deviation of noise that has this power in all frequencies."""
        return math.sqrt(float(self.power[where].mean()))


def find_noise(pixels: np.ndarray, steps: Quantisation | None = None) -> NoiseEstimate | None:
    """The noise of (H, W, C) in levels of 8 bits; None where there is none, or too little to tell.

    C is 1 or 3. Pixels at either end of the range count for nothing: clipping hides noise. steps:
    of pixels that are or were a JPEG: the level is then that of the noise before it was compressed.
    """
    measured = measure_spectra(pixels)
    if measured is None:
        return None
    coded = None if steps is None else measure_coded_noise(pixels, steps.luma, steps.offset)
    if coded is not None and coded.alike:
        return _describe_coded(coded.sigma, (pixels == pixels[..., :1]).all(), *measured[1])
    if steps is not None and coded is not None:  # texture hides it in luma
        sigma = measure_coded_colour(pixels, steps)
        if sigma is not None and IN_LUMA * sigma * HIDDEN <= coded.weakest:
            return _describe_coded(IN_LUMA * sigma, False, *measured[1])
    grey, *colours = measured[0]
    if grey.evenness <= EVEN and not grey.patterned:
        spectrum, sigma = grey, _total([grey, *colours])
        strongest = max(one.level(ABOVE) for one in measured[0])
    elif not grey.patterned and _is_hidden(grey, colours[0]):
        spectrum, sigma = colours[0], colours[0].level(ABOVE)
        strongest = sigma
    else:
        return None
    white = WHITE[0] <= spectrum.level(HIGH) / max(spectrum.level(MIDDLE), 1e-6) <= WHITE[1]
    if white and spectrum is grey:  # texture has least of the highest frequencies
        sigma = math.sqrt(sum(one.level(HIGH) ** 2 for one in measured[0]) / 3)
    if sigma < LEAST:
        return None
    colourful = colours[0].level(ABOVE) > COLOURFUL * grey.level(ABOVE)
    dark, bright = measured[1]
    said = f"Noise of {sigma:.1f} levels"
    said += ", white" if white else ", correlated (less in fine detail than in coarse)"
    said += "." if colourful else ", grey."
    said = _say_brightness(said, dark, bright)
    effective = _effective(measured[0]) if spectrum is grey else _level_for(spectrum)
    if coded is not None:  # texture beside it would be taken for it
        effective = min(effective, CODED * coded.weakest / IN_LUMA)
    return NoiseEstimate(
        round(sigma, 2),
        round(strongest, 2),
        "white" if white else "correlated",
        "colour" if colourful else "grey",
        round(dark, 2),
        round(bright, 2),
        round(effective, 2),
        said,
    )


def _describe_coded(luma: float, grey: bool, dark: float, bright: float) -> NoiseEstimate:
    """White noise of a level in luma, before a JPEG left that alone of it."""
    sigma = luma if grey else luma / IN_LUMA
    said = f"Noise of {sigma:.1f} levels before it was compressed."
    return NoiseEstimate(
        round(sigma, 2),
        round(sigma, 2),
        "white",
        "grey",
        round(dark, 2),
        round(bright, 2),
        round(CODED * luma / IN_LUMA, 2),
        _say_brightness(said, dark, bright),
    )


def _say_brightness(said: str, dark: float, bright: float) -> str:
    """The sentence, with the levels in dark and in bright parts where they differ."""
    if dark > 0 and bright > 0 and not 1 / UNEVEN < bright / dark < UNEVEN:
        return f"{said[:-1]}; {dark:.1f} where it is dark, {bright:.1f} where it is bright."
    return said


def measure_spectra(
    pixels: np.ndarray,
) -> tuple[tuple[Spectrum, ...], tuple[float, float]] | None:
    """The spectra of the flattest blocks, and the level in dark and in bright ones.

    Of three channels grey and two colours, of one that alone, as three alike. None where too few
    blocks are not clipped.
    """
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    clipped = np.asarray(((pixels <= 1) | (pixels >= 254)).any(axis=2))
    usable = cut(clipped).mean(axis=(1, 2)) < CLIPPED
    if usable.sum() < FEWEST:
        return None
    at = np.flatnonzero(usable)
    at = at[:: -(-len(at) // MOST)]
    planes = [transform(cut(pixels @ direction)[at]) for direction in DIRECTIONS]
    grey = planes[0]
    low = np.square(grey[:, LOW]).mean(axis=1)
    flattest = np.argsort(low)[: max(FEWEST, int(FLATTEST * len(low)))]
    brightness = grey[:, 0, 0]
    spectra = tuple(_spectrum(plane[flattest], brightness[flattest]) for plane in planes)
    return spectra, _by_brightness(planes, low, brightness)


def _spectrum(c: np.ndarray, brightness: np.ndarray) -> Spectrum:
    squares = np.square(c)
    median = np.median(squares, axis=0) / MEDIAN
    # Of what was quantised most are 0, and the median is too: the mean over the quieter blocks.
    quiet = np.argsort(squares[:, ABOVE].sum(axis=1))[: max(1, int(QUIET * len(c)))]
    mean = squares[quiet].mean(axis=0)
    power = np.maximum(median, mean)
    counted = ABOVE & (median > 0.02 * median[ABOVE].max()) & (median > 0.05)
    if counted.sum() < 6:
        return Spectrum(power, math.nan, 0.0)
    energy = (squares[:, counted] / median[counted]).mean(axis=1)
    order = np.argsort(brightness)
    for part in np.array_split(order, 5):  # noise may depend on brightness
        energy[part] /= np.median(energy[part])
    quarter, rest = np.percentile(energy, [25, 75])
    spread = (rest - quarter) / QUARTILES
    return Spectrum(power, float(spread / math.sqrt(2 / counted.sum())), _peak(mean))


def _peak(power: np.ndarray) -> float:
    """The largest ratio of a coefficient to the stronger of its neighbours nearer to 0."""
    padded = np.pad(power, ((1, 0), (1, 0)), mode="edge")
    nearer = np.maximum(padded[:-1, 1:], padded[1:, :-1]).clip(min=0.05)
    ratio = np.where((FREQUENCY >= 4) & (power > 0.3), power / nearer, 0)
    return float(ratio.max())


def _total(spectra: list[Spectrum]) -> float:
    """The standard deviation in each channel."""
    return math.sqrt(sum(float(one.power[ABOVE].mean()) for one in spectra) / 3)


def _effective(spectra: tuple[Spectrum, ...]) -> float:
    """The level of white noise for which a denoiser takes this noise away best.

    In the direction of colour that has noise and the least texture: the level itself where it is
    white, a little less where the others have none, and where high frequencies have less than the
    middle, the low have more, M (M / H)^0.3 as it was measured (`examples/blind_noise.py`).
    """
    grey = spectra[0].level(ABOVE)
    directions = [one for one in spectra if one.level(ABOVE) > COLOURFUL * grey]
    least = min(directions, key=lambda one: one.level(MIDDLE))
    if len(directions) > 1:
        return _level_for(least)
    # As after a JPEG, which has taken high frequencies away at random.
    middle, high = least.level(MIDDLE), least.level(HIGH)
    return ALONE * (high if high >= WHITE[0] * middle else middle)


def _level_for(spectrum: Spectrum) -> float:
    """The level of white noise that stands for noise with the spectrum of one direction."""
    middle, high = spectrum.level(MIDDLE), max(spectrum.level(HIGH), 1e-6)
    if high >= WHITE[0] * middle:
        return (middle + high) / 2
    return middle * min((middle / high) ** STEEPNESS, 1.8)


def _is_hidden(grey: Spectrum, colour: Spectrum) -> bool:
    """Whether noise shows in a colour alone, since there texture does not hide it."""
    return colour.evenness <= EVEN_COLOUR and grey.level(HIGH) > 0.8 * colour.level(HIGH)


def _by_brightness(
    planes: list[np.ndarray], low: np.ndarray, brightness: np.ndarray
) -> tuple[float, float]:
    """The level in the flattest blocks of the darkest and of the brightest quarter; 0 unknown."""
    found = []
    for part in np.array_split(np.argsort(brightness), 4)[::3]:
        flattest = part[np.argsort(low[part])][: max(FEWEST // 2, int(FLATTEST * len(part)))]
        if len(flattest) < FEWEST // 2:
            return 0.0, 0.0
        powers = [
            np.median(np.square(plane[flattest][:, ABOVE]), axis=0).mean() / MEDIAN
            for plane in planes
        ]
        found.append(math.sqrt(float(sum(powers)) / 3))
    return found[0], found[1]
