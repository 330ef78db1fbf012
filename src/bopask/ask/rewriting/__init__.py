"""Rewriting: a language model says the questions of a data set in other words, behind a validator.

wording   a question taken apart: slots, body, answer format       validate   whether a paraphrase asks the same
paraphrase   wordings go out, what passes comes back                rewrite    the new data set
"""
