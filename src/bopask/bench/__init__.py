"""To measure a model: scores of parsed replies."""
