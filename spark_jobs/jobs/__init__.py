"""The jobs: one file for each spark-submit. `flow` declares their order."""
