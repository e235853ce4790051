"""`spark-submit tests/torture/ready.py JOB ARGUMENTS`: run the job in a warmed-up process that waits before it begins.

The failpoint `begun` lies before the job's first line: nothing is locked and nothing of the warehouse has been read.
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
from tests.unfenced import unfenced_writer

BEGUN = "begun"


def main() -> None:
    """Load what the job needs, wait at `begun`, then run the job's file in the same way as its command."""
    name = sys.argv.pop(1)
    job = importlib.import_module(f"spark_jobs.jobs.{name}")
    warm_up(spark_session(name))
    failpoints.reach(BEGUN)
    runpy.run_path(job.__file__, run_name="__main__")


def warm_up(spark: SparkSession) -> None:
    """Write and read a table in a temporary warehouse, which is deleted together with the scratch folder."""
    storage = Storage(spark, f"{os.environ['SPARK_LOCAL_DIRS']}/warm")
    row = {"part": "warm", "epoch": 1, "warehouse": "warm", "host": "here", "taken_at": now(), "layout": tables.LAYOUT}
    unfenced_writer(storage).replace(tables.LEASES, storage.frame(tables.LEASES, [row]).coalesce(1), "part = 'warm'")
    storage.read(tables.LEASES).collect()


if __name__ == "__main__":
    main()
