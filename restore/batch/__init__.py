"""Batch: many images by one task, planned before any work, resumable, in shards.

The plan makes jobs; `run_stepwise` takes each through three overlapped stages (read, make, finish).
The manifest remembers what each output was made of, so that another run does only the rest. Module
`ray` does the same on the machines of a cluster.
"""
