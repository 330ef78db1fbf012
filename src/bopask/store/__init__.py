"""Nouns on disk: atomic files, content keys, parquet shards, the manifest and the dataset card."""
