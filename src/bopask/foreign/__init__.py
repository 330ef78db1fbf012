"""Benchmark files of others as rows of one kind (`noun`), each with the rule its authors score it by (`rules`).

A benchmark is one file with `read(path) -> Iterator[Foreign]` and one line in `sets`. What a file must hold is taken
from the page that its docstring names; nothing is downloaded.
"""
