"""The command line `pipeline`: every command, grouped, each with an example. `python -m spark_jobs.cli` is the same."""
