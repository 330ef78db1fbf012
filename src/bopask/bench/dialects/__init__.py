"""How models write points and verdicts: declared for each model, read exactly or refused, never guessed.

parsed    what comes of a reply: points, a verdict, or the kind of failure
unwrap    thoughts, answer tags, code fences
plain     answers spelt as `write` spells them, by one pattern     labels   a grasp's points by their labels
scan      numbers in brackets, and the lists they stand in
choice    Yes or No
forms     how points are spelt        frames   what the numbers mean
dialect   a form, a frame, an instruction: write, parse
table     all dialects, and which model speaks which
"""

from bopask.bench.dialects.dialect import Answer, Dialect, ask_in
from bopask.bench.dialects.parsed import CHOICES, COUNTS, Parsed, Status
from bopask.bench.dialects.table import COMMON, DIALECTS, dialect_for, dialect_named, guess_dialect, read

__all__ = [
    "CHOICES", "COMMON", "COUNTS", "DIALECTS", "Answer", "Dialect", "Parsed", "Status", "ask_in", "dialect_for",
    "dialect_named", "guess_dialect", "read",
]  # fmt: skip
