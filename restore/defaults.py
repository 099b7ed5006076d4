"""Defaults: the best measured choices and the caps, readable without any library."""

DEFAULT_NFE = {"inpaint": 8, "jpeg": 4, "superres": 8}  # network evaluations, by task

MAX_PIXELS = 64_000_000  # of an image, read or made
