"""Grasps: a dense set once an object, then what the support and the neighbours of a layout leave of it."""
