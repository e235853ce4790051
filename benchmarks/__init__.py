"""`make bench`: compare seconds and memory of the pipeline with other ways to build the same tables."""
