"""Errors: what can go wrong, each with the exit code it means.

A message says what was found, what was expected and what to do about it.
"""


class RestoreError(Exception):
    """An error of ours; its message is meant for the user. Exit code 1."""

    exit_code = 1


class RequestError(RestoreError):
    """Asked wrongly: options or arguments that cannot be honoured. Exit code 2."""

    exit_code = 2


class ImageError(RestoreError):
    """One input that cannot be read, restored or written; others go on. Exit code 3."""

    exit_code = 3


class CheckpointError(RestoreError):
    """A model that could not be had, verified or loaded. Exit code 4."""

    exit_code = 4


class ResourceError(RestoreError):
    """The environment: space, permissions, memory even at the smallest tile. Exit code 5."""

    exit_code = 5
