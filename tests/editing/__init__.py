"""Tests of restore.editing."""
