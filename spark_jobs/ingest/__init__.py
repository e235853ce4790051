"""Ingestion of raw files into raw_events: which files are read, what each gives, one commit for all."""
