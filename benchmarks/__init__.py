"""`make bench`: seconds and memory of the pipeline beside other ways to the same tables, measured in one run."""
