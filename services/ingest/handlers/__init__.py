"""Use cases of ingest: load, decide (pure), act; one file each."""
