"""The command line: parse, call, print. Heavy imports happen inside the commands."""

from restore.cli.app import app, main

__all__ = ["app", "main"]
