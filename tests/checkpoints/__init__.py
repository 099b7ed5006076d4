"""Tests of restore.checkpoints."""
