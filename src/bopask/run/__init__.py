"""Executors: where units of work run. One seam: `run(function, units)` yields results as they come."""
