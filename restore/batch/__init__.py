"""Batch: many images by one task, planned before any work, resumable, in shards.

The plan makes jobs; `run_plan` takes each through three overlapped stages (read, make, finish); the
manifest remembers what was made of what, so that another run does only the rest. Module `ray`
does the same on the machines of a cluster.
"""
