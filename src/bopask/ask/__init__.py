"""The six tasks: what is asked of a frame, in which words, with which answer and which evidence.

A task is one file and one line of `tasks.TASKS`. It looks at a `Block` (F frames of one layout, as arrays) and
returns `Asked` columns: no task loops over frames, and none writes a row.
"""
