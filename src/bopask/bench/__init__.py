"""Models measured on questions: how they write their answers, what the answers are worth, who answers what."""
