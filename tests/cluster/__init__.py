"""`make cluster-check`: the pipeline on a standalone cluster of separate processes, beside local mode."""
