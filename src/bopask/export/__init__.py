"""Rows in the formats that trainers and benchmarks read: `bopask export OUT --to FORMAT --out DEST`.

`run` is the line: rows of OUT (`source`) with their pictures (`files`) become items, a format (`formats`) writes them.
Which reader wants what, and what each format cannot carry, is in docs/exports.md.
"""
