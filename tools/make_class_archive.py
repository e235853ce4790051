"""Create the archive of Java's classes (spark_jobs/runtime/class_archive.py).

It runs each job that needs no PostgreSQL over a few events; the JVM of that run writes the classes that it has loaded.
The set-up runs this program. Without an archive everything works, but starts more slowly.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from spark_jobs.runtime import class_archive, environment

PLACES = ("raw", "warehouse", "database", "quality", "reports", "metrics", "logs")
ROWS, HOURS, FIRST = 3_000, 3, datetime(2019, 10, 1)


def main() -> int:
    """Create the archive and remove all others; return 0 where it now exists, or where this Java gets no archive."""
    environment.prepare()
    spark = environment.find_own_spark()
    archive = class_archive.find_archive(spark, os.environ)
    if archive is None:
        return 0
    for outdated in spark.glob("classes-*"):
        outdated.unlink()
    new_archive = archive.with_name(f"{archive.stem}.new")
    with tempfile.TemporaryDirectory() as folder:
        configured = [f"-Dlog4j2.configurationFile={(spark / 'conf' / 'log4j2.properties').as_uri()}"]
        options = class_archive.options_to_make(new_archive, spark, os.environ) + configured
        own = {"SPARK_SUBMIT_OPTS": class_archive.quote(options), "PIPELINE_LOGS": f"{folder}/logs"}
        done = subprocess.run([spark / "bin" / "spark-submit", __file__, folder], env=os.environ | own, check=False)
    if done.returncode or not new_archive.exists():
        return 1
    new_archive.replace(archive)
    return 0


def train(folder: Path) -> None:
    """Run the jobs over a few generated events, below `folder`."""
    from spark_jobs.command_line import hold_leases
    from spark_jobs.flow import LOAD_TO_DATABASE, STEPS, Writer
    from spark_jobs.sample.generate import Span, generate
    from spark_jobs.session import spark_session
    from spark_jobs.settings import load
    from spark_jobs.windows import DAY, HOUR, Window

    generate(Span(ROWS, HOURS, FIRST), folder / "raw")
    settings = load([f"paths.{name}={json.dumps(str(folder / name))}" for name in PLACES])
    hours, days = Window(FIRST, FIRST + HOURS * HOUR, HOUR), Window(FIRST, FIRST + DAY, DAY)
    with hold_leases(settings, spark_session("classes"), Writer) as ctx:
        for job in STEPS:
            if job is not LOAD_TO_DATABASE:
                ctx.run(job, hours if job.window == HOUR else days)


if __name__ == "__main__":
    if sys.argv[1:]:
        train(Path(sys.argv[1]))
    else:
        sys.exit(main())
