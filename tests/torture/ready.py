"""`spark-submit tests/torture/ready.py JOB ARGUMENTS`: the job, in a process that is warm and waits to be let go.

The failpoint `begun` comes before the job's first line: nothing is locked, and nothing of the warehouse was looked at.
"""

import importlib
import os
import runpy
import sys

from pyspark.sql import SparkSession

from spark_jobs import tables
from spark_jobs.coordination import failpoints
from spark_jobs.delta.storage import Storage
from spark_jobs.session import now, spark_session
from tests.unfenced import unfenced

BEGUN = "begun"


def main() -> None:
    """Loads what the job will need, waits, and runs the job's file as its command does."""
    name = sys.argv.pop(1)
    job = importlib.import_module(f"spark_jobs.jobs.{name}")
    warm(spark_session(name))
    failpoints.reach(BEGUN)
    runpy.run_path(job.__file__, run_name="__main__")


def warm(spark: SparkSession) -> None:
    """Writes and reads a table in a warehouse of this process's own, which goes with its scratch."""
    storage = Storage(spark, f"{os.environ['SPARK_LOCAL_DIRS']}/warm")
    row = {"part": "warm", "epoch": 1, "warehouse": "warm", "host": "here", "taken_at": now(), "layout": tables.LAYOUT}
    unfenced(storage).replace(tables.LEASES, storage.frame(tables.LEASES, [row]).coalesce(1), "part = 'warm'")
    storage.read(tables.LEASES).collect()


if __name__ == "__main__":
    main()
