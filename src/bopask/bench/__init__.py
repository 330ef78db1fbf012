"""To measure a model: how it writes answers (`dialects`), and what parsed answers are worth (`scores`)."""
