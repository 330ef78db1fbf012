"""Executors: where units of work run. One seam: `run(function, units)` yields results as they come.

`local` has processes of this machine, `ray_cluster` a Ray cluster, `task_array` Slurm. None knows what it runs.
"""
