"""`make cluster-check`: the pipeline on a standalone cluster of separate processes, compared with local mode."""
