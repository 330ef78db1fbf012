"""TODO floor."""
