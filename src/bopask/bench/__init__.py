"""To measure a model: asked, read in its dialect (`dialects`), scored against every right answer (`scores`)."""
