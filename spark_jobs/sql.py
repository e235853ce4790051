"""`make sql`: a spark-sql prompt in which every table is there by name. `--query` gives one answer."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from spark_jobs import settings, tables
from spark_jobs.command_line import guarded
from spark_jobs.errors import PipelineError


def main() -> int:
    """Starts spark-sql with a view for each table that exists."""
    parser = argparse.ArgumentParser(prog="make sql", description=__doc__)
    parser.add_argument("--query")
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    warehouse = settings.load(arguments.set).paths.warehouse
    if "://" not in warehouse and not Path(warehouse).is_dir():
        raise PipelineError(f"{warehouse}: no tables yet; make run first.")
    with tempfile.TemporaryDirectory() as scratch:
        names = Path(scratch) / "tables.sql"
        names.write_text("".join(_view(warehouse, table) for table in tables.ALL))
        metastore = f"jdbc:derby:memory:{Path(scratch).name};create=true"
        options = {
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": scratch,
            "spark.hadoop.javax.jdo.option.ConnectionURL": metastore,
            "spark.driver.extraJavaOptions": f"-XX:+UseParallelGC -Duser.timezone=UTC -Dderby.system.home={scratch}",
        }
        command = [str(Path(sys.executable).parent / "spark-sql"), "-S", "-i", str(names)]
        for key, value in options.items():
            command += ["--conf", f"{key}={value}"]
        command += ["-e", arguments.query] if arguments.query else []
        home = {"SPARK_HOME": str(Path(pyspark.__file__).parent)}
        hidden = subprocess.PIPE if arguments.query else None  # the engine's timings; shown where it fails
        done = subprocess.run(command, env=os.environ | home, check=False, stderr=hidden, text=True)
        if done.returncode and done.stderr:
            sys.stderr.write(done.stderr)
        return done.returncode


def _view(warehouse: str, table: tables.Table) -> str:
    path = f"{warehouse.rstrip('/')}/{table.name}".replace("`", "``")
    exists = "://" in warehouse or Path(path, "_delta_log").is_dir()
    return f"CREATE OR REPLACE TEMPORARY VIEW {table.name} AS SELECT * FROM delta.`{path}`;\n" if exists else ""


if __name__ == "__main__":
    sys.exit(guarded("sql", main))
